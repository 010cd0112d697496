"""Figures of unusual grids: each must draw, in every format, and come out the same twice."""

from __future__ import annotations

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

from ntk_core.analysis import quantile_dataset
from ntk_core.config import ExecutionModel
from ntk_core.execution import workers
from ntk_core.figures import FIGURES, save
from ntk_core.grid import Experiment, Shard
from ntk_core.rates import rate_dataset
from ntk_core.simulation import collect, simulate_shard
from ntk_core.summary import summarise

GRIDS = {
    "single": Experiment("single", "band", ("sphere",), (64,), (3,), (2.0,), 40),
    "narrow": Experiment("narrow", "dense", ("aligned", "adversarial"), (2, 6), (1,), (0.01,), 30),
    "wide": Experiment(
        "wide", "band", ("adversarial", "sphere"), (100, 4096, 2**40), (2, 9), (0.5, 1.0), 200
    ),
}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    made = {}
    with workers(ExecutionModel(), 2) as client:
        for name, grid in GRIDS.items():
            folder = tmp_path_factory.mktemp(name)
            shards = []
            for m in grid.m:
                shards.append(folder / f"{m}.nc")
                simulate_shard(Shard(grid, 2, m, 0, grid.seeds), shards[-1], client, lambda _: None)
            collect(grid, 2, shards, folder / "runs.nc")
            table = quantile_dataset(folder / "runs.nc", grid, 2, (0.01, 0.5), (0.3, 5.0), client)
            made[name] = table, rate_dataset(table, grid, 2)
    return made


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("figure", FIGURES)
def test_unusual_grids_are_drawn_and_drawn_alike(tables, tmp_path, grid, figure):
    table, rates = tables[grid]
    for turn in ("a", "b"):
        save(figure, table, rates, [tmp_path / f"{turn}.{kind}" for kind in ("svg", "pdf", "png")])
    for kind in ("svg", "pdf", "png"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
    assert "<g id=" in (tmp_path / "a.svg").read_text()


def test_figure_shows_the_numbers_of_the_table(tables, tmp_path):
    """The line of medians in the rate figure, read back from the drawing."""
    from ntk_core.figures import rate

    table, rates = tables["wide"]
    drawn = rate.draw(table, rates)
    plt.close(drawn)
    line = next(
        container.lines[0]
        for container in drawn.axes[0].containers
        if str(container.get_label()).startswith("0.5-")
    )
    expected = table["quantile"].sel(
        quantity="linearization_error", perturbation="adversarial", alpha=1.0, d=9, delta=0.5
    )
    assert np.array_equal(line.get_xdata(), table["m"])
    assert np.allclose(line.get_ydata(), expected * 0.3)  # drawn at the ‖x‖ nearest to 1


def test_unknown_figure_is_refused(tables, tmp_path):
    with pytest.raises(ValueError, match="allowed: rate, collapse"):
        save("pie", *tables["single"], [tmp_path / "x.svg"])


@pytest.mark.parametrize("grid", GRIDS)
def test_summaries_of_unusual_grids(tables, grid):
    text = summarise([tables[grid]])
    assert f"{grid}: {GRIDS[grid].runs:,} runs" in text
    assert "Too few runs a cell for an upper limit on the quantile at delta = 0.01" in text
    assert not re.search(r"\bNone\b|Traceback", text)
