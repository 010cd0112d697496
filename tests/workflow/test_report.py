"""The default run, seen as a user sees it: summary, figures, and the report in a browser."""

from __future__ import annotations

import html
import json
import math
import re

import numpy as np
import pytest
import xarray as xr
from browsing import chromium, in_browser
from conftest import ROOT
from scipy.stats import binom, norm

from ntk_core.figures import BALL_FIGURES, FIGURES, TRAINING_FIGURES


@pytest.fixture(scope="module")
def theorem(default_run):
    folder = default_run.run.directory / "results/theorem1"
    return xr.load_dataset(folder / "quantiles.nc"), xr.load_dataset(folder / "rates.nc")


def test_more_than_a_million_runs_in_less_than_a_gigabyte(default_run):
    total = 0
    for path in default_run.run.directory.glob("results/*/runs.nc"):
        with xr.open_dataset(path) as runs:
            total += runs["linearization_error"].size
            assert np.isfinite(runs["linearization_error"]).all()
    assert total > 10**6
    # Forks share what processes of their own would each have: 0.7 GB together, where those take 0.84 GB.
    assert default_run.peak_bytes < 0.85e9


def test_adversarial_mean_has_slope_minus_one_half(theorem):
    rates = theorem[1].sel(quantity="linearization_error", perturbation="adversarial", statistic="mean")
    assert rates["slope"].sizes == {"d": 2, "alpha": 3}
    assert np.abs(rates["slope"] + 0.5).max() < 0.002
    assert (rates["slope_upper"] - rates["slope_lower"] < 0.003).all()
    assert np.allclose(rates["constant"], rates["alpha"] ** 2 / (2 * math.sqrt(2 * math.pi)), rtol=0.01)


def test_sphere_rms_has_slope_minus_three_quarters(theorem):
    rates = theorem[1].sel(quantity="linearization_error", perturbation="sphere", statistic="rms")
    assert np.abs(rates["slope"] + 0.75).max() < 0.02


def test_every_slope_less_its_curvature_is_that_of_the_limit(theorem):
    """Mean, rms and quantiles of E under every law, in standard errors: false-alarm rate 1e-4 in all."""
    rates = theorem[1].sel(quantity="linearization_error")
    error = (rates["limit_slope_upper"] - rates["limit_slope"]) / norm.isf(0.005)
    scores = (np.abs(rates["limit_slope"] + rates["exponent"]) / error).values
    scores = scores[np.isfinite(scores)]
    assert scores.size >= 90
    assert scores.max() < norm.isf(0.5e-4 / scores.size)
    raw = (np.abs(rates["slope"] + rates["exponent"]) / error).values
    assert np.nanmax(raw) > 2 * scores.max()  # fitted slopes alone would not do


def test_every_cell_agrees_with_exact_moments(theorem):
    """z-scores of means and mean squares over the whole grid; false-alarm rate 1e-3 for all together."""
    table = theorem[0]
    mean = (table["mean"] - table["exact_mean"]) / table["mean_standard_error"]
    square_error = 2 * table["rms"] * table["rms_standard_error"]
    square = (table["rms"] ** 2 - table["exact_rms"] ** 2) / square_error
    scores = np.concatenate([mean.values.ravel(), square.values.ravel()])
    scores = np.abs(scores[np.isfinite(scores)])
    assert scores.size == 162 * (5 + 4)  # all but the means of three centred quantities of sphere
    assert scores.max() < norm.isf(0.5e-3 / scores.size)


def test_intervals_of_the_quantiles_hold_the_exact_ones(theorem):
    """At 99 % a cell, of 162 cells for each quantity and δ: 10 misses or more have probability 7e-6."""
    table = theorem[0].sel(quantity=["linearization_error", "delta1"])
    exact = table["exact_quantile"]
    assert np.isfinite(exact).all()
    inside = (table["quantile_lower"] <= exact) & (exact <= table["quantile_upper"])
    misses = (~inside).sum(["perturbation", "m", "d", "alpha"])
    assert int(misses.max()) < 10
    assert np.isfinite(table["quantile_upper"]).all()


def test_no_bound_on_the_error_is_exceeded_more_often_than_delta(theorem):
    """Theorem 1 and all that is proved, at every cell, δ and ‖x‖; false-alarm rate below 1e-2."""
    table = theorem[0]
    over = table["exceedances"]
    error = over.sel(quantity="linearization_error")
    assert int(error.sel(bound="printed").sum()) == 0
    tail = xr.apply_ufunc(lambda k, n, p: binom.sf(k - 1, n, p), over, table["runs"], table["delta"])
    proven = tail.sel(bound=["sharp", "binomial", "bernstein", "exact"])
    assert float(proven.min()) > 1e-2 / proven.size
    # The printed bound on the band fraction is false at small ‖x‖, and the run says so.
    assert float(tail.sel(bound="printed", quantity="band_fraction", x_norm=0.1).min()) < 1e-100


def test_dense_experiment_agrees_with_the_band_one(default_run, theorem):
    """Means of the two samplers at the common cells; false-alarm rate 1e-3 for all together."""
    dense = xr.load_dataset(default_run.run.directory / "results/definitions/quantiles.nc")
    band = theorem[0].sel(m=64, alpha=1.0)
    dense = dense.sel(m=64, alpha=1.0)
    error = np.hypot(band["mean_standard_error"], dense["mean_standard_error"])
    scores = np.abs((band["mean"] - dense["mean"]) / error).values.ravel()
    assert scores.max() < norm.isf(0.5e-3 / scores.size)


