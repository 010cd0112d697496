from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
from conftest import nan_without_a_reason

from ntk_core.datasets.comparisons import comparisons
from ntk_core.datasets.quantiles import quantile_dataset
from ntk_core.datasets.rates import rate_dataset
from ntk_core.datasets.runs import collect
from ntk_core.datasets.shard import simulate_shard
from ntk_core.datasets.theory import theory_dataset
from ntk_core.execution.workers import workers
from ntk_core.experiments.drawn import DrawnExperiment
from ntk_core.experiments.execution_model import ExecutionModel
from ntk_core.experiments.shards import Shard
from ntk_core.laws import LAWS, moments
from ntk_core.laws.exact import exact_quantile
from ntk_core.quantities import QUANTITIES
from ntk_core.storage.metadata import LONG_NAMES, TRAINED
from ntk_core.theory import bounds
from tools.reference import tolerances

DELTA = (0.001, 0.1, 0.5)
X_NORM = (0.1, 1.0, 20.0)


def test_statistics_of_every_cell_are_those_of_its_runs(analysed):
    runs, table, _ = analysed
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
        exact = row["exact_quantile"]
        assert np.array_equal(
            row["exact_exceedances"], (values > exact * (1 + 1e-6)).sum("seed").transpose(*exact.dims)
        )
        assert np.array_equal(
            row["exact_shortfalls"], (values < exact * (1 - 1e-6)).sum("seed").transpose(*exact.dims)
        )


def test_exceedances_count_runs_over_each_bound(analysed):
    runs, table, _ = analysed
    assert table["exceedances"].dtype == np.int64
    for quantity, record in QUANTITIES.items():
        for name in bounds.BOUNDS:
            for x in X_NORM:
                scale = record.at_norm(x)
                limit = table[f"bound_{name}"].sel(quantity=quantity, x_norm=x)
                over = (runs[quantity] * scale > limit * (1 + 1e-12)).sum("seed")
                got = table["exceedances"].sel(quantity=quantity, bound=name, x_norm=x)
                assert np.array_equal(got.transpose(*over.dims), over)
                upper = table["exceedance_rate_upper"].sel(quantity=quantity, bound=name, x_norm=x)
                assert (upper >= got / 1500).where(limit.notnull(), True).all()
    assert (table["exceedances"] > 0).any()


def test_bound_ratio_is_the_bound_over_the_measured_quantile(analysed):
    _, table, _ = analysed
    at = {"quantity": "delta2", "m": 256, "alpha": 2.0, "delta": 0.1, "x_norm": 20.0}
    measured = 20.0 * table["quantile"].sel(**{k: v for k, v in at.items() if k != "x_norm"})
    for name in bounds.BOUNDS:
        ratio = table[f"bound_{name}"].sel(at) / measured
        assert np.array_equal(table["bound_ratio"].sel(at | {"bound": name}), ratio)
    fraction = table["bound_ratio"].sel(quantity="band_fraction", bound="sharp", x_norm=20.0)
    assert np.array_equal(
        fraction, table["bound_ratio"].sel(quantity="band_fraction", bound="sharp", x_norm=0.1)
    )


def test_the_exact_bound_is_the_quantile_of_the_supremum(analysed):
    """Adversarial runs are over it at rate δ (binomial levels at 1e-6 each: false-alarm rate below 1e-3)."""
    from scipy.stats import binom

    _, table, _ = analysed
    for quantity in ("linearization_error", "delta1"):
        at = {"quantity": quantity, "x_norm": 20.0}
        exact = table["exact_quantile"].sel(quantity=quantity, perturbation="adversarial", d=2)
        assert np.allclose(table["bound_exact"].sel(at), 20.0 * exact, rtol=1e-12)
        over = table["exceedances"].sel(at | {"bound": "exact", "perturbation": "adversarial"})
        assert (binom.sf(over - 1, 1500, over["delta"]) > 1e-6).all()
        assert (binom.cdf(over, 1500, over["delta"]) > 1e-6).all()


def table_of(experiment, folder):
    """The quantiles of an experiment of one width, at δ = 1/2 and ‖x‖ = 1."""
    with workers(ExecutionModel(), 1) as client:
        shard = Shard(experiment, 1, experiment.m[0], 0, experiment.seeds)
        simulate_shard(shard, folder / "s.nc", client, lambda _: None)
        collect(experiment, 1, [folder / "s.nc"], folder / "runs.nc")
        theory = theory_dataset(experiment, 1, (0.5,), (1.0,), client)
        return quantile_dataset(folder / "runs.nc", theory, experiment, 1, client)


def test_a_quantile_that_is_rounding_has_no_ratio(tmp_path):
    still = DrawnExperiment("still", "dense", ("sphere",), (64,), (64,), (0.01,), 100)
    row = table_of(still, tmp_path).sel(quantity="linearization_error")
    assert 0.0 < row["quantile"].item() < 1e-15
    assert np.isnan(row["bound_ratio"]).all()


def test_where_a_bound_is_not_known_nothing_is_said_of_runs_over_it(tmp_path):
    wide = DrawnExperiment("wide", "band", ("adversarial",), (4,), (2,), (40.0,), 10)
    table = table_of(wide, tmp_path)
    row = table.sel(quantity="linearization_error", bound="exact")
    assert np.isnan(row["exceedance_rate_upper"]).all()
    assert np.isnan(row["bound_ratio"]).all()
    assert row["exceedances"].item() == 0


