"""Results as the claims read them: each experiment's runs, quantiles and rates."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr

from ..datasets.file_reader import FileReader
from ..execution.compute import Workers, compute
from ..experiments.drawn import DrawnExperiment
from ..experiments.trained import TrainedExperiment
from ..network import Array
from ..sampling.cell import Cell

CHUNK = 1 << 17
"""Number of runs of a cell that a task holds at once."""

Test = Callable[[Cell, Array], Array]
"""From a cell and quantities of some of its runs `(quantities, runs)` to numbers `(k,)`."""

Piece = tuple[Cell, tuple[int | slice, ...]]
"""A cell and the index of some of its runs in the file."""


@dataclass(frozen=True)
class DrawnTables:
    """One experiment: its grid, the path of its runs or aggregates, its quantiles and rates."""

    experiment: DrawnExperiment
    data: Path
    table: xr.Dataset
    rates: xr.Dataset


@dataclass(frozen=True)
class TrainedTables:
    """One trained experiment: its spec, its table of moments and bounds, its rates."""

    experiment: TrainedExperiment
    table: xr.Dataset
    rates: xr.Dataset


@dataclass(frozen=True)
class Results:
    """All experiments of a results folder, and the workers that read their runs.

    `experiments` are those in the ball of Theorem 1, which the notes speak of; `balls` are drawn in another.
    """

    experiments: tuple[DrawnTables, ...]
    workers: Workers
    trainings: tuple[TrainedTables, ...] = ()
    balls: tuple[DrawnTables, ...] = ()

    def of(self, sampler: str) -> tuple[DrawnTables, ...]:
        """The experiments of one sampler, `band` or `dense`, whose runs are stored."""
        return tuple(
            item
            for item in self.experiments
            if item.experiment.sampler == sampler and item.experiment.keep == "runs"
        )

    def scan(self, test: Test, quantities: tuple[str, ...]) -> list[Array]:
        """Apply `test` to these quantities of all dense runs, in pieces on the workers, in order."""
        groups: list[tuple[str, list[Piece]]] = []
        for item in self.of("dense"):
            pieces: list[Piece] = [
                (cell, (*index, slice(start, start + CHUNK)))
                for index, cell in item.experiment.indexed_cells()
                for start in range(0, item.experiment.seeds, CHUNK)
            ]
            path = str(item.data.resolve())
            groups += [(path, pieces[i : i + 16]) for i in range(0, len(pieces), 16)]
        results = compute(self.workers, partial(_scan, test, quantities), groups)
        return [piece for group in results for piece in group]


def _scan(test: Test, quantities: tuple[str, ...], group: tuple[str, list[Piece]]) -> list[Array]:
    """One task, on a worker: apply `test` to each piece."""
    from ..datasets.validation import reading  # figures and pages need none of the config's model

    path, pieces = group
    results = []
    with FileReader(path) as runs:
        for cell, index in pieces:
            with reading(Path(path), "is damaged"):
                values = np.stack([runs.read(q, index) for q in quantities])
            results.append(test(cell, values))
    return results


def open_results(folders: Iterable[Path], workers: Workers) -> Results:
    """The experiments whose runs or aggregates, `quantiles.nc` and `rates.nc` are in the folders, by name.

    Those whose runs have weights are left out: claims count runs.

    Raises `ResultsError` where one cannot be read or is not what its spec says.
    """
    from ..datasets.data_file import data_file, open_data  # not needed by figures and pages, as above
    from ..datasets.runs_file import DrawnFile
    from ..datasets.validation import load_table

    drawn, trained = [], []
    for folder in sorted(folders):
        with open_data(data_file(folder)) as runs:
            if isinstance(runs, DrawnFile) and runs.experiment.weighted:
                continue
            spec = runs.experiment, runs.entropy
            table, rates = (load_table(folder / f"{name}.nc", *spec) for name in ("quantiles", "rates"))
        if isinstance(runs, DrawnFile):
            drawn.append(DrawnTables(runs.experiment, runs.path, table, rates))
        else:
            trained.append(TrainedTables(runs.experiment, table, rates))
    inside = tuple(item for item in drawn if math.isinf(item.experiment.norm))
    balls = tuple(item for item in drawn if math.isfinite(item.experiment.norm))
    return Results(inside, workers, tuple(trained), balls)
