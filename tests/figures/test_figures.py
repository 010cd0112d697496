"""Figures of unusual grids: each must draw, and come out the same twice."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import itertools
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import trained
import xarray as xr

from ntk_core.datasets.quantiles import quantile_dataset
from ntk_core.datasets.rates import rate_dataset
from ntk_core.datasets.runs import collect
from ntk_core.datasets.shard import simulate_shard
from ntk_core.datasets.theory import theory_dataset
from ntk_core.execution.workers import workers
from ntk_core.experiments.drawn import DrawnExperiment
from ntk_core.experiments.execution_model import ExecutionModel
from ntk_core.experiments.shards import Shard
from ntk_core.figures import FIGURES, drawable, save, style
from ntk_core.laws import LAWS, THEOREM_LAWS, CustomLaw
from ntk_core.pages.summary import summarise
from ntk_core.quantities import QUANTITIES
from ntk_core.sampling.cell import Cell
from ntk_core.theory import bounds

OWN = CustomLaw(
    "a_law-2", "def band(rng, position, sign, c, d, radius):\n    return -sign * (c > 0)\n", "", may_run=True
)
KINDS = {"rate": ("svg", "pdf", "png")}
GRIDS = {
    "single": DrawnExperiment("single", "band", ("sphere",), (64,), (3,), (2.0,), 40),
    "narrow": DrawnExperiment("narrow", "dense", ("aligned", "adversarial"), (2, 6), (1,), (0.01,), 30),
    "wide": DrawnExperiment(
        "wide", "band", ("adversarial", "sphere"), (100, 4096, 2**40), (2, 9), (0.5, 1.0), 200
    ),
    "far": DrawnExperiment("far", "band", ("adversarial",), (4, 16, 64), (2,), (100.0,), 30),
    "widest": DrawnExperiment("widest", "band", ("frobenius",), (2**26, 2**28), (2,), (1.0,), 30),
    "few": DrawnExperiment("few", "band", ("adversarial", "sphere"), (64, 4096), (2,), (1.0,), 3),
    "own": DrawnExperiment("own", "band", ("a_law-2",), (64, 4096), (2, 9), (0.5, 1.0), 40, (OWN,)),
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
            theory = theory_dataset(grid, 2, (0.01, 0.5), (0.3, 5.0), client)
            table = quantile_dataset(folder / "runs.nc", theory, grid, 2, client)
            made[name] = table, rate_dataset(table, grid, 2)
    return made


@pytest.fixture(scope="module")
def files(tables, tmp_path_factory):
    """The files of a figure, by kind, drawn when it is first asked for: by `KINDS`, else as SVG."""
    folder = tmp_path_factory.mktemp("drawn")

    @functools.cache
    def draw(grid, figure):
        paths = [folder / f"{grid}-{figure}.{kind}" for kind in KINDS.get(figure, ("svg",))]
        save(figure, *tables[grid], paths)
        return {path.suffix: path.read_bytes() for path in paths}

    return draw


@pytest.mark.parametrize("grid", GRIDS)
def test_unusual_grids_are_drawn(tables, files, grid):
    axes = {name: tables[grid][0][name].values for name in (*MANY, "perturbation")}
    for figure in drawable(axes, QUANTITIES):
        assert b"<g id=" in files(grid, figure)[".svg"]


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_is_drawn_alike(tables, files, tmp_path, figure):
    """Every figure twice, one of them in every format, since dates and identifiers are the format's."""
    first = files("wide", figure)
    paths = [tmp_path / f"again{suffix}" for suffix in first]
    save(figure, *tables["wide"], paths)
    assert {path.suffix: path.read_bytes() for path in paths} == first


@pytest.mark.parametrize("figure", ["rate", "delta", "constant"])
def test_quantiles_that_are_rounding_are_not_drawn(tables, figure):
    """Dense runs are rounded: around an exact 0 they have a quantile of some 1e-18."""
    table, rates = tables["narrow"]
    names = ("quantile", "quantile_lower", "quantile_upper")
    rounded = table.assign({name: 0.0 * table[name] + 1e-18 for name in names})
    draw = importlib.import_module(f"ntk_core.figures.{figure}").draw
    with style.context():
        drawn = draw(rounded, rates)
    plt.close(drawn)
    values = [np.asarray(line.get_ydata(), float) for ax in drawn.axes for line in ax.lines]
    assert min(np.min(y[y > 0.0], initial=np.inf) for y in values) > 1e-9


