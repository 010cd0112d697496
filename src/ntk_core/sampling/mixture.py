"""The mixture of tilted laws from which the sampler `tilted` draws: how far, and on which side.

Y is the signed sum of the terms X of n pairs, each of which is in the band with probability p. So
Λ(θ) = log E[e^{θY}] is n log(1 + p (M(θ) - 1)) with M(θ) = E[e^{θX}] in the band, which a pilot estimates
from draws of its own. The weights are exact whatever it gives (docs/rare-events.md).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from ..network import Array
from ..theory.gaussian import band_probability
from .band import BandBlock, pair_terms
from .cell import Cell
from .streams import Streams

EXPONENTS = (4.5, 18.0)
"""z²/2 of the errors on which components are centred: z = 3 and 6 standard deviations of a Gaussian."""

PILOT_PAIRS = 1 << 14
"""Pairs of the pilot: with K pairs in the band of a run, its mean of Y is off by √K/128 deviations."""

TILTS = 2.0 ** np.arange(-20.0, 5.75, 0.25)
"""The tilts |θ| > 0 that a component may have, in units of 1 over the largest term of a neuron."""

MANTISSA = 1 << 10
"""M(θ) is rounded to a multiple of one over this, so that its last bits do not matter."""


class Mixture(NamedTuple):
    """Components of equal shares: tilts θ, and probabilities q of the band, `(components,)` each.

    The first one is the law itself: θ = 0 and q = p.
    """

    tilts: Array
    probabilities: Array

    def log_weights(self, n: int, pairs: NDArray[np.int64], total: Array, log_means: Array) -> Array:
        """log of target over mixture of each run, at most the log of the number of components; `(runs,)`.

        `pairs` is K, `total` Y and `log_means` `(components, runs)` Σ log of the mean of e^{θX} over the
        candidates of each of the K pairs.
        """
        p, q = self.probabilities[0], self.probabilities[:, None]
        ratio = (
            pairs * np.log(q / p)
            + scipy.special.xlog1py(n - pairs, -q)
            - scipy.special.xlog1py(n - pairs, -p)
        )
        ratio += self.tilts[:, None] * total - log_means
        top = ratio.max(axis=0)  # at least 0, the ratio of the first component: nothing overflows
        log_sum: Array = top + np.log(np.exp(ratio - top).sum(axis=0))
        return math.log(len(self.tilts)) - log_sum


@lru_cache(maxsize=256)
def mixture(entropy: int, cell: Cell) -> Mixture:
    """The mixture of a cell. Raises `LawError` where the law fails in the pilot."""
    n, p = cell.m // 2, band_probability(cell.reach)
    excess = _pilot(entropy, cell)
    log_moments = n * np.log1p(np.maximum(p * excess, np.nextafter(-1.0, 0.0)))
    tilts, probabilities = [0.0], [p]
    for exponent in EXPONENTS:
        level = float(np.min((log_moments + exponent) / TILTS, axis=1).max())
        rarity = TILTS * level - log_moments  # Chernoff's bound on P(±Y ≥ level) is e^-rarity
        for row, sign in enumerate((1.0, -1.0)):
            place = int(np.argmax(rarity[row]))
            if rarity[row, place] <= exponent + EXPONENTS[-1]:  # else it adds nothing to the tail of |Y|
                moment = max(round(MANTISSA * (1.0 + float(excess[row, place]))), 1) / MANTISSA
                tilts.append(sign * float(TILTS[place]))
                probabilities.append(p * moment / (1.0 - p + p * moment))
    return Mixture(np.array(tilts), np.array(probabilities))


def _pilot(entropy: int, cell: Cell) -> Array:
    """M(θ) - 1 for θ = ±`TILTS`, `(2, tilts)`, from draws of streams of its own."""
    streams = Streams(entropy, f"{cell.key}|pilot", 0, cell.format_version)
    block = BandBlock.of(cell, np.zeros(0, np.int64), 0, streams)
    project, sums = cell.law.projection, np.zeros((2, TILTS.size))
    assert project is not None  # a config refuses such a law
    for a, t in block.projected(PILOT_PAIRS, project):
        _, position, moved = pair_terms(a, t)
        scaled = TILTS[:, None] * (moved - position)
        sums += np.expm1(scaled).sum(axis=1), np.expm1(-scaled).sum(axis=1)
    return sums / PILOT_PAIRS
