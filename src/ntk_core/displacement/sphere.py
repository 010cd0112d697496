"""Random directions: every u_i is independent and uniform on the sphere of radius r in R^d.

The two neurons of a pair share the pre-activation a but move independently, so the signed error
has mean zero and the error decays as m^{-3/4}, not m^{-1/2}.

With s = |a|/r and τ = -sign(a) u·x/r (first coordinate of a uniform unit vector), a neuron flips
iff τ > s, which few do when d is large. The band form therefore draws flipping neurons, not band
neurons: first candidates (τ, s) among all pairs for "the c = +1 neuron flips", then, among the pairs
whose c = +1 neuron stayed, candidates for "the c = -1 neuron flips". A candidate's partner is drawn
unconditionally; a c = -1 candidate whose partner flips is dropped: that pair was counted before.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..band import FlipSums, sum_by_run
from ..gaussian import band_integral, band_probability
from ..network import Array
from ..truncated_normal import relative_position
from ..unit_vector import coordinate, mean_absolute_coordinate, size_biased_coordinate, upper_tail
from .law import BandBlock, DisplacementLaw

Candidates = Callable[[np.random.Generator, int], tuple[Array, Array, NDArray[np.bool_]]]
"""Draws n proposals (τ, s) and says which are accepted: those have the law of a flipping neuron."""


def weights(rng: np.random.Generator, x: Array, w0: Array, c: Array, radius: float) -> Array:
    """u of shape `(..., m, d)`, drawn from `rng` independently of w(0) and c."""
    u = rng.standard_normal(w0.shape)
    u *= radius / np.linalg.norm(u, axis=-1, keepdims=True)
    return u


def band_sums(block: BandBlock) -> FlipSums:
    """Exact in distribution; about K·E|τ| candidates are drawn in all."""
    probability, candidates = _proposal(block.radius, block.d)
    runs = slice(block.drawn)

    def plus_terms(n: int) -> tuple[Array, ...]:
        projection, position, flips = candidates(plus, n)
        partner = coordinate(plus, block.d, n)
        both = flips & (partner > position)
        return (
            flips.astype(np.float64),
            flips.astype(np.float64) + both,
            position * (flips & ~both),
            projection * flips - partner * both,
        )

    def minus_terms(n: int) -> tuple[Array, ...]:
        projection, position, flips = candidates(minus, n)
        flips &= coordinate(minus, block.d, n) <= position
        return flips.astype(np.float64), position * flips, projection * flips

    plus, minus = block.streams("plus"), block.streams("minus")
    plus_count = block.streams("plus_count").binomial(block.pairs, probability)[runs]
    expected = block.expected_pairs * probability
    flipped, count, position, projection = sum_by_run(plus_count, expected, plus_terms, 4)

    # Among the pairs whose c = +1 neuron stayed, P(candidate)·P(partner stays | s) must be the
    # joint law of (τ, s) given that it stayed: hence the division by P(stays).
    stayed = block.pairs[runs] - flipped.astype(np.int64)
    given_stayed = min(probability / (1.0 - flip_probability(block.radius, block.d)), 1.0)
    minus_count = block.streams("minus_count").binomial(stayed, given_stayed)
    minus_sums = sum_by_run(minus_count, expected, minus_terms, 3)

    return FlipSums(count + minus_sums[0], position - minus_sums[1], projection - minus_sums[2])


def flip_probability(radius: float, d: int) -> float:
    """P(τ > s) for a neuron of the band: the mean of P(τ > |z|/r) over z ~ N(0, 1) given |z| < r."""
    return band_integral(lambda s: upper_tail(s, d), radius) / band_probability(radius)


def _proposal(radius: float, d: int) -> tuple[float, Candidates]:
    """The cheaper of two proposals, and the probability that a pair is proposed.

    Size-biased: τ with density ∝ τ g(τ), s = τ·U, accepted with probability exp(-r²s²/2).
    Whole: τ = |first coordinate|, s anywhere in the band, accepted if τ > s. Always valid.
    """
    density_ratio = 2.0 * radius / math.sqrt(2.0 * math.pi) / band_probability(radius)
    probability = 0.5 * mean_absolute_coordinate(d) * density_ratio

    def size_biased(rng: np.random.Generator, n: int) -> tuple[Array, Array, NDArray[np.bool_]]:
        projection = size_biased_coordinate(rng, d, n)
        position = projection * rng.random(n)
        level = rng.random(n)
        accepted = level <= 1.0 - 0.5 * radius**2
        unsure = np.flatnonzero(~accepted)
        accepted[unsure] = level[unsure] <= np.exp(-0.5 * (radius * position[unsure]) ** 2)
        return projection, position, accepted

    def whole(rng: np.random.Generator, n: int) -> tuple[Array, Array, NDArray[np.bool_]]:
        projection = np.abs(coordinate(rng, d, n))
        position = relative_position(rng.random(n), radius)
        return projection, position, projection > position

    return (probability, size_biased) if probability < 0.5 else (0.5, whole)


sphere = DisplacementLaw("sphere", weights, band_sums, lambda d: 2.5 + 35.0 * mean_absolute_coordinate(d))
