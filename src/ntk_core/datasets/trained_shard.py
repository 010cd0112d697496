"""A shard of trained runs, and its file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ..execution.compute import TASK_COST, Workers, compute
from ..experiments.shards import Shard
from ..experiments.trained import TrainedExperiment
from ..sampling.data import load, nearest_angles
from ..sampling.descent import Status, Trained, train
from ..sampling.training import VARIABLES
from ..storage.checksums import seal
from ..storage.metadata import attributes, describe
from ..storage.netcdf import write


def train_seeds(experiment: TrainedExperiment, entropy: int, m: int, seeds: range) -> list[Trained]:
    """One task, on a worker: some runs of a width."""
    data = load(experiment, entropy)
    return [train(experiment, data, entropy, m, seed) for seed in seeds]


def train_shard(
    shard: Shard[TrainedExperiment], path: str | Path, workers: Workers, report: Callable[[int], None]
) -> None:
    """Train all runs of a shard on the workers, write them to `path`, and seal the file.

    Calls `report` with the number of runs of each finished task.
    """
    experiment = shard.experiment
    size = max(1, int(TASK_COST / experiment.seed_cost(shard.m)))
    work = [range(low, min(low + size, shard.stop)) for low in range(shard.start, shard.stop, size)]
    task = partial(train_seeds, experiment, shard.entropy, shard.m)
    runs = [
        run for results in compute(workers, task, work, lambda runs: report(len(runs))) for run in results
    ]
    attrs = attributes(
        "one shard of",
        f"Runs {shard.start} to {shard.stop - 1} at width {shard.m}.",
        shard.content,
        shard.entropy,
    )
    write(describe(_dataset(shard, runs), attrs, experiment), path)
    seal(Path(path))


def _dataset(shard: Shard[TrainedExperiment], runs: Sequence[Trained]) -> xr.Dataset:
    experiment = shard.experiment
    arrays = [run.variables() for run in runs]
    variables: dict[str, Any] = {
        name: (dims, np.stack([run[name] for run in arrays])[None]) for name, dims in VARIABLES.items()
    }
    status = np.array([[run.status for run in runs]], dtype=np.int8)
    flags = {"flag_values": np.array(Status, dtype=np.int8), "flag_meanings": _meanings()}
    variables["status"] = (("m", "seed"), status, flags)
    variables["steps_taken"] = (("m", "seed"), np.array([[run.steps for run in runs]], dtype=np.int64))
    data = load(experiment, shard.entropy)
    coords = {
        "m": np.array([shard.m], dtype=np.int64),
        "seed": np.arange(shard.start, shard.stop, dtype=np.int64),
        "steps": np.array(experiment.times, dtype=np.int64),
        "input": np.arange(experiment.held_out_inputs, dtype=np.int64),
        "target": ("input", data.held_y),
        "training_angle": ("input", nearest_angles(data)),
        "training_input": np.arange(experiment.training_inputs, dtype=np.int64),
        "training_target": ("training_input", data.y),
    }
    return xr.Dataset(variables, coords)


def _meanings() -> str:
    return " ".join(status.name.lower() for status in Status)
