"""The explorable page as a file: the numbers of the datasets, the same bytes, no network, no data run."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys

import explorable
import numpy as np
import pytest
import xarray as xr
from browsing import in_browser
from conftest import ROOT
from explorable import drawn

from ntk_core.datasets.comparisons import NOISE
from ntk_core.datasets.histograms import BARS
from ntk_core.pages.explore.data import drawn_data, trained_data
from ntk_core.pages.explore.page import render
from ntk_core.quantities import QUANTITIES
from ntk_core.theory.bounds import BOUNDS

checked, given, learned = explorable.checked, explorable.given, explorable.learned
page, visit = explorable.page, explorable.visit

# The data


def along(part):
    """An array of the page as a labelled one."""
    return xr.DataArray(np.array(part["values"], dtype=float), dims=part["dims"])


def same(part, expected, floor=0.0):
    """Whether an array of the page is this one of a dataset; NaN and infinity are null on the page."""
    shown = along(part)
    expected = expected.drop_vars(list(expected.coords)).transpose(*shown.dims).astype(float)
    finite = np.isfinite(expected.values)
    assert np.array_equal(np.isfinite(shown.values), finite)
    off = np.abs(shown.values - expected.values)
    room = 1e-7 * np.abs(expected.values) + np.broadcast_to(floor, expected.shape)
    assert (off <= room)[finite].all()


def at_norms(line, x_norm):
    """The value of a line at every ‖x‖."""
    scale = xr.DataArray(line["scale"] or np.ones(x_norm.size), dims="x_norm")
    return along(line["value"]) * scale


def test_every_number_of_a_grid_is_that_of_the_datasets(given):
    for table, rates in given:
        data = drawn_data(table, rates)
        assert data["axes"] == {name: table[name].values.tolist() for name in data["axes"]}
        assert set(data["axes"]) == {*table["quantile"].dims, "x_norm"} - {"quantity"}
        for quantity, (name, of) in zip(data["quantities"], QUANTITIES.items(), strict=True):
            lines = {line["name"]: line for line in quantity["lines"]}
            cell, rate = table.sel(quantity=name), rates.sel(quantity=name)
            noise = float((NOISE * of.unit(table["m"], table["alpha"])).max())
            bars = cell.stack(cell=quantity["bars"]["dims"]).transpose("cell", ...)
            shown = np.array(quantity["bars"]["values"], dtype=object).ravel()
            single = [len(one["counts"]) == 1 for one in shown]  # of equal runs: without a width
            middle = bars["first_bar"] + 0.5 * bars["bar_width"]
            start, width = bars["first_bar"].where(~np.array(single), middle), bars["bar_width"].values
            assert [one["start"] for one in shown] == pytest.approx(start.values, rel=1e-7)
            assert [one["width"] for one in shown] == pytest.approx(np.where(single, 0.0, width), rel=1e-7)
            for one, counts in zip(shown, bars["bar_runs"].values, strict=True):
                assert one["counts"][-1] > 0
                assert [*one["counts"], *[0] * (BARS - len(one["counts"]))] == counts.tolist()
            for end in ("value", "lower", "upper"):
                same(lines["quantile"][end], cell["quantile" + f"_{end}" * (end != "value")], noise)
            same(lines["exact_quantile"]["value"], cell["exact_quantile"])
            assert lines["quantile"]["scale"] == of.at_norm(table["x_norm"].values).tolist()
            levels = [repr(float(level)) for level in table["delta"].values]
            for end in ("slope", "slope_lower", "slope_upper"):
                same(lines["quantile"][end], rate[end].sel(statistic=levels).rename(statistic="delta"))
            same(lines["quantile"]["fitted"], rate["m_fit"].sel(statistic=levels).rename(statistic="delta"))
            for bound in BOUNDS:
                shown = at_norms(lines[bound], table["x_norm"])
                same({"dims": shown.dims, "values": shown}, cell[f"bound_{bound}"], 1e-15)
                over = along(lines[bound]["over"]) + 0 * xr.zeros_like(table["x_norm"].drop_vars("x_norm"))
                same({"dims": over.dims, "values": over}, cell["exceedances"].sel(bound=bound))


def test_every_number_of_a_trained_experiment_is_that_of_the_datasets(learned):
    for table, rates in learned:
        data = trained_data(table, rates)
        assert data["axes"] == {
            name: table[name].values.tolist() for name in ("m", "steps", "delta", "x_norm")
        }
        same(data["runs"], table["runs"])
        by_name = {quantity["name"]: quantity for quantity in data["quantities"]}
        assert list(by_name) == [*QUANTITIES, "alpha_hat", "twin_distance", "loss", "flipped"]
        alpha = table["run_mean"].sel(variable="alpha_hat")
        compared = 0
        for name, of in QUANTITIES.items():
            lines = {line["name"]: line for line in by_name[name]["lines"]}
            cell, rate = table.sel(quantity=name), rates.sel(quantity=name, statistic="rms")
            noise = np.nan_to_num((NOISE * of.unit(table["m"], alpha)).max().item())
            variables = {
                "held_out_quantile": "quantile",
                "held_out_rms": "rms",
                "training_rms": "training_rms",
            }
            for line, variable in variables.items():
                for end in ("value", "lower", "upper"):
                    same(lines[line][end], cell[variable + f"_{end}" * (end != "value")], noise)
            for end in ("slope", "slope_lower", "slope_upper"):
                same(lines["held_out_rms"][end], rate[end])
                same(lines["training_rms"][end], rate[f"training_{end}"])
            assert [name for name in lines if f"bound_{name}" in table] == ["printed", "all_radii", "exact"]
            for bound in ("printed", "all_radii", "exact"):
                shown = at_norms(lines[bound], table["x_norm"])
                same({"dims": shown.dims, "values": shown}, cell[f"bound_{bound}"], 1e-15)
                assert ("over" in lines[bound]) == (bound in table["uniform_bound"])
            levels = table["delta"]
            uniform = {
                "printed": (levels <= 0.5) & (name == "linearization_error"),
                "all_radii": levels > 0.0,
            }
            for bound, known in uniform.items():
                over = along(lines[bound]["over"]) + 0 * xr.zeros_like(table["x_norm"].drop_vars("x_norm"))
                runs = cell["runs_exceeding"].sel(uniform_bound=bound).where(known)
                same({"dims": over.dims, "values": over}, runs)
        for quantity in list(by_name.values())[len(QUANTITIES) :]:
            for line in quantity["lines"]:
                variable = line["name"].removesuffix("_max").removesuffix("_min")
                if variable not in table["variable"]:
                    same(line["value"], {**table, **rates}[line["name"]])
                    continue
                side = "run_" + line["name"].removeprefix(variable).removeprefix("_")
                same(line["value"], table["run_mean" if side == "run_" else side].sel(variable=variable))
                if side == "run_":
                    for end in ("lower", "upper"):
                        same(line[end], table[f"run_mean_{end}"].sel(variable=variable))
                    for end in ("slope", "slope_lower", "slope_upper"):
                        same(line[end], rates[f"run_{end}"].sel(variable=variable))
                compared += 1
        assert compared == 11  # α̂ three times, and eight other variables


def test_rounding_around_an_exact_zero_is_zero(given, learned):
    table, rates = given[1]
    names = ("quantile", "quantile_lower")
    tiny = {name: 0.0 * table[name].fillna(0.0) + 1e-16 for name in names}
    for quantity in drawn_data(table.assign(tiny), rates)["quantities"]:
        assert not np.any(quantity["lines"][-1]["value"]["values"])
        assert not np.any(quantity["lines"][-1]["lower"]["values"])
    table, rates = given[0]  # of the dense sampler, whose sums have more of it where α is small
    small = table.assign({name: 0.0 * table[name].fillna(0.0) + 3e-15 for name in names})
    error = drawn_data(small.assign_coords(alpha=[1e-4]), rates)["quantities"][0]
    assert not np.any(error["lines"][-1]["value"]["values"])
    table, rates = learned[0]
    tiny = {name: 0.0 * table[name].fillna(0.0) + 1e-16 for name in ("rms", "training_rms")}
    for quantity in trained_data(table.assign(tiny), rates)["quantities"][: len(QUANTITIES)]:
        for line in quantity["lines"][-2:]:
            assert not np.any(np.array(line["value"]["values"])[:, 1:])


# The file


def test_the_same_input_gives_the_same_bytes(page, given, learned, tmp_path):
    code = (
        "import sys, pickle; from pathlib import Path; from ntk_core.pages.explore.page import render\n"
        "page = render(*pickle.loads(Path(sys.argv[1]).read_bytes()))\n"
        "Path(sys.argv[2]).write_text(page, encoding='utf-8')"
    )
    (tmp_path / "given").write_bytes(pickle.dumps((given, learned)))
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    command = [sys.executable, "-c", code, str(tmp_path / "given"), str(tmp_path / "page")]
    subprocess.run(command, env=environment, check=True)
    assert (tmp_path / "page").read_text(encoding="utf-8") == page


def test_the_page_names_no_address_but_names_of_languages(page):
    """What is left is in the runtime: namespaces, and addresses it only prints or opens on request."""
    own = re.sub(r"<script>.*?</script>", "", page, count=1, flags=re.S)
    assert not re.findall(r"https?:|//[a-z]", own.replace("  //", "").replace("\n//", ""))
    addresses = set(re.findall(r"https?://[\w./-]+", page))
    known = ("http://www.w3.org/", "https://vega.github.io/", "https://github.com/vega/")
    assert all(address.startswith(known) for address in addresses)
    assert "default-src 'none'" in page
    assert "unsafe" not in re.search(r'Content-Security-Policy" content="(.*?)"', page)[1]
    assert len(page.encode()) < 2_000_000


@in_browser
def test_a_law_may_be_named_like_a_member_of_every_object(given, visit):
    table, rates = (dataset.assign_coords(perturbation=["constructor", "toString"]) for dataset in given[0])
    tab = visit(render([(table, rates)]))
    assert tab.locator("#perturbation option").all_inner_texts() == ["constructor", "toString"]


@in_browser
def test_a_slope_names_the_width_it_is_fitted_from_if_that_is_not_the_least(given, visit):
    table, rates = given[0]
    at = {"m_fit": rates["m_fit"] * 0 + 64.0}
    tab = visit(render([(table, rates.assign(at))]))
    tab.locator("#delta").fill("2")
    tab.wait_for_function("document.getElementById('values').textContent.includes(', fitted from m = 64')")
    tab.set_viewport_size({"width": 1400, "height": 900})
    assert tab.locator("#tables .scroll").first.evaluate("box => box.scrollWidth <= box.clientWidth")


@in_browser
def test_runs_that_are_all_zero_are_a_line_with_nothing_to_enlarge(given, visit):
    table, rates = (dataset.copy(deep=True) for dataset in given[0])
    error = {"quantity": "linearization_error"}
    for name, value in (("bar_runs", 0), ("first_bar", -0.15), ("bar_width", 0.3)):
        table[name].loc[error] = value
    table["bar_runs"][{"quantity": 0, "bar": 0}] = 200
    for name in ("quantile", "quantile_lower", "quantile_upper"):
        table[name].loc[error] = 0.0
    tab = visit(render([(table, rates)]))
    assert tab.inner_text("#beside-axis").endswith("; all runs are 0")
    assert tab.inner_text("#widths-axis").endswith("; a value of 0 is not on this axis")
    assert "runs of E: all runs are 0. Vertical lines" in tab.get_attribute("#beside", "aria-label")
    assert tab.locator("#bins tbody tr").all_text_contents() == ["00200"]
    assert not tab.is_visible("#close")
    tab.select_option("#quantity", "1")
    drawn(tab)
    assert tab.is_visible("#close svg")
    assert "all runs" not in tab.inner_text("#beside-axis")
    assert "a value of 0" not in tab.inner_text("#widths-axis")


EVIL = "</script><script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\">'&"


@pytest.fixture(scope="module")
def evil_page(given, learned):
    def evil(table, name):
        spec = {**json.loads(table.attrs["spec"]), "name": name}
        return table.assign_attrs(spec=json.dumps(spec))

    def lawless(dataset):
        return dataset.assign_coords(perturbation=[f"{law}{EVIL}" for law in dataset["perturbation"].values])

    drawn = [(lawless(evil(table, f"{i}{EVIL}")), lawless(rates)) for i, (table, rates) in enumerate(given)]
    return render(drawn, [(evil(table, f"trained{EVIL}"), rates) for table, rates in learned[:1]])


def test_data_is_escaped(evil_page, page):
    assert evil_page.count("<script") == page.count("<script") == 6
    assert evil_page.count("</script") == 6
    assert evil_page.count("<img") == page.count("<img")  # the runtime has a word like it


def test_a_config_without_grids_has_the_page(snakemake):
    lazy = snakemake(ROOT / "config/examples/lazy.yaml", "--dry-run")
    assert lazy.code == 0, lazy.output
    assert lazy.jobs()["explore"] == 1


def test_a_page_of_trained_experiments_alone_opens_with_the_first(learned):
    data = json.loads(render([], learned).split('id="data">')[1].split("</script>")[0])
    assert data["first"] == 0
    assert [one["name"] for one in data["experiments"]] == ["usual", "diverged"]


def test_the_data_that_an_experiment_kept_are_linked(given):
    (first, second) = given
    spec = json.dumps({**json.loads(second[0].attrs["spec"]), "keep": "aggregates"})
    page = render([first, (second[0].assign_attrs(spec=spec), second[1])])
    assert '"check/runs.nc"' in page
    assert '"e/aggregates.nc"' in page
    assert '"e/runs.nc"' not in page


@in_browser
def test_what_is_in_the_data_is_never_run(visit, evil_page):
    tab = visit(evil_page)
    assert EVIL in tab.locator("#experiment option").first.inner_text()
    tab.select_option("#experiment", "0")
    drawn(tab)
    assert EVIL in tab.inner_text("#cell-summary")
    assert EVIL in tab.inner_text("#values-caption")
    assert tab.locator("img").count() == 0
    assert tab.title() != "broken"
