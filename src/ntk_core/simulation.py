"""From a shard to its file, and from shards to `runs.nc`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import netCDF4
import numpy as np

from .band import QUANTITIES
from .datasets import RunsWriter, attributes, replacing, run_coordinates
from .execution import TASK_COST, compute
from .grid import Experiment, Piece, Shard, tasks
from .network import Array
from .samplers import simulate

if TYPE_CHECKING:
    from distributed import Client


def simulate_pieces(entropy: int, pieces: list[Piece]) -> list[Array]:
    """One task: the quantities of each piece, `(5, runs)` each. Runs on a worker."""
    return [simulate(entropy, piece.cell, piece.start, piece.stop) for piece in pieces]


def simulate_shard(shard: Shard, path: str | Path, client: Client, report: Callable[[int], None]) -> None:
    """Draw all runs of a shard on the client's workers and write them to `path`.

    `report` is told the number of runs done, now and then.
    """
    experiment = shard.experiment
    shape = (len(experiment.perturbation), 1, len(experiment.d), len(experiment.alpha))
    seeds = shard.stop - shard.start
    values = np.empty((len(QUANTITIES), int(np.prod(shape)), seeds))
    work = tasks(shard, TASK_COST)
    done = 0
    for index, arrays in compute(client, partial(simulate_pieces, shard.entropy), work):
        for piece, array in zip(work[index], arrays, strict=True):
            values[:, piece.index, piece.start - shard.start : piece.stop - shard.start] = array
            done += array.shape[1]
        report(done)
    attrs = attributes(
        f"Linearization error of two-layer ReLU networks: one shard of {experiment.name}",
        f"Runs {shard.start} to {shard.stop - 1} of every cell at width {shard.m}.",
        replace(experiment, m=(shard.m,), seeds=seeds),
        shard.entropy,
    )
    coords = run_coordinates(experiment, (shard.m,), range(shard.start, shard.stop))
    with replacing(path) as beside, netCDF4.Dataset(beside, "w") as file:
        writer = RunsWriter(file, coords, attrs, compress=False)
        for quantity, cells in zip(QUANTITIES, values, strict=True):
            for cell, runs in zip(np.ndindex(shape), cells, strict=True):
                writer.put(quantity, cell, slice(0, seeds), runs)


def collect(experiment: Experiment, entropy: int, shards: Sequence[str | Path], path: str | Path) -> None:
    """Join the shards of an experiment into one runs file.

    The file is written in its own order, chunk by chunk, so its bytes do not depend on how the
    runs were cut into shards, and memory not on how many there are. Raises `ValueError` if the
    shards do not cover the experiment exactly.
    """
    attrs = attributes(
        f"Linearization error of two-layer ReLU networks: runs of {experiment.name}",
        "One value a run for the linearization error, its two parts, the fraction of sign changes and "
        "the fraction of neurons in the band, over a full grid of displacement law, width, input "
        "dimension and radius.",
        experiment,
        entropy,
    )
    coords = run_coordinates(experiment, experiment.m, range(experiment.seeds))
    sources = [netCDF4.Dataset(shard) for shard in shards]
    try:
        by_width = {m: _in_order(sources, m, experiment.seeds) for m in experiment.m}
        shape = tuple(len(coords[name]) for name in ("perturbation", "m", "d", "alpha"))
        with replacing(path) as beside, netCDF4.Dataset(beside, "w") as file:
            writer = RunsWriter(file, coords, attrs, compress=True)
            for quantity in QUANTITIES:
                for cell in np.ndindex(shape):
                    parts = by_width[experiment.m[cell[1]]]
                    for low in range(0, experiment.seeds, RunsWriter.CHUNK):
                        high = min(low + RunsWriter.CHUNK, experiment.seeds)
                        runs = _read(parts, quantity, cell, low, high)
                        writer.put(quantity, cell, slice(low, high), runs)
    finally:
        for source in sources:
            source.close()


Part = tuple[int, int, netCDF4.Dataset]


def _in_order(sources: Sequence[netCDF4.Dataset], m: int, seeds: int) -> list[Part]:
    """The shards of one width as `(start, stop, file)`, checked to cover seeds 0 … seeds - 1."""
    parts = []
    for source in sources:
        source.set_auto_mask(False)
        if source["m"][0] == m:
            parts.append((int(source["seed"][0]), int(source["seed"][-1]) + 1, source))
    parts.sort(key=lambda part: part[:2])
    edges = [0, *(stop for _, stop, _ in parts)]
    if [start for start, _, _ in parts] != edges[:-1] or edges[-1] != seeds:
        held = [part[:2] for part in parts]
        raise ValueError(f"shards of m = {m} hold the seeds {held}, not 0 to {seeds}")
    return parts


def _read(parts: list[Part], quantity: str, cell: tuple[int, ...], low: int, high: int) -> Array:
    """Seeds low … high - 1 of one quantity of one cell; `cell` indexes (perturbation, m, d, alpha)."""
    perturbation, _, d, alpha = cell
    return np.concatenate(
        [
            file[quantity][perturbation, 0, d, alpha, max(low, start) - start : min(high, stop) - start]
            for start, stop, file in parts
            if start < high and stop > low
        ]
    )
