"""A shard of trained runs, and its file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from ..execution.compute import TASK_COST, Workers, compute
from ..experiments.shards import Shard
from ..experiments.trained import TrainedExperiment
from ..sampling.data import load
from ..sampling.descent import Trained, train
from ..storage.checksums import seal
from ..storage.metadata import attributes, describe
from ..storage.netcdf import write
from .trained_runs import runs_dataset


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
    dataset = runs_dataset(experiment, shard.entropy, shard.m, range(shard.start, shard.stop), runs)
    write(describe(dataset, attrs, experiment), path)
    seal(Path(path))
