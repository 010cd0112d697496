"""What is kept of the runs of a cell whose values are not: aggregates, which add up.

Values come in, piece by piece, with their seeds; out come their number, exact sums of their powers, a
histogram, how many are over given thresholds, and the largest with their seeds. Aggregates of disjoint seeds
add up to that of all, in any order, to the last bit: that is why all of it is integers or single values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..network import Array
from ..quantities import QUANTITIES, Quantity
from .cell import Cell
from .kernels.bins import EXPONENTS, FRACTION, LOW, POWERS
from .samplers import simulate

LARGEST = 1000
"""Values of each quantity of a cell that are kept with their seeds."""

OCTAVES_BELOW = 32
"""Octaves of bins below what one neuron can add. Of a density that is bounded there in that unit, the
10^-9-quantile is in the 30th."""

BATCH = 1 << 16
"""Runs that are drawn, then aggregated: their values fit the second cache."""

SMALLEST = 1074
"""Sums are integers in units of 2^-1074, the smallest float64 above 0."""


@dataclass(frozen=True)
class Bins:
    """The bins of one quantity of a cell.

    Bin 0 holds zeros, bin 1 what is below the first edge 2^`exponent`, and each of `octaves` octaves from
    there on has 2^9 bins of equal width. The largest value that the ball allows is in the last octave.
    """

    exponent: int
    octaves: int

    @classmethod
    def of(cls, quantity: Quantity, m: int, alpha: float) -> Bins:
        """Those of a quantity at a width and radius; every value is at most m times its unit."""
        _, exponent = math.frexp(quantity.unit(m, alpha))
        return cls(exponent - 1 - OCTAVES_BELOW, OCTAVES_BELOW + (m - 1).bit_length() + 2)

    @property
    def count(self) -> int:
        """Number of bins."""
        return 2 + (self.octaves << FRACTION)

    @property
    def unit(self) -> float:
        """The first edge above 0."""
        return math.ldexp(1.0, self.exponent)

    @property
    def base(self) -> int:
        """The first edge as the kernel needs it: its bits without those that bins ignore."""
        return (1023 + self.exponent) << FRACTION

    def lower_edges(self) -> Array:
        """Where each bin begins, `(bins,)`; each ends where the next begins."""
        return self.unit * relative_edges(self.count)

    def index(self, values: Array) -> NDArray[np.int64]:
        """The bin of each value ≥ 0."""
        bits = np.asarray(values, dtype=np.float64).view(np.int64)
        index = np.clip((bits >> (52 - FRACTION)) - self.base + 2, 1, self.count - 1)
        return np.where(bits == 0, 0, index)


@lru_cache(maxsize=64)
def relative_edges(count: int) -> Array:
    """Lower edges of the first `count` bins in units of the first edge above 0."""
    bins = np.arange(count - 2, dtype=np.int64)
    octave, place = bins >> FRACTION, bins & ((1 << FRACTION) - 1)
    edges = np.ldexp(1.0 + place / (1 << FRACTION), octave.astype(np.int32))
    edges = np.concatenate([[0.0, 0.0], edges])
    edges.flags.writeable = False  # one array for all callers
    return edges


@dataclass(frozen=True)
class Aggregate:
    """What is kept of `runs` values ≥ 0 of one quantity of one cell.

    `sums` are those of the first six powers, exact integers in units of 2^-1074. Bin `bins[k]` holds
    `counts[k]` values; no count is 0 and `bins` ascend. `over` are the runs over each threshold. `top_values`
    descend, and where they are equal, `top_seeds` ascend: the `LARGEST` values, or all.
    """

    runs: int
    sums: tuple[int, ...]
    smallest: float
    bins: NDArray[np.int64]
    counts: NDArray[np.int64]
    over: NDArray[np.int64]
    top_values: Array
    top_seeds: NDArray[np.int64]

    def power_mean(self, power: int) -> Fraction:
        """The mean of a power 1 … 6 of the values, each power rounded to a float64, exactly."""
        return Fraction(self.sums[power - 1], self.runs << SMALLEST)


def same(one: Aggregate, other: Aggregate) -> bool:
    """Whether two aggregates agree in every bit."""
    return all(np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(Aggregate))


def combine(parts: Sequence[Aggregate]) -> Aggregate:
    """The aggregate of all runs of some aggregates of disjoint seeds and equal bins and thresholds."""
    bins, place = np.unique(np.concatenate([part.bins for part in parts]), return_inverse=True)
    counts = np.zeros(bins.size, np.int64)
    np.add.at(counts, place, np.concatenate([part.counts for part in parts]))
    values, seeds = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("top_values", "top_seeds")
    )
    return Aggregate(
        sum(part.runs for part in parts),
        tuple(map(sum, zip(*(part.sums for part in parts), strict=True))),
        min(part.smallest for part in parts),
        bins,
        counts,
        np.sum([part.over for part in parts], axis=0),
        *_top(values, seeds),
    )


def _top(values: Array, seeds: NDArray[np.int64]) -> tuple[Array, NDArray[np.int64]]:
    order = np.lexsort((seeds, -values))[:LARGEST]
    return values[order], seeds[order]


class Accumulator:
    """Aggregates the values of one quantity of one cell, in the order of their seeds."""

    def __init__(self, bins: Bins, thresholds: Array) -> None:
        """`thresholds` may have any order and values; over NaN is nothing, over a negative one everything."""
        self._bins, self._asked = bins, np.asarray(thresholds, dtype=np.float64)
        inside = self._asked[(self._asked >= 0.0) & np.isfinite(self._asked)]
        self._thresholds = np.unique(inside + 0.0)
        self._threshold_bins = bins.index(self._thresholds)
        self._first = np.searchsorted(self._threshold_bins, np.arange(bins.count + 1))
        self._over = np.zeros(self._thresholds.size, np.int64)
        self._histogram = np.zeros(bins.count, np.int64)
        self._buckets = np.zeros((POWERS, 2, EXPONENTS), np.int64)
        self._smallest = math.inf
        self._top: tuple[Array, NDArray[np.int64]] = np.empty(0), np.empty(0, np.int64)

    def add(self, values: Array, first_seed: int) -> None:
        """Values `(runs,)` ≥ 0, of seeds from `first_seed` on, above those of all values before."""
        from .kernels.aggregate import accumulate

        values = np.ascontiguousarray(values)
        accumulate(
            values, self._bins.base, self._histogram, self._buckets, self._thresholds, self._first, self._over
        )
        self._smallest = min(self._smallest, float(values.min()))
        top_values, top_seeds = self._top
        lowest = top_values[-1] if top_values.size == LARGEST else -1.0
        new = np.flatnonzero(values > lowest)  # later seeds lose ties
        if new.size > LARGEST:
            least = np.partition(values[new], -LARGEST)[-LARGEST]
            over, equal = new[values[new] > least], new[values[new] == least]
            new = np.concatenate([over, equal[: LARGEST - over.size]])
        if new.size:
            seeds = first_seed + new.astype(np.int64)
            self._top = _top(np.concatenate([top_values, values[new]]), np.concatenate([top_seeds, seeds]))

    def result(self) -> Aggregate:
        """The aggregate of all values so far, at least one."""
        bins = np.flatnonzero(self._histogram)
        above = np.concatenate([np.cumsum(self._histogram[::-1])[::-1], [0]])
        runs = int(above[0])
        over = self._over + above[self._threshold_bins + 1]
        asked = np.full(self._asked.shape, 0, np.int64)
        asked[self._asked < 0.0] = runs
        inside = (self._asked >= 0.0) & np.isfinite(self._asked)
        asked[inside] = over[np.searchsorted(self._thresholds, self._asked[inside])]
        sums = []
        for low, high in self._buckets:
            exponents = np.flatnonzero(low | high)
            sums.append(
                sum((int(low[e]) + (int(high[e]) << LOW)) << (int(e) - 1) for e in exponents)
            )  # a float64 of exponent e is its mantissa times 2^(e - 1 - 1074)
        return Aggregate(runs, tuple(sums), self._smallest, bins, self._histogram[bins], asked, *self._top)


def aggregate_cell(entropy: int, cell: Cell, start: int, stop: int, thresholds: Array) -> list[Aggregate]:
    """The aggregate of each quantity over the runs with seeds `start` … `stop - 1` of a cell.

    `thresholds` `(quantities, …)`; errors as of `simulate`.
    """
    added = accumulators(cell, thresholds)
    edges = [start, *range(start - start % BATCH + BATCH, stop, BATCH), stop]
    for low, high in pairwise(edges):
        add_runs(added, entropy, cell, low, high)
    return [accumulator.result() for accumulator in added]


def accumulators(cell: Cell, thresholds: Array) -> list[Accumulator]:
    """One for each quantity of a cell, without runs; `thresholds` `(quantities, …)`."""
    return [
        Accumulator(Bins.of(quantity, cell.m, cell.alpha), row)
        for quantity, row in zip(QUANTITIES.values(), thresholds, strict=True)
    ]


def add_runs(accumulators: Sequence[Accumulator], entropy: int, cell: Cell, start: int, stop: int) -> None:
    """Draw the runs with seeds `start` … `stop - 1` of a cell and add each quantity to its accumulator."""
    for accumulator, values in zip(accumulators, simulate(entropy, cell, start, stop), strict=True):
        accumulator.add(values, start)