def test_figure_shows_the_numbers_of_the_table(tables):
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


@pytest.mark.parametrize("figure", ["rate", "slope"])
def test_every_row_of_panels_names_its_vertical_axis(tables, figure):
    """Four laws: the two of the grid, and the same under other names."""
    names = {"perturbation": ["adversarial", "sphere", "own-1", "own-2"]}
    four = [one.isel(perturbation=[0, 1, 0, 1]).assign_coords(names) for one in tables["wide"]]
    drawn = importlib.import_module(f"ntk_core.figures.{figure}").draw(*four)
    plt.close(drawn)
    first, second, third, below = (ax.get_ylabel() for ax in drawn.axes)
    assert first == below != ""
    assert second == third == ""


def test_captions_speak_of_exact_laws_only_where_lines_are_drawn(tables):
    for grid, drawn in (("wide", True), ("far", False)):
        for figure in ("rate", "slope"):
            module = importlib.import_module(f"ntk_core.figures.{figure}")
            table, rates = tables[grid]
            slopes = rates["exact_local_slope"] if drawn else rates["exact_local_slope"] + 10.0  # far off
            text = " ".join(
                t.get_text() for t in module.draw(table, rates.assign(exact_local_slope=slopes)).texts
            )
            plt.close("all")
            assert ("from the exact law" in text.replace("\n", " ")) == drawn, (grid, figure)


def test_the_caption_of_the_constant_names_each_law_with_a_line_from_theory(tables):
    from ntk_core.figures import constant

    three = {"perturbation": ["adversarial", "sphere", "own"]}
    table, rates = (one.isel(perturbation=[0, 1, 1]).assign_coords(three) for one in tables["wide"])
    for laws, text in (
        (["adversarial"], ", lines from theory for adversarial."),
        (["adversarial", "own", "sphere"], ", lines from theory for adversarial and sphere."),
        (["own"], " of $E$ measured."),
    ):
        drawn = constant.draw(table.sel(perturbation=laws), rates.sel(perturbation=laws))
        plt.close(drawn)
        assert text in " ".join(drawn._supxlabel.get_text().split())


def test_the_caption_of_training_has_the_words_of_each_law_that_is_drawn(tmp_path_factory):
    from ntk_core.figures import standing

    table, rates = trained.made(tmp_path_factory)["usual"]
    for laws in (THEOREM_LAWS, ("sphere", "aligned")):
        drawn = standing.draw(table.sel(perturbation=list(laws)), rates)
        plt.close(drawn)
        text = " ".join(drawn._supxlabel.get_text().split())
        assert f"training reached: {', '.join(LAWS[law].words for law in laws)}. Bounds at" in text


def test_quantiles_that_are_zero_at_every_width_are_named(tables):
    from ntk_core.figures import rate

    table, rates = (dataset.copy(deep=True) for dataset in tables["wide"])
    for zero in (False, True):
        if zero:
            table["quantile"].loc[{"delta": 0.5, "perturbation": "sphere"}] = 0.0
        drawn = rate.draw(table, rates)
        plt.close(drawn)
        text = " ".join(drawn._supxlabel.get_text().split())
        assert ("Without points, because 0 in the runs: $\\delta$ = 0.5 (sphere)." in text) == zero


def test_a_law_whose_quantiles_are_all_zero_is_named_beside_the_levels(tables):
    from ntk_core.figures import delta

    table, rates = (dataset.copy(deep=True) for dataset in tables["wide"])
    for zero in (False, True):
        if zero:
            table["quantile"].loc[{"perturbation": "sphere"}] = 0.0
        drawn = delta.draw(table, rates)
        plt.close(drawn)
        text = " ".join(drawn._supxlabel.get_text().split())
        assert ("Without points, because 0 in the runs: sphere." in text) == zero


