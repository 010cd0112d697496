"""The sampler `band`: draws only the neurons that can flip."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from ..laws.law import PAIRS, Projection
from ..network import Array
from ..quantities import FLIP_SUMS, FlipSums, run_quantities
from ..theory import norm_ball
from .cell import Cell
from .counts import band_counts, half_counts
from .nearest import Nearest, ball, worst
from .streams import FORMAT_VERSIONS, Streams

if TYPE_CHECKING:
    from .kernels.words import Stream


@dataclass(frozen=True)
class BandBlock:
    """The band of a block of runs, see `laws.law.Band`; `streams` names the block's generators.

    `radius` is r = α/√m in units of the standard deviation of w(0)·x/‖x‖, or the law's own `reach`; `m` and
    `alpha` are those of the cell.
    """

    pairs: NDArray[np.int64]
    runs: int
    radius: float
    d: int
    streams: Streams
    m: int
    alpha: float

    @classmethod
    def of(cls, cell: Cell, pairs: NDArray[np.int64], runs: int, streams: Streams) -> Self:
        """The band of the first `runs` runs of a block of a cell, whose runs have so many `pairs` in it."""
        return cls(pairs, runs, cell.reach, cell.d, streams, cell.m, cell.alpha)

    def generator(self, variate: str) -> np.random.Generator:
        """See `Band`."""
        return self.streams.generator(variate)

    def halves(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """See `Band`."""
        return half_counts(self.streams, counts)

    def position_sums(self, counts: NDArray[np.int64]) -> Array:
        """See `Band`."""
        from .kernels.flips import position_sums
        from .kernels.position import positions

        return position_sums(counts, positions(self.radius), *self._streams())

    def direction_sums(self, counts: NDArray[np.int64]) -> Array:
        """See `Band`."""
        from .kernels.direction import directions
        from .kernels.flips import direction_sums
        from .kernels.position import positions

        return direction_sums(counts, positions(self.radius), directions(self.d), *self._streams())

    def projection_sums(self, counts: NDArray[np.int64], project: Projection) -> Array:
        """See `Band`."""
        sums = np.zeros((FLIP_SUMS, counts.size))
        edges = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        for number, (a, t) in enumerate(self.projected(int(edges[-1]), project)):
            inside = np.clip(edges - number * PAIRS, 0, PAIRS)
            runs = np.flatnonzero(np.diff(inside))
            sums[:, runs] += np.add.reduceat(pair_terms(a, t)[:, : inside[-1]], inside[runs], axis=1)
        return sums

    def projected(self, pairs: int, project: Projection) -> Iterator[tuple[Array, Array]]:
        """a/(r‖x‖) and the projections by `project`, `(PAIRS,)` and `(2, PAIRS)`, for at least `pairs` pairs.

        Pairs continue across runs. Every draw has `PAIRS` pairs, so it does not depend on their number.
        """
        from .kernels.position import draw_positions, positions
        from .kernels.words import CHUNK

        method, (stream, reserve) = positions(self.radius), self._streams()
        signs, rng = self.generator("sign"), self.generator("displacement")
        for _ in range(0, pairs, PAIRS):
            position = np.empty(PAIRS)
            for start in range(0, PAIRS, CHUNK):
                draw_positions(method, stream, reserve, position[start : start + CHUNK])
            sign = 2.0 * signs.integers(0, 2, PAIRS, dtype=np.int8).astype(np.float64) - 1.0
            yield sign * position, project(rng, position, sign, self.d, self.radius)

    def nearest_sums(self, norm: float) -> FlipSums:
        """See `Band`."""
        unit = self.alpha / math.sqrt(self.m)
        rows = [(run.flips, run.total, run.flips * run.length, run.pairs) for run in self.nearest(norm)]
        count, total, moved, pairs = np.array(rows, dtype=np.float64).T
        return FlipSums(count, total / unit, moved / unit, pairs.astype(np.int64))

    def nearest(self, norm: float) -> Iterator[Nearest]:
        """The runs one after another, each in chunks of its own."""
        from .kernels.flips import fill_positions
        from .kernels.position import positions
        from .kernels.words import CHUNK

        method, (stream, reserve) = positions(self.radius), self._streams()
        limits, beyond = ball(norm, self.m, self.alpha), self.generator("beyond")
        for count in self.pairs[: self.runs]:
            sizes = np.empty(-(-int(count) // CHUNK) * CHUNK)
            fill_positions(method, stream, reserve, sizes)
            yield worst(limits, self.radius * sizes[:count], self.radius, beyond)

    def _streams(self) -> tuple[Stream, Stream]:
        return self.streams.words("band"), self.streams.words("again")


def pair_terms(a: Array, t: Array) -> Array:
    """Flips of pairs, and their terms of Σ c|a|/(r‖x‖) and Σ c|u·x|/(r‖x‖); `(3, pairs)`.

    `a` is a/(r‖x‖), `(pairs,)`, and `t` `(2, pairs)` the projections of the neurons with c = +1 and c = -1.
    """
    plus, minus = (a >= 0.0) != (a + t >= 0.0)
    terms = [
        1.0 * plus + minus,
        (1.0 * plus - minus) * np.abs(a),
        plus * np.abs(t[0]) - minus * np.abs(t[1]),
    ]
    return np.stack(terms)


def band_block(cell: Cell, runs: int, streams: Streams) -> Array:
    """The first `runs` runs of a block, from the band alone: O(α√m) work a run, exact in law."""
    pairs = band_pairs(cell, streams)
    flips = cell.law.band_sums(BandBlock.of(cell, pairs, runs, streams))
    in_band = pairs[:runs] if flips.pairs is None else flips.pairs
    return run_quantities(cell.m, cell.alpha, in_band, flips)


def band_pairs(cell: Cell, streams: Streams) -> NDArray[np.int64]:
    """How many pairs of each run of a whole block lie within the cell's reach."""
    return band_counts(streams, cell.m // 2, cell.reach, cell.block)


def suprema(entropy: int, q: float, m: int, alpha: float, runs: int) -> Array:
    """sup E over the ball (Σ‖u_i‖^q)^{1/q} ≤ α m^{1/q-1/2} at ‖x‖ = 1, of `runs` random networks; q > 1."""
    radius = norm_ball.reach(q, m, alpha)
    name = f"ball|q={q.hex()}|m={m}|alpha={alpha.hex()}"
    streams = Streams(entropy, name, 0, FORMAT_VERSIONS["band"])
    pairs = band_counts(streams, m // 2, radius, runs)
    block = BandBlock(pairs, runs, radius, 1, streams, m, alpha)
    gains = np.array([run.flips * run.length - run.total for run in block.nearest(q)])
    return gains / math.sqrt(m)
