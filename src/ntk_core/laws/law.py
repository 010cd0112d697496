"""What a displacement law is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..network import Array
from ..quantities import FlipSums
from ..sampling.streams import Streams

if TYPE_CHECKING:
    from ..sampling.kernels.words import Stream

PAIRS = 4096
"""Pairs of the band that a law of one's own is asked about at once. Part of the format, as a block is."""

Weights: TypeAlias = Callable[[np.random.Generator, Array, Array, Array, float], Array]
"""u `(..., m, d)` from a generator, x, w(0), c and the radius."""

Projection: TypeAlias = Callable[[np.random.Generator, Array, Array, int, float], Array]
"""u·x/(r‖x‖) of both neurons of pairs, `(2, pairs)`, from a generator, |a|/(r‖x‖), sign of a, d and r."""


@dataclass(frozen=True)
class BandBlock:
    """The band of a block of runs, as a law's band form receives it.

    `pairs` `(runs of a whole block,)` is K, the pairs of each run that lie in the band; only the
    first `drawn` runs are wanted, and they must not depend on how many that is: draw counts over all of
    `pairs`, then cut. `radius` is r = α/√m in units of the standard deviation of w(0)·x/‖x‖;
    `streams` names the block's generators.
    """

    pairs: NDArray[np.int64]
    drawn: int
    radius: float
    d: int
    streams: Streams

    def position_sums(self, counts: NDArray[np.int64]) -> Array:
        """Σ |a|/(r‖x‖) over `counts[i]` neurons of the band for every run i; shape of `counts`."""
        from ..sampling.kernels.flips import (
            position_sums,  # compiled code, slow to import, and wanted here alone
        )
        from ..sampling.kernels.position import positions

        return position_sums(counts, positions(self.radius), *self._streams())

    def direction_sums(self, counts: NDArray[np.int64]) -> Array:
        """Flips, Σ c|a|/(r‖x‖) and Σ c|b|/(r‖x‖) over the flips of `counts[i]` pairs for every run i.

        Both neurons of a pair move in random directions; shape `(3, runs)`.
        """
        from ..sampling.kernels.direction import directions
        from ..sampling.kernels.flips import direction_sums
        from ..sampling.kernels.position import positions

        return direction_sums(counts, positions(self.radius), directions(self.d), *self._streams())

    def projection_sums(self, counts: NDArray[np.int64], project: Projection) -> Array:
        """As `direction_sums`, where `project` draws how far the neurons move along x, and a has its sign.

        A neuron flips where 1{a ≥ 0} is another at a + u·x, as in `band.flip_sums`.
        """
        sums = np.zeros((3, counts.size))
        edges = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        for number, (a, t) in enumerate(self.projected(int(edges[-1]), project)):
            inside = np.clip(edges - number * PAIRS, 0, PAIRS)
            runs = np.flatnonzero(np.diff(inside))
            plus, minus = (a >= 0.0) != (a + t >= 0.0)
            terms = [
                1.0 * plus + minus,
                (1.0 * plus - minus) * np.abs(a),
                plus * np.abs(t[0]) - minus * np.abs(t[1]),
            ]
            sums[:, runs] += np.add.reduceat(np.stack(terms)[:, : inside[-1]], inside[runs], axis=1)
        return sums

    def projected(self, pairs: int, project: Projection) -> Iterator[tuple[Array, Array]]:
        """a/(r‖x‖) and what `project` gives, `(PAIRS,)` and `(2, PAIRS)`, until there are so many `pairs`.

        Pairs go on across runs. What is drawn is always whole, so it does not depend on how many are wanted.
        """
        from ..sampling.kernels.position import draw_positions, positions
        from ..sampling.kernels.words import CHUNK

        at, (stream, again) = positions(self.radius), self._streams()
        signs, rng = self.streams.generator("sign"), self.streams.generator("displacement")
        for _ in range(0, pairs, PAIRS):
            position = np.empty(PAIRS)
            for start in range(0, PAIRS, CHUNK):
                draw_positions(at, stream, again, position[start : start + CHUNK])
            sign = 2.0 * signs.integers(0, 2, PAIRS, dtype=np.int8).astype(np.float64) - 1.0
            yield sign * position, project(rng, position, sign, self.d, self.radius)

    def _streams(self) -> tuple[Stream, Stream]:
        return self.streams.words("band"), self.streams.words("again")


@dataclass(frozen=True)
class DisplacementLaw:
    """A law of the displacement u given the initialization, with max_i ‖u_i‖ ≤ r.

    `name` is the name in the config. `weights(rng, x, w0, c, radius)` draws u, shape `(..., m, d)`:
    the definition, which the dense sampler uses. `band(block)` draws, exactly in distribution, the
    sums over the sign changes from the neurons of the band alone. `pair_cost(d)` is roughly what the
    latter takes, in nanoseconds for each pair in the band; it steers scheduling only.
    """

    name: str
    weights: Weights
    band: Callable[[BandBlock], FlipSums]
    pair_cost: Callable[[int], float]
