"""Trained runs on disk: the same bytes however they are cut, what the tables make of them, and row LT."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import math
import os
import shutil
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import xarray as xr
from conftest import run_snakemake
from typer.testing import CliRunner

import ntk_core
from ntk_core.claims import JUDGES, open_results
from ntk_core.claims.answer import answer
from ntk_core.claims.record import FALSE, PROVED, TRUE, UNDECIDED
from ntk_core.cli import app
from ntk_core.datasets.data_file import open_data
from ntk_core.datasets.runs import collect
from ntk_core.datasets.runs_file import DrawnRunsFile, TrainedRunsFile
from ntk_core.datasets.shard import DamagedShardError, discard_damaged, make_shard
from ntk_core.datasets.trained_quantiles import quantile_dataset
from ntk_core.datasets.trained_rates import _crossing_limits, _laws_beside, rate_dataset
from ntk_core.datasets.validation import ResultsError
from ntk_core.execution.workers import workers
from ntk_core.experiments.config import parse_config
from ntk_core.experiments.execution_model import ExecutionModel
from ntk_core.experiments.plan import Plan
from ntk_core.experiments.shards import Shard
from ntk_core.experiments.trained import SHARD_COST, TrainedExperiment
from ntk_core.quantities import QUANTITIES
from ntk_core.sampling.data import load, step_size
from ntk_core.sampling.training import RUN_VARIABLES
from ntk_core.storage.checksums import seal
from ntk_core.storage.netcdf import write
from ntk_core.theory.all_radii import all_radii
from ntk_core.theory.bounds import bound
from ntk_core.theory.crossing import deviation
from ntk_core.theory.crossover import crossover

pytestmark = pytest.mark.usefixtures("snakemake")

ENTROPY = 5
LAZY = TrainedExperiment(
    "teacher", (), 3, 6, 5, "squared", 1.0, 8, None, name="lazy", m=(16, 64, 256), seeds=12
)
DELTA, X_NORM = (0.1, 0.5), (0.1, 1.0, 20.0)


def made(experiment: TrainedExperiment, folder: Path, client, *cuts: int) -> Path:
    """A folder with the experiment's runs, their seeds cut into shards at `cuts`, and its tables."""
    runs_of(experiment, folder, client, *cuts)
    runs = xr.load_dataset(folder / "runs.nc")
    table = quantile_dataset(runs, experiment, ENTROPY, DELTA, X_NORM)
    write(table, folder / "quantiles.nc")
    write(rate_dataset(table, experiment, ENTROPY), folder / "rates.nc")
    return folder


def runs_of(experiment: TrainedExperiment, folder: Path, client, *cuts: int) -> Path:
    """The same with the runs alone."""
    folder.mkdir(parents=True)
    shards = []
    for m in experiment.m:
        for low, high in pairwise((0, *cuts, experiment.seeds)):
            shards.append(folder / f"{m}-{low}.nc")
            make_shard(Shard(experiment, ENTROPY, m, low, high), shards[-1], client, lambda _: None)
    collect(experiment, ENTROPY, shards[::-1], folder / "runs.nc")
    return folder


@pytest.fixture(scope="module")
def lazy(tmp_path_factory, client):
    return made(LAZY, tmp_path_factory.mktemp("trained") / "lazy", client)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_bytes_do_not_depend_on_how_the_runs_are_cut(lazy, client, tmp_path, monkeypatch):
    """Into shards, a shard into tasks of one run each, and these over processes."""
    monkeypatch.setattr("ntk_core.datasets.trained_shard.TASK_COST", 1)
    with workers(ExecutionModel(workers="processes"), 2) as processes:
        make_shard(Shard(LAZY, ENTROPY, 16, 0, 12), tmp_path / "16.nc", processes, lambda _: None)
    assert digest(tmp_path / "16.nc") == digest(lazy / "16-0.nc")
    other = made(LAZY, tmp_path / "cut", client, 1, 6)
    for name in ("runs.nc", "quantiles.nc", "rates.nc"):
        assert digest(other / name) == digest(lazy / name), name


def test_what_a_variable_is_of_a_trained_run_is_said(lazy):
    table, runs = (xr.open_dataset(lazy / f"{name}.nc") for name in ("quantiles", "runs"))
    assert table["exceedances"].attrs["long_name"].startswith("number of pairs of a run and a held-out input")
    assert table["mean"].attrs["long_name"] == "mean over runs and held-out inputs at |x| = 1"
    for name in ("band_fraction", "training_band_fraction"):
        assert "<= alpha_hat |x|/sqrt(m)" in runs[name].attrs["long_name"]
    assert int(table["exceedances"].max()) <= int(table["runs"].max()) * table.sizes["input"]


