"""What a displacement law is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..band import FlipSums
from ..network import Array
from ..seeding import Streams

if TYPE_CHECKING:
    from ..kernels.words import Stream


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
        from ..kernels.flips import position_sums  # compiled code, slow to import, and wanted here alone
        from ..kernels.position import positions

        return position_sums(counts, positions(self.radius), *self._streams())

    def direction_sums(self, counts: NDArray[np.int64]) -> Array:
        """Flips, Σ c|a|/(r‖x‖) and Σ c|b|/(r‖x‖) over the flips of `counts[i]` pairs for every run i.

        Both neurons of a pair move in random directions; shape `(3, runs)`.
        """
        from ..kernels.direction import directions
        from ..kernels.flips import direction_sums
        from ..kernels.position import positions

        return direction_sums(counts, positions(self.radius), directions(self.d), *self._streams())

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
    weights: Callable[[np.random.Generator, Array, Array, Array, float], Array]
    band: Callable[[BandBlock], FlipSums]
    pair_cost: Callable[[int], float]