def test_summary_says_what_was_found_and_where(default_run):
    summary = (default_run.run.directory / "results/summary.txt").read_text()
    shown, files = (part for i, part in enumerate(summary.split("\n\n")) if i in (0, summary.count("\n\n")))
    assert f"\n{shown}\n\n" in default_run.run.output
    names = [line.partition("  ")[0] for line in files.splitlines()]
    assert all(f"\n{default_run.run.directory}/{name}  " in default_run.run.output for name in names)
    assert f"ntk-core verify {default_run.run.directory}/results\n" in default_run.run.output
    assert re.search(r"adversarial +64 +1 +mean +-0\.\d{4} +\[-0\.\d{4}, -0\.\d{4}\] +-0\.5 ", summary)
    assert "0 of 995,328 runs exceed Theorem 1 as printed" in " ".join(shown.split())
    assert "false as printed: Lemma 4 (first bound) for large inputs, Lemma 4" in " ".join(shown.split())
    assert "results/report.html" in summary
    assert "lazy: digit 3 against digit 8, squared loss, trained" in summary
    phases = re.findall(r"(?m)^\[(\w+)\].* done after \d+:\d\d$", default_run.run.output)
    assert phases == ["runs", "tables", "figures", "pages"]
    assert len(default_run.run.output.splitlines()) < 40
    assert "Job stats:" not in default_run.run.output


@pytest.mark.parametrize(
    "figure",
    [f"theorem1-{name}" for name in FIGURES]
    + [f"lazy-{name}" for name in TRAINING_FIGURES if name != "crossover"]
    + [f"one_input-{name}" for name in TRAINING_FIGURES]
    + [f"frobenius-{name}" for name in BALL_FIGURES],
)
def test_figures_come_in_three_formats_without_dates(default_run, figure):
    folder = default_run.run.directory / "results/figures"
    svg = (folder / f"{figure}.svg").read_text()
    assert "<dc:date>" not in svg
    pdf = (folder / f"{figure}.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert b"CreationDate" not in pdf
    assert (folder / f"{figure}.png").read_bytes().startswith(b"\x89PNG")


def test_findings_hold_every_claim_and_the_figures(default_run):
    folder = default_run.run.directory / "results"
    claims = json.loads((folder / "claims.json").read_text(encoding="utf-8"))
    page = (folder / "findings.html").read_text(encoding="utf-8")
    assert page.count("<article ") == len(claims)
    verdicts = {claim["id"]: claim["verdict"] for claim in claims}
    assert [name for name in verdicts if verdicts[name] == "false"] == ["L4.Δ1", "L4.Δ2", "A1"]
    assert verdicts["LT"] == "true"
    for claim in claims:
        assert html.escape(claim["command"]) in page
    assert "of 995,328 runs" in re.sub("<.*?>", "", page).lower()
    assert page.count('class="whole-drawing"') == len(FIGURES) + 2 * len(TRAINING_FIGURES) - 1 + len(
        BALL_FIGURES
    )


@pytest.mark.parametrize("page", ["findings.html", "explore.html"])
def test_every_link_of_a_page_leads_to_a_file_of_the_manifest(default_run, page):
    folder = default_run.run.directory / "results"
    recorded = set(json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"])
    assert page in recorded
    links = re.findall(r'<a href="([^#"]+)"', (folder / page).read_text(encoding="utf-8"))
    assert len(links) > 4
    published = re.findall(r"\]\((https://[^)]+)\)", (ROOT / "docs/notes.md").read_text(encoding="utf-8"))
    assert len(published) == 2
    assert set(links) - set(published) <= recorded


def test_explore_is_small_and_holds_every_cell(default_run):
    text = (default_run.run.directory / "results/explore.html").read_text(encoding="utf-8")
    assert len(text.encode()) < 2_000_000
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text)[1])
    assert [one["name"] for one in data["experiments"]] == ["theorem1", "definitions", "lazy", "one_input"]
    for one in data["experiments"][:2]:
        assert len(one["quantities"]) == 5
        for quantity in one["quantities"]:
            bins = np.array(quantity["bars"]["values"], dtype=object)
            assert bins.shape == tuple(len(one["axes"][name]) for name in ("perturbation", "m", "d", "alpha"))
            assert all(sum(histogram["counts"]) == one["runs"]["values"] for histogram in bins.ravel())


@in_browser
def test_report_shows_every_figure_and_needs_no_network(default_run):
    report = default_run.run.directory / "results/report.html"
    troubles: list[str] = []
    requests: list[str] = []
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("requestfailed", lambda request: troubles.append(request.url[:100]))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(report.as_uri())
        page.wait_for_selector("text=theorem1")
        page.click("text=theorem1")
        for figure in FIGURES:
            page.wait_for_selector(f"td:has-text('{figure}')")
        shown = page.evaluate("Object.keys(results).filter(name => name.includes('theorem1')).length")
        assert shown == len(FIGURES)
        sizes = page.evaluate(
            """async () => {
                const figures = Object.keys(results).filter(name => name.endsWith(".svg"));
                return Promise.all(figures.map(name => new Promise(resolve => {
                    const image = new Image();
                    image.onload = () => resolve(image.naturalWidth);
                    image.onerror = () => resolve(0);
                    image.src = results[name].data_uri;
                })));
            }"""
        )
        assert len(sizes) == 2 * len(FIGURES) + 2 * len(TRAINING_FIGURES) - 1 + len(BALL_FIGURES)
        assert min(sizes) > 300
        page.click("tr:has(td:has-text('rate')) a[iconname=information-circle]")
        page.wait_for_selector("text=a panel for each displacement law")
        page.click("a[iconname=eye]")
        image = page.wait_for_selector("img[src*='theorem1-rate.svg']")
        page.wait_for_function("image => image.naturalWidth > 0", arg=image)
        assert image.bounding_box()["width"] > 300
    assert troubles == []
    assert not [url for url in requests if url.startswith(("http:", "https:"))]