def test_more_seeds_and_widths_leave_the_runs_there_are(lazy, client, tmp_path):
    more = runs_of(replace(LAZY, m=(4, 16, 64, 256), seeds=13), tmp_path / "more", client)
    old, new = xr.load_dataset(lazy / "runs.nc"), xr.load_dataset(more / "runs.nc")
    xr.testing.assert_equal(old, new.sel(m=old["m"], seed=old["seed"]))


def test_shards_of_other_runs_and_gaps_are_refused(lazy, tmp_path):
    shards = sorted(lazy.glob("*-*.nc"))
    others = [path for path in shards if not path.name.startswith("16")]
    for wrong, seeds in ((others, "none"), ([*shards, lazy / "16-0.nc"], "0 to 11, 0 to 11")):
        with pytest.raises(ResultsError, match=f"m = 16: the seeds are {seeds}; needed: 0 to 11, each once"):
            collect(LAZY, ENTROPY, wrong, tmp_path / "r.nc")
    with pytest.raises(ResultsError, match=r"holds step 1\.0, not 0\.5"):
        collect(replace(LAZY, step=0.5), ENTROPY, shards, tmp_path / "r.nc")
    with pytest.raises(ResultsError, match="holds entropy 5, not 6"):
        collect(LAZY, 6, shards, tmp_path / "r.nc")
    assert not (tmp_path / "r.nc").exists()


def test_a_damaged_shard_is_removed_and_comes_out_the_same_when_trained_again(client, tmp_path):
    shard = Shard(LAZY, ENTROPY, 16, 0, 3)
    path = tmp_path / "shard.nc"
    make_shard(shard, path, client, lambda _: None)
    discard_damaged([path])
    before = digest(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DamagedShardError, match=r"shard\.nc is changed and was removed"):
        discard_damaged([path])
    assert not list(tmp_path.glob("shard.nc*"))
    make_shard(shard, path, client, lambda _: None)
    assert digest(path) == before


@pytest.mark.parametrize("suffix", ["", ".sha256"])
def test_a_shard_that_the_disk_does_not_give_is_named_and_left(suffix, tmp_path, monkeypatch):
    path, opened = tmp_path / "a.nc", os.open
    path.write_bytes(b"runs")
    seal(path)

    def failing(name: str | Path, *arguments: Any, **named: Any) -> int:
        if Path(name) == Path(f"{path}{suffix}"):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return opened(name, *arguments, **named)

    monkeypatch.setattr(os, "open", failing)
    with pytest.raises(DamagedShardError, match=r"a\.nc or its seal cannot be read and was left"):
        discard_damaged([path])
    monkeypatch.undo()
    discard_damaged([path])


def test_a_shard_that_is_missing_is_not_said_to_be_removed(tmp_path):
    with pytest.raises(DamagedShardError, match=r"a\.nc is missing\.\n"):
        discard_damaged([tmp_path / "a.nc"])


@pytest.mark.parametrize("suffix", ["", ".sha256"])
def test_a_folder_in_the_place_of_a_shard_is_named_and_left(suffix, tmp_path):
    folder, good, cut = tmp_path / f"a.nc{suffix}", tmp_path / "good.nc", tmp_path / "cut.nc"
    for path in (tmp_path / "a.nc", good, cut):
        path.write_bytes(b"runs")
        seal(path)
    folder.unlink()
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    cut.write_bytes(b"run")
    with pytest.raises(DamagedShardError) as raised:
        discard_damaged([tmp_path / "a.nc", good, cut])
    assert f"{folder} is a folder, not a file, and was left: move it elsewhere." in str(raised.value)
    assert f"{cut} is changed and was removed." in str(raised.value)
    assert {path.name for path in tmp_path.iterdir()} == {folder.name, "good.nc", "good.nc.sha256"}
    assert (folder / "notes.txt").read_text() == "mine"


def test_what_changes_a_run_changes_the_folder_of_its_shards_and_nothing_else_does():
    key = LAZY.content_key(1)
    assert replace(LAZY, name="x", m=(4,), seeds=1).content_key(1) == key
    changed = [
        LAZY.content_key(2),
        *(
            replace(LAZY, **change).content_key(1)
            for change in (
                {"data": "digits", "classes": (3, 8)}, {"d": 4}, {"training_inputs": 7},
                {"held_out_inputs": 6},
                {"loss": "logistic"}, {"step": 0.5}, {"steps": 9}, {"target_loss": 0.1},
            )
        ),
    ]  # fmt: skip
    assert len({key, *changed}) == 10


