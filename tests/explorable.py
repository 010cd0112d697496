"""Two small grids and two trained experiments, their explorable page, and a browser that opens it."""

from __future__ import annotations

from functools import partial

import pytest
import trained
from browsing import visits
from conftest import archive_results, once

from ntk_core.experiments.drawn import DrawnExperiment
from ntk_core.pages.explore.data import AXES
from ntk_core.pages.explore.page import render
from ntk_core.storage.netcdf import load_pairs

DENSE = DrawnExperiment("check", "dense", ("aligned", "sphere"), (16, 64), (2, 3), (1.0,), 200)
"""By the definitions, so that zeros come with rounding; too few runs for every upper limit."""

TABLES = ("quantiles", "rates")


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """A folder with the runs, theory, quantiles and rates of a dense experiment."""
    return once(tmp_path_factory, "explorable-dense", partial(archive_results, DENSE))


@pytest.fixture(scope="module")
def given(archived, checked):
    """What the page is made from, of both grids, the dense one first."""
    return load_pairs(*([folder / f"{name}.nc" for folder in (checked, archived)] for name in TABLES))


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """Quantiles and rates of a trained experiment, and of one whose runs diverge."""
    made = trained.made(tmp_path_factory)
    return [made[name] for name in ("usual", "diverged")]


@pytest.fixture(scope="module")
def page(given, learned, tmp_path_factory):
    return once(tmp_path_factory, "explorable", lambda _: render(given, learned))


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
    assert len(requests) >= len(opened)
    assert {request.partition("#")[0] for request in requests} <= {(tmp_path / "explore.html").as_uri()}


def drawn(tab):
    tab.wait_for_selector("#charts[aria-busy=false]")


def parsed(text):
    """The number that a reader sees."""
    digits = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    mantissa, _, power = text.replace(",", "").replace("−", "-").partition(" × 10")
    return float(mantissa) * 10.0 ** int(power.translate(digits) or 0)


def rows(tab, table):
    """Texts of the rows of a table, hidden or not."""
    script = "table => [...table.tBodies[0].rows].map(row => [...row.cells].map(cell => cell.textContent))"
    return tab.locator(f"#{table}").evaluate(script)


def table(tab, name):
    """The rows of a table by their first cells, each by the heads of the columns."""
    heads = tab.locator(f"#{name} thead th").all_text_contents()
    return {row[0]: dict(zip(heads[1:], row[1:], strict=True)) for row in rows(tab, name)}


CONTROLS = ("perturbation", "quantity", "m", "d", "alpha", "delta", "x_norm")


def state(tab):
    """Places of the chosen values in their lists, by control that is seen."""
    names = ("quantity", *AXES)
    return {name: int(tab.input_value(f"#{name}")) for name in names if tab.is_visible(f"#{name}")}
