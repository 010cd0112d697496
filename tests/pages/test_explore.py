"""The explorable page: histograms of all runs, and in a browser every number beside the datasets."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import xarray as xr
from browsing import in_browser, visits
from conftest import DELTA, EXPERIMENT, ROOT, X_NORM

from ntk_core.datasets.quantiles import NOISE, quantile_dataset
from ntk_core.datasets.runs import RunsReader, collect
from ntk_core.datasets.shard import simulate_shard
from ntk_core.datasets.theory import theory_dataset
from ntk_core.execution.workers import workers
from ntk_core.experiments.drawn import DrawnExperiment
from ntk_core.experiments.execution_model import ExecutionModel
from ntk_core.experiments.shards import Shard
from ntk_core.pages.explore import histograms as histograms_module
from ntk_core.pages.explore.data import experiment_data
from ntk_core.pages.explore.histograms import BINS, histogram, histograms
from ntk_core.pages.explore.page import LINES, render
from ntk_core.quantities import QUANTITIES
from ntk_core.theory.bounds import BOUNDS

DENSE = DrawnExperiment("check", "dense", ("aligned", "sphere"), (16, 64), (2, 3), (1.0,), 200)
"""By the definitions, so that zeros come with rounding; too few runs for every upper limit."""


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """A folder with the runs and quantiles of a dense experiment."""
    folder = tmp_path_factory.mktemp("dense")
    with workers(ExecutionModel(), 1) as client:
        shards = [folder / f"{m}.nc" for m in DENSE.m]
        for m, path in zip(DENSE.m, shards, strict=True):
            simulate_shard(Shard(DENSE, 1, m, 0, DENSE.seeds), path, client, lambda _: None)
        collect(DENSE, 1, shards, folder / "runs.nc")
        theory = theory_dataset(DENSE, 1, DELTA, X_NORM, client)
        quantile_dataset(folder / "runs.nc", theory, DENSE, 1, client).to_netcdf(folder / "quantiles.nc")
    return folder


@pytest.fixture(scope="module")
def given(archived, checked):
    """What the page is made from, the dense experiment first."""
    with workers(ExecutionModel(), 2) as client:
        return [
            (xr.load_dataset(folder / "quantiles.nc"), histograms(folder / "runs.nc", experiment, client))
            for folder, experiment in ((checked, DENSE), (archived, EXPERIMENT))
        ]


@pytest.fixture(scope="module")
def page(given):
    return render(given)


# Histograms


def cells(experiment):
    """Quantity, place in the file and unit of every histogram, in their order."""
    for quantity in QUANTITIES:
        for index in np.ndindex(experiment.shape):
            yield (
                quantity,
                index,
                QUANTITIES[quantity].unit(experiment.m[index[1]], experiment.alpha[index[3]]),
            )


@pytest.mark.parametrize("number", [0, 1])
def test_every_run_is_in_its_bin(given, archived, checked, number):
    experiment, folder = ((DENSE, checked), (EXPERIMENT, archived))[number]
    found = [one for row in given[number][1] for one in row]
    with RunsReader(folder / "runs.nc") as runs:
        for (quantity, index, unit), one in zip(cells(experiment), found, strict=True):
            values = runs.read(quantity, index)
            values[values < NOISE * unit] = 0.0
            assert one.counts.sum() == experiment.seeds
            assert 1 <= one.counts.size <= BINS
            edges = one.start + one.width * np.arange(one.counts.size + 1)
            edges[[0, -1]] += [-1e-9 * unit, 1e-9 * unit]
            assert edges[0] <= values.min()
            assert values.max() <= edges[-1]
            upto = np.searchsorted(np.sort(values), edges)[1:]
            on_edges = (np.abs(edges[:, None] - values) < 1e-9).sum()
            assert np.abs(np.cumsum(one.counts) - upto).max() <= on_edges


@pytest.mark.parametrize(
    ("units", "width", "counts"),
    [
        ([3, 3, 7, 5], 2, [2, 1, 1]),
        ([4, 4, 4], 1, [3]),
        ([0, 1e-12], 1, [2]),
        ([0, 99, *range(100)], 3, None),
        ([0.25, 0.5, 1.25], 1 / BINS, None),
        ([0.7, 0.7], 1, [2]),
    ],
)
def test_bins_fit_counts_of_neurons(units, width, counts):
    """Where values are counts, every bin is centred on as many of them as every other."""
    one = histogram(np.array(units) * 0.01, 0.01)
    assert one.width == pytest.approx(0.01 * width)
    assert one.counts.sum() == len(units)
    if counts:
        assert one.counts.tolist() == counts
    if width == 3:
        assert one.start == pytest.approx(-0.005)
        assert set(one.counts[1:-1]) == {3}


def test_rounding_around_an_exact_zero_is_zero(given):
    table, rows = given[1]
    tiny = table.assign(
        {name: 0.0 * table[name].fillna(0.0) + 1e-16 for name in ("quantile", "quantile_lower")}
    )
    data = experiment_data(tiny, rows)
    for name in ("quantile", "quantile_lower"):
        assert not np.any(np.array(data[name]))


def test_runs_are_read_once_and_a_cell_at_a_time(archived, monkeypatch):
    read: list[tuple[str, tuple[int, ...]]] = []

    class Watched(RunsReader):
        def read(self, quantity, index):
            read.append((quantity, index))
            return super().read(quantity, index)

    monkeypatch.setattr(histograms_module, "RunsReader", Watched)
    with workers(ExecutionModel(), 2) as client:
        histograms(archived / "runs.nc", EXPERIMENT, client)
    assert sorted(read) == sorted((quantity, index) for quantity, index, _ in cells(EXPERIMENT))
    assert all(len(index) == 4 for _, index in read)


# The file


def test_the_same_input_gives_the_same_bytes(page, archived, checked, tmp_path):
    code = (
        "import sys, pickle; from pathlib import Path; from ntk_core.pages.explore.page import render\n"
        "Path(sys.argv[2]).write_text(render(pickle.loads(Path(sys.argv[1]).read_bytes())), encoding='utf-8')"
    )
    with workers(ExecutionModel(), 1) as client:
        again = [
            (xr.load_dataset(folder / "quantiles.nc"), histograms(folder / "runs.nc", experiment, client))
            for folder, experiment in ((checked, DENSE), (archived, EXPERIMENT))
        ]
    (tmp_path / "given").write_bytes(pickle.dumps(again))
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


EVIL = "</script><script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\">'&"


@pytest.fixture(scope="module")
def evil_page(given):
    def evil(table, name):
        spec = {**json.loads(table.attrs["spec"]), "name": name}
        laws = {"perturbation": [f"{law}{EVIL}" for law in table["perturbation"].values]}
        return table.assign_coords(laws).assign_attrs(spec=json.dumps(spec))

    return render([(evil(table, f"{i}{EVIL}"), rows) for i, (table, rows) in enumerate(given)])


def test_data_is_escaped(evil_page, page):
    assert evil_page.count("<script") == page.count("<script") == 3
    assert evil_page.count("</script") == 3
    assert evil_page.count("<img") == page.count("<img")  # the runtime has a word like it


def test_the_wheel_holds_the_page(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    assert {f"ntk_core/pages/explore/page.{end}" for end in ("html.jinja", "css", "js")} <= set(names)


def test_only_a_config_with_grids_has_the_page(snakemake, small):
    assert snakemake(small, "--dry-run").jobs()["explore"] == 1
    lazy = snakemake(ROOT / "config/examples/lazy.yaml", "--dry-run")
    assert lazy.code == 0, lazy.output
    assert "explore" not in lazy.jobs()


# In a browser


@pytest.fixture
def visit(browser, page, tmp_path):
    """Opens a page from disk with no network; at the end nothing must have gone wrong or been asked for."""
    requests: list[str] = []
    opened = []

    def open_(*content, **options):
        tab = visit(*content, **options)
        opened.append(tab)
        if options.get("java_script_enabled", True):
            drawn(tab)
        return tab

    with visits(browser, page, tmp_path / "explore.html", requests) as visit:
        yield open_
    assert requests == [(tmp_path / "explore.html").as_uri()] * len(opened)


def drawn(tab):
    tab.wait_for_selector("#charts[aria-busy=false]")


def parsed(text):
    """The number that a reader sees."""
    digits = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    mantissa, _, power = text.replace(",", "").partition(" × 10")
    return float(mantissa) * 10.0 ** int(power.translate(digits) or 0)


def rows(tab, table):
    """Texts of the rows of a table, hidden or not."""
    script = "table => [...table.tBodies[0].rows].map(row => [...row.cells].map(cell => cell.textContent))"
    return tab.locator(f"#{table}").evaluate(script)


CONTROLS = ("perturbation", "quantity", "m", "d", "alpha", "delta", "x_norm")


def state(tab):
    """Places of the chosen values in their lists, by control."""
    return {name: int(tab.locator(f"#{name}").input_value()) for name in CONTROLS}


def agrees(tab, table, folder):
    """Everything the page says of its choice beside the datasets; the picture too."""
    drawn(tab)
    at = state(tab)
    quantity = list(QUANTITIES)[at.pop("quantity")]
    x = at.pop("x_norm")
    cell = table.sel(quantity=quantity).isel(at)
    x_norm = float(table["x_norm"][x])
    scale = float(QUANTITIES[quantity].at_norm(np.array(x_norm)))
    m, alpha = int(cell["m"]), float(cell["alpha"])
    noise = NOISE * QUANTITIES[quantity].unit(m, alpha) * scale

    def same(text, value):
        if not np.isfinite(value):
            assert text in {"not known", "not computed", "∞ (too few runs)", "—"}
        else:
            assert parsed(text) == pytest.approx(value, rel=6e-7, abs=1.01 * noise)

    # The table of numbers.
    shown = {row[0]: row[1:] for row in rows(tab, "values")}
    assert list(shown)[:6] == list(LINES.values())
    for name in BOUNDS:
        text, ratio, over = shown[LINES[name]]
        value = float(cell[f"bound_{name}"].isel(x_norm=x))
        same(text, value)
        assert int(over.replace(",", "")) == int(cell["exceedances"].sel(bound=name).isel(x_norm=x))
        expected = float(cell["bound_ratio"].sel(bound=name).isel(x_norm=x))
        if scale * float(cell["quantile"]) > noise:
            assert parsed(ratio) == pytest.approx(expected, rel=6e-4)
        else:
            assert ratio == ""
    same(shown[LINES["exact_quantile"]][0], scale * float(cell["exact_quantile"]))
    same(shown[LINES["quantile"]][0], scale * float(cell["quantile"]))
    for end in ("lower", "upper"):
        same(shown[f"{end} limit of its 99 % interval"][0], scale * float(cell[f"quantile_{end}"]))

    # The sentence that is read aloud.
    told = tab.inner_text("#told").replace("\u00a0", " ")
    assert told.startswith(f"{QUANTITIES[quantity].text} under the ")
    assert f"d = {int(cell['d'])}, α = {alpha:g}, δ = {float(cell['delta']):g}, ‖x‖ = {x_norm:g}" in told
    pattern = r"-quantile of ([\d,]+) runs is (.*?) \("
    runs, measured = re.search(pattern, told).groups()
    assert int(runs.replace(",", "")) == int(cell["runs"])
    assert parsed(measured) == pytest.approx(scale * float(cell["quantile"]), rel=6e-4, abs=1.01 * noise)

    # The histogram.
    bins = rows(tab, "bins")
    counts = [int(row[2].replace(",", "")) for row in bins]
    with RunsReader(folder / "runs.nc") as reader:
        values = scale * reader.read(quantity, (at["perturbation"], at["m"], at["d"], at["alpha"]))
    assert sum(counts) == values.size == int(cell["runs"])
    slack = 2e-6 * values.max() + noise
    for (low, high, _), count in zip(bins, counts, strict=True):
        inside = values[(values > parsed(low) + slack) & (values < parsed(high) - slack)].size
        around = values[(values >= parsed(low) - slack) & (values <= parsed(high) + slack)].size
        assert inside <= count <= around
    picture = tab.locator("#close .mark-rect.layer_1_marks path").evaluate_all(
        "bars => bars.map(b => b.getBBox().height)"
    )
    assert len(picture) == len(counts)
    assert np.allclose(np.array(picture) / max(picture), np.array(counts) / max(counts), atol=0.01)

    # The lines stand where the axis says.
    numbers = sorted(parsed(shown[name][0]) for name in LINES.values() if shown[name][0][0].isdigit())
    where = tab.locator("#beside .mark-rule.role-mark line").evaluate_all(
        "lines => lines.map(line => line.transform.baseVal.consolidate().matrix.e).sort((a, b) => a - b)"
    )
    assert len(where) == len(numbers)
    slope = (where[-1] - where[0]) / (numbers[-1] - numbers[0])
    assert np.allclose(where[0] + slope * (np.array(numbers) - numbers[0]), where, atol=0.6)
    assert slope > 0

    # Against the width.
    by_width = rows(tab, "by-width")
    assert [int(row[0].replace(",", "")) for row in by_width] == table["m"].values.tolist()
    assert by_width[at["m"]][1:] == [re.sub("^not.*", "—", shown[name][0]) for name in LINES.values()]
    measured = scale * table.sel(quantity=quantity).isel({**at, "m": slice(None)})["quantile"].values
    assert tab.locator("#widths .mark-symbol path").count() == np.count_nonzero(measured > noise)
    label = tab.get_attribute("#beside", "aria-label")
    assert f"Histogram of {int(cell['runs']):,} runs" in label
    assert label.count(" bound ") >= 2


@in_browser
def test_every_control_shows_the_numbers_of_the_datasets(visit, given, archived, checked):
    (dense, _), (band, _) = given
    tab = visit(viewport={"width": 1200, "height": 900})
    assert tab.locator("#experiment option").all_inner_texts() == ["check", "e"]
    assert tab.input_value("#experiment") == "1"  # the band first
    agrees(tab, band, archived)

    # Ranges by keyboard, each to both ends.
    for name in ("m", "alpha", "delta", "x_norm"):
        control = tab.locator(f"#{name}")
        last = band.sizes[name] - 1
        control.focus()
        tab.keyboard.press("End")
        assert control.input_value() == str(last)
        agrees(tab, band, archived)
        tab.keyboard.press("Home")
        assert control.input_value() == "0"
        agrees(tab, band, archived)
        tab.keyboard.press("ArrowRight")
        assert control.input_value() == str(min(1, last))
        shown = tab.inner_text(f"#{name}-value")
        assert control.get_attribute("aria-valuetext") == shown
        assert parsed(shown.split(" = ")[-1]) == float(band[name][min(1, last)])
    assert tab.locator("#d").is_disabled()  # it has one value

    # Selects: by keyboard, then each option.
    tab.focus("#perturbation")
    tab.keyboard.press("ArrowDown")
    assert tab.input_value("#perturbation") == "1"
    agrees(tab, band, archived)
    for number in range(len(QUANTITIES)):
        tab.select_option("#quantity", str(number))
        for law in ("0", "1"):
            tab.select_option("#perturbation", law)
            agrees(tab, band, archived)

    # Another experiment, with two dimensions, rounding around zero and no upper limits; then back.
    tab.select_option("#quantity", "0")
    tab.locator("#m").fill("2")
    tab.select_option("#experiment", "0")
    agrees(tab, dense, checked)
    assert tab.inner_text("#m-value") == "64"  # the nearest to 4096
    assert tab.locator("#alpha").is_disabled()
    tab.focus("#d")
    tab.keyboard.press("ArrowRight")
    tab.locator("#m").fill("0")
    tab.locator("#delta").fill("0")
    agrees(tab, dense, checked)
    assert "∞ (too few runs)" in tab.inner_text("#values")
    tab.locator("#delta").fill("2")
    tab.select_option("#perturbation", "1")
    agrees(tab, dense, checked)
    tab.select_option("#experiment", "1")
    agrees(tab, band, archived)


@in_browser
def test_every_number_on_an_axis_is_inside_its_chart(visit):
    tab = visit()
    for quantity in ("0", "1"):
        tab.select_option("#quantity", quantity)
        drawn(tab)
        outside = tab.evaluate(
            """() => ["beside", "close", "widths"].flatMap(name => {
                const chart = document.querySelector(`#${name} svg`);
                const box = chart.getBoundingClientRect();
                const texts = [...chart.querySelectorAll(".role-axis-label text")];
                const shown = texts.filter(text => getComputedStyle(text).opacity > 0 && text.textContent);
                const out = shown.filter(text => text.getBoundingClientRect().left < box.left - 1);
                return [[name, shown.length > 3, out.map(text => text.textContent)]];
            })"""
        )
        assert outside == [[name, True, []] for name in ("beside", "close", "widths")]


@in_browser
def test_controls_charts_and_tables_have_names_and_focus_is_seen(visit):
    tab = visit()
    unnamed = tab.evaluate(
        """() => [...document.querySelectorAll("select, input")].filter(control =>
            control.labels.length !== 1 || control.labels[0].textContent.trim().length < 5).map(c => c.id)"""
    )
    assert unnamed == []
    assert tab.locator("select:visible, input:visible").count() == 8
    assert not tab.is_visible("#still")
    assert tab.get_attribute("#told", "aria-live") == "polite"
    for name in ("beside", "close", "widths"):
        assert tab.get_attribute(f"#{name}", "role") == "img"
        before = tab.get_attribute(f"#{name}", "aria-label")
        assert len(before) > 80
        tab.select_option("#quantity", "2")
        drawn(tab)
        assert tab.get_attribute(f"#{name}", "aria-label") != before
        tab.select_option("#quantity", "0")
        drawn(tab)
    assert tab.locator("[aria-labelledby]").count() > 4
    lost = tab.evaluate(
        """() => [...document.querySelectorAll("[aria-labelledby]")].filter(element =>
            !document.getElementById(element.getAttribute("aria-labelledby"))?.textContent.trim()).length"""
    )
    assert lost == 0
    ids = tab.evaluate("[...document.querySelectorAll('[id]')].map(element => element.id)")
    assert len(ids) == len(set(ids))
    outline = "element => getComputedStyle(element).outlineStyle + getComputedStyle(element).outlineWidth"
    reached = []
    tab.evaluate("document.activeElement.blur()")
    for _ in range(16):
        tab.keyboard.press("Tab")
        focused = tab.locator(":focus")
        assert focused.evaluate(outline) == "solid2px"
        reached.append(focused.get_attribute("id"))
    assert [name for name in reached if name] == ["experiment", *[c for c in CONTROLS if c != "d"]]
    tab.locator("summary").first.press("Enter")
    assert tab.is_visible("#bins")


@in_browser
@pytest.mark.parametrize("width", [320, 360, 1200, 1600])
def test_no_page_is_wider_than_the_screen(visit, width):
    tab = visit(viewport={"width": 1200, "height": 800})
    tab.set_viewport_size({"width": width, "height": 800})
    tab.wait_for_function(
        """() => ["beside", "close", "widths"].every(name => {
            const svg = document.querySelector(`#${name} svg`).getBoundingClientRect();
            return Math.abs(svg.width - document.getElementById(name).clientWidth) < 2 && svg.width > 200;
        })"""
    )
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate("document.body.scrollWidth") <= width
    controls = tab.locator("select, input").evaluate_all(
        "all => all.map(c => c.getBoundingClientRect().right)"
    )
    assert max(controls) <= width


@in_browser
def test_without_javascript_the_page_says_so(visit):
    tab = visit(java_script_enabled=False)
    assert tab.is_visible("#still")
    assert tab.locator("form, figure, table").locator("visible=true").count() == 0
    assert tab.locator("a[href='e/quantiles.nc']").is_visible()


@in_browser
def test_what_is_in_the_data_is_never_run(visit, evil_page):
    tab = visit(evil_page)
    assert EVIL in tab.locator("#experiment option").first.inner_text()
    tab.select_option("#experiment", "0")
    drawn(tab)
    assert EVIL in tab.inner_text("#told")
    assert EVIL in tab.inner_text("#values-caption")
    assert tab.locator("img").count() == 0
    assert tab.title() != "broken"