def test_dear_runs_are_cut_into_shards_that_keep_cores_busy_and_cheap_ones_are_not():
    raw = {
        "kind": "trained", "data": "digits", "classes": [3, 8], "training_inputs": 128, "held_out_inputs": 64,
        "loss": "squared", "steps": 256, "m": [64, 65536], "seeds": 100,
    }  # fmt: skip
    plan = Plan(parse_config({"entropy": 1, "experiments": {"e": raw}}), Path("results"))
    shards = plan.shards("e")
    narrow, wide = ([s for s in shards if s.m == m] for m in (64, 65536))
    assert len(narrow) == 1
    assert len(wide) > 50
    assert all(shard.cost() <= max(SHARD_COST, shard.experiment.seed_cost(65536)) for shard in wide)
    assert sum(shard.runs for shard in shards) == 200


def test_tables_say_what_the_runs_say(lazy):
    runs, table = (xr.load_dataset(lazy / f"{name}.nc") for name in ("runs", "quantiles"))
    here = runs["delta2"].sel(m=64, steps=4).values
    at = table.sel(quantity="delta2", m=64, steps=4)
    assert float(at["mean"]) == pytest.approx(here.mean())
    assert float(at["rms"]) == pytest.approx(math.sqrt((here**2).mean()))
    assert float(at["mean_standard_error"]) == pytest.approx(here.mean(axis=1).std(ddof=1) / math.sqrt(12))
    assert float(at["quantile"].sel(delta=0.1)) == np.sort(here.ravel())[53]
    alpha = runs["alpha_hat"].sel(m=64, steps=4)
    limit = bound("sharp", "delta2", 64, float(alpha.mean()), 0.1, 20.0)
    assert float(at["bound_sharp"].sel(delta=0.1, x_norm=20.0)) == pytest.approx(float(limit))
    ratio = float(at["bound_ratio"].sel(bound="sharp", delta=0.1, x_norm=20.0))
    assert ratio == pytest.approx(float(limit) / (20.0 * float(at["quantile"].sel(delta=0.1))))
    radius = table.sel(variable="alpha_hat", m=64, steps=4)
    for name, value in (("run_mean", alpha.mean()), ("run_min", alpha.min()), ("run_max", alpha.max())):
        assert float(radius[name]) == pytest.approx(float(value))
    assert int(table["exceedances"].sel(quantity="linearization_error").sum()) == 0
    np.testing.assert_array_equal(table["run_status"].values, [[12, 0, 0, 0]] * 3)
    laws = table["position"].sel(quantity="linearization_error", m=256, steps=8)
    assert float(laws.sel(perturbation="aligned")) == pytest.approx(
        2 * float(laws.sel(perturbation="adversarial")), rel=0.1
    )


def test_a_quantile_is_told_at_the_least_level_for_which_the_runs_suffice(lazy):
    """Twelve runs: 60 values, but no upper limit at δ = 0.1 as the inputs of a run depend on each other."""
    table, rates = (xr.load_dataset(lazy / f"{name}.nc") for name in ("quantiles", "rates"))
    row = table.sel(quantity="linearization_error", m=256, steps=8)
    assert np.isinf(row["quantile_upper"].sel(delta=0.1))
    assert np.isfinite(row["quantile_upper"].sel(delta=0.5))
    result = answer(table, rates)
    assert result.delta == 0.5
    assert result.loose.value == row["bound_ratio"].sel(bound="printed", delta=0.5, x_norm=1.0)
    assert result.loose.lower < result.loose.value < result.loose.upper
    assert math.isnan(answer(table.assign_coords(delta=[0.6, 0.9]), rates).loose.value)  # no theorem at α̂
    without = answer(table.sel(delta=[0.1]), rates).loose
    assert without.value == row["bound_ratio"].sel(bound="printed", delta=0.1, x_norm=1.0)
    assert math.isnan(without.lower)
    assert math.isnan(without.upper)


