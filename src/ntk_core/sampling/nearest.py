"""The neurons of a run that are nearest to their kinks, and the worst displacement that moves them.

Pre-activations with c = +1 are drawn up to a radius somewhat above the largest that flips, in any order; more
are drawn where the first ones show that others may flip. Of those farther away only their number in the band
is drawn. So a run takes some m^{2/3} numbers in the Frobenius ball, and its law is exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy

from ..network import Array
from ..theory import norm_ball


@dataclass(frozen=True)
class Ball:
    """(Σ‖u_i‖^q)^{1/q} ≤ ρ for networks of `half` pairs; below |a| = `low` all flip, but in rare runs."""

    q: float
    rho: float
    half: int
    low: float


@dataclass(frozen=True)
class Nearest:
    """One run: how many neurons flip, Σ|a| over them, the length by which each moves, and pairs in the band.

    `sizes` are all |a| up to `radius`, in any order, for neurons with c = +1.
    """

    flips: int
    total: float
    length: float
    pairs: int
    sizes: Array
    radius: float


def ball(q: float, m: int, alpha: float) -> Ball:
    """The ball (Σ‖u_i‖^q)^{1/q} ≤ α m^{1/q-1/2} at width m."""
    tau = float(norm_ball.threshold(q, m, alpha))
    below = 2.0 - norm_ball.reach(q, m, alpha) / tau  # as far below τ as the reach is above
    return Ball(q, float(norm_ball.budget(q, m, alpha)), m // 2, below * tau)


def worst(ball: Ball, sizes: Array, radius: float, rng: np.random.Generator) -> Nearest:
    """The worst displacement, given all |a| up to `radius`; draws from `rng` what is needed beyond.

    With N neurons within the radius, the next one flips only if its |a| is below the gain of moving N + 1. So
    all that may flip lie below that gain.
    """
    count = sizes.size
    gain = float(norm_ball.marginal_gain(ball.q, ball.rho, count + 1))
    if count < ball.half and gain > radius:
        more = int(rng.binomial(ball.half - count, _share(radius, gain)))
        tail = rng.uniform(_outside(gain), _outside(radius), more)
        sizes, radius = np.concatenate([sizes, -scipy.special.ndtri(0.5 * tail)]), gain
    flips, total = _flips(ball, sizes)
    length = float(norm_ball.worst_length(ball.q, ball.rho, flips))
    if length <= radius:
        pairs = int(np.count_nonzero(sizes <= length)) if flips else 0
    else:
        others = ball.half - sizes.size
        pairs = sizes.size + (int(rng.binomial(others, _share(radius, length))) if others else 0)
    return Nearest(flips, total, length, pairs, sizes, radius)


def _flips(ball: Ball, sizes: Array) -> tuple[int, float]:
    """How many neurons flip, and Σ|a| over them. Only those that are not certain to are sorted."""
    from .kernels.flips import split  # compiled: slow to import

    near = np.empty(sizes.size)
    certain, total = split(sizes, ball.low, near)
    near = near[: sizes.size - certain]
    if certain and ball.low >= norm_ball.marginal_gain(ball.q, ball.rho, certain):
        certain, total, near = 0, 0.0, sizes
    near = np.sort(near)
    order = np.arange(certain + 1, certain + near.size + 1)
    flips = int(np.searchsorted(near - norm_ball.marginal_gain(ball.q, ball.rho, order), 0.0))
    return certain + flips, total + float(np.sum(near[:flips]))


def _outside(radius: float) -> float:
    """P(|z| > radius) for z ~ N(0, 1)."""
    return float(scipy.special.erfc(radius / math.sqrt(2.0)))


def _share(low: float, high: float) -> float:
    """P(|z| ≤ high given |z| > low)."""
    return 1.0 - _outside(high) / _outside(low)
