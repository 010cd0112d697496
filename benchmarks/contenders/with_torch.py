"""PyTorch: the linearization by automatic differentiation with `torch.func`, in float64.

Fair because of what was tried and was slower: `torch.func.jvp` along u and w(0) at both ends (four
passes, 1.2 times), `torch.func.linearize` (traces anew for each network, 4 times). The gradient at
each end, once, serves E, Δ₁ and Δ₂. Eager, because `torch.compile` wants a C++ compiler and crashes
on some processors. One run at a time: its arrays are larger than the cache, and those of a batch
larger still.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.func import grad_and_value

from ..point import Array, Point, Runner

PACKAGES = ("torch",)


def prepare(point: Point, seed: int, cores: int) -> Runner:
    """As many threads within an operation as `cores`; runs side by side in threads draw no faster."""
    torch.set_num_threads(cores)
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(seed)
    x = torch.from_numpy(point.x)

    def runs(n: int) -> Array:
        return np.asarray(torch.stack([one_run(point, x) for _ in range(n)], dim=1).numpy())

    return runs


def one_run(point: Point, x: Tensor) -> Tensor:
    """The five quantities of a run with fresh weights; shape `(5,)`."""
    m = point.m
    half = torch.randn(m // 2, point.d)
    signs = 2.0 * torch.randint(0, 2, (m // 2,)).to(half.dtype) - 1.0
    w0 = torch.cat([half, half])
    c = torch.cat([signs, -signs])

    def network(w: Tensor) -> tuple[Tensor, Tensor]:
        preactivation = w @ x
        return torch.dot(c, torch.relu(preactivation)) / math.sqrt(m), preactivation

    gradient, (_, before) = grad_and_value(network, has_aux=True)(w0)
    u = displacement(point, x, w0, c, before)
    change, (value, after) = grad_and_value(network, has_aux=True)(w0 + u)
    linear = _inner(gradient, u)
    change -= gradient
    return torch.stack(
        [
            (value - linear).abs(),
            ((before >= 0) != (after >= 0)).sum() / m,
            _inner(change, w0).abs(),
            _inner(change, u).abs(),
            (before.abs() <= point.radius).sum() / m,
        ]
    )


def displacement(point: Point, x: Tensor, w0: Tensor, c: Tensor, a: Tensor) -> Tensor:
    """u under the point's law; shape `(m, d)`."""
    radius = point.radius
    if point.law == "sphere":
        u = torch.randn_like(w0)
        return u.mul_(radius / torch.linalg.vector_norm(u, dim=1, keepdim=True))
    if point.law == "adversarial":
        size = torch.where((a.abs() <= radius) & (c > 0), torch.where(a >= 0, -radius, radius), 0.0)
    else:
        size = radius * c * (a >= 0)
    return torch.outer(size, x)


def _inner(v: Tensor, w: Tensor) -> Tensor:
    return torch.dot(v.view(-1), w.view(-1))