def test_a_law_of_the_config_without_error_is_named_and_no_line_is_named_in_its_panel(tables):
    from ntk_core.figures import rate

    names = {"perturbation": ["adversarial", "sphere", "push"]}
    table, rates = (one.isel(perturbation=[0, 1, 0]).assign_coords(names) for one in tables["wide"])
    table["exact_quantile"].loc[{"perturbation": "push"}] = np.nan
    for zero in (False, True):
        if zero:
            for name in ("quantile", "quantile_lower", "quantile_upper", "rms"):
                table[name].loc[{"perturbation": "push"}] = 0.0
        with style.context():
            drawn = rate.draw(table, rates)
        plt.close(drawn)
        caption = " ".join(drawn._supxlabel.get_text().split())
        assert "sphere, a random one; push, a law of the config. Quantiles" in caption
        assert ("(joining the points for push)" in caption) != zero
        assert drawn.axes[2].get_title("left").endswith("\n$E=0$ in every run") == zero
        named = [
            bool({"sharp bound", "0.5-quantile"} <= {t.get_text() for t in ax.texts}) for ax in drawn.axes
        ]
        assert named == [False, zero, not zero]


def test_a_panel_without_a_value_has_its_widths_inside(tables):
    table, rates = tables["own"]
    table = table.assign({name: 0.0 * table[name] for name in ("mean", "mean_lower", "mean_upper")})
    figure = importlib.import_module("ntk_core.figures.collapse").draw(table, rates)
    plt.close(figure)
    (ax,) = figure.axes
    low, high = ax.get_xlim()
    assert low < 64 < 4096 < high < 10 * 4096


def test_the_ladder_shows_measured_and_exact_ratios(tables):
    from ntk_core.figures import ladder, palette

    table, rates = tables["wide"]
    drawn = ladder.draw(table, rates)
    plt.close(drawn)
    at = {"quantity": "linearization_error", "alpha": 1.0, "d": 9, "delta": 0.01, "x_norm": 0.3}
    lines = [line.get_ydata() for line in drawn.axes[1].lines[1:]]
    for name, exact, measured in zip(ladder.RUNGS, lines[::2], lines[1::2], strict=True):
        row = table.sel(at)
        assert np.allclose(exact, row[f"bound_{name}"] / row["bound_exact"])
        assert np.allclose(measured, row["bound_ratio"].sel(perturbation="adversarial", bound=name))
    fine = {str(line.get_label()): line for line in drawn.axes[2].lines}
    for name in ladder.RUNGS:
        norms, ratio = fine[palette.BOUND_STYLES[name]["label"]].get_data()
        row = table.sel(at | {"m": 2**40, "x_norm": 5.0})
        assert norms.size > 50
        assert norms[-1] == pytest.approx(5.0)
        assert ratio[-1] == pytest.approx(float(row[f"bound_{name}"] / row["bound_exact"]))


def test_slopes_are_drawn_beside_the_exact_ones(tables):
    from ntk_core.figures import slope

    table, rates = tables["wide"]
    drawn = slope.draw(table, rates)
    plt.close(drawn)
    at = {"quantity": "linearization_error", "perturbation": "adversarial", "alpha": 1.0, "d": 9}
    row = rates.sel(at | {"statistic": "0.5"})
    names = [text.get_text() for text in drawn.axes[-1].texts]
    assert names.count("mean or rms") == 1
    assert not {"mean", "rms"} & set(names)
    curves = [line.get_ydata() for line in drawn.axes[0].lines]
    for name in ("local_slope", "exact_local_slope"):
        assert any(np.array_equal(curve, row[name].values[1:]) for curve in curves), name


def test_the_caption_counts_slopes_beyond_the_panels(tables):
    from ntk_core.figures import slope

    table, rates = tables["wide"]
    at = {"quantity": "linearization_error", "perturbation": "adversarial", "alpha": 1.0, "d": 9}
    far = rates.copy(deep=True)
    far["local_slope"].loc[at | {"statistic": "0.5", "m": rates["m"].values[1:3]}] = [3.0, -3.0]
    counts = []
    for one in (rates, far):
        drawn = slope.draw(table, one)
        plt.close(drawn)
        text = " ".join(text.get_text() for text in drawn.texts).replace("\n", " ")
        (count,) = re.findall(r"measured; (\d+) more beyond the panels", text) or [0]
        points = sum(len(container.lines[0].get_xdata()) for ax in drawn.axes for container in ax.containers)
        counts.append((int(count), points))
    (count, points), (count_far, points_far) = counts
    assert count_far >= 2
    assert count + points == count_far + points_far


