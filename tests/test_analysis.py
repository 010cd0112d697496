from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr

from ntk_core import bounds, moments
from ntk_core.analysis import quantile_dataset, rate_dataset
from ntk_core.band import QUANTITIES
from ntk_core.config import ExecutionModel
from ntk_core.exact import exact_quantile
from ntk_core.execution import workers
from ntk_core.grid import Experiment, Shard
from ntk_core.simulation import collect, simulate_shard
from ntk_core.statistics import Z

EXPERIMENT = Experiment("e", "band", ("adversarial", "sphere"), (64, 256, 4096), (2,), (0.5, 2.0), 1500)
DELTA = (0.001, 0.1, 0.5)
X_NORM = (0.1, 1.0, 20.0)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("analysis")
    with workers(ExecutionModel(), 2) as client:
        shards = []
        for m in EXPERIMENT.m:
            shards.append(folder / f"{m}.nc")
            simulate_shard(Shard(EXPERIMENT, 1, m, 0, 1500), shards[-1], client, lambda _: None)
        collect(EXPERIMENT, 1, shards, folder / "runs.nc")
        table = quantile_dataset(folder / "runs.nc", EXPERIMENT, 1, DELTA, X_NORM, client)
    with xr.open_dataset(folder / "runs.nc") as runs:
        return runs.load(), table, rate_dataset(table, EXPERIMENT, 1)


def test_statistics_of_every_cell_are_those_of_its_runs(made):
    runs, table, _ = made
    for quantity in QUANTITIES:
        values, row = runs[quantity], table.sel(quantity=quantity)
        assert np.allclose(row["mean"], values.mean("seed"), rtol=1e-12)
        assert np.allclose(row["rms"] ** 2, (values**2).mean("seed"), rtol=1e-12)
        error = values.std("seed", ddof=1) / math.sqrt(1500)
        assert np.allclose(row["mean_standard_error"], error, rtol=1e-9)
        ordered = np.sort(values.transpose(..., "seed").values, axis=-1)
        assert np.array_equal(row["quantile"].sel(delta=0.1).values, ordered[..., 1349])
        assert np.array_equal(row["quantile"].sel(delta=0.5).values, ordered[..., 749])
        assert np.isinf(row["quantile_upper"].sel(delta=0.001)).all()
        assert (row["quantile_lower"] <= row["quantile"]).all()


def test_exceedances_count_runs_over_each_bound(made):
    runs, table, _ = made
    assert table["exceedances"].dtype == np.int64
    for quantity in QUANTITIES:
        for name in bounds.BOUNDS:
            for x in X_NORM:
                scale = 1.0 if quantity.endswith("_fraction") else x
                limit = table[f"bound_{name}"].sel(quantity=quantity, x_norm=x)
                over = (runs[quantity] * scale > limit * (1 + 1e-12)).sum("seed")
                got = table["exceedances"].sel(quantity=quantity, bound=name, x_norm=x)
                assert np.array_equal(got.transpose(*over.dims), over)
    assert (table["exceedance_rate_upper"] >= table["exceedances"] / 1500).all()
    assert (table["exceedances"] > 0).any()


