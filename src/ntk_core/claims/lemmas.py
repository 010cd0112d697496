"""Lemmas 1 to 3: identities for all weights, on networks drawn in every size.

`factor` multiplies the right-hand side of the printed statement (1 is the statement itself).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import scipy

from .. import network
from ..datasets.statistics import TAIL
from ..network import Array
from .draws import COUNT, DIMENSIONS, MOVES, ROUNDING, SIZES, networks, rounding_unit, signs
from .record import Judgement, Number, judge_exceptions
from .results import Results


def subgradient(results: Results, factor: float = 1.0) -> Judgement:
    """L1.1: the slack σ(η·x) - σ(θ·x) - (η - θ)·x 1{θ·x ≥ 0} is never negative, also at kinks."""
    rng = np.random.default_rng(11)
    draws, smallest, exceptions = 0, math.inf, 0
    for d in DIMENSIONS:
        # Of integers, so that θ·x = 0 exactly in every second pair.
        x = rng.integers(-2, 3, d).astype(np.float64)
        x[0] = 3.0
        theta = rng.integers(-3, 4, (20000, d)).astype(np.float64)
        theta[::2] = np.sum(x * x) * theta[::2] - network.preactivation(x, theta[::2])[:, None] * x
        other = theta + rng.standard_normal(theta.shape) * 10.0 ** rng.integers(-6, 3, (20000, 1))
        a = network.preactivation(x, theta)
        slope = factor * network.relu_derivative(a)
        rise = network.relu(network.preactivation(x, other)) - network.relu(a)
        slack = rise - slope * network.preactivation(x, other - theta)
        scale = np.linalg.norm(x) * (np.linalg.norm(other, axis=1) + np.linalg.norm(theta, axis=1))
        relative = slack / np.maximum(scale, 1e-300)
        draws += len(theta)
        smallest = min(smallest, float(relative.min()))
        exceptions += int(np.count_nonzero(relative < -ROUNDING))
    return Judgement(
        judge_exceptions(exceptions),
        (
            Number(
                r"pairs with $\sigma(\eta^\top x)<\sigma(\theta^\top x)"
                r"+(\eta-\theta)^\top x\,1\{\theta^\top x\ge0\}$ beyond rounding",
                exceptions,
            ),
            Number(
                r"pairs $(\theta,\eta)$ tried, half of them at the kink $\theta^\top x=0$, in "
                f"$d$ from {DIMENSIONS[0]} to {DIMENSIONS[-1]}",
                draws,
            ),
            Number(r"least slack, relative to $\|x\|(\|\eta\|+\|\theta\|)$", smallest),
        ),
    )


def homogeneity(results: Results, factor: float = 1.0) -> Judgement:
    """L1.2: ∇f(x; w, c)ᵀw = f(x; w, c)."""

    def residual(x: Array, w0: Array, c: Array, u: Array) -> Array:
        w = w0 + u
        inner = np.sum(network.gradient_f(x, w, c) * w, axis=(-2, -1))
        return (inner - factor * network.f(x, w, c)) / np.sqrt(c.shape[-1])

    return _identity(residual, 12)


def symmetric_start(results: Results, factor: float = 1.0) -> Judgement:
    """L2: F(x; w(0), c) = 0. `factor` scales the mirrored half's signs: -factor·c."""

    def residual(x: Array, w0: Array, c: Array, u: Array) -> Array:
        scaled = c.copy()
        scaled[:, c.shape[-1] // 2 :] *= factor
        return network.scaled_network(x, w0, scaled)

    judgement = _identity(residual, 13)
    rng = np.random.default_rng(14)
    runs, m, d = 4000, 256, 3
    x = np.full(d, 1.0 / math.sqrt(d))
    weights = rng.standard_normal((runs, m, d))
    value = network.scaled_network(x, weights, signs(rng, (runs, m)))
    square = float(np.sum(value**2))
    lower, upper = (math.sqrt(square / scipy.special.chdtri(runs, p)) for p in (TAIL, 1.0 - TAIL))
    unmirrored = Number(
        r"root mean square of $F(x;w(0),c)$ *without* mirrored neurons, $m=256$, $\|x\|=1$; "
        r"theory: $1/\sqrt2$",
        math.sqrt(square / runs),
        lower,
        upper,
    )
    return Judgement(judgement.verdict, (*judgement.evidence, unmirrored))


def expansion(results: Results, factor: float = 1.0) -> Judgement:
    """L3: F = ∇F(w(0))ᵀ(w - w(0)) + (∇F(w) - ∇F(w(0)))ᵀw, displacements of any size."""

    def residual(x: Array, w0: Array, c: Array, u: Array) -> Array:
        w = w0 + u
        change = network.gradient_f(x, w, c) - network.gradient_f(x, w0, c)
        rest = np.sum(change * w, axis=(-2, -1)) / np.sqrt(c.shape[-1])
        return network.scaled_network(x, w, c) - factor * (network.linearization(x, w0, c, u) + rest)

    return _identity(residual, 15)


def _identity(residual: Callable[[Array, Array, Array, Array], Array], seed: int) -> Judgement:
    """Judge an identity by its residual, a function of (x, w0, c, u), on networks of all sizes."""
    worst, exceptions = 0.0, 0
    for x, w0, c, u in networks(seed):
        relative = np.abs(residual(x, w0, c, u)) / rounding_unit(x, w0, c, u)
        worst = max(worst, float(relative.max()))
        exceptions += int(np.count_nonzero(relative > ROUNDING))
    return Judgement(
        judge_exceptions(exceptions),
        (
            Number("networks where the two sides differ by more than rounding", exceptions),
            Number(
                f"networks tried, from {SIZES}, {MOVES}",
                COUNT,
            ),
            Number("largest relative difference of the two sides", worst),
        ),
    )