@pytest.mark.parametrize(
    ("share", "height", "depth", "edges"),
    [(0.04, 0.5, 0.7, (-0.32, 0.12)), (0.06, 0.5, 0.7, (-0.7, 0.5)), (0.06, 5.0, 5.0, (-0.8, 0.6))],
)
def test_nine_in_ten_slopes_are_in_their_panels(share, height, depth, edges):
    """A share of the slopes is above the level line, one below it, and the others are on it."""
    from ntk_core.figures import slope

    heights = np.zeros(100)
    count = round(100 * share)
    heights[:count], heights[-count:] = height, -depth
    rows = pd.DataFrame({"local_slope": heights - 0.75, "exponent": 0.75})
    assert slope._edges(rows) == pytest.approx(edges)


def test_panels_of_slopes_reach_to_the_edges(tables):
    from ntk_core.figures import slope

    table, rates = tables["wide"]
    slopes = 0.3 - rates["exponent"] + 0.0 * rates["local_slope"]
    hidden = rates["statistic"] == xr.where(rates["perturbation"] == "sphere", "mean", "rms")
    drawn = slope.draw(table, rates.assign(local_slope=slopes.where(~hidden, 9.0)))
    plt.close(drawn)
    edges = np.array([ax.get_ylim() for ax in drawn.axes])  # of adversarial and sphere
    np.testing.assert_allclose(edges, [[-0.32 - 0.5, 0.3 - 0.5], [-0.32 - 0.75, 0.3 - 0.75]])


def test_a_bound_that_is_not_known_has_no_count(tables):
    table, rates = tables["wide"]
    dashes = sum(quantity.supremum is None for quantity in QUANTITIES.values())
    assert re.search(r"^  exact .*$", summarise([(table, rates)]), re.M)[0].count("–") == dashes
    unknown = table.assign(bound_exact=np.nan * table["bound_exact"])
    assert set(re.search(r"^  exact (.*)$", summarise([(unknown, rates)]), re.M)[1].split()) == {"–"}


def test_one_run_over_the_bound_is_one(tables):
    table, rates = tables["wide"]
    at = {"bound": "printed", "quantity": "linearization_error", "delta": table["delta"].max()}
    for counts, words in ((0, "0 of"), (1, "1 of")):
        changed = table.copy(deep=True)
        changed["exceedances"].loc[at] = 0
        cell = at | {name: table[name].values[0] for name in ("perturbation", "m", "d", "alpha")}
        changed["exceedances"].loc[cell] = counts
        text = " ".join(summarise([(changed, rates)]).split())
        assert f"runs {'exceeds' if counts == 1 else 'exceed'} Theorem 1" in text
        assert words in text


def test_failures_are_those_of_the_exact_law(tables):
    """Lemma 4 at m = 4, α = 0.25, ‖x‖ = 10⁴ fails with probability near 0.098 where δ = 0.01 was asked."""
    from ntk_core.figures import failure
    from ntk_core.sampling.samplers import simulate

    table, rates = tables["wide"]
    drawn = failure.draw(table, rates)
    plt.close(drawn)
    line = drawn.axes[1].lines[1]
    limit = bounds.printed("delta1", 4, 0.25, 0.01, 1e4) / 1e4
    runs = simulate(3, Cell("band", "adversarial", 4, 2, 0.25), 0, 100_000)[list(QUANTITIES).index("delta1")]
    share = np.mean(runs > limit)
    assert abs(line.get_ydata()[-1] * 0.01 - share) < 4.5 * np.sqrt(share / 100_000)  # 7e-6 by chance
    assert "The four pairs of $m$ and $\\alpha$ are the same for every experiment" in " ".join(
        drawn._supxlabel.get_text().split()
    )
    assert len(drawn.axes[0].lines) == 1  # Theorem 1: the line of δ alone


MANY = dict.fromkeys(("m", "d", "alpha", "delta", "x_norm"), (1, 2, 3))
"""Axes with which every figure has something to show."""

