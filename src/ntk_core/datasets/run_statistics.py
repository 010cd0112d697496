"""Quantiles, moments, counts and histograms of every cell from its stored runs, spread over workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..execution.compute import Workers, compute
from ..experiments.drawn import DrawnExperiment
from ..network import Array
from . import weighted_statistics
from .comparisons import Comparisons, comparisons
from .file_reader import FileReader
from .histograms import histogram
from .statistics import QUANTILES, ascending, quantiles, sample_moments

if TYPE_CHECKING:
    import xarray as xr

Index = tuple[int, ...]

TASK_RUNS = 1 << 20
"""Runs that one analysis task reads and sorts: a tenth of a second."""


def cells(
    runs: str | Path,
    theory: xr.Dataset,
    experiment: DrawnExperiment,
    archived: DrawnExperiment,
    workers: Workers | None,
) -> Iterator[tuple[Index, dict[str, Array]]]:
    """The index of each cell, and its statistics by name, `(quantities, …)` each.

    `runs` is the runs file of the grid `archived`, of which the experiment is a part. A task has some cells.
    It sorts each quantity of a cell once and looks up every δ, ‖x‖ and bar in the sorted values, because
    sorting takes the time.
    """
    quantities = tuple(map(str, theory["quantity"].values))
    size = max(1, TASK_RUNS // experiment.seeds)
    pieces = (
        (index, archived.place_of(cell), limits)
        for (index, cell), limits in zip(
            experiment.indexed_cells(), comparisons(experiment, theory), strict=True
        )
    )
    work = list(iter(lambda: list(islice(pieces, size)), []))
    path = str(Path(runs).resolve())
    of_cell = weighted_statistics.cell if experiment.weighted else cell
    task = partial(_cells, of_cell, path, quantities, experiment.seeds, theory["delta"].values)
    for cells_of_task, results in zip(work, compute(workers, task, work), strict=True):
        for (index, *_), statistics in zip(cells_of_task, results, strict=True):
            yield index, statistics


def _cells(
    of_cell: Callable[..., dict[str, Array]],
    path: str,
    quantities: tuple[str, ...],
    seeds: int,
    delta: Array,
    cells: list[tuple[Index, Index, Comparisons]],
) -> list[dict[str, Array]]:
    """One task, on a worker: statistics of cells, each with its index in grid and file."""
    with FileReader(path) as runs:
        return [
            of_cell(runs, (*place, slice(0, seeds)), quantities, delta, limits) for _, place, limits in cells
        ]


def cell(
    runs: FileReader,
    place: tuple[int | slice, ...],
    quantities: tuple[str, ...],
    delta: Array,
    limits: Comparisons,
) -> dict[str, Array]:
    """Statistics of one cell, quantity by quantity."""
    rows = []
    for number, quantity in enumerate(quantities):
        values = ascending(runs.read(quantity, place))
        over = partial(np.searchsorted, values, side="right")
        rows.append(
            {
                **dict(zip(QUANTILES, quantiles(values, delta), strict=True)),
                "exceedances": values.size - over(limits.bounds[:, number]),
                "exact_exceedances": values.size - over(limits.above[number]),
                "exact_shortfalls": np.searchsorted(values, limits.below[number], side="left"),
                **asdict(sample_moments(values)),
                **histogram(values, limits.units[number]),
            }
        )
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}