def test_a_run_exactly_on_a_bound_is_not_over_it():
    """|Δ₂| of the adversarial law is K·α/m, and at its quantile K lies on the binomial bound itself."""
    from scipy.stats import binom

    from ntk_core.datasets.run_statistics import cell
    from ntk_core.theory.gaussian import band_probability

    over_by_rounding = 0
    delta, x_norm = np.array([0.5, 0.1, 0.01]), np.array([0.1, 0.7, 3.0])
    for m in (66, 90, 250, 1002):
        for alpha in (0.3, 1.7, 2.1):
            pairs = np.arange(40)
            values = np.tile(alpha / m * pairs, (5, 1))
            one = DrawnExperiment("one", "band", ("adversarial",), (m,), (2,), (alpha,), 40)
            theory = theory_dataset(one, 0, tuple(delta), tuple(x_norm), None)
            runs = SimpleNamespace(read=lambda *_, values=values: values[0].copy())
            (limits,) = comparisons(one, theory)
            got = cell(runs, (0, 0, 0, 0), QUANTITIES, delta, limits)["exceedances"]
            got = got[list(QUANTITIES).index("delta2"), 2]
            level = binom.ppf(1 - delta, m // 2, band_probability(alpha / math.sqrt(m)))
            assert np.array_equal(got, np.repeat((39 - level)[:, None], 3, axis=1))
            scaled = values[0][:, None, None] * x_norm
            over_by_rounding += int((scaled > theory["bound_binomial"].values[3, 0, 0]).sum() - got.sum())
    assert over_by_rounding > 0  # what a plain comparison would count


def test_each_quantity_and_each_law_is_in_the_long_name_of_its_axis():
    assert all(f"{name} {quantity.ascii}" in LONG_NAMES["quantity"] for name, quantity in QUANTITIES.items())
    assert all(f"{name} ({law.words})" in LONG_NAMES["perturbation"] for name, law in LAWS.items())


def test_what_a_run_must_exceed_to_be_counted_is_named_as_it_is():
    over = LONG_NAMES["exceedances"], TRAINED["exceedances"]
    assert all("over (1 + 1e-12) times the bound" in name for name in over)
    assert "above (1 + 1e-06) times the exact" in LONG_NAMES["exact_exceedances"]
    assert "below (1 - 1e-06) times the exact" in LONG_NAMES["exact_shortfalls"]
    page = tolerances()
    for text in ("(1 + 1e-12) times the bound", "(1 + 1e-6) times the exact", "(1 − 1e-6) times an exact"):
        assert text in page
    assert "1e-9·α/m for E" in page
    assert "1e-9/m for the two fractions" in page
    assert "1e-15·√m" in page
    units = np.array([quantity.unit(64, 1e-6) for quantity in QUANTITIES.values()])
    sums = [0.0 if quantity.fraction else 1e-15 * 8 for quantity in QUANTITIES.values()]
    for sampler, noise in (("band", 1e-9 * units), ("dense", np.maximum(1e-9 * units, sums))):
        one = DrawnExperiment("one", sampler, ("sphere",), (64,), (2,), (1e-6,), 40)
        theory = theory_dataset(one, 0, (0.001, 0.999), (1.0,), None)
        (limits,) = comparisons(one, theory)
        bound = np.stack([theory[f"bound_{name}"].values[:, 0, 0] for name in bounds.BOUNDS])
        exact, around = theory["exact_quantile"].values[:, 0, 0, 0, 0], noise[:, None]
        counted_over = np.maximum(bound * (1 + 1e-12), around[..., None])
        assert np.array_equal(limits.bounds, counted_over, equal_nan=True)
        assert np.array_equal(limits.above, np.maximum(exact * (1 + 1e-6), around), equal_nan=True)
        assert np.array_equal(limits.below, np.where(exact > around, exact * (1 - 1e-6), 0.0))
        assert (exact <= around).any()


def test_tables_hold_bounds_and_exact_moments(analysed):
    _, table, _ = analysed
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


def test_every_variable_is_described(analysed):
    for dataset in analysed[1:]:
        for variable in dataset.variables.values():
            assert variable.attrs["long_name"]
            assert variable.dtype.kind in "OUT" or variable.attrs["units"] == "1"
        assert dataset.attrs["confidence_level"] == 0.99


def test_where_a_number_is_missing_its_long_name_says_why(analysed, tmp_path):
    """Of many runs, of one, of errors that are rounding, and where a quantile has no upper limit."""
    assert nan_without_a_reason(*analysed) == set()
    for number, (sampler, law, alpha, seeds) in enumerate(
        (("dense", "aligned", 1.0, 1), ("dense", "sphere", 0.01, 100), ("band", "adversarial", 40.0, 10))
    ):
        one = DrawnExperiment("one", sampler, (law,), (4,), (64,), (alpha,), seeds)
        table = table_of(one, tmp_path / f"{number}")
        assert nan_without_a_reason(table, rate_dataset(table, one, 1)) == set()


def test_points_are_the_widths_with_a_value_and_a_limit(analysed):
    """At δ = 0.001, of 1,500 runs, no quantile has an upper limit."""
    _, table, rates = analysed
    assert np.isinf(table["quantile_upper"].sel(delta=0.001)).all()
    assert (rates["points"].sel(statistic="0.001") == 0).all()
    assert np.isnan(rates["local_slope"].sel(statistic="0.001")).all()
    assert (rates["points"].sel(statistic="rms") == rates.sizes["m"]).all()
    for name in ("points", "local_slope"):
        assert "rounding or a quantile without an upper limit" in rates[name].attrs["long_name"]


def test_one_width_and_one_run_are_still_a_table(tmp_path):
    single = DrawnExperiment("one", "dense", ("aligned",), (4,), (2,), (1.0,), 1)
    table = table_of(single, tmp_path)
    rates = rate_dataset(table, single, 1)
    assert np.isnan(rates["slope"]).all()
    assert np.isnan(table["mean_standard_error"]).all()
    assert np.isnan(table["rms_upper"]).all()
