"""From a shard to its file, and from shards to `runs.nc`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from ..execution.workers import TASK_COST, Workers, compute
from ..experiments.drawn import Experiment, Piece, Shard, Work, spec, tasks
from ..experiments.trained import Training
from ..network import Array
from ..quantities import QUANTITIES
from ..sampling.samplers import simulate
from ..sampling.streams import FORMAT_VERSION
from ..storage.checksums import broken, seal, seal_path
from ..storage.netcdf import CACHE, RunsWriter, attributes, replacing, run_coordinates


def simulate_pieces(entropy: int, pieces: list[Piece]) -> list[Array]:
    """One task: the quantities of each piece, `(5, runs)` each. Runs on a worker."""
    return [simulate(entropy, piece.cell, piece.start, piece.stop) for piece in pieces]


def simulate_shard(
    shard: Shard[Experiment], path: str | Path, workers: Workers, report: Callable[[int], None]
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
        replace(experiment, m=(shard.m,), seeds=seeds, first_seed=shard.start),
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
    """`simulate_shard`, or for a trained experiment `training.runs.train_shard`."""
    if isinstance(shard.experiment, Training):
        from .trained_shard import train_shard  # xarray is slow to import, and wanted there alone

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


def collect(experiment: Work, entropy: int, shards: Sequence[str | Path], path: str | Path) -> None:
    """Join the shards of an experiment of either kind into one runs file.

    The file is written in its own order, chunk by chunk, so its bytes do not depend on how the
    runs were cut into shards, and memory not on how many there are. Raises `ValueError` if the
    shards do not cover the experiment exactly.
    """
    if isinstance(experiment, Training):
        from .trained_shard import collect as collect_trained

        collect_trained(experiment, entropy, shards, path)
        return
    attrs = runs_attributes(experiment, entropy)
    coords = run_coordinates(experiment, experiment.m, experiment.numbers)
    with (
        _Shards(shards, experiment, entropy) as source,
        replacing(path) as beside,
        netCDF4.Dataset(beside, "w") as file,
    ):
        writer = RunsWriter(file, coords, attrs, archival=True)
        chunk = writer.chunk(experiment.seeds)
        for quantity in QUANTITIES:
            for cell in np.ndindex(experiment.shape):
                for low in range(0, experiment.seeds, chunk):
                    high = min(low + chunk, experiment.seeds)
                    first = experiment.first_seed
                    runs = source.read(quantity, experiment.m[cell[1]], cell, first + low, first + high)
                    writer.put(quantity, cell, slice(low, high), runs)


def runs_attributes(experiment: Experiment, entropy: int) -> dict[str, Any]:
    """Global attributes of a `runs.nc`."""
    return attributes(
        f"Linearization error of two-layer ReLU networks: runs of {experiment.name}",
        "One value a run for the linearization error, its two parts, the fraction of sign changes and "
        "the fraction of neurons in the band, over a full grid of displacement law, width, input "
        "dimension and radius.",
        experiment,
        entropy,
    )


class _Shards:
    """Shards of an experiment to read from, checked to be its own and to cover it exactly."""

    OPEN = 64
    """Files held open at once: far below any system's limit."""

    def __init__(self, paths: Sequence[str | Path], experiment: Experiment, entropy: int) -> None:
        self._open: dict[str, netCDF4.Dataset] = {}
        self._parts: dict[int, list[tuple[int, int, str]]] = {m: [] for m in experiment.m}
        for path in map(str, paths):
            file = self._file(path)
            found, expected = json.loads(file.spec), {**spec(experiment), "entropy": str(entropy)}
            for key in ("sampler", "perturbation", "d", "alpha", "entropy"):
                if found[key] != json.loads(json.dumps(expected[key])):
                    raise ValueError(f"{path} holds {key} {found[key]}, not {expected[key]}")
            if found.get("laws") != expected.get("laws"):
                raise ValueError(f"{path} was made with other laws of the same names")
            if file.format_version != FORMAT_VERSION:
                raise ValueError(f"{path} has format {file.format_version}, not {FORMAT_VERSION}")
            seeds = file["seed"]
            self._parts[int(file["m"][0])].append((int(seeds[0]), int(seeds[-1]) + 1, path))
        for m, parts in self._parts.items():
            parts.sort()
            first, last = experiment.numbers.start, experiment.numbers.stop
            edges = [first, *(stop for _, stop, _ in parts)]
            if [start for start, _, _ in parts] != edges[:-1] or edges[-1] != last:
                held = [part[:2] for part in parts]
                raise ValueError(f"shards of m = {m} hold the seeds {held}, not {first} to {last}")

    def __enter__(self) -> _Shards:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._open.values():
            file.close()

    def _file(self, path: str) -> netCDF4.Dataset:
        if path not in self._open:
            if len(self._open) >= self.OPEN:
                self._open.pop(next(iter(self._open))).close()
            self._open[path] = netCDF4.Dataset(path)
            self._open[path].set_auto_mask(False)
            for quantity in QUANTITIES:
                self._open[path][quantity].set_var_chunk_cache(CACHE)
        return self._open[path]

    def read(self, quantity: str, m: int, cell: tuple[int, ...], low: int, high: int) -> Array:
        """Seeds low … high - 1 of a quantity; `cell` indexes (perturbation, m, d, alpha)."""
        perturbation, _, d, alpha = cell
        return np.concatenate(
            [
                self._file(path)[quantity][
                    perturbation, 0, d, alpha, max(low, start) - start : min(high, stop) - start
                ]
                for start, stop, path in self._parts[m]
                if start < high and stop > low
            ]
        )
