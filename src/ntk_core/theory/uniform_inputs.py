"""The linearization error, uniformly over the ball max_i ‖u_i‖ ≤ r = α/√m and over all inputs ‖x‖ = 1.

√m sup_u E(x) = G(x) = Σ over the pairs of (r - |w·x|)₊. Along a great circle each term is convex but where
w·x = 0, so that the maximum of G over the sphere is at an input orthogonal to d - 1 weights: it is computed
exactly, without a grid. As m → ∞ at fixed d ≥ 2,

    max G = α²φ(0)/2 + √(φ(0)α³/3) m^{-1/4} √((d - 1) log m) (1 + o(1))   in probability.

On the circle G is a stationary process whose expected number of upcrossings of a level follows from
Rice's formula: given that K pairs are in the band, the slope of G is N(0, K) and independent of its height.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network import Array
from .bernstein import bernstein_quantile
from .binomial import binomial_tail
from .gaussian import PHI0, band_probability

CELLS = 256
"""Lattice points of a term (1 - |a|/r)₊ on [0, 1]: levels are right to some 1e-5, relatively."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)
_UNIT_NODES, _UNIT_WEIGHTS = 0.5 * (_NODES + 1.0), 0.5 * _WEIGHTS


def largest_error(weights: Array, radius: float) -> float:
    """√m sup over ‖x‖ = 1 and over the ball of E, exactly: max_x Σ_i (r - |w_i·x|)₊.

    `weights` `(m/2, d)`, d ≥ 2, are those of the pairs, in general position. d = 2 takes a sort, each further
    dimension m/2 times the one below.
    """
    pairs, d = weights.shape
    if pairs < d:
        return radius * pairs
    if d == 2:
        return _largest_on_circle(weights, radius)
    return radius + max(
        largest_error(_orthogonal_part(np.delete(weights, j, axis=0), weights[j]), radius)
        for j in range(pairs)
    )


def _largest_on_circle(weights: Array, radius: float) -> float:
    """The maximum over x = (cos t, sin t) of Σ (r - |w·x|)₊, which is at one of the t where some w·x = 0.

    A term is r - R|sin(t - β)| within h of its peak β: its coefficients of 1, sin t and cos t are added where
    it starts, turned at the peak, and taken away where it ends.
    """
    shifts = math.pi * np.array([[-1.0], [0.0], [1.0]])
    size = np.tile(np.hypot(weights[:, 0], weights[:, 1]), 3)
    peak = (np.arctan2(weights[:, 1], weights[:, 0]) + 0.5 * math.pi) % math.pi
    beta, half = (peak + shifts).ravel(), np.arcsin(np.minimum(1.0, radius / size))
    inside = (beta + half > 0.0) & (beta - half < math.pi)
    beta, half, size = beta[inside], half[inside], size[inside]
    sine, cosine = size * np.cos(beta), -size * np.sin(beta)
    one, nothing = np.full_like(beta, radius), np.zeros_like(beta)
    times = np.concatenate([beta - half, beta, beta + half])
    steps = np.stack(
        [
            np.concatenate([one, nothing, -one]),
            np.concatenate([sine, -2.0 * sine, sine]),
            np.concatenate([cosine, -2.0 * cosine, cosine]),
        ]
    )
    order = np.argsort(times, kind="stable")
    level, by_sine, by_cosine = np.cumsum(steps[:, order], axis=1)
    at_peak = (order >= beta.size) & (order < 2 * beta.size)
    t = times[order]
    values = level + by_sine * np.sin(t) + by_cosine * np.cos(t)
    return float(values[at_peak & (t >= 0.0) & (t < math.pi)].max())


def _orthogonal_part(weights: Array, direction: Array) -> Array:
    """Coordinates of weights `(n, d)` in the hyperplane orthogonal to a direction; shape `(n, d - 1)`."""
    unit = direction / np.linalg.norm(direction)
    mirror = unit.copy()
    mirror[0] += math.copysign(1.0, unit[0])
    along = np.sum(weights * mirror, axis=1) / (0.5 * np.sum(mirror**2))
    return weights[:, 1:] - along[:, None] * mirror[1:]


