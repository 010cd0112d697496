"""Networks drawn at random in every size, for statements that hold for all weights."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from ..network import Array, symmetric_initialization
from .wording import in_formula

DIMENSIONS = (1, 2, 3, 16, 100)
HALF_WIDTHS = (1, 5, 50)
SCALES = (1e-6, 1e-2, 1.0, 100.0)
NETWORKS = 50
"""Networks of each dimension, width and scale."""

COUNT = len(DIMENSIONS) * len(HALF_WIDTHS) * len(SCALES) * NETWORKS
"""Number of networks that `networks` draws."""

MOVES = f"weights moved by ${in_formula(SCALES[0])}$ to ${in_formula(SCALES[-1])}$ a coordinate"
SIZES = f"$m={2 * HALF_WIDTHS[0]}$ to ${2 * HALF_WIDTHS[-1]}$ and $d={DIMENSIONS[0]}$ to ${DIMENSIONS[-1]}$"
"""How far their weights are moved, and their widths and dimensions, in words."""


def networks(seed: int) -> Iterator[tuple[Array, Array, Array, Array]]:
    """Inputs x `(d,)`, symmetric w(0) `(NETWORKS, m, d)`, c `(NETWORKS, m)` and displacements u like w(0).

    Over all `DIMENSIONS`, `HALF_WIDTHS` and sizes `SCALES` of u; ‖x‖ from about 0.01 to 100.
    """
    rng = np.random.default_rng(seed)
    for d, half, scale in itertools.product(DIMENSIONS, HALF_WIDTHS, SCALES):
        x = rng.standard_normal(d) * 10.0 ** rng.integers(-2, 3)
        w0, c = symmetric_initialization(
            rng.standard_normal((NETWORKS, half, d)), signs(rng, (NETWORKS, half))
        )
        yield x, w0, c, scale * rng.standard_normal(w0.shape)


def signs(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """±1 with equal probability."""
    return 2.0 * rng.integers(0, 2, shape).astype(np.float64) - 1.0


def rounding_unit(x: Array, w0: Array, c: Array, u: Array) -> Array:
    """The unit of rounding errors: (1/√m) Σ_i |c_i| (‖w_i(0)‖ + ‖u_i‖) ‖x‖; shape `(...)`."""
    norms = np.linalg.norm(w0, axis=-1) + np.linalg.norm(u, axis=-1)
    return np.sum(np.abs(c) * norms, axis=-1) * np.linalg.norm(x) / np.sqrt(c.shape[-1])


ROUNDING = 1e-13
"""Residuals below this, in units of `rounding_unit`, are rounding."""
