"""From a shard of trained runs to its file, and from shards to `runs.nc`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ..execution.workers import TASK_COST, Workers, compute
from ..experiments.drawn import Shard
from ..experiments.trained import RUN_VARIABLES, Training
from ..quantities import QUANTITIES
from ..sampling.data import load
from ..sampling.descent import Status, Trained, train
from ..sampling.streams import FORMAT_VERSION
from ..storage.checksums import seal
from ..storage.netcdf import attributes, describe, write

TITLE = "Lazy training of two-layer ReLU networks"


def train_seeds(experiment: Training, entropy: int, m: int, seeds: range) -> list[Trained]:
    """One task: some runs of a width. Runs on a worker."""
    data = load(experiment, entropy)
    return [train(experiment, data, entropy, m, seed) for seed in seeds]


def train_shard(
    shard: Shard[Training], path: str | Path, workers: Workers, report: Callable[[int], None]
) -> None:
    """Train all runs of a shard on the workers and write them to `path`, and seal the file.

    `report` is called with the number of runs of each task that is done.
    """
    experiment = shard.experiment
    size = max(1, int(TASK_COST / experiment.seed_cost(shard.m)))
    work = [range(low, min(low + size, shard.stop)) for low in range(shard.start, shard.stop, size)]
    task = partial(train_seeds, experiment, shard.entropy, shard.m)
    runs = [
        run for trained in compute(workers, task, work, lambda done: report(len(done))) for run in trained
    ]
    attrs = attributes(
        f"{TITLE}: one shard of {experiment.name}",
        f"Runs {shard.start} to {shard.stop - 1} at width {shard.m}.",
        replace(experiment, m=(shard.m,), seeds=shard.stop - shard.start),
        shard.entropy,
    )
    dataset = _dataset(experiment, shard.entropy, shard.m, range(shard.start, shard.stop), runs)
    write(describe(dataset, attrs), path)
    seal(Path(path))


def _dataset(experiment: Training, entropy: int, m: int, seeds: range, runs: Sequence[Trained]) -> xr.Dataset:
    quantities = np.stack([run.quantities for run in runs])
    numbers = np.stack([run.numbers for run in runs])
    variables: dict[str, Any] = {
        name: (("m", "seed", "steps", "input"), quantities[None, :, index])
        for index, name in enumerate(QUANTITIES)
    }
    for index, name in enumerate(RUN_VARIABLES):
        variables[name] = (("m", "seed", "steps"), numbers[None, :, index])
    status = np.array([[run.status for run in runs]], dtype=np.int8)
    flags = {"flag_values": np.array(Status, dtype=np.int8), "flag_meanings": _meanings()}
    variables["status"] = (("m", "seed"), status, flags)
    variables["steps_taken"] = (("m", "seed"), np.array([[run.steps for run in runs]], dtype=np.int64))
    coords = {
        "m": np.array([m], dtype=np.int64),
        "seed": np.arange(seeds.start, seeds.stop, dtype=np.int64),
        "steps": np.array(experiment.times, dtype=np.int64),
        "input": np.arange(experiment.held_out_inputs, dtype=np.int64),
        "target": ("input", load(experiment, entropy).held_y),
        "training_input": np.arange(experiment.training_inputs, dtype=np.int64),
        "training_target": ("training_input", load(experiment, entropy).y),
    }
    return xr.Dataset(variables, coords)


def _meanings() -> str:
    return " ".join(status.name.lower() for status in Status)


def collect(experiment: Training, entropy: int, shards: Sequence[str | Path], path: str | Path) -> None:
    """Join the shards of a trained experiment into one runs file; its bytes do not depend on the cutting.

    Raises `ValueError` if the shards are of other runs or do not cover the experiment exactly.
    """
    parts: dict[int, list[xr.Dataset]] = {m: [] for m in experiment.m}
    for shard in shards:
        with xr.open_dataset(shard, engine="netcdf4") as file:
            _check(file, shard, experiment, entropy)
            parts[int(file["m"][0])].append(file.load())
    for m, files in parts.items():
        files.sort(key=lambda file: int(file["seed"][0]))
        seeds = np.concatenate([file["seed"].values for file in files]) if files else np.empty(0)
        if not np.array_equal(seeds, np.arange(experiment.seeds)):
            raise ValueError(f"shards of m = {m} hold {seeds.size} seeds, not 0 to {experiment.seeds}")
    widths = [
        xr.concat(files, "seed", data_vars="minimal", coords="minimal", compat="override", join="exact")
        for files in parts.values()
    ]
    runs = xr.concat(widths, "m", data_vars="minimal", coords="minimal", compat="override", join="exact")
    attrs = attributes(
        f"{TITLE}: runs of {experiment.name}",
        "Gradient descent beside its linear twin: the linearization error, its two parts and the fraction of "
        "sign changes at held-out inputs, the distance the weights have moved, and losses, along training.",
        experiment,
        entropy,
    )
    write(describe(runs, attrs), path)


def _check(file: xr.Dataset, path: str | Path, experiment: Training, entropy: int) -> None:
    found = json.loads(file.attrs["spec"])
    expected = json.loads(json.dumps({**asdict(experiment), "entropy": str(entropy)}))
    for key, value in expected.items():
        if key not in ("name", "m", "seeds") and found.get(key) != value:
            raise ValueError(f"{path} holds {key} {found.get(key)}, not {value}")
    if file.attrs["format_version"] != FORMAT_VERSION:
        raise ValueError(f"{path} has format {file.attrs['format_version']}, not {FORMAT_VERSION}")
