"""Quantiles from weights: their intervals, and the files of an experiment with weights."""

from __future__ import annotations

import netCDF4
import numpy as np
import pytest
import xarray as xr
from scipy.special import bdtrc

from ntk_core.archive.replay import Block
from ntk_core.claims.results import open_results
from ntk_core.datasets.quantiles import quantile_dataset
from ntk_core.datasets.rates import rate_dataset
from ntk_core.datasets.runs import collect
from ntk_core.datasets.runs_file import DrawnRunsFile
from ntk_core.datasets.shard import simulate_shard
from ntk_core.datasets.statistics import CONFIDENCE, quantiles
from ntk_core.datasets.theory import theory_dataset
from ntk_core.datasets.validation import load_table
from ntk_core.datasets.weighted_statistics import weighted_quantiles
from ntk_core.experiments.drawn import DrawnExperiment
from ntk_core.experiments.shards import Shard
from ntk_core.pages.summary import summarise
from ntk_core.storage.netcdf import write

DELTA = (0.5, 0.01, 1e-6)
EXPERIMENT = DrawnExperiment("tail", "tilted", ("adversarial", "sphere"), (6, 16), (3,), (1.0,), 1100)


def exponentials(seed: int, runs: int) -> tuple[np.ndarray, np.ndarray]:
    """Standard exponentials and their weights: half of them are drawn 20 times as large."""
    rng = np.random.default_rng(seed)
    values = rng.exponential(1.0, runs) * np.where(rng.random(runs) < 0.5, 20.0, 1.0)
    return values, np.exp(-values) / (0.5 * np.exp(-values) + 0.025 * np.exp(-values / 20.0))


def test_intervals_hold_the_quantile_as_often_as_they_say():
    """Also where runs are sometimes too few for one, as at the smallest δ."""
    repetitions, delta = 200, np.array([0.5, 1e-3, 1e-6, 1e-8])
    missed, given = np.zeros(delta.size), np.zeros(delta.size)
    for seed in range(repetitions):
        _, lower, upper, _ = weighted_quantiles(*exponentials(seed, 4096), delta)
        missed += (lower > -np.log(delta)) | (upper < -np.log(delta))
        given += np.isfinite(upper)
    assert (given[:3] > 0.9 * repetitions).all()
    assert 0 < given[3] < repetitions
    # False alarm 1e-3 for all levels together, if an interval misses with probability 1 %.
    assert (bdtrc(missed - 1, repetitions, 1.0 - CONFIDENCE) > 1e-3 / delta.size).all(), missed


def test_intervals_hold_the_quantile_of_runs_that_are_mostly_0():
    """19 of 20 runs are 0, as of a law at a small radius: the quantile is 0 at δ = 0.5."""
    repetitions, delta = 200, np.array([0.5, 1e-2, 1e-3, 1e-5])
    quantile = np.maximum(-np.log(delta / 0.05), 0.0)
    missed = np.zeros(delta.size)
    for seed in range(repetitions):
        values, weights = exponentials(seed, 4096)
        values *= np.random.default_rng([seed, 1]).random(4096) < 0.05
        estimate, lower, upper, _ = weighted_quantiles(values, weights, delta)
        missed += (lower > quantile) | (upper < quantile)
        assert (estimate[0], lower[0], upper[0]) == (0.0, 0.0, 0.0)
    # False alarm 1e-3 for all levels together, if an interval misses with probability 1 %.
    assert (bdtrc(missed - 1, repetitions, 1.0 - CONFIDENCE) > 1e-3 / delta.size).all(), missed


def test_a_limit_of_a_rarer_quantile_is_one_of_a_more_frequent_one():
    """Where weights are too skewed for a limit near a quantile, there may be one farther away."""
    values, weights = exponentials(3, 4096)
    weights = np.where(np.abs(values - 7.0) < 0.01, 50.0 * weights, weights)
    delta = np.geomspace(1e-6, 0.5, 30)
    _, lower, upper, _ = weighted_quantiles(values, weights, delta)
    assert (lower > 0.0).all()
    assert np.isfinite(upper[1:]).all()


def test_no_interval_is_on_one_side_of_its_estimate():
    """Also where runs are nearly too few for one."""
    for seed in range(20):
        estimate, lower, upper, _ = weighted_quantiles(*exponentials(seed, 512), np.geomspace(1e-9, 0.5, 40))
        assert (lower <= estimate).all()
        assert (estimate <= upper).all()


