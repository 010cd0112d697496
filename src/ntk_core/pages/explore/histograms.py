"""Histograms of the runs of every cell, from `runs.nc`, spread over workers, or from `aggregates.nc`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...datasets.aggregate_statistics import bin_ends
from ...datasets.aggregates_file import AggregatesFile
from ...datasets.comparisons import NOISE, ROUNDING
from ...datasets.run_statistics import TASK_RUNS, Index
from ...datasets.runs import RunsReader
from ...execution.compute import Workers, compute
from ...experiments.drawn import DrawnExperiment
from ...network import Array
from ...quantities import QUANTITIES

BINS = 40
"""Largest number of bins of a histogram."""


FIRST = 1 << 10
"""Values that are looked at before all of them."""


@dataclass(frozen=True)
class Histogram:
    """Runs in bins of one width: `counts` `(bins,)`, the first bin from `start` to `start + width`."""

    start: float
    width: float
    counts: NDArray[np.int64]


def histograms(data: str | Path, experiment: DrawnExperiment, workers: Workers) -> list[list[Histogram]]:
    """A histogram at ‖x‖ = 1 of each quantity of each cell of an experiment: by quantity, then by cell.

    `data` are its runs or aggregates. Cells are in the order of the file. A task holds one quantity of one
    cell at a time. Of aggregates, all runs of a bin are at one value in it.
    """
    if experiment.keep == "aggregates":
        return _of_aggregates(data, experiment)
    indices = iter(np.ndindex(experiment.shape))
    size = max(1, TASK_RUNS // experiment.seeds)
    work = list(iter(lambda: list(islice(indices, size)), []))
    results = compute(workers, partial(_cells, str(Path(data).resolve()), experiment), work)
    return [list(row) for row in zip(*(cell for cells in results for cell in cells), strict=True)]


def _cells(path: str, experiment: DrawnExperiment, indices: list[Index]) -> list[list[Histogram]]:
    """One task, on a worker: the histograms of some cells."""
    with RunsReader(path) as runs:
        return [list(_cell(runs, experiment, index)) for index in indices]


def _cell(runs: RunsReader, experiment: DrawnExperiment, index: Index) -> Iterator[Histogram]:
    m, alpha = experiment.m[index[1]], experiment.alpha[index[3]]
    for quantity in QUANTITIES:
        yield histogram(runs.read(quantity, index), QUANTITIES[quantity].unit(m, alpha))


def _of_aggregates(path: str | Path, experiment: DrawnExperiment) -> list[list[Histogram]]:
    rows: list[list[Histogram]] = [[] for _ in QUANTITIES]
    with AggregatesFile(path) as file:
        for index, cell in zip(np.ndindex(experiment.shape), experiment.cells(), strict=True):
            aggregates = file.cell(index)
            for row, quantity, aggregate in zip(rows, QUANTITIES.values(), aggregates, strict=True):
                low, high = bin_ends(aggregate, quantity, cell.m, cell.alpha)
                unit = quantity.unit(cell.m, cell.alpha)
                row.append(histogram(_places(low, high, unit), unit, aggregate.counts))
    return rows


def _places(low: Array, high: Array, unit: float) -> Array:
    """A value of each bin: a multiple of the unit where every bin has one, else its middle."""
    middle = 0.5 * (low + high)
    multiples = unit * np.rint(middle / unit)
    inside = (multiples >= low * (1.0 - ROUNDING)) & (multiples <= high * (1.0 + ROUNDING))
    return multiples if inside.all() else middle


def histogram(values: Array, unit: float, runs: NDArray[np.int64] | None = None) -> Histogram:
    """The histogram of some values, each of as many `runs`, or one; `unit` is what one neuron can add.

    If all values are integer multiples of the unit, bins are centred on them, with equally many in each.
    """
    values = np.where(values > NOISE * unit, values, 0.0)
    low, high = float(values.min()), float(values.max())
    spacing = _spacing(values, unit)
    if spacing:
        places = round((high - low) / spacing) + 1
        per_bin = math.ceil(places / BINS)
        start, width, bins = low - spacing / 2, per_bin * spacing, math.ceil(places / per_bin)
        ends = (start, start + bins * width)
    elif low < high:
        start, width, bins, ends = low, (high - low) / BINS, BINS, (low, high)
    else:
        start, width, bins = low - unit / 2, unit, 1
        ends = (start, start + unit)
    counts, _ = np.histogram(values, bins, ends, weights=runs)
    return Histogram(start, width, counts.astype(np.int64))


def _spacing(values: Array, unit: float) -> float:
    """Greatest common divisor of all differences, if all values are integer multiples of the unit; else 0.

    The first values settle most cases: what is no multiple among them is none among all.
    """
    if _multiples(values[:FIRST], unit) is None or (multiples := _multiples(values, unit)) is None:
        return 0.0
    if _divisor(multiples[:FIRST]) == 1:
        return unit
    return unit * max(1, _divisor(multiples))


def _multiples(values: Array, unit: float) -> Array | None:
    """Values in units, if all are whole numbers of them."""
    units = values / unit
    integers = np.rint(units)
    return integers if np.abs(units - integers).max() <= 1e-6 else None


def _divisor(integers: Array) -> int:
    return int(np.gcd.reduce((integers - integers.min()).astype(np.int64)))
