"""Trained experiments of a few narrow runs, made in the test: usual ones, and such as go wrong."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from ntk_core.datasets.trained_quantiles import rate_dataset, table_dataset
from ntk_core.datasets.trained_shard import collect, train_shard
from ntk_core.execution.workers import workers
from ntk_core.experiments.config import ExecutionModel
from ntk_core.experiments.drawn import Shard
from ntk_core.experiments.trained import Training

DELTA, X_NORM = (0.01, 0.5), (0.3, 5.0)
EXPERIMENTS = {
    "usual": Training("usual", "digits", (3, 8), 64, 6, 5, "squared", 1.0, 8, None, (4, 16, 64), 4),
    "lone": Training("lone", "teacher", (), 1, 1, 1, "logistic", 1.0, 1, None, (4,), 1),
    "early": Training("early", "digits", (7,), 64, 6, 5, "squared", 1.0, 64, 0.45, (4, 64), 3),
    "missed": Training("missed", "teacher", (), 3, 6, 5, "logistic", 0.01, 5, 1e-9, (4, 16), 2),
    "diverged": Training("diverged", "teacher", (), 3, 6, 5, "squared", 6.0, 32, None, (4, 16), 3),
    "at-once": Training("at-once", "digits", (0, 1), 64, 6, 5, "squared", 1e6, 4, 1e-3, (2, 8), 2),
}


def made(folder: Path) -> dict[str, tuple[xr.Dataset, xr.Dataset]]:
    """Quantiles and rates of all of them, by name."""
    found = {}
    with workers(ExecutionModel(), 2) as client:
        for name, experiment in EXPERIMENTS.items():
            shards = [folder / f"{name}-{m}.nc" for m in experiment.m]
            for m, path in zip(experiment.m, shards, strict=True):
                train_shard(Shard(experiment, 2, m, 0, experiment.seeds), path, client, lambda _: None)
            collect(experiment, 2, shards, folder / f"{name}.nc")
            table = table_dataset(xr.load_dataset(folder / f"{name}.nc"), experiment, 2, DELTA, X_NORM)
            found[name] = table, rate_dataset(table, experiment, 2)
    return found
