"""`aggregates.nc` of an experiment that keeps no runs, and its shards, which are such files of one width.

Written cell by cell from the aggregates of each quantity, and read back cell by cell. Files of disjoint seeds
add up: nothing in them depends on how the seeds were cut. Histograms are stored over all bins and packed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import netCDF4
import numpy as np
from numpy.typing import NDArray

from ..execution.compute import TASK_COST, Workers, compute
from ..experiments.drawn import GRID_AXES, SHARD_TASKS, DrawnExperiment, Piece, tasks
from ..experiments.shards import Shard
from ..network import Array
from ..quantities import QUANTITIES
from ..sampling.aggregate import Aggregate, aggregate_cell, relative_edges
from ..storage.atomic import replacing
from ..storage.checksums import seal
from ..storage.metadata import attributes, meaning
from .aggregates_file import (
    DIGITS,
    FORMS,
    AggregatesFile,
    add_cells,
    bin_units,
    coordinates,
    counts_over,
)
from .comparisons import Comparisons, comparisons
from .runs import CACHE, PACKING, write_coordinate
from .shard_checks import check_seeds_cover
from .theory import theory_dataset
from .validation import ResultsError

CHECKED_PACKING: dict[str, Any] = PACKING | {"fletcher32": True}


def aggregate_attributes(experiment: DrawnExperiment, entropy: int) -> dict[str, Any]:
    """Global attributes of the file of an experiment."""
    return attributes(
        "aggregates of",
        "Of all runs of each cell: exact sums of powers, histograms, runs over each bound, and the largest "
        "values with their seeds, for the linearization error, its two parts, the fraction of sign changes "
        "and the fraction of neurons in the band.",
        experiment,
        entropy,
    )


class AggregatesWriter:
    """Writes the file of an experiment, cell by cell."""

    def __init__(self, file: netCDF4.Dataset, experiment: DrawnExperiment, entropy: int) -> None:
        self._file, self._experiment = file, experiment
        sizes: dict[str, int] = {}
        for name, values in coordinates(experiment).items():
            sizes[name] = len(values)
            write_coordinate(file, experiment, name, values)
        lower = file.createVariable("bin_lower", "f8", ("bin",), **CHECKED_PACKING)
        lower[:] = relative_edges(sizes["bin"])
        for name, (dims, kind) in FORMS.items():
            whole = [dim for dim in dims if dim not in ("quantity", *GRID_AXES)]
            chunks = [sizes[dim] if dim in whole else 1 for dim in dims]
            variable = file.createVariable(
                name, kind, dims, chunksizes=chunks, fill_value=False, **CHECKED_PACKING
            )
            variable.set_var_chunk_cache(CACHE)
        for name in ("bin_lower", *FORMS):
            file[name].setncatts(meaning(experiment, name, name == "bin_lower") | {"units": "1"})
        file["bin_unit"][:] = bin_units(experiment)
        file.setncatts(aggregate_attributes(experiment, entropy))

    def put(self, index: tuple[int, ...], aggregates: Sequence[Aggregate]) -> None:
        """Write the aggregates of each quantity of the cell at `index`."""
        histogram = np.zeros((len(aggregates), self._file.dimensions["bin"].size), np.int64)
        for row, aggregate in zip(histogram, aggregates, strict=True):
            row[aggregate.bins] = aggregate.counts
        counts = [counts_over(aggregate, self._experiment) for aggregate in aggregates]
        values: dict[str, Any] = {
            "histogram": histogram,
            "power_sum": [[_digits(total) for total in aggregate.sums] for aggregate in aggregates],
            "smallest": [aggregate.smallest for aggregate in aggregates],
            "top_value": [aggregate.top_values for aggregate in aggregates],
            "top_seed": [aggregate.top_seeds for aggregate in aggregates],
            **{name: [of_quantity[name] for of_quantity in counts] for name in counts[0]},
        }
        for name, value in values.items():
            self._file[name][(slice(None), *index)] = np.array(value)


def _digits(total: int) -> NDArray[np.uint32]:
    return np.frombuffer(total.to_bytes(4 * DIGITS, "little"), "<u4")


def thresholds(limits: Comparisons) -> Array:
    """All that the runs of a cell are compared with, `(quantities, …)`: bounds, above, below."""
    rows = [np.moveaxis(limits.bounds, 1, 0), limits.above, np.nextafter(limits.below, -1.0)]
    return np.concatenate([row.reshape(len(QUANTITIES), -1) for row in rows], axis=1)


def aggregate_pieces(entropy: int, work: list[tuple[Piece, Array]]) -> list[list[Aggregate]]:
    """One task: the aggregates of each piece, by quantity. Runs on a worker."""
    return [aggregate_cell(entropy, piece.cell, piece.start, piece.stop, of_cell) for piece, of_cell in work]


def aggregate_shard(
    shard: Shard[DrawnExperiment], path: str | Path, workers: Workers, report: Callable[[int], None]
) -> None:
    """Draw the runs of a shard on the workers, write what is kept of them to `path`, and seal the file.

    Calls `report` with the number of runs of each finished task.
    """
    experiment = shard.content
    theory = theory_dataset(experiment, shard.entropy, experiment.delta, experiment.x_norm, workers)
    of_cells = list(map(thresholds, comparisons(experiment, theory)))
    work = [
        [(piece, of_cells[piece.index]) for piece in pieces]
        for pieces in tasks(shard, max(TASK_COST, shard.cost() / SHARD_TASKS))
    ]
    results = compute(
        workers,
        partial(aggregate_pieces, shard.entropy),
        work,
        lambda done: report(sum(aggregates[0].runs for aggregates in done)),
    )
    parts: list[list[list[Aggregate]]] = [[] for _ in of_cells]
    for pieces, done in zip(work, results, strict=True):
        for (piece, _), aggregates in zip(pieces, done, strict=True):
            parts[piece.index].append(aggregates)
    cells = (add_cells(pieces) for pieces in parts)
    _write(path, experiment, shard.entropy, zip(np.ndindex(experiment.shape), cells, strict=True))
    seal(Path(path))


def _write(
    path: str | Path,
    experiment: DrawnExperiment,
    entropy: int,
    cells: Iterable[tuple[tuple[int, ...], Sequence[Aggregate]]],
) -> None:
    with replacing(path) as temporary_path, netCDF4.Dataset(temporary_path, "w") as file:
        writer = AggregatesWriter(file, experiment, entropy)
        for index, aggregates in cells:
            writer.put(index, aggregates)


GROUP = 32
"""Files that one task adds up: so many are open at once."""

Part: TypeAlias = "tuple[str | Path, DrawnExperiment]"
"""A file of aggregates, and the grid that it holds."""


def add(
    experiment: DrawnExperiment,
    entropy: int,
    parts: Sequence[Part],
    path: str | Path,
    workers: Workers | None,
) -> None:
    """Write the aggregates of an experiment to `path`: the sum of `parts`.

    Those that hold a cell must have disjoint seeds that are all of those of the experiment, in any order;
    `ResultsError` says where they do not, or where a file is damaged or holds other runs.
    """
    groups = []
    for position, m in enumerate(experiment.m):
        of_width = [(str(Path(file).resolve()), part) for file, part in parts if m in part.m]
        of_width.sort(key=lambda part: part[1].first_seed)
        for cell in experiment.cells([m]):
            seeds = [part.numbers for _, part in of_width if part.has(cell)]
            check_seeds_cover(cell.name, seeds, experiment.numbers)
        groups += [(position, of_width[i : i + GROUP]) for i in range(0, len(of_width), GROUP)]
    sums = compute(workers, partial(_add_group, experiment, entropy), groups)
    widths = [
        [one for (q, _), one in zip(groups, sums, strict=True) if q == width]
        for width in range(len(experiment.m))
    ]
    _write(path, experiment, entropy, _in_order(experiment, widths))


def _add_group(
    experiment: DrawnExperiment, entropy: int, group: tuple[int, list[tuple[str, DrawnExperiment]]]
) -> list[list[Aggregate]]:
    """One task, on a worker: the sum of some files over the cells of one width; of no file, an empty list."""
    position, parts = group
    with ExitStack() as stack:
        files = [(stack.enter_context(AggregatesFile(path)), part) for path, part in parts]
        for file, part in files:
            if (file.experiment, file.entropy) != (part, entropy):
                raise ResultsError(f"{file.path} holds other runs than its name says")
        return [
            add_cells(file.cell(part.place_of(cell)) for file, part in files if part.has(cell))
            for cell in experiment.cells([experiment.m[position]])
        ]


def _in_order(
    experiment: DrawnExperiment, widths: Sequence[Sequence[list[list[Aggregate]]]]
) -> Iterator[tuple[tuple[int, ...], list[Aggregate]]]:
    """The cells of the experiment in the order of the file, each the sum of the groups of its width."""
    shape = experiment.shape
    for p, q, r, s in np.ndindex(shape):
        number = int(np.ravel_multi_index((p, r, s), (shape[0], *shape[2:])))
        yield (p, q, r, s), add_cells(group[number] for group in widths[q] if group[number])