def test_a_run_exactly_on_a_bound_is_not_over_it():
    """|Δ₂| of the adversarial law is K·α/m, and at its quantile K lies on the binomial bound itself."""
    from scipy.stats import binom

    from ntk_core.analysis import _cell
    from ntk_core.gaussian import band_probability

    over_by_rounding = 0
    delta, x_norm = np.array([0.5, 0.1, 0.01]), np.array([0.1, 0.7, 3.0])
    for m in (66, 90, 250, 1002):
        for alpha in (0.3, 1.7, 2.1):
            pairs = np.arange(40)
            values = np.tile(alpha / m * pairs, (5, 1))
            grid = np.ix_(delta, x_norm)
            limits = np.stack(
                [[bounds.bound(name, q, m, alpha, *grid) for q in QUANTITIES] for name in bounds.BOUNDS]
            )
            got = _cell(values, delta, x_norm, limits)["exceedances"][QUANTITIES.index("delta2"), 2]
            level = binom.ppf(1 - delta, m // 2, band_probability(alpha / math.sqrt(m)))
            assert np.array_equal(got, np.repeat((39 - level)[:, None], 3, axis=1))
            scaled = values[0][:, None, None] * x_norm
            over_by_rounding += int((scaled > limits[2, 3]).sum() - got.sum())
    assert over_by_rounding > 0  # what a plain comparison would count


def test_tables_hold_bounds_and_exact_moments(made):
    _, table, _ = made
    at = {"quantity": "delta1", "m": 256, "alpha": 2.0}
    value = table["bound_printed"].sel(**at, delta=0.1, x_norm=20.0)
    assert value == bounds.printed("delta1", 256, 2.0, 0.1, 20.0)
    quantile = table["exact_quantile"].sel(**at, perturbation="adversarial", d=2, delta=0.1)
    assert quantile == exact_quantile("adversarial", "delta1", 256, 2, 2.0, 0.1)
    quantile = table["exact_quantile"].sel(**at, perturbation="sphere", d=2, delta=0.1)
    assert quantile == exact_quantile("sphere", "delta1", 256, 2, 2.0, 0.1)
    exact = table["exact_rms"].sel(**at, perturbation="sphere", d=2)
    assert exact == moments.root_mean_square("sphere", "delta1", 256, 2, 2.0)
    assert np.isnan(table["exact_mean"].sel(**at, perturbation="sphere", d=2))


def test_slopes_are_least_squares_of_the_logarithms(made):
    _, table, rates = made
    at = {"quantity": "linearization_error", "perturbation": "sphere", "d": 2, "alpha": 2.0}
    mean, error = (table.sel(at)[name].values for name in ("mean", "mean_standard_error"))
    x = np.log(table["m"].values)
    fit = np.polyfit(x, np.log(mean), 1)[0]
    row = rates.sel(**at, statistic="mean")
    assert row["slope"] == pytest.approx(fit)
    weight = (x - x.mean()) / np.sum((x - x.mean()) ** 2)
    half = Z * np.sqrt(np.sum((weight * error / mean) ** 2))
    assert row["slope_upper"] - row["slope"] == pytest.approx(half)
    assert row["exponent"] == 0.75
    assert row["constant"] == pytest.approx(mean[-1] * 4096**0.75)
    assert row["constant_limit"] == moments.limit("sphere", "linearization_error", 2, 2.0, "mean")


def test_statistics_are_labelled_by_name_and_delta(made):
    _, _, rates = made
    assert rates["statistic"].values.tolist() == ["mean", "rms", "0.001", "0.1", "0.5"]
    assert rates["slope"].dims == ("quantity", "perturbation", "d", "alpha", "statistic")
    # No upper limit at δ = 0.001 from 1500 runs, so no slope with an interval either.
    assert np.isnan(rates["slope"].sel(statistic="0.001")).all()
    assert np.isinf(rates["constant_upper"].sel(statistic="0.001")).all()


def test_follows_from_is_where_the_limit_is_reached_for_good(made):
    _, table, rates = made
    for law in EXPERIMENT.perturbation:
        row = rates.sel(quantity="linearization_error", perturbation=law, d=2, alpha=2.0, statistic="mean")
        value = table.sel(quantity="linearization_error", perturbation=law, d=2, alpha=2.0)["mean"]
        off = np.abs(value * table["m"] ** row["exponent"] / row["constant_limit"] - 1) > 0.05
        last_off = [int(m) for m in table["m"].values[off.values]]
        beyond = [int(m) for m in table["m"].values if not last_off or m > max(last_off)]
        assert row["follows_from"] == beyond[0] if beyond else np.isnan(row["follows_from"])


def test_every_variable_is_described(made):
    for dataset in made[1:]:
        for variable in dataset.variables.values():
            assert variable.attrs["long_name"]
            assert variable.dtype.kind in "OUT" or variable.attrs["units"] == "1"
        assert dataset.attrs["confidence_level"] == 0.99


def test_one_width_and_one_run_are_still_a_table(tmp_path):
    single = Experiment("one", "dense", ("aligned",), (4,), (2,), (1.0,), 1)
    with workers(ExecutionModel(), 1) as client:
        simulate_shard(Shard(single, 1, 4, 0, 1), tmp_path / "s.nc", client, lambda _: None)
        collect(single, 1, [tmp_path / "s.nc"], tmp_path / "runs.nc")
        table = quantile_dataset(tmp_path / "runs.nc", single, 1, (0.5,), (1.0,), client)
    rates = rate_dataset(table, single, 1)
    assert np.isnan(rates["slope"]).all()
    assert np.isnan(table["mean_standard_error"]).all()
