"""Figures, summary and page of unusual trained experiments: few runs, one width, runs that diverge."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from ntk_core.config import ExecutionModel
from ntk_core.execution import workers
from ntk_core.figures import TRAINING_FIGURES, save
from ntk_core.grid import Shard
from ntk_core.training import Training
from ntk_core.training.analysis import rate_dataset, table_dataset
from ntk_core.training.runs import collect, train_shard

USUAL = Training("usual", "digits", (3, 8), 64, 6, 5, "squared", 1.0, 8, None, (4, 16, 64), 4)
EXPERIMENTS = {
    "usual": USUAL,
    "lone": Training("lone", "teacher", (), 1, 1, 1, "logistic", 1.0, 1, None, (4,), 1),
    "early": Training("early", "digits", (7,), 64, 6, 5, "squared", 1.0, 64, 0.45, (4, 64), 3),
    "missed": Training("missed", "teacher", (), 3, 6, 5, "logistic", 0.01, 5, 1e-9, (4, 16), 2),
    "diverged": Training("diverged", "teacher", (), 3, 6, 5, "squared", 6.0, 32, None, (4, 16), 3),
    "at once": Training("at once", "digits", (0, 1), 64, 6, 5, "squared", 1e6, 4, 1e-3, (2, 8), 2),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    made = {}
    with workers(ExecutionModel(), 2) as client:
        for name, experiment in EXPERIMENTS.items():
            folder = tmp_path_factory.mktemp("trained")
            shards = [folder / f"{m}.nc" for m in experiment.m]
            for m, path in zip(experiment.m, shards, strict=True):
                train_shard(Shard(experiment, 2, m, 0, experiment.seeds), path, client, lambda _: None)
            collect(experiment, 2, shards, folder / "runs.nc")
            import xarray as xr

            runs = xr.load_dataset(folder / "runs.nc")
            table = table_dataset(runs, experiment, 2, (0.01, 0.5), (0.3, 5.0))
            made[name] = table, rate_dataset(table, experiment, 2)
    return made


@pytest.mark.parametrize("name", EXPERIMENTS)
@pytest.mark.parametrize("figure", TRAINING_FIGURES)
def test_unusual_experiments_are_drawn_and_drawn_alike(trained, tmp_path, name, figure):
    table, rates = trained[name]
    for turn in ("a", "b"):
        save(figure, table, rates, [tmp_path / f"{turn}.{kind}" for kind in ("svg", "pdf", "png")])
    for kind in ("svg", "pdf", "png"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
    assert "<g id=" in (tmp_path / "a.svg").read_text()
