"""What a displacement law is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..network import Array
from ..quantities import FlipSums
from ..theory.exact import ExactLaw
from ..theory.moments import PairTerm

PAIRS = 4096
"""Pairs of the band in one call of a custom law. Part of the format, as a block is."""

Weights: TypeAlias = Callable[[np.random.Generator, Array, Array, Array, float], Array]
"""u `(..., m, d)` from a generator, x, w(0), c and the radius."""

Projection: TypeAlias = Callable[[np.random.Generator, Array, Array, int, float], Array]
"""u·x/(r‖x‖) of both neurons of pairs, `(2, pairs)`, from a generator, |a|/(r‖x‖), sign of a, d and r."""


class Band(Protocol):
    """The band of a block of runs, as a law's band form receives it.

    `pairs` `(runs of a whole block,)` is K, the pairs of each run that lie in the band. The law draws the
    first `runs` of them, whose values must not depend on that number: draw counts over all of `pairs`,
    then cut.
    """

    @property
    def pairs(self) -> NDArray[np.int64]:
        """K of each run of a whole block."""

    @property
    def runs(self) -> int:
        """Number of runs to draw."""

    def generator(self, variate: str) -> np.random.Generator:
        """The block's generator of this name."""

    def halves(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many of `counts[i]` pairs have a ≥ 0, for every run i, each with probability 1/2."""

    def position_sums(self, counts: NDArray[np.int64]) -> Array:
        """Σ |a|/(r‖x‖) over `counts[i]` neurons of the band for every run i; shape of `counts`.

        For a law that draws no projections. `counts` is all pairs, or those at a ≥ 0 by `halves`: a replay
        puts them at a > 0, the other pairs of the band at a < 0, and calls the law's `weights`.
        """

    def direction_sums(self, counts: NDArray[np.int64]) -> Array:
        """Flips, Σ c|a|/(r‖x‖) and Σ c|b|/(r‖x‖) over the flips of `counts[i]` pairs for every run i.

        Both neurons of a pair move in random directions; shape `(3, runs)`.
        """

    def projection_sums(self, counts: NDArray[np.int64], project: Projection) -> Array:
        """As `direction_sums`, where `project` draws how far the neurons move along x, and a has its sign.

        A neuron flips where 1{a ≥ 0} differs at a + u·x, as in `quantities.flip_sums`.
        """

    def nearest_sums(self, norm: float) -> FlipSums:
        """The worst displacement of the ball of this norm: it flips the neurons nearest to their kinks.

        Only for a law whose `reach` says how far the block draws them.
        """


@dataclass(frozen=True)
class DisplacementLaw:
    """A law of the displacement u given the initialization, with max_i ‖u_i‖ ≤ r = α/√m.

    A law with a finite `norm` q is of another ball, (Σ‖u_i‖^q)^{1/q} ≤ α m^{1/q-1/2}. It is a function of the
    whole network, and `reach(m, alpha)` is the |a| up to which `band` draws at first.

    `name` is the name in the config. `weights(rng, x, w0, c, radius)` draws u, shape `(..., m, d)`:
    the definition, which the dense sampler uses. `projection` draws the displacements of pairs of the band
    one by one, exactly in distribution; None where they depend on the whole network. The sampler `tilted`
    needs it. So does the sampler `band`, unless `band(block)` is a faster way to the sums over the sign
    changes. `pair_cost(d)` is roughly the work of the sampler `band` in nanoseconds for each pair in the
    band, `run_cost` that for each run; they steer scheduling only.

    From theory: `pair_term(quantity, d)` is the term of a pair, and `exact(quantity, m, d, alpha)` the
    exact law, or None. Where the quantities are no sums over pairs, `rate(quantity, alpha)` has the exponent
    k and the limit of m^k times them. For people: `label` in a legend, `words` for the displacement in a
    sentence, and the `marker` and `dashes` of its points and lines in figures.
    """

    name: str
    weights: Weights
    pair_cost: Callable[[int], float]
    projection: Projection | None = None
    band: Callable[[Band], FlipSums] | None = None
    pair_term: Callable[[str, int], PairTerm | None] = lambda quantity, d: None
    exact: Callable[[str, int, int, float], ExactLaw | None] = lambda quantity, m, d, alpha: None
    rate: Callable[[str, float], tuple[float, float]] | None = None
    norm: float = math.inf
    reach: Callable[[int, float], float] = lambda m, alpha: alpha / math.sqrt(m)
    run_cost: float = 300.0
    label: str = ""
    words: str = ""
    marker: str = "^"
    dashes: str = "-"

    def band_sums(self, block: Band) -> FlipSums:
        """The sums over the sign changes of each run of a block: by `band`, or pair by pair."""
        if self.band is not None:
            return self.band(block)
        assert self.projection is not None  # a law has one of the two
        return FlipSums(*block.projection_sums(block.pairs[: block.runs], self.projection))

    def band_radius(self, u: Array, radius: float) -> Array:
        """The radius of the band of each network with displacements u `(..., m, d)`; shape `(...)`.

        r = α/√m, and in a ball of another norm max_i ‖u_i‖.
        """
        if math.isinf(self.norm):
            return np.full(u.shape[:-2], radius)
        return np.asarray(np.linalg.norm(u, axis=-1).max(axis=-1))
