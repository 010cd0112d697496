"""What a displacement law is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..band import FlipSums
from ..network import Array
from ..seeding import Streams


@dataclass(frozen=True)
class BandBlock:
    """The band of a block of runs, as a law's band form receives it.

    `pairs` `(runs of a whole block,)` is K, the pairs of each run that lie in the band; only the
    first `drawn` runs are wanted, and they must not depend on how many that is: draw counts over all of
    `pairs`, then cut. `expected_pairs` is E[K] summed over a whole block. `radius` is r = α/√m in
    units of the standard deviation of w(0)·x/‖x‖; `streams` names the block's generators.
    """

    pairs: NDArray[np.int64]
    expected_pairs: float
    drawn: int
    radius: float
    d: int
    streams: Streams


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
