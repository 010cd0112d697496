"""The explorable page as a file: all runs in bins, the same bytes, no network, no data run."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
import zipfile

import explorable
import numpy as np
import pytest
import xarray as xr
from browsing import in_browser
from conftest import EXPERIMENT, ROOT
from explorable import DENSE, drawn

from ntk_core.datasets.quantiles import NOISE
from ntk_core.datasets.runs import RunsReader
from ntk_core.execution.workers import workers
from ntk_core.experiments.execution_model import ExecutionModel
from ntk_core.pages.explore import histograms as histograms_module
from ntk_core.pages.explore.data import experiment_data
from ntk_core.pages.explore.histograms import BINS, histogram, histograms
from ntk_core.pages.explore.page import render
from ntk_core.quantities import QUANTITIES

checked, given, page, visit = explorable.checked, explorable.given, explorable.page, explorable.visit

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
    assert evil_page.count("<script") == page.count("<script") == 5
    assert evil_page.count("</script") == 5
    assert evil_page.count("<img") == page.count("<img")  # the runtime has a word like it


def test_the_wheel_holds_the_page(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    parts = ("page.html.jinja", "page.css", "page.js", "exact.js", "calculator.js")
    assert {f"ntk_core/pages/explore/{part}" for part in parts} <= set(names)


def test_only_a_config_with_grids_has_the_page(snakemake, small):
    assert snakemake(small, "--dry-run").jobs()["explore"] == 1
    lazy = snakemake(ROOT / "config/examples/lazy.yaml", "--dry-run")
    assert lazy.code == 0, lazy.output
    assert "explore" not in lazy.jobs()


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
