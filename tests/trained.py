"""Trained experiments of a few narrow runs, made in the test: usual ones, and such as go wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import xarray as xr
from conftest import once

from ntk_core.datasets.runs import collect
from ntk_core.datasets.trained_quantiles import quantile_dataset
from ntk_core.datasets.trained_rates import rate_dataset
from ntk_core.datasets.trained_shard import train_shard
from ntk_core.execution.workers import workers
from ntk_core.experiments.execution_model import ExecutionModel
from ntk_core.experiments.shards import Shard
from ntk_core.experiments.trained import TrainedExperiment

DEFAULT_ENTROPY = 20261123
"""That of the default run."""

DELTA, X_NORM = (0.01, 0.5), (0.3, 5.0)
EXPERIMENTS = {
    "usual": TrainedExperiment(
        "digits", (3, 8), 64, 6, 5, "squared", 1.0, 8, None, name="usual", m=(4, 16, 64), seeds=4
    ),
    "lone": TrainedExperiment("teacher", (), 1, 1, 1, "logistic", 1.0, 1, None, name="lone", m=(4,), seeds=1),
    "single": TrainedExperiment(
        "teacher", (), 2, 1, 9, "squared", 1.0, 4, None, name="single", m=(4, 16, 64), seeds=4
    ),
    "early": TrainedExperiment(
        "digits", (7,), 64, 6, 5, "squared", 1.0, 64, 0.45, name="early", m=(4, 64), seeds=3
    ),
    "missed": TrainedExperiment(
        "teacher", (), 3, 6, 5, "logistic", 0.01, 5, 1e-9, name="missed", m=(4, 16), seeds=2
    ),
    "diverged": TrainedExperiment(
        "teacher", (), 3, 6, 5, "squared", 30.0, 32, None, name="diverged", m=(4, 16), seeds=3
    ),
    "twin-diverged": TrainedExperiment(
        "teacher", (), 3, 6, 5, "squared", 6.0, 32, None, name="twin-diverged", m=(4, 16), seeds=3
    ),
    "at-once": TrainedExperiment(
        "digits", (0, 1), 64, 6, 5, "squared", 1e6, 4, 1e-3, name="at-once", m=(2, 8), seeds=2
    ),
    "single-at-once": TrainedExperiment(
        "teacher", (), 2, 1, 9, "squared", 1e4, 4, None, name="single-at-once", m=(4, 16), seeds=2
    ),
}

ONE_INPUT = TrainedExperiment(
    "teacher", (), 2, 1, 64, "squared", 1.0, 4, None, name="one_input", m=(1024, 4096), seeds=256
)
"""As in the default run, with fewer and narrower networks, and more runs of each."""


def made(factory: pytest.TempPathFactory) -> dict[str, tuple[xr.Dataset, xr.Dataset]]:
    """Quantiles and rates of all of `EXPERIMENTS`, by name."""
    return once(
        factory,
        "trained",
        lambda folder: {name: train(experiment, folder) for name, experiment in EXPERIMENTS.items()},
    )


def made_of_one_input(factory: pytest.TempPathFactory) -> tuple[xr.Dataset, xr.Dataset]:
    """Quantiles and rates of `ONE_INPUT`, drawn as in the default run."""
    return once(factory, "one-input", lambda folder: train(ONE_INPUT, folder, DEFAULT_ENTROPY))


def train(experiment: TrainedExperiment, folder: Path, entropy: int = 2) -> tuple[xr.Dataset, xr.Dataset]:
    """Quantiles and rates of one."""
    name = experiment.name
    folder.mkdir(exist_ok=True)
    shards = [folder / f"{name}-{m}.nc" for m in experiment.m]
    with workers(ExecutionModel(), 2) as client:
        for m, path in zip(experiment.m, shards, strict=True):
            train_shard(Shard(experiment, entropy, m, 0, experiment.seeds), path, client, lambda _: None)
    collect(experiment, entropy, shards, folder / f"{name}.nc")
    table = quantile_dataset(xr.load_dataset(folder / f"{name}.nc"), experiment, entropy, DELTA, X_NORM)
    return table, rate_dataset(table, experiment, entropy)
