"""The README: what it says was found is what the default run has, and its Python draws what it says."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import xarray as xr
from conftest import ROOT
from scipy.stats import binom

from ntk_core.claims.record import THIS_PROJECT

README = (ROOT / "README.md").read_text(encoding="utf-8")
TEXT = re.sub(r"\s+", " ", README)
LARGEST = "up to 2³⁰ neurons"


@pytest.fixture(scope="module")
def results(default_run):
    return default_run.run.directory / "results"


def slope(rates: xr.Dataset, law: str, statistic: str) -> str:
    """The slope of E with half the length of its interval, at the d and α of the figure `rate`."""
    fit = rates.sel(quantity="linearization_error", perturbation=law, statistic=statistic, d=64, alpha=1.0)
    half = float(fit["slope_upper"] - fit["slope_lower"]) / 2
    return f"{float(fit['slope']):.4f} ± {half:.4f}".replace("-", "−")


def test_what_was_found_is_what_the_default_run_has(results):
    table = xr.open_dataset(results / "theorem1/quantiles.nc")
    rates = xr.open_dataset(results / "theorem1/rates.nc")
    claims = json.loads((results / "claims.json").read_text(encoding="utf-8"))
    cell = {"quantity": "linearization_error", "alpha": 1.0, "x_norm": 1.0, "delta": 0.001, "m": 2**30}
    worst = table.sel(perturbation="adversarial", d=64, bound="printed", **cell)
    false = [claim for claim in claims if claim["verdict"] == "false"]
    assert int(table["m"].max()) == 2**30
    assert f"{int(table['runs'].sum()):,} random networks of {LARGEST}" in TEXT
    worst_slope = f"{slope(rates, 'adversarial', 'mean')} (99 % interval; its mean, at α = 1 and d = 64)"
    assert f"the error falls as *m* to the power {worst_slope}." in TEXT
    random_slope = f"{slope(rates, 'sphere', 'rms')} (of the root mean square)"
    assert f"In random directions the power is {random_slope}." in TEXT
    assert (
        f"it is {float(worst['bound_printed'] / worst['exact_quantile']):.0f} times the exact 0.999-quantile"
        in TEXT
    )
    of_notes = [claim for claim in claims if claim["source"] != THIS_PROJECT]
    counts = f"{len(of_notes)} statements read from the notes, {len(false)} are false as printed."
    assert f"Of the {counts}" in TEXT
    norms = {claim["id"]: claim["counterexample"]["parameters"]["x_norm"] for claim in false}
    assert "its first bound is false for large inputs, its second for small ones." in TEXT
    assert "So is event A₁ for small inputs" in TEXT
    assert {name: norm > 1 for name, norm in norms.items()} == {"L4.Δ1": True, "L4.Δ2": False, "A1": False}
    assert all(claim["counterexample"] and claim["corrected"] for claim in false)
    over = table["exceedances"].sel(quantity="linearization_error", bound="printed")
    assert int(over.max()) == 0
    assert "No network is above it." in TEXT


def test_what_is_said_of_trained_networks_is_what_the_default_run_has(results):
    from ntk_core.claims.answer import answer

    training = answer(
        xr.open_dataset(results / "lazy/quantiles.nc"), xr.open_dataset(results / "lazy/rates.nc")
    )
    assert (training.delta, training.x_norm, training.over) == (0.5, 1.0, 0)
    assert f"{training.runs} networks trained on images obey the theorem." in TEXT
    seeds = training.spec["seeds"]
    assert (
        f"Both are at δ = ½: of the levels tried, the least that {seeds} networks of a width resolve." in TEXT
    )
    loose = training.loose
    interval = f"(99 % interval {loose.lower:,.0f} to {loose.upper:,.0f})"
    said = f"With {training.m:,} neurons the bound is {loose.value:,.0f} times their median error {interval}."
    assert said in TEXT


def test_the_tutorial_counts_the_networks_of_the_default_run(results):
    tutorial = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
    for name in ("theorem1", "definitions"):
        runs = int(xr.open_dataset(results / name / "quantiles.nc")["runs"].sum())
        assert f"- `{name}`: {runs:,} networks" in tutorial
    cell = int(xr.open_dataset(results / "theorem1/quantiles.nc")["runs"].max())
    assert f"quantiles of the error over {cell:,} networks each" in tutorial
    for name in ("lazy", "one_input"):
        trained = int(xr.open_dataset(results / name / "quantiles.nc")["run_status"].sum())
        assert f"- `{name}`: {trained} networks" in tutorial


def test_its_python_draws_runs_on_the_exact_law_below_the_bound(tmp_path, monkeypatch):
    """A true quantile is called false with probability 2e-9 at each width."""
    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"^```python\n(.*?)^```$", README, re.M | re.S)
    plt.figure()
    names: dict = {}
    exec(block, names)
    lines = {line.get_label(): line.get_ydata() for line in plt.gca().lines}
    plt.close()
    exact, bound = lines["exact 0.9-quantile"], lines["bound of the theorem"]
    measured = lines["0.9-quantile of 2,000 runs"]
    below = (names["runs"].values <= np.asarray(exact)[:, None] * (1 + 1e-5)).sum(axis=1)
    assert (below >= binom.ppf(1e-9, 2000, 0.9)).all()
    assert (below <= binom.isf(1e-9, 2000, 0.9)).all()
    assert (measured < bound).all()
    np.testing.assert_allclose(measured, exact, rtol=0.05)
    assert (tmp_path / "error.png").stat().st_size > 10_000