def asymptote(m: Any, d: Any, alpha: Any) -> Array:
    """α²φ(0)/2 + √(φ(0)α³/3) m^{-1/4} √((d - 1) log m): what √m sup E is near for large m; broadcasts."""
    logarithm = np.log(np.asarray(m, dtype=np.float64))
    return np.asarray(0.5 * PHI0 * np.square(alpha) + fluctuation(m, alpha) * np.sqrt((d - 1.0) * logarithm))


def fluctuation(m: Any, alpha: Any) -> Array:
    """√(φ(0)α³/3) m^{-1/4}: the standard deviation of √m sup_u E at one input, for large m; broadcasts."""
    return np.asarray(np.sqrt(PHI0 * np.power(alpha, 3.0) / 3.0) / np.asarray(m, dtype=np.float64) ** 0.25)


def sphere_bound(m: int, d: int, alpha: float, delta: float) -> float:
    """What √m sup E over the ball and all inputs ‖x‖ = 1 exceeds with probability at most δ, for d ≥ 2.

    The smaller of two bounds: over the inputs orthogonal to d - 1 weights, and over two nets of inputs.
    """
    return min(_vertex_bound(m, d, alpha, delta), _net_bound(m, d, alpha, delta))


def _vertex_bound(m: int, d: int, alpha: float, delta: float) -> float:
    """A union bound over the C(m/2, d-1) inputs orthogonal to d - 1 weights, which add r each."""
    pairs = 0.5 * m
    if pairs < d:
        return alpha * pairs / math.sqrt(m)
    choices = math.log(math.comb(m // 2, d - 1))
    return float(_bernstein(m, alpha, choices - math.log(delta))) + (d - 1) * alpha / math.sqrt(m)


def _net_bound(m: int, d: int, alpha: float, delta: float) -> float:
    """A coarse net for the height, a fine one for the differences, and a wider band for the rest."""
    root = math.sqrt(m)
    longest = math.sqrt(d) + math.sqrt(2.0 * math.log(1.5 * m / delta))
    fine = np.minimum(alpha / root * 2.0 ** np.arange(-0.3 * math.log2(m) - 12.0, 3.0, 0.25), 1.0)
    coarse = np.minimum(alpha / root * 2.0 ** np.arange(-20.0, 6.0, 0.25), 1.0)[:, None]
    wider = alpha + root * fine * longest
    level, fine_level = (_net_size(each, d) + math.log(3.0 / delta) for each in (coarse, fine))
    differences = 2.0 * coarse * np.sqrt(PHI0 * wider * fine_level) * m**0.25 + wider * fine_level / (
        3.0 * root
    )
    bounds = np.where(coarse >= fine, _bernstein(m, wider, level) + differences, math.inf)
    return float(bounds.min())


def _net_size(mesh: Array, d: int) -> Array:
    """log of d (1 + 2/ε)^{d-1}: so many inputs ±x are within ε of every input."""
    return np.asarray(math.log(d) + (d - 1) * np.log1p(2.0 / mesh))


def _bernstein(m: int, alpha: Any, level: Any) -> Array:
    """What √m sup_u E at one input exceeds with probability at most e^{-level}."""
    mean, variance = 0.5 * PHI0 * np.square(alpha), np.square(fluctuation(m, alpha))
    return np.asarray(bernstein_quantile(mean, variance, np.sqrt(level), alpha / math.sqrt(m)))


def circle_levels(m: int, alpha: float) -> tuple[Array, Array, Array]:
    """On the circle: levels t, P(G > t) at one input, and the expected number of upcrossings of t.

    sup G > t has a probability of at most the sum of the two. Up to some 2^20 neurons: sums of K terms on a
    lattice, by one FFT, with the weights P(K) and P(K)√K of K ~ Binomial(m/2, p_r).
    """
    radius, pairs = alpha / math.sqrt(m), m // 2
    chance = band_probability(radius)
    mean = pairs * chance
    most = min(pairs, math.ceil(mean + 14.0 * math.sqrt(mean) + 30.0))
    counts = np.arange(most + 1)
    masses = binomial_tail(counts - 1, pairs, chance) - binomial_tail(counts, pairs, chance)
    size = 1 << (CELLS * most).bit_length()
    term = np.fft.rfft(_term_masses(radius), size)
    law, weighted = np.zeros_like(term), np.zeros_like(term)
    for count in counts[::-1]:
        law, weighted = law * term + masses[count], weighted * term + masses[count] * math.sqrt(count)
    law_masses, weighted_masses = np.fft.irfft(law, size), np.fft.irfft(weighted, size)
    above = np.cumsum(law_masses[::-1])[::-1] - 0.5 * law_masses
    levels = radius / CELLS * np.arange(size, dtype=np.float64)
    upcrossings = math.sqrt(0.5 * math.pi) / radius * CELLS * weighted_masses
    return levels, np.asarray(above, dtype=np.float64), upcrossings


def circle_bound(m: int, alpha: float, delta: float) -> float:
    """What √m sup E over the ball and the circle ‖x‖ = 1, d = 2, exceeds with probability at most δ."""
    levels, above, upcrossings = circle_levels(m, alpha)
    return _last_level(levels, above + upcrossings, delta)


def _last_level(levels: Array, numbers: Array, number: float) -> float:
    """The largest level at which `numbers` is above `number`, interpolated in its logarithm."""
    last: NDArray[np.intp] = np.flatnonzero(numbers > number)
    i = int(last[-1])
    low, high = math.log(numbers[i]), math.log(max(numbers[i + 1], 1e-300))
    return float(levels[i] + (levels[i + 1] - levels[i]) * (low - math.log(number)) / (low - high))


def _term_masses(radius: float) -> Array:
    """The law of 1 - |a|/r for |a| < r on 0, 1/CELLS, …, 1, the mean of each cell kept; `(CELLS + 1,)`."""
    nodes, weights = _UNIT_NODES[None, :], _UNIT_WEIGHTS[None, :]
    place = (np.arange(CELLS)[:, None] + nodes) / CELLS
    density = weights / CELLS * 2.0 * radius * PHI0 * np.exp(-0.5 * (radius * (1.0 - place)) ** 2)
    masses = np.zeros(CELLS + 1)
    masses[:-1] += np.sum(density * (1.0 - nodes), axis=1)
    masses[1:] += np.sum(density * nodes, axis=1)
    return np.asarray(masses / band_probability(radius))


def circle_level_by_tilt(m: int, alpha: float, number: float) -> float:
    """The level with this expected number of upcrossings, by the saddlepoint approximation: for large m.

    (1/2r) √(E_z K / k''(z)) e^{k(z) - z k'(z)} with k the log of E e^{zG/r}, and E_z under that tilt.
    """
    radius, pairs = alpha / math.sqrt(m), 0.5 * m
    chance = band_probability(radius)
    density = _UNIT_WEIGHTS * 2.0 * radius * PHI0 * np.exp(-0.5 * (radius * (1.0 - _UNIT_NODES)) ** 2)

    def at(tilt: float) -> tuple[float, float]:
        """The level, and the log of its number of upcrossings."""
        rise = float(np.sum(density * np.expm1(tilt * _UNIT_NODES)))
        first, second = (float(np.sum(density * _UNIT_NODES**k * np.exp(tilt * _UNIT_NODES))) for k in (1, 2))
        mean, total = first / (1.0 + rise), 1.0 + rise
        inside, variance = (chance + rise) / total, second / total - mean**2
        exponent = pairs * (math.log1p(rise) - tilt * mean)
        return radius * pairs * mean, 0.5 * math.log(inside / variance) - math.log(2.0 * radius) + exponent

    low, high = 0.0, 20.0
    for _ in range(100):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if at(middle)[1] > math.log(number) else (low, middle)
    return at(low)[0]