SUBSETS = [frozenset(subset) for size in range(1, 6) for subset in itertools.combinations(QUANTITIES, size)]


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_is_drawn_from_each_subset_of_quantities_for_which_it_is_offered(tables, figure):
    """And from no other. The least subsets for which it is are drawn; the largest for which not fail."""
    offered = {subset for subset in SUBSETS if figure in drawable(MANY, subset)}
    least = [s for s in offered if not any(other < s for other in offered)]
    largest = [s for s in SUBSETS if s not in offered and all(o in offered for o in SUBSETS if o > s)]
    assert all(larger in offered for s in offered for larger in SUBSETS if larger > s)
    draw = importlib.import_module(f"ntk_core.figures.{figure}").draw
    for subset in [*least, *largest]:
        selection = {"quantity": [name for name in QUANTITIES if name in subset]}
        with contextlib.nullcontext() if subset in offered else pytest.raises(KeyError):
            draw(*(dataset.sel(selection) for dataset in tables["narrow"]))
        plt.close("all")


def test_unknown_figure_is_refused(tables, tmp_path):
    with pytest.raises(ValueError, match="allowed: rate, collapse"):
        save("pie", *tables["single"], [tmp_path / "x.svg"])
    with pytest.raises(ValueError, match="figure 'rate' has nothing to show: there is one value of m"):
        save("rate", *tables["single"], [tmp_path / "x.svg"])


@pytest.mark.parametrize("grid", GRIDS)
def test_summaries_of_unusual_grids(tables, grid):
    text = summarise([tables[grid]])
    assert f"{grid}: {GRIDS[grid].runs:,} runs" in text
    assert re.search(r"\d runs a cell\. An upper limit on a quantile needs .*528 at delta = 0\.01", text)
    assert not re.search(r"\bNone\b|\bnan\b|Traceback", text)
    assert ("none  one width" in text) == (grid == "single")


def test_means_of_few_runs_have_no_bars_and_the_texts_say_why(tables):
    from ntk_core.figures import collapse, rate

    why = "undecided: 3 runs a cell; at least 24 are needed"
    text = summarise([tables["few"]])
    assert re.search(r"adversarial +2 +1 +mean +-0\.\d{4}  no interval ", text)
    assert f"Slopes with no interval are {why}." in text
    assert "nan" not in text
    for figure in (rate, collapse):
        drawn = figure.draw(*tables["few"])
        plt.close(drawn)
        assert why in " ".join(drawn._supxlabel.get_text().split())
        assert not re.search("nan|±", " ".join(ax.get_title("left") for ax in drawn.axes))
    bars = [bar for container in drawn.axes[0].containers for bar in container.lines[2][0].get_segments()]
    assert bars
    assert all(np.size(segment) == 0 for segment in bars)


def test_the_summary_lists_figures_where_there_are_some(tables):
    assert "figures/" in summarise([tables["few"]])
    assert "figures/" not in summarise([tables["few"]], drawn=False)


def test_the_summary_names_small_levels_apart_and_keeps_its_columns_apart(tables):
    table, rates = tables["wide"]
    levels = [name for name in rates["statistic"].values if name not in ("mean", "rms")]
    small = [name if name != levels[0] else "1e-09" for name in rates["statistic"].values]
    text = summarise([(table, rates.assign_coords(statistic=small))])
    assert "quantile 0.999999999:" in text
    for factor in (1e6, 1e-6):
        scaled = rates.assign({name: factor * rates[name] for name in ("constant", "constant_limit")})
        lines = summarise([(table, scaled)]).splitlines()
        row = next(line for line in lines if line.startswith("  adversarial ")).split()
        at = {"quantity": "linearization_error", "perturbation": "adversarial", "statistic": "mean"}
        first = scaled.sel(at).isel(d=0, alpha=0)
        numbers = [first[name].item() for name in ("constant", "constant_limit")]
        assert [float(word) for word in row[-3:-1]] == pytest.approx(numbers, rel=6e-5)


def test_the_summary_keeps_the_columns_of_long_symbols_apart(tables, monkeypatch):
    long = dataclasses.replace(QUANTITIES["delta1"], ascii="|Delta1|+|Delta2|")
    monkeypatch.setitem(QUANTITIES, "delta1", long)
    symbols = [quantity.ascii for quantity in QUANTITIES.values()]
    assert symbols in [line.split() for line in summarise([tables["wide"]]).splitlines()]


def test_the_summary_says_where_nothing_is_known(tables):
    text = summarise([tables["own"]])
    assert re.search(r"a_law-2 .* unknown +\d\.\d{3,6} +unknown\n", text)
    assert "a_law-2     its limit is unknown" in text
    assert "nan" not in text
