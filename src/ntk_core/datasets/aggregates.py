"""`aggregates.nc` of an experiment that keeps no runs, and its shards, which are such files of one width.

Written cell by cell from the aggregates of each quantity, and read back cell by cell. Files of disjoint seeds
add up: nothing in them depends on how the seeds were cut. Histograms are stored over all bins and packed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
from numpy.typing import NDArray

from ..execution.compute import TASK_COST, Workers, compute
from ..experiments.drawn import SHARD_TASKS, DrawnExperiment, Piece, tasks
from ..experiments.shards import Shard
from ..network import Array
from ..quantities import QUANTITIES
from ..sampling.aggregate import Aggregate, aggregate_cell, relative_edges
from ..storage.atomic import replacing
from ..storage.checksums import seal
from ..storage.metadata import attributes, meaning
from ..theory import bounds
from .aggregates_file import CELL, DIGITS, FORMS, AggregatesFile, add_cells, bin_units, coordinates
from .comparisons import Comparisons, comparisons
from .theory import theory_dataset
from .validation import ResultsError

PACKING: dict[str, Any] = {"zlib": True, "complevel": 1, "shuffle": True, "fletcher32": True}


def aggregate_attributes(experiment: DrawnExperiment, entropy: int) -> dict[str, Any]:
    """Global attributes of the file of an experiment."""
    return attributes(
        f"Linearization error of two-layer ReLU networks: aggregates of {experiment.name}",
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
            file.createDimension(name, len(values))
            _write_coordinate(file, name, values)
        lower = file.createVariable("bin_lower", "f8", ("bin",), **PACKING)
        lower[:] = relative_edges(sizes["bin"])
        for name, (dims, kind) in FORMS.items():
            whole = [dim for dim in dims if dim not in ("quantity", *CELL)]
            chunks = [sizes[dim] if dim in whole else 1 for dim in dims]
            variable = file.createVariable(name, kind, dims, chunksizes=chunks, fill_value=False, **PACKING)
            variable.set_var_chunk_cache(1 << 20)
        for name in ("bin_lower", *FORMS):
            file[name].setncatts(meaning(name, name == "bin_lower") | {"units": "1"})
        file["bin_unit"][:] = bin_units(experiment)
        file.setncatts(aggregate_attributes(experiment, entropy))

    def put(self, index: tuple[int, ...], aggregates: Sequence[Aggregate]) -> None:
        """Write the aggregates of each quantity of the cell at `index`."""
        levels = len(self._experiment.delta), len(self._experiment.x_norm)
        histogram = np.zeros((len(aggregates), self._file.dimensions["bin"].size), np.int64)
        for row, aggregate in zip(histogram, aggregates, strict=True):
            row[aggregate.bins] = aggregate.counts
        over = [_split(aggregate.over, levels) for aggregate in aggregates]
        values: dict[str, Any] = {
            "histogram": histogram,
            "power_sum": [[_digits(total) for total in aggregate.sums] for aggregate in aggregates],
            "smallest": [aggregate.smallest for aggregate in aggregates],
            "top_value": [aggregate.top_values for aggregate in aggregates],
            "top_seed": [aggregate.top_seeds for aggregate in aggregates],
            "exceedances": [counts[0] for counts in over],
            "exact_exceedances": [counts[1] for counts in over],
            "exact_shortfalls": [self._experiment.seeds - counts[2] for counts in over],
        }
        for name, value in values.items():
            self._file[name][(slice(None), *index)] = np.array(value)


def _write_coordinate(file: netCDF4.Dataset, name: str, values: Sequence[Any]) -> None:
    """A coordinate variable; text as characters, because strings of any length crash HDF5 in threads."""
    array = np.asarray(values)
    if array.dtype.kind == "U":
        size = max(map(len, values))
        if f"string{size}" not in file.dimensions:
            file.createDimension(f"string{size}", size)
        variable = file.createVariable(name, "S1", (name, f"string{size}"))
        variable._Encoding = "utf-8"
        variable[:] = array.astype(f"S{size}").view("S1").reshape(len(values), size)
    else:
        variable = file.createVariable(name, "f8" if array.dtype.kind == "f" else "i8", (name,))
        variable.units = "1"
        variable[:] = array
    variable.setncatts(meaning(name, True))


def _digits(total: int) -> NDArray[np.uint32]:
    return np.frombuffer(total.to_bytes(4 * DIGITS, "little"), "<u4")


def _thresholds(limits: Comparisons) -> Array:
    """All that the runs of a cell are compared with, `(quantities, …)`: bounds, above, below."""
    rows = [np.moveaxis(limits.bounds, 1, 0), limits.above, np.nextafter(limits.below, -1.0)]
    return np.concatenate([row.reshape(len(QUANTITIES), -1) for row in rows], axis=1)


def _split(over: NDArray[np.int64], levels: tuple[int, int]) -> list[NDArray[np.int64]]:
    """The counts over `_thresholds` of one quantity, by kind."""
    delta, x_norm = levels
    parts = np.split(over, [len(bounds.BOUNDS) * delta * x_norm, over.size - delta])
    return [parts[0].reshape(len(bounds.BOUNDS), delta, x_norm), parts[1], parts[2]]


def aggregate_pieces(entropy: int, work: list[tuple[Piece, Array]]) -> list[list[Aggregate]]:
    """One task: the aggregates of each piece, by quantity. Runs on a worker."""
    return [
        aggregate_cell(entropy, piece.cell, piece.start, piece.stop, thresholds) for piece, thresholds in work
    ]


def aggregate_shard(
    shard: Shard[DrawnExperiment], path: str | Path, workers: Workers, report: Callable[[int], None]
) -> None:
    """Draw the runs of a shard on the workers, write what is kept of them to `path`, and seal the file.

    Calls `report` with the number of runs of each finished task.
    """
    numbers = range(shard.start, shard.stop)
    experiment = shard.experiment.part(shard.m, numbers)
    theory = theory_dataset(experiment, shard.entropy, experiment.delta, experiment.x_norm, workers)
    thresholds = list(map(_thresholds, comparisons(experiment, theory)))
    work = [[(piece, thresholds[piece.index]) for piece in pieces] for pieces in tasks(shard, max(TASK_COST, shard.cost() / SHARD_TASKS))]
    results = compute(
        workers,
        partial(aggregate_pieces, shard.entropy),
        work,
        lambda done: report(sum(aggregates[0].runs for aggregates in done)),
    )
    parts: list[list[list[Aggregate]]] = [[] for _ in thresholds]
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


def add(
    experiment: DrawnExperiment,
    entropy: int,
    files: Sequence[tuple[str | Path, DrawnExperiment]],
    path: str | Path,
    workers: Workers | None,
) -> None:
    """Write the aggregates of an experiment to `path`: the sum of `files`, each with its part of it.

    The parts of each width must have disjoint seeds that are all of those of the experiment, in any order;
    `ValueError` says where they do not, `ResultsError` where a file is damaged or holds other runs.
    """
    groups = []
    for position, m in enumerate(experiment.m):
        parts = sorted(
            (part.numbers.start, part.numbers.stop, str(Path(file).resolve()), part)
            for file, part in files
            if m in part.m
        )
        edges = [experiment.numbers.start, *(stop for _, stop, _, _ in parts)]
        if [start for start, *_ in parts] != edges[:-1] or edges[-1] != experiment.numbers.stop:
            ranges = [part[:2] for part in parts]
            first, last = experiment.numbers.start, experiment.numbers.stop
            raise ValueError(f"the parts of m = {m} hold the seeds {ranges}, not {first} to {last}")
        groups += [(position, m, parts[i : i + GROUP]) for i in range(0, len(parts), GROUP)]
    results = compute(workers, partial(_add_group, experiment, entropy), groups)
    _write(path, experiment, entropy, _in_order(experiment, [g[0] for g in groups], results))


def _add_group(
    experiment: DrawnExperiment, entropy: int, group: tuple[int, int, list[tuple[int, int, str, DrawnExperiment]]]
) -> list[list[Aggregate]]:
    """One task, on a worker: the sum of some files over the cells of one width, cell by cell."""
    _, m, parts = group
    with ExitStack() as stack:
        readers = [stack.enter_context(AggregatesFile(path)) for _, _, path, _ in parts]
        for reader, (_, _, path, part) in zip(readers, parts, strict=True):
            if (reader.experiment, reader.entropy) != (part, entropy):
                raise ResultsError(f"{path} holds other runs than its name says")
        return [
            add_cells(
                [
                    reader.cell(part.place(cell.perturbation, m, cell.d, cell.alpha))
                    for reader, (*_, part) in zip(readers, parts, strict=True)
                ]
            )
            for cell in experiment.cells([m])
        ]


def _in_order(
    experiment: DrawnExperiment, positions: Sequence[int], results: Sequence[list[list[Aggregate]]]
) -> Iterator[tuple[tuple[int, ...], list[Aggregate]]]:
    """The cells of the experiment in the order of the file, each the sum of its groups."""
    for index in np.ndindex(experiment.shape):
        p, q, r, s = index
        number = np.ravel_multi_index((p, r, s), (experiment.shape[0], *experiment.shape[2:]))
        of_width = [result for position, result in zip(positions, results, strict=True) if position == q]
        yield index, add_cells([result[number] for result in of_width])