def test_equal_weights_give_the_quantiles_of_plain_runs():
    values, delta = np.floor(np.random.default_rng(1).exponential(40.0, 5000)), np.array([0.5, 0.1, 0.05])
    estimate, lower, upper, effective = weighted_quantiles(values, np.ones(5000), delta)
    plain = quantiles(np.sort(values), delta)
    assert np.array_equal(estimate, plain[0])
    assert np.abs(np.stack([lower, upper]) / plain[1:] - 1.0).max() < 0.1
    assert effective == pytest.approx([np.count_nonzero(values >= value) for value in estimate])


def test_too_few_runs_give_no_limit_above():
    values, weights = exponentials(1, 100)
    assert np.isinf(weighted_quantiles(values, weights, np.array([1e-6]))[2]).all()


@pytest.fixture(scope="module")
def folder(client, tmp_path_factory):
    """The files of the experiment, as the workflow makes them."""
    folder = tmp_path_factory.mktemp("results") / EXPERIMENT.name
    folder.mkdir()
    shards = [folder / f"{m}-{start}.nc" for m in EXPERIMENT.m for start in (0, 700)]
    for path, (m, seeds) in zip(
        shards, [(m, seeds) for m in EXPERIMENT.m for seeds in ((0, 700), (700, 1100))], strict=True
    ):
        simulate_shard(Shard(EXPERIMENT, 5, m, *seeds), path, client, lambda _: None)
    collect(EXPERIMENT, 5, shards, folder / "runs.nc")
    theory = theory_dataset(EXPERIMENT, 5, DELTA, (1.0,), client)
    table = quantile_dataset(folder / "runs.nc", theory, EXPERIMENT, 5, client)
    for name, data in (
        ("theory", theory),
        ("quantiles", table),
        ("rates", rate_dataset(table, EXPERIMENT, 5)),
    ):
        write(data, folder / f"{name}.nc")
    return folder


def test_weights_are_beside_the_runs_and_are_recomputed_with_them(folder, tmp_path):
    with DrawnRunsFile(folder / "runs.nc") as runs:
        assert runs.experiment == EXPERIMENT
        blocks = [Block(runs, index, number) for index, numbers in runs.blocks() for number in numbers]
        assert len(blocks) == 8
        assert not any(block.differing() for block in blocks)
    forged = tmp_path / "runs.nc"
    forged.write_bytes((folder / "runs.nc").read_bytes())
    with netCDF4.Dataset(forged, "a") as file:
        file["weight"][1, 0, 0, 0, 3] *= 2.0
    with DrawnRunsFile(forged) as runs:
        assert Block(runs, (1, 0, 0, 0), 0).differing() == {"weight": 1}


def test_tables_have_weighted_quantiles_and_count_no_runs(folder):
    table = load_table(folder / "quantiles.nc", EXPERIMENT, 5)
    assert not {"exceedances", "exceedance_rate_upper", "exact_exceedances", "exact_shortfalls"} & set(table)
    with xr.open_dataset(folder / "runs.nc") as runs:
        cell = {"perturbation": "sphere", "m": 16, "d": 3, "alpha": 1.0}
        error, weight = (runs[name].sel(cell).values for name in ("delta2", "weight"))
        at = table.sel(cell | {"quantity": "delta2"})
        assert float(at["mean"]) == pytest.approx(np.mean(error * weight), rel=1e-12)
        assert at["quantile"].values == pytest.approx(weighted_quantiles(error, weight, np.array(DELTA))[0])
    exact = table["exact_quantile"].sel(quantity="linearization_error")
    of_error = table.sel(quantity="linearization_error")
    assert (of_error["quantile_lower"] <= exact * (1.0 + 1e-9)).all()
    assert (of_error["quantile_upper"] >= exact * (1.0 - 1e-9)).all()


def test_claims_leave_weighted_runs_out_and_the_summary_says_so(folder):
    results = open_results([folder], None)
    assert results.experiments == results.balls == results.trainings == ()
    table, rates = (load_table(folder / f"{name}.nc", EXPERIMENT, 5) for name in ("quantiles", "rates"))
    text = summarise([(table, rates)])
    assert "4,400 runs with weights, which no claim, figure or page counts" in " ".join(text.split())
    assert "findings.html" not in text
    assert "figures/" not in text
    exact = float(table["exact_quantile"].sel(quantity="linearization_error", m=6, delta=1e-6)[0, 0, 0])
    assert f"{exact:.5g}" in text
    for limit, said in ((1.0, False), (np.inf, True)):
        text = summarise([(table.assign(quantile_upper=limit + 0 * table["quantile"]), rates)])
        assert ("Intervals up to inf: too few runs above" in text) == said
