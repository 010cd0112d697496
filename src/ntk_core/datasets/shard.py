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
from ..sampling.samplers import simulate
from ..storage.atomic import replacing
from ..storage.checksums import seal, seal_fault, seal_path
from ..storage.metadata import attributes
from .runs import RunsWriter


def simulate_pieces(entropy: int, pieces: list[Piece]) -> list[Array]:
    """One task: the variables of each piece, `(variables, runs)` each. Runs on a worker."""
    return [simulate(entropy, piece.cell, piece.start, piece.stop) for piece in pieces]


def simulate_shard(
    shard: Shard[DrawnExperiment], path: str | Path, workers: Workers, report: Callable[[int], None]
) -> None:
    """Draw all runs of a shard on the workers, write them to `path`, and seal the file.

    Calls `report` with the number of runs of each finished task.
    """
    experiment = shard.content
    work = tasks(shard, TASK_COST)
    arrays = compute(
        workers, partial(simulate_pieces, shard.entropy), work, lambda arrays: report(_number_of_runs(arrays))
    )
    cells: list[list[Array]] = [[] for _ in np.ndindex(experiment.shape)]
    for pieces, task_arrays in zip(work, arrays, strict=True):
        for piece, runs in zip(pieces, task_arrays, strict=True):  # ascending seeds in every cell
            cells[piece.index].append(runs)
    attrs = attributes(
        "one shard of",
        f"Runs {shard.start} to {shard.stop - 1} of every cell at width {shard.m}.",
        experiment,
        shard.entropy,
    )
    with replacing(path) as temporary_path, netCDF4.Dataset(temporary_path, "w") as file:
        writer = RunsWriter(file, experiment, attrs, archival=False)
        for row, name in enumerate(experiment.variables):
            for cell, parts in zip(np.ndindex(experiment.shape), cells, strict=True):
                writer.put(
                    name, cell, slice(0, experiment.seeds), np.concatenate([runs[row] for runs in parts])
                )
    seal(Path(path))


def _number_of_runs(arrays: list[Array]) -> int:
    return sum(array.shape[1] for array in arrays)


def make_shard(shard: Shard[Any], path: str | Path, workers: Workers, report: Callable[[int], None]) -> None:
    """`simulate_shard`, `aggregates.aggregate_shard` or `trained_shard.train_shard`, as the experiment is."""
    if shard.experiment.kind == "trained":
        from .trained_shard import train_shard  # xarray is slow to import

        train_shard(shard, path, workers, report)
    elif shard.experiment.keep == "aggregates":
        from .aggregates import aggregate_shard

        aggregate_shard(shard, path, workers, report)
    else:
        simulate_shard(shard, path, workers, report)


class DamagedShardError(RuntimeError):
    """Shards whose bytes do not match their seals; the message names them."""


def discard_damaged(shards: Iterable[Path]) -> None:
    """Remove each shard that does not match its seal, so that the next call recomputes it.

    A folder in the place of a shard or of its seal is named and left: what is in it was not written here. So
    is a shard that cannot be read: it may match. Raises `DamagedShardError` if there is a shard that does not
    match, or may not.
    """
    faults: list[str] = []
    for path in shards:
        fault = seal_fault(path)
        if fault == "unreadable":
            faults.append(f"{path} or its seal cannot be read and was left: see to its disk and permissions.")
        elif fault:
            removed = "" if fault == "missing" else " and was removed"
            files = {path: f"{path} is {fault}{removed}.", seal_path(path): ""}
            for file in files:
                if file.is_dir() and not file.is_symlink():
                    files[file] = f"{file} is a folder, not a file, and was left: move it elsewhere."
                else:
                    file.unlink(missing_ok=True)
            faults += filter(None, files.values())
    if faults:
        raise DamagedShardError(
            "\n".join([*faults, "Call again to recompute these runs; all other shards are kept."])
        )