def test_train_has_the_values_and_the_labels_of_the_workflow(lazy):
    runs = xr.load_dataset(lazy / "runs.nc")
    names = ("data", "training_inputs", "held_out_inputs", "loss", "step", "steps")
    trained = ntk_core.train(
        **{name: getattr(LAZY, name) for name in names}, d=np.int64(3), m=[256, 16, 64], runs=12.0, entropy=5
    )
    assert trained.equals(runs)
    for name, variable in runs.variables.items():
        np.testing.assert_equal(trained[name].attrs, variable.attrs)
    digits = {"data": "digits", "training_inputs": 4, "held_out_inputs": 3, "steps": 2, "m": 8}
    one, several = (ntk_core.train(**digits, classes=classes) for classes in (3, [3]))
    assert one.identical(several)
    assert one.sizes["component"] == 64
    assert one.attrs["license"].startswith("MIT; the images x and training_x, ")
    assert "Alpaydin" in one.attrs["references"]
    assert trained.attrs["license"] == "MIT"


def test_inputs_and_outputs_in_the_file_give_its_losses_and_distances(lazy):
    """A reader needs no data set and no code: what was trained on, and what came out, are in `runs.nc`."""
    runs = xr.load_dataset(lazy / "runs.nc")
    for prefix, kind, test in (("", "input", "test"), ("training_", "training_input", "training")):
        np.testing.assert_allclose(np.linalg.norm(runs[f"{prefix}x"], axis=1), 1.0, rtol=1e-15)
        output, twin = runs[f"{prefix}output"], runs[f"{prefix}twin_output"]
        for values, name in ((output, f"{test}_loss"), (twin, f"twin_{test}_loss")):
            loss = (0.5 * (values - runs[f"{prefix}target"]) ** 2).mean(kind)
            np.testing.assert_allclose(loss.transpose(*runs[name].dims), runs[name], rtol=1e-12)
        distance = np.sqrt(((output - twin) ** 2).mean(kind)).transpose("m", "seed", "steps")
        np.testing.assert_allclose(distance, runs[f"twin_{prefix}distance"], rtol=1e-9, atol=1e-15)
    cosines = np.abs(runs["x"].dot(runs["training_x"], dim="component")).max("training_input")
    np.testing.assert_allclose(np.cos(runs["training_angle"]), cosines, rtol=0, atol=1e-14)


def test_tables_at_the_training_inputs_say_what_the_runs_say(lazy):
    """Also the mean signed error: its square over the inputs, by all pairs of different runs."""
    runs, table, rates = (xr.load_dataset(lazy / f"{name}.nc") for name in ("runs", "quantiles", "rates"))
    values = runs["training_linearization_error"].sel(m=64, steps=4).values  # (seed, input)
    at = table.sel(quantity="linearization_error", m=64, steps=4)
    assert float(at["training_mean"]) == pytest.approx(values.mean())
    assert float(at["training_rms"]) == pytest.approx(math.sqrt((values**2).mean()))
    error = values.mean(axis=1).std(ddof=1) / math.sqrt(12)
    assert float(at["training_mean_standard_error"]) == pytest.approx(error)
    for prefix, of in (("training_", "training_"), ("", "")):
        signed = runs[f"{of}signed_error"].sel(m=256, steps=8).values
        np.testing.assert_array_equal(np.abs(signed), runs[f"{of}linearization_error"].sel(m=256, steps=8))
        point = table.sel(m=256, steps=8)
        np.testing.assert_allclose(point[f"{prefix}signed_error_mean"], signed.mean(axis=0))
        np.testing.assert_allclose(
            point[f"{prefix}signed_error_standard_error"], signed.std(axis=0, ddof=1) / math.sqrt(12)
        )

        def square(part):
            products = [a * b for i, a in enumerate(part) for b in part[:i]]
            return np.mean(products)

        assert float(point[f"{prefix}bias"]) == pytest.approx(math.sqrt(max(0.0, square(signed))))
        if square(signed) > 0.0:
            left_out = np.array([square(np.delete(signed, k, axis=0)) for k in range(12)])
            spread = math.sqrt(11 / 12 * np.sum((left_out - left_out.mean()) ** 2))
            standard_error = float(point[f"{prefix}bias_standard_error"])
            assert standard_error == pytest.approx(spread / (2 * float(point[f"{prefix}bias"])))
    assert (rates["training_exponent"] == 0.5).all()
    value = float(table["training_bias"].sel(m=256, steps=8))
    assert float(rates["training_bias_constant"].sel(steps=8)) == pytest.approx(16 * value)
    rms = table["training_rms"].sel(quantity="linearization_error", steps=8).values
    slope = np.polyfit(np.log(table["m"].values), np.log(rms), 1)[0]
    fitted = rates["training_slope"].sel(quantity="linearization_error", statistic="rms", steps=8)
    assert float(fitted) == pytest.approx(slope)
    twin = table["run_mean"].sel(variable="twin_training_distance", steps=8).values
    local = rates["run_local_slope"].sel(variable="twin_training_distance", steps=8).values
    np.testing.assert_allclose(local[1:], np.diff(np.log(twin)) / math.log(4))
    width = rates["separation_width"].sel(steps=8).values
    alpha = float(table["run_mean"].sel(variable="alpha_hat", m=256, steps=8))
    np.testing.assert_allclose(np.sqrt(width) * runs["training_angle"].values, alpha)


