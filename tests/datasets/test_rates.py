from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr

from ntk_core.datasets.rates import rate_dataset
from ntk_core.experiments.drawn import DrawnExperiment
from ntk_core.laws import moments


def test_slopes_are_least_squares_of_the_logarithms(analysed):
    _, table, rates = analysed
    at = {"quantity": "linearization_error", "perturbation": "sphere", "d": 2, "alpha": 2.0}
    mean, lower = (table.sel(at)[name].values for name in ("mean", "mean_lower"))
    x = np.log(table["m"].values)
    fit = np.polyfit(x, np.log(mean), 1)[0]
    row = rates.sel(**at, statistic="mean")
    assert row["slope"] == pytest.approx(fit)
    weight = (x - x.mean()) / np.sum((x - x.mean()) ** 2)
    half = np.sqrt(np.sum((weight * np.log(mean / lower)) ** 2))
    assert row["slope_upper"] - row["slope"] == pytest.approx(half, rel=0.05)  # upper limits are as far off
    assert row["exponent"] == 0.75
    assert row["constant"] == pytest.approx(mean[-1] * 4096**0.75)
    assert row["constant_limit"] == moments.limit("sphere", "linearization_error", 2, 2.0, "mean")


def test_statistics_are_labelled_by_name_and_delta(analysed):
    _, _, rates = analysed
    assert rates["statistic"].values.tolist() == ["mean", "rms", "0.001", "0.1", "0.5"]
    assert rates["slope"].dims == ("quantity", "perturbation", "d", "alpha", "statistic")
    # No upper limit at δ = 0.001 from 1500 runs, so no slope with an interval either.
    assert np.isnan(rates["slope"].sel(statistic="0.001")).all()
    assert np.isinf(rates["constant_upper"].sel(statistic="0.001")).all()


def test_follows_from_is_where_the_exact_law_or_else_the_interval_is_at_the_limit_for_good(analysed):
    """What was measured counts where the law is unknown, and then its whole interval."""
    _, table, _ = analysed
    lower = table["mean_lower"].where(table["m"] > 64, 0.9 * table["mean_lower"])
    unknown = table.assign(exact_mean=np.nan * table["exact_mean"], mean_lower=lower)
    moved = table.assign({f"mean{end}": 1.1 * table[f"mean{end}"] for end in ("", "_lower", "_upper")})
    experiment, widths = DrawnExperiment("e", "band", ("sphere",), (), (), (), 1), {}
    for name, source in (("exact", table), ("moved", moved), ("interval", unknown)):
        rates = rate_dataset(source, experiment, 1)
        for law in ("adversarial", "sphere"):
            point = {"quantity": "linearization_error", "perturbation": law, "d": 2, "alpha": 2.0}
            row, cells = rates.sel(point | {"statistic": "mean"}), source.sel(point)
            ends = ("mean_lower", "mean_upper") if name == "interval" else ("exact_mean",)
            scaled = xr.concat([cells[end] for end in ends], "end") * cells["m"] ** row["exponent"]
            near = (np.abs(scaled / row["constant_limit"] - 1) <= 0.05).all("end").values
            last_off = [int(m) for m in table["m"].values[~near]]
            beyond = [int(m) for m in table["m"].values if not last_off or m > max(last_off)]
            widths[name, law] = beyond[0] if beyond else np.nan
            np.testing.assert_equal(row["follows_from"].item(), widths[name, law])
    assert [widths[name, "adversarial"] for name in ("exact", "moved", "interval")] == [64, 64, 256]


def replaced_by_exact(table):
    """The table as if every statistic had been measured without error."""
    out = table.copy()
    for statistic in ("mean", "rms"):
        out[statistic] = table[f"exact_{statistic}"]
        for end in ("lower", "upper"):
            out[f"{statistic}_{end}"] = table[f"exact_{statistic}"]
    for name in ("quantile", "quantile_lower", "quantile_upper"):
        out[name] = table["exact_quantile"]
    return out


def test_the_slope_of_the_limit_is_the_theory_once_the_curvature_is_taken_off(analysed):
    """From exact values the fitted slope of a median is off -1/2 by its curvature, the limit slope is 0."""
    _, table, _ = analysed
    rates = rate_dataset(
        replaced_by_exact(table), DrawnExperiment("e", "band", ("sphere",), (), (), (), 1), 1
    )
    at = {"quantity": "linearization_error", "perturbation": "adversarial", "d": 2, "alpha": 0.5}
    row = rates.sel(**at, statistic="0.5")
    assert abs(row["slope"] + 0.5) > 0.02
    assert row["slope"] == row["exact_slope"]
    assert row["limit_slope"] == pytest.approx(-0.5)
    assert np.allclose(row["local_slope"][1:], row["exact_local_slope"][1:], rtol=1e-12)


def test_local_slopes_are_between_neighbouring_widths(analysed):
    _, table, rates = analysed
    at = {"quantity": "delta1", "perturbation": "adversarial", "d": 2, "alpha": 2.0}
    row, cell = rates.sel(**at, statistic="mean"), table.sel(at)
    assert rates["local_slope"].dims[-1] == "m"
    assert np.isnan(row["local_slope"].sel(m=64))
    one, two = (cell.sel(m=m) for m in (256, 4096))
    step = math.log(4096 / 256)
    slope = math.log(two["mean"] / one["mean"]) / step
    assert row["local_slope"].sel(m=4096) == pytest.approx(slope)
    above = math.log(two["mean_upper"] / two["mean"]), math.log(one["mean"] / one["mean_lower"])
    half = row["local_slope_upper"].sel(m=4096) - row["local_slope"].sel(m=4096)
    assert half == pytest.approx(math.hypot(*above) / step)
    exact = math.log(two["exact_mean"] / one["exact_mean"]) / step
    assert row["exact_local_slope"].sel(m=4096) == pytest.approx(exact)
