"""A shard of runs, and its file `shards/<key>/m<width>_seeds<start>-<stop>.nc`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from ..execution.compute import TASK_COST, Workers, compute
from ..experiments.drawn import DrawnExperiment, Piece, tasks
from ..experiments.shards import Shard
from ..network import Array
from ..quantities import QUANTITIES
from ..sampling.samplers import simulate
from ..storage.atomic import replacing
from ..storage.checksums import broken, seal, seal_path
from ..storage.metadata import attributes
from .runs import RunsWriter, run_coordinates


def simulate_pieces(entropy: int, pieces: list[Piece]) -> list[Array]:
    """One task: the quantities of each piece, `(quantities, runs)` each. Runs on a worker."""
    return [simulate(entropy, piece.cell, piece.start, piece.stop) for piece in pieces]


def simulate_shard(
    shard: Shard[DrawnExperiment], path: str | Path, workers: Workers, report: Callable[[int], None]
) -> None:
    """Draw all runs of a shard on the workers and write them to `path`, and seal the file.

    `report` is called with the number of runs of each task that is done.
    """
    experiment = shard.experiment
    shape = (len(experiment.perturbation), 1, len(experiment.d), len(experiment.alpha))
    seeds = shard.stop - shard.start
    work = tasks(shard, TASK_COST)
    arrays = compute(
        workers, partial(simulate_pieces, shard.entropy), work, lambda done: report(_number_of_runs(done))
    )
    cells: list[list[Array]] = [[] for _ in np.ndindex(shape)]
    for pieces, drawn in zip(work, arrays, strict=True):
        for piece, runs in zip(pieces, drawn, strict=True):  # ascending seeds in every cell
            cells[piece.index].append(runs)
    attrs = attributes(
        f"Linearization error of two-layer ReLU networks: one shard of {experiment.name}",
        f"Runs {shard.start} to {shard.stop - 1} of every cell at width {shard.m}.",
        experiment.part(shard.m, range(shard.start, shard.stop)),
        shard.entropy,
    )
    coords = run_coordinates(experiment, (shard.m,), range(shard.start, shard.stop))
    with replacing(path) as beside, netCDF4.Dataset(beside, "w") as file:
        writer = RunsWriter(file, coords, attrs, archival=False)
        for row, quantity in enumerate(QUANTITIES):
            for cell, drawn in zip(np.ndindex(shape), cells, strict=True):
                writer.put(quantity, cell, slice(0, seeds), np.concatenate([runs[row] for runs in drawn]))
    seal(Path(path))


def _number_of_runs(arrays: list[Array]) -> int:
    return sum(array.shape[1] for array in arrays)


def make_shard(shard: Shard[Any], path: str | Path, workers: Workers, report: Callable[[int], None]) -> None:
    """`simulate_shard`, or for a trained experiment `trained_shard.train_shard`."""
    if shard.experiment.kind == "trained":
        from .trained_shard import train_shard  # xarray is slow to import

        train_shard(shard, path, workers, report)
    else:
        simulate_shard(shard, path, workers, report)


class DamagedShardError(RuntimeError):
    """Shards whose bytes are not those that were sealed; the message names them."""


def discard_damaged(shards: Iterable[Path]) -> None:
    """Remove each shard whose file is not as it was sealed, for the next run to make it again.

    Raises `DamagedShardError` where there was one.
    """
    damaged = {path: fault for path in shards if (fault := broken(path))}
    for path in damaged:
        path.unlink(missing_ok=True)
        seal_path(path).unlink(missing_ok=True)
    if damaged:
        faults = "\n".join(f"{path} is {fault} and was removed." for path, fault in damaged.items())
        raise DamagedShardError(f"{faults}\nCall again: the runs in it are made again, all others are kept.")
