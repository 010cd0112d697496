"""An `aggregates.nc`, or a shard of one, that somebody else may have written: used only if consistent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..experiments.drawn import GRID_AXES, DrawnExperiment
from ..experiments.shards import seed_ranges
from ..network import Array
from ..quantities import QUANTITIES
from ..sampling.aggregate import LARGEST, Aggregate, Bins, combine, relative_edges, same
from ..sampling.cell import Cell
from ..sampling.kernels.bins import POWERS
from ..theory import bounds
from .runs import CACHE
from .runs_file import DrawnFile
from .validation import MAX_PACKING, Form, ResultsError, UnreadableError, reading

TOGETHER = 256
"""Cells of shards that are added up at once: some 0.2 MB each."""

DIGITS = 40
"""Digits of a sum in base 2^32, in units of 2^-1074: enough for 2^40 sixth powers of the largest α/2."""

FORMS: dict[str, tuple[tuple[str, ...], str]] = {
    "bin_unit": (("quantity", "m", "alpha"), "f8"),
    "histogram": (("quantity", *GRID_AXES, "bin"), "i8"),
    "power_sum": (("quantity", *GRID_AXES, "power", "digit"), "u4"),
    "smallest": (("quantity", *GRID_AXES), "f8"),
    "top_value": (("quantity", *GRID_AXES, "rank"), "f8"),
    "top_seed": (("quantity", *GRID_AXES, "rank"), "i8"),
    "exceedances": (("quantity", *GRID_AXES, "bound", "delta", "x_norm"), "i8"),
    "exact_exceedances": (("quantity", *GRID_AXES, "delta"), "i8"),
    "exact_shortfalls": (("quantity", *GRID_AXES, "delta"), "i8"),
}
"""Dimensions and type of each variable that is no coordinate."""


def coordinates(experiment: DrawnExperiment) -> dict[str, Sequence[Any]]:
    """Coordinates of the file of an experiment, by dimension."""
    bins = max(
        Bins.of(quantity, experiment.m[-1], alpha).count
        for quantity in QUANTITIES.values()
        for alpha in experiment.alpha
    )
    return {
        "quantity": tuple(QUANTITIES),
        **experiment.axes,
        "bin": range(bins),
        "power": range(1, POWERS + 1),
        "digit": range(DIGITS),
        "rank": range(1, ranks(experiment) + 1),
        "bound": bounds.BOUNDS,
        "delta": experiment.delta,
        "x_norm": experiment.x_norm,
    }


def ranks(experiment: DrawnExperiment) -> int:
    """How many of the largest values of a quantity of a cell are kept."""
    return min(LARGEST, experiment.seeds)


def bin_units(experiment: DrawnExperiment) -> Array:
    """The first edge above 0 of the bins, `(quantity, m, alpha)`."""
    return np.array(
        [
            [[Bins.of(quantity, m, alpha).unit for alpha in experiment.alpha] for m in experiment.m]
            for quantity in QUANTITIES.values()
        ]
    )


def counts_over(aggregate: Aggregate, experiment: DrawnExperiment) -> dict[str, NDArray[np.int64]]:
    """The runs over each bound, `(bound, delta, x_norm)`, and above and below exact quantiles, `(delta,)`."""
    shape = len(bounds.BOUNDS), len(experiment.delta), len(experiment.x_norm)
    over, above, not_below = np.split(aggregate.over, [math.prod(shape), math.prod(shape) + shape[1]])
    return {
        "exceedances": over.reshape(shape),
        "exact_exceedances": above,
        "exact_shortfalls": aggregate.runs - not_below,
    }


def add_cells(parts: Iterable[Sequence[Aggregate]]) -> list[Aggregate]:
    """The sums of the aggregates of each quantity of one cell, of disjoint seeds."""
    return [combine(of_one_quantity) for of_one_quantity in zip(*parts, strict=True)]


class AggregatesFile(DrawnFile):
    """The aggregates of one grid of drawn displacements, cell by cell."""

    keep = "aggregates"

    def cell(self, index: tuple[int, ...]) -> list[Aggregate]:
        """The aggregates of each quantity of the cell at `index` into (perturbation, m, d, alpha).

        Raises `ResultsError` where they contradict each other.
        """
        values: dict[str, NDArray[Any]] = {
            name: self.read(name, (slice(None), *index)) for name in FORMS if name != "bin_unit"
        }
        return [
            self._aggregate(index, name, {key: value[q] for key, value in values.items()})
            for q, name in enumerate(QUANTITIES)
        ]

    def blocks(self) -> list[tuple[tuple[int, ...], range]]:
        """Each cell, by its index into (perturbation, m, d, alpha), and the numbers of its kept values.

        Number `q * ranks + r` is the value of rank r, from 0 on, of the quantity of number q.
        """
        size = len(QUANTITIES) * ranks(self.experiment)
        return [(index, range(size)) for index in np.ndindex(self.experiment.shape)]

    def kept_value(self, index: tuple[int, ...], number: int) -> tuple[str, int, float]:
        """Quantity, seed and value of a kept value by its number in `blocks`."""
        q, rank = divmod(number, ranks(self.experiment))
        seed, value = (self.read(name, (q, *index, rank)) for name in ("top_seed", "top_value"))
        return list(QUANTITIES)[q], int(seed), float(value)

    def run(self, index: tuple[int, ...], seed: int) -> dict[str, Array]:
        """The values of a run that are among the largest, by quantity."""
        places: tuple[int | slice, ...] = (slice(None), *index)
        values, seeds = self.read("top_value", places), self.read("top_seed", places)
        return {
            quantity: value[of_seed][0]
            for quantity, value, of_seed in zip(QUANTITIES, values, seeds == seed, strict=True)
            if of_seed.any()
        }

    def confirmations(self, shards: Mapping[Path, tuple[int, range]]) -> dict[Path, bool]:
        """See `ExperimentFile.confirmations`.

        Only the sum of shards with all seeds of a width can be compared. They are those that a run
        would use.
        """
        confirmations: dict[Path, bool] = {}
        first, count = self.experiment.first_seed, self.experiment.seeds
        for m in self.experiment.m:
            paths = {
                (seeds.start - first, seeds.stop - first): path
                for path, (width, seeds) in shards.items()
                if width == m
            }
            cover = seed_ranges(count, count, paths)
            if all(seeds in paths for seeds in cover):
                of_width = {path: shards[path][1] for path in map(paths.__getitem__, cover)}
                confirmations |= dict.fromkeys(of_width, self._is_sum(m, of_width))
        return confirmations

    def _is_sum(self, m: int, shards: Mapping[Path, range]) -> bool:
        """Whether these shards add up to the aggregates of a width.

        One is open at a time, and `TOGETHER` cells are in memory: there may be many of both.

        Raises `UnreadableError` where the system does not give one.
        """
        cells = list(self.experiment.part(m, self.experiment.numbers).indexed_cells())
        try:
            return all(
                self._is_sum_of(cells[low : low + TOGETHER], m, shards)
                for low in range(0, len(cells), TOGETHER)
            )
        except UnreadableError:
            raise
        except ResultsError:
            return False

    def _is_sum_of(
        self, cells: Sequence[tuple[tuple[int, ...], Cell]], m: int, shards: Mapping[Path, range]
    ) -> bool:
        """The same of some cells of the width, with their indices in a shard."""
        totals: list[list[Aggregate]] = []
        for path, seeds in shards.items():
            with AggregatesFile(path) as file:
                if (file.experiment, file.entropy) != (self.experiment.part(m, seeds), self.entropy):
                    return False
                parts = [file.cell(index) for index, _ in cells]
            totals = [add_cells(pair) for pair in zip(totals, parts, strict=True)] if totals else parts
        return all(
            all(map(same, self.cell(self.experiment.place_of(cell)), total))
            for (_, cell), total in zip(cells, totals, strict=True)
        )

    def _aggregate(self, index: tuple[int, ...], quantity: str, values: dict[str, NDArray[Any]]) -> Aggregate:
        cell, runs = self.experiment.cell(index), self.experiment.seeds
        bins = np.flatnonzero(values["histogram"])
        over = values["exceedances"], values["exact_exceedances"], runs - values["exact_shortfalls"]
        aggregate = Aggregate(
            runs,
            tuple(int.from_bytes(row.astype("<u4").tobytes(), "little") for row in values["power_sum"]),
            float(values["smallest"]),
            bins,
            values["histogram"][bins],
            np.concatenate([counts.ravel() for counts in over]),
            values["top_value"],
            values["top_seed"],
        )
        if fault := _fault(
            aggregate, Bins.of(QUANTITIES[quantity], cell.m, cell.alpha), self.experiment.numbers
        ):
            raise ResultsError(f"{self.path}: {quantity} of {cell.name}: {fault}")
        return aggregate

    def _minimum_size(self) -> int:
        sizes = {"i8": 8, "f8": 8, "u4": 4}
        return (
            sum(math.prod(shape) * sizes[kind] for _, shape, kind in self._own_forms().values())
            // MAX_PACKING
        )

    def _own_forms(self) -> dict[str, Form]:
        sizes = {name: len(values) for name, values in coordinates(self.experiment).items()}
        return {name: (dims, tuple(sizes[dim] for dim in dims), kind) for name, (dims, kind) in FORMS.items()}

    def _forms(self) -> dict[str, Form]:
        forms: dict[str, Form] = {}
        for name, values in coordinates(self.experiment).items():
            if isinstance(values[0], str):
                longest = max(map(len, values))
                forms[name] = ((name, f"string{longest}"), (len(values), longest), "S1")
            else:
                forms[name] = ((name,), (len(values),), "f8" if isinstance(values[0], float) else "i8")
        bins = forms["bin"][1]
        return forms | {"bin_lower": (("bin",), bins, "f8")} | self._own_forms()

    def _coordinates(self) -> dict[str, Sequence[Any]]:
        named = coordinates(self.experiment)
        return named | {"bin_lower": relative_edges(len(named["bin"])).tolist()}

    def _check(self) -> None:
        super()._check()
        with reading(self.path):
            self._reader.limit_cache(FORMS, CACHE)  # each chunk is read once, and many files are open
        if not np.array_equal(self.read("bin_unit", ()), bin_units(self.experiment)):
            raise ResultsError(f"{self.path}: bin_unit is not that of the widths and radii")


def _fault(aggregate: Aggregate, bins: Bins, numbers: range) -> str | None:
    """What contradicts itself in an aggregate of all runs of a cell, or None."""
    runs, top, seeds = aggregate.runs, aggregate.top_values, aggregate.top_seeds
    if aggregate.counts.size == 0 or aggregate.counts.min() < 0 or int(aggregate.counts.sum()) != runs:
        return f"the histogram does not hold {runs:,} runs"
    if not (np.isfinite(top).all() and (top >= 0.0).all() and (np.diff(top) <= 0.0).all()):
        return "the largest values do not descend"
    if np.unique(seeds).size != seeds.size or seeds.min() < numbers.start or seeds.max() >= numbers.stop:
        return "the largest values have seeds that the experiment does not have, or one twice"
    kept = np.bincount(bins.index(top), minlength=bins.count)[aggregate.bins]
    whole = np.cumsum(aggregate.counts[::-1])[::-1] <= top.size  # bins all of whose runs are kept
    if kept.sum() != top.size or (kept > aggregate.counts).any() or (kept != aggregate.counts)[whole].any():
        return "the largest values are not in the bins of the histogram"
    ends = bins.index(np.array([aggregate.smallest, top[0]]))
    if [*ends] != [aggregate.bins[0], aggregate.bins[-1]] or not 0.0 <= aggregate.smallest <= top[-1]:
        return "the smallest or the largest value is not in the bins of the histogram"
    if ((aggregate.over < 0) | (aggregate.over > runs)).any():
        return f"a number of runs is not one of {runs:,}"
    edges = np.append(bins.lower_edges(), np.inf)
    low, high = (
        np.maximum(edges[aggregate.bins], aggregate.smallest),
        np.minimum(edges[aggregate.bins + 1], top[0]),
    )
    for power in range(1, POWERS + 1):
        least, most = (float(aggregate.counts @ end**power) for end in (low, high))
        if not least * (1.0 - 1e-9) <= float(aggregate.power_mean(power) * runs) <= most * (1.0 + 1e-9):
            return f"the sum of power {power} does not fit the histogram"
    return None
