"""Results of another config, which came without Snakemake's records of them, are refused."""

from __future__ import annotations

import copy

import netCDF4
import pytest

from ntk_core.experiments.config import parse_config
from ntk_core.experiments.plan import Plan
from ntk_core.experiments.section import ConfigError
from ntk_core.storage.metadata import attributes
from ntk_core.workdir.records import check_records

CONFIG = {
    "entropy": 3,
    "experiments": {
        "grid": {"sampler": "band", "perturbation": ["adversarial"], "m": [64], "d": [2], "alpha": [0.1],
                 "seeds": 8},
        "lazy": {"kind": "trained", "data": "teacher", "d": 3, "training_inputs": 6, "held_out_inputs": 5,
                 "loss": "squared", "steps": 8, "m": [4, 16], "seeds": 12},
    },
    "analysis": {"delta": [0.5], "x_norm": [1.0, 2.0]},
}  # fmt: skip


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Files with the specs of `CONFIG`, in a working directory without records."""
    monkeypatch.chdir(tmp_path)
    plan = Plan(parse_config(CONFIG), tmp_path / "results")
    for name in CONFIG["experiments"]:
        experiment = plan.experiment(name)
        (plan.root / name).mkdir(parents=True)
        for path, levels in ((plan.data(name), {}), (plan.root / name / "quantiles.nc", CONFIG["analysis"])):
            with netCDF4.Dataset(path, "w") as file:
                file.setncatts(attributes("title", "summary", experiment, 3, **levels))
    return plan


def changed(*keys, value):
    config = copy.deepcopy(CONFIG)
    section = config
    for key in keys[:-1]:
        section = section[key]
    section[keys[-1]] = value
    return config


def test_those_of_the_config_are_taken(results):
    check_records(results)


@pytest.mark.parametrize(
    ("config", "file", "key"),
    [
        (changed("entropy", value=4), "grid/runs.nc", "entropy"),
        (changed("experiments", "grid", "alpha", value=[0.2]), "grid/runs.nc", "alpha"),
        (changed("experiments", "lazy", "seeds", value=13), "lazy/runs.nc", "seeds"),
        (changed("analysis", "delta", value=[0.1]), "grid/quantiles.nc", "delta"),
    ],
)
def test_those_of_another_config_are_named_unless_snakemake_has_records(results, config, file, key, tmp_path):
    plan = Plan(parse_config(config), results.root)
    with pytest.raises(ConfigError, match=rf"results/{file} is of another config, by its {key}, "):
        check_records(plan)
    (tmp_path / ".snakemake/metadata").mkdir(parents=True)
    with pytest.raises(ConfigError):
        check_records(plan)
    (tmp_path / ".snakemake/metadata/a-record").touch()
    check_records(plan)


def test_a_file_that_is_none_is_named(results):
    results.data("grid").write_text("no NetCDF")
    with pytest.raises(ConfigError, match=r"runs\.nc is of another config, by its content, which cannot be"):
        check_records(results)