def test_damaged_trained_runs_are_named(lazy, tmp_path):
    folder = shutil.copytree(lazy, tmp_path / "lazy")
    raw = bytearray((folder / "runs.nc").read_bytes())
    raw[len(raw) // 3] ^= 1
    (folder / "runs.nc").write_bytes(raw)
    with pytest.raises(ResultsError, match=r"lazy/runs\.nc is damaged"):
        ntk_core.open_archive(tmp_path)["lazy"].quantiles(delta=0.2)


def test_rates_have_the_limits_at_training_inputs_and_the_laws_beside_them(lazy):
    table, rates = (xr.load_dataset(lazy / f"{name}.nc") for name in ("quantiles", "rates"))
    data = load(LAZY, ENTROPY)
    problem = (data.x, data.y, "squared", step_size(data, "squared", 1.0), LAZY.times, -math.inf)
    limits = deviation(*problem, data.held_x, np.random.default_rng(1))
    error = limits.error[:, :6]
    np.testing.assert_array_equal(rates["training_signed_error_limit"], error)
    rms = np.sqrt(np.mean(error**2, axis=1))
    np.testing.assert_allclose(rates["training_bias_constant_limit"], rms)
    row = rates["training_constant_limit"].sel(quantity="linearization_error")
    np.testing.assert_allclose(row.sel(statistic="rms"), rms)
    np.testing.assert_allclose(row.sel(statistic="mean"), np.abs(error).mean(axis=1))
    assert np.isnan(rates["training_constant_limit"].sel(quantity="delta1")).all()
    for name, part in (("twin_distance", slice(6, None)), ("twin_training_distance", slice(6))):
        expected = np.sqrt(np.mean(limits.from_twin[:, part] ** 2, axis=1))
        np.testing.assert_allclose(rates[f"{name}_constant_limit"], expected)
        for end in ("", "_lower", "_upper"):
            mean = table[f"run_mean{end}"].sel(variable=name, m=256)
            np.testing.assert_array_equal(rates[f"{name}_constant{end}"], 16.0 * mean)
    for prefix, inputs in (("", data.held_x), ("training_", data.x)):
        law = crossover(*problem, inputs, LAZY.m)
        root = np.sqrt(np.array(LAZY.m))[:, None, None]
        np.testing.assert_allclose(rates[f"{prefix}wide_signed_error_mean"], law.mean / root)
        square = (law.mean**2 + law.variance / root) / root**2
        np.testing.assert_allclose(rates[f"{prefix}wide_signed_error_rms"] ** 2, square)


def test_limits_that_are_not_exact_or_too_long_are_nan():
    for changes in ({"d": 4}, {"steps": 1 << 12}):
        training = dataclasses.replace(LAZY, **changes)
        assert all(np.isnan(values[1]).all() for values in _crossing_limits(training, ENTROPY).values())
    for changes in ({"d": 4}, {"held_out_inputs": 500}):
        training = dataclasses.replace(LAZY, **changes)
        assert all(np.isnan(values[1]).all() for values in _laws_beside(training, ENTROPY).values())


def test_where_nothing_has_moved_there_is_no_bound_nor_law_and_the_long_names_say_so(lazy):
    table = xr.load_dataset(lazy / "quantiles.nc")
    names = ("law_rms", "largest_share", *(str(name) for name in table if str(name).startswith("bound_")))
    for name in {*names} - {"bound_ratio"}:
        assert np.isnan(table[name].sel(steps=0)).all(), name
        assert np.isfinite(table[name].sel(steps=8)).all(), name
        assert "; NaN where no run has moved" in table[name].attrs["long_name"], name
    assert np.isnan(table["position"].sel(steps=0)).all()
    assert table["position"].attrs["long_name"].endswith("; NaN where law_rms is")


def test_rounding_around_zero_has_no_slope(lazy):
    """A narrow width at which nothing flips, in some sum that is not exactly 0."""
    table = xr.load_dataset(lazy / "quantiles.nc")
    at = {"quantity": 0, "m": 0, "steps": 1}
    table["rms"][at], table["rms_lower"][at], table["rms_upper"][at] = 1e-17, 9e-18, 2e-17
    rates = rate_dataset(table, LAZY, ENTROPY)
    slope = rates["slope"].sel(quantity="linearization_error", statistic="rms").isel(steps=1)
    assert -1.5 < float(slope) < 0.0


def test_exceedances_are_counted_at_the_radius_of_each_run(lazy):
    """The error of the run that went least far is set above its own bound, that of the one furthest below."""
    runs = xr.load_dataset(lazy / "runs.nc")
    alpha = runs["alpha_hat"].values
    at = alpha[1, :, 2]
    for seed, factor in ((int(at.argmin()), 1.001), (int(at.argmax()), 0.999)):
        limit = bound("printed", "linearization_error", 64, alpha[1, seed, 2], 0.1, 20.0) / 20.0
        runs["linearization_error"].values[1, seed, 2, 4] = factor * limit
    table = quantile_dataset(runs, LAZY, ENTROPY, DELTA, X_NORM)
    over = table[["exceedances", "runs_exceeding"]].sel(
        quantity="linearization_error", delta=0.1, x_norm=20.0
    )
    for name in ("exceedances", "runs_exceeding"):
        assert int(over[name].sel(uniform_bound="printed").sum()) == 1
        assert int(over[name].sel(uniform_bound="printed", m=64).isel(steps=2)) == 1
        assert int(over[name].sel(uniform_bound="all_radii", m=64).isel(steps=2)) == 2


def test_what_is_over_a_bound_at_its_own_radius_is_counted_run_by_run(lazy):
    """Errors as large as their bounds, compared one by one with the formulas."""
    runs = xr.load_dataset(lazy / "runs.nc")
    for name in QUANTITIES:
        runs[name].values[:, :3] *= 8.0
    table = quantile_dataset(runs, LAZY, ENTROPY, DELTA, X_NORM)
    for name, width, time, delta, x in product(QUANTITIES, (0, 2), (1, 4), range(2), range(3)):
        m, steps = LAZY.m[width], LAZY.times[time]
        place = {"quantity": name, "m": m, "steps": steps, "delta": DELTA[delta], "x_norm": X_NORM[x]}
        at, scale = table.sel(place), float(QUANTITIES[name].at_norm(np.array(X_NORM[x])))
        for which in ("printed", "all_radii"):
            ratios = [
                [
                    scale * float(value) / float(limit)
                    for limit in [_limit(which, name, m, alpha, DELTA[delta], X_NORM[x])]
                    for value in runs[name].values[width, seed, time]
                ]
                for seed, alpha in enumerate(runs["alpha_hat"].values[width, :, time])
            ]
            over, counted = np.array(ratios) > 1.0, at.sel(uniform_bound=which)
            assert int(counted["exceedances"]) == over.sum()
            assert int(counted["runs_exceeding"]) == over.any(axis=1).sum()
            assert float(counted["largest_share"]) == pytest.approx(np.max(ratios))
        mean = float(runs["alpha_hat"].values[width, :, time].mean())
        limit = float(all_radii(name, m, mean, DELTA[delta], X_NORM[x]))
        assert float(at["bound_all_radii"]) == pytest.approx(limit)
        ratio = limit / (scale * float(at["quantile"])) if float(at["quantile"]) > 1e-12 else math.nan
        assert float(at["bound_ratio"].sel(bound="all_radii")) == pytest.approx(ratio, nan_ok=True)
    counts = table["exceedances"].sel(uniform_bound="all_radii").sum(("m", "steps", "delta", "x_norm"))
    assert (counts > 0).all()


def _limit(which, *place):
    return all_radii(*place) if which == "all_radii" else bound(which, *place)


def test_trained_networks_over_the_bound_for_all_radii_beyond_chance_make_it_false(lazy, client):
    archive = open_results([lazy], client)
    judge = JUDGES["N2"]
    judged = judge(archive)
    assert judged.verdict == PROVED
    evidence = {number.what: number.value for number in judged.evidence}
    table = archive.trainings[0].table.sel(uniform_bound="all_radii", x_norm=1.0, delta=0.5)
    shares = {
        name: value for name, value in evidence.items() if name.startswith("share of networks, held-out")
    }
    values = int(table["runs"].isel(steps=slice(1, None)).sum()) * LAZY.held_out_inputs
    for name, symbol in (("linearization_error", "$E$"), ("band_fraction", "$|B|/m$")):
        over = next(value for what, value in shares.items() if symbol in what)
        assert over == int(table["exceedances"].sel(quantity=name).sum()) / values
        nearest = next(
            value for what, value in evidence.items() if what.startswith(f"largest {symbol} in units of the")
        )
        assert nearest == pytest.approx(float(table["largest_share"].sel(quantity=name).max()))
    item = archive.trainings[0]
    for level, count, verdict in ((0.1, 58, FALSE), (0.5, 60, PROVED)):  # of 60; a half is not so rare
        over = item.table["exceedances"].copy(deep=True)
        over.loc[
            {"quantity": "delta1", "m": 64, "steps": 4, "uniform_bound": "all_radii", "delta": level}
        ] = count
        spoiled = dataclasses.replace(item, table=item.table.assign(exceedances=over))
        assert judge(dataclasses.replace(archive, trainings=(spoiled,))).verdict == verdict


def test_runs_that_diverged_are_kept_marked_and_left_out_of_moments(client, tmp_path):
    wild = replace(LAZY, step=60.0, steps=64, m=(16, 64), seeds=4)
    folder = made(wild, tmp_path / "wild", client)
    runs, table, rates = (xr.load_dataset(folder / f"{name}.nc") for name in ("runs", "quantiles", "rates"))
    ended = runs["status"].values == 3
    assert ended.any()
    assert runs["status"].attrs["flag_meanings"].split()[3] == "diverged"
    assert int(table["run_status"].sel(status="diverged").sum()) == ended.sum()
    np.testing.assert_array_equal(table["runs"].values, np.isfinite(runs["alpha_hat"].values).sum(axis=1))
    assert int(table["loss_grew"].isel(steps=-1).sum() + ended.sum()) > 0
    assert rates.sizes["steps"] == table.sizes["steps"]
    judged = JUDGES["LT"](open_results([folder], client))
    evidence = {n.what: n.value for n in judged.evidence}
    assert evidence["runs that ended with: diverged (wild)".replace("wild", "lazy")] == ended.sum()


def test_the_verdict_on_lazy_training_follows_ceiling_theorem_and_archive(lazy, client):
    archive = open_results([lazy], client)
    judge = JUDGES["LT"]
    falling, always = (number.value for number in judge(archive).evidence[:2])
    needed = max(falling, always)
    assert 0.05 < needed < 0.9
    assert judge(archive).verdict == TRUE  # "loose" is said of statements, not of a data set
    assert judge(archive, needed * 1.01).verdict == TRUE
    assert judge(archive, needed * 0.99).verdict == FALSE
    assert judge(open_results([], client)).verdict == UNDECIDED
    item = archive.trainings[0]
    table = item.table.copy(deep=True)
    table["exceedances"][{"quantity": 0, "m": 1, "steps": 3, "uniform_bound": 0, "delta": 0}] = (
        55  # of 60 at δ = 0.1
    )
    spoiled = dataclasses.replace(archive, trainings=(dataclasses.replace(item, table=table),))
    assert judge(spoiled).verdict == FALSE
    table["exceedances"][{"quantity": 0, "uniform_bound": 0}] = 5000  # by every run, at every input
    many = dataclasses.replace(item, experiment=replace(LAZY, seeds=1000), table=table)
    for delta, verdict in (([0.4, 0.5], FALSE), ([0.51, 0.6], TRUE)):  # beyond 1/2 there is no theorem at α̂
        beyond = dataclasses.replace(many, table=table.assign_coords(delta=delta))
        assert judge(dataclasses.replace(archive, trainings=(beyond,))).verdict == verdict


def test_a_run_over_the_ceiling_without_conditions_makes_it_false_although_its_loss_grew(lazy, client):
    runs = xr.load_dataset(lazy / "runs.nc")
    table = xr.load_dataset(lazy / "quantiles.nc")
    runs["training_loss"].values[2, 11, 1:] = 100.0
    archive = open_results([lazy], client)
    for factor, verdict in ((0.99, TRUE), (1.01, FALSE)):
        runs["alpha_hat"].values[2, 11, 3] = factor * table["alpha_ceiling_always"].values[3]
        spoiled = quantile_dataset(runs, LAZY, ENTROPY, DELTA, X_NORM)
        item = dataclasses.replace(archive.trainings[0], table=spoiled)
        assert JUDGES["LT"](dataclasses.replace(archive, trainings=(item,))).verdict == verdict


def test_a_single_run_over_its_ceiling_makes_lazy_training_false(lazy, client):
    runs = xr.load_dataset(lazy / "runs.nc")
    ceiling = xr.load_dataset(lazy / "quantiles.nc")["alpha_ceiling"].values
    runs["alpha_hat"].values[2, 11, 3] = 1.01 * ceiling[3]
    table = quantile_dataset(runs, LAZY, ENTROPY, DELTA, X_NORM)
    archive = open_results([lazy], client)
    spoiled = dataclasses.replace(
        archive, trainings=(dataclasses.replace(archive.trainings[0], table=table),)
    )
    assert JUDGES["LT"](spoiled).verdict == FALSE


def test_archives_of_either_kind_are_told_apart_and_checked(lazy, tmp_path):
    with open_data(lazy / "runs.nc") as runs:
        assert isinstance(runs, TrainedRunsFile)
        assert runs.experiment == LAZY
        assert runs.index(64, 11) == (1,)
        for m, seed, message in (
            (65, 0, "m is 65; archived: 16, 64, 256"),
            (64, 12, "seed is 12; archived: 0 to 11"),
            (64, -1, "seed is -1; archived: 0 to 11"),
        ):
            with pytest.raises(ResultsError, match=message):
                runs.index(m, seed)
    with pytest.raises(ResultsError, match="holds trained runs"), DrawnRunsFile(lazy / "runs.nc"):
        pass
    broken = tmp_path / "runs.nc"
    broken.write_bytes((lazy / "runs.nc").read_bytes())
    with netCDF4.Dataset(broken, "a") as file:
        file.renameVariable("alpha_hat", "alpha")
    with pytest.raises(ResultsError, match="lacks the variable alpha_hat, which"), open_data(broken):
        pass


def test_any_run_is_replayed_bit_for_bit_and_by_the_definitions(lazy, monkeypatch):
    monkeypatch.chdir(lazy.parents[1])
    call = CliRunner()
    line = ["replay", "--experiment", "lazy", "--m", "64", "--seed", "7", str(lazy.parent)]
    done = call.invoke(app, [*line, "--dense"])
    assert done.exit_code == 0, done.output
    assert "archived and recomputed: the same bits" in done.output
    assert float(done.output.split("at most ")[1].split()[0]) < 1e-13
    for name in (*QUANTITIES, *RUN_VARIABLES):
        assert f"\n{name}" in done.output
    with netCDF4.Dataset(lazy / "runs.nc", "a") as file:
        kept = float(file["alpha_hat"][1, 7, 2])
        file["alpha_hat"][1, 7, 2] = np.nextafter(kept, 1e9)
    try:
        done = call.invoke(app, line)
        assert done.exit_code == 1
        assert "DIFFERENT" in done.output
    finally:
        with netCDF4.Dataset(lazy / "runs.nc", "a") as file:
            file["alpha_hat"][1, 7, 2] = kept


CONFIG = {
    "entropy": 11,
    "experiments": {
        "lazy": {
            "kind": "trained", "data": "teacher", "d": 3, "training_inputs": 6, "held_out_inputs": 5,
            "loss": "logistic", "steps": 4, "target_loss": 0.01, "m": [8, 16], "seeds": 3,
        }
    },
    "analysis": {"delta": [0.5, 0.1], "x_norm": [1.0]},
}  # fmt: skip


def test_the_workflow_trains_with_the_same_bytes_on_any_cores_and_verifies(tmp_path):
    """A config of trained experiments alone, to the manifest, and again with two threads on one core."""
    first = run_snakemake(tmp_path / "one", CONFIG, "results/manifest.json")
    assert first.code == 0, first.output
    elsewhere = {**CONFIG, "execution": {"threads": 2}}
    second = run_snakemake(tmp_path / "two", elsewhere, "--cores=1", "results/lazy/rates.nc")
    assert second.code == 0, second.output
    data = first.digests("results/**/*.nc")
    assert len(data) == 5  # two shards, runs, quantiles, rates
    assert second.digests("results/**/*.nc") == data
    again = run_snakemake(tmp_path / "one", CONFIG, "results/manifest.json")
    assert "Nothing to be done" in again.output
    done = CliRunner().invoke(app, ["verify", str(tmp_path / "one/results"), "--recompute", "3"])
    assert done.exit_code == 0, done.output
    assert done.output.count("recomputed lazy (trained, m = ") == 3
    more = {**CONFIG, "experiments": {"lazy": {**CONFIG["experiments"]["lazy"], "seeds": 4}}}
    grown = run_snakemake(tmp_path / "two", more, "results/lazy/runs.nc")
    assert grown.jobs()["simulate"] == 2
    assert {k: v for k, v in grown.digests("results/**/shards/**/*.nc").items() if k in data} == {
        k: v for k, v in data.items() if "shards" in k
    }
