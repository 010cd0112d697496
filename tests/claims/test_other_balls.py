"""An experiment in another ball than Theorem 1's: its tables, figure and verdicts, and what leaves it out."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

from ntk_core.claims import claim
from ntk_core.claims.beyond import frobenius_ball, norm_family
from ntk_core.claims.headlines import TOPICS, finding, headline
from ntk_core.claims.results import Results, open_results
from ntk_core.datasets.quantiles import quantile_dataset
from ntk_core.datasets.rates import rate_dataset
from ntk_core.datasets.runs import collect
from ntk_core.datasets.shard import simulate_shard
from ntk_core.datasets.theory import theory_dataset
from ntk_core.execution.workers import workers
from ntk_core.experiments.drawn import DrawnExperiment
from ntk_core.experiments.execution_model import ExecutionModel
from ntk_core.experiments.shards import Shard
from ntk_core.figures import BALL_FIGURES, drawable, save, style
from ntk_core.figures.norms import draw
from ntk_core.pages.summary import summarise
from ntk_core.quantities import QUANTITIES
from ntk_core.storage.netcdf import write
from ntk_core.theory import norm_ball
from ntk_core.theory.bounds import BOUNDS

family = import_module("ntk_core.claims.headlines.norms")  # the package has a function of this name
WIDTHS = tuple(2**k for k in range(6, 25, 3))
GRIDS = (
    DrawnExperiment("ball", "band", ("frobenius",), WIDTHS, (2,), (1.0, 2.0), 96),
    DrawnExperiment("theorem", "band", ("adversarial",), (64, 4096), (2,), (1.0,), 96),
)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folders = []
    with workers(ExecutionModel(), 1) as executors:
        for grid in GRIDS:
            folders.append(folder := tmp_path_factory.mktemp(grid.name))
            shards = [folder / f"{m}.nc" for m in grid.m]
            for m, shard in zip(grid.m, shards, strict=True):
                simulate_shard(Shard(grid, 2, m, 0, grid.seeds), shard, executors, lambda _: None)
            collect(grid, 2, shards, folder / "runs.nc")
            theory = theory_dataset(grid, 2, (0.01, 0.5), (0.5, 1.0), executors)
            table = quantile_dataset(folder / "runs.nc", theory, grid, 2, executors)
            write(table, folder / "quantiles.nc")
            write(rate_dataset(table, grid, 2), folder / "rates.nc")
        yield open_results(folders, executors)


@pytest.fixture(scope="module")
def ball(results):
    return results.balls[0].table, results.balls[0].rates


def test_what_a_variable_is_in_another_ball_is_said(ball, results):
    for name in ("perturbation", "alpha"):
        theorem = results.experiments[0].table[name].attrs["long_name"]
        assert "|W - W(0)|_F <= alpha" in ball[0][name].attrs["long_name"] != theorem


def test_no_bound_of_theorem_1_is_compared_with_another_ball(ball, results):
    table, rates = ball
    for name in BOUNDS:
        assert table[f"bound_{name}"].isnull().all()
        assert results.experiments[0].table[f"bound_{name}"].notnull().all()
    assert table["exact_quantile"].isnull().all()
    assert table["exact_mean"].isnull().all()
    assert not table["exceedances"].any()
    assert table["exceedance_rate_upper"].isnull().all()
    error = rates.sel(quantity="linearization_error", statistic="mean", alpha=1.0).squeeze()
    assert error["exponent"] == pytest.approx(1 / 6)
    for alpha in (1.0, 2.0):
        for quantity in QUANTITIES:
            row = rates.sel(quantity=quantity, statistic="mean", alpha=alpha).squeeze()
            assert row["constant_limit"] == norm_ball.limit(2.0, alpha, quantity)
            room = float(row["constant_upper"] - row["constant_lower"])  # 99 % intervals: their whole width
            assert abs(row["constant"] - row["constant_limit"]) < room + 1e-3 * row["constant_limit"]


def test_the_summary_says_that_a_slope_over_finite_widths_may_be_off_its_limit(ball):
    table, rates = ball
    for lower, upper, said in ((-0.2, -0.16, False), (-0.16, -0.15, True), (np.nan, np.nan, False)):
        slopes = {
            "slope_lower": 0.0 * rates["exponent"] + lower,
            "slope_upper": 0.0 * rates["exponent"] + upper,
        }
        assert ("off the one of theory" in summarise([(table, rates.assign(slopes))])) == said


def test_statements_of_the_notes_do_not_count_it(results):
    assert [item.experiment.name for item in results.experiments] == ["theorem"]
    assert [item.experiment.name for item in results.balls] == ["ball"]
    record = json.dumps([number.what for number in claim("T1.rate", results).evidence])
    assert "theorem" in record
    assert "ball" not in record


@pytest.mark.parametrize("statement", [frobenius_ball, norm_family])
def test_the_verdict_follows_the_constant(statement, results):
    assert statement.judge(results).verdict == "proved"
    for factor in (0.99, 1.01):
        assert statement.judge(results, factor).verdict == "false"


def test_archived_runs_over_the_bound_make_the_frobenius_ball_false(results):
    """Runs that are 1.5 times as large are over it, as they would be with a smaller constant."""
    item = results.balls[0]
    kept = frobenius_ball.judge(Results((), results.workers, (), (item,)))
    assert kept.verdict == "proved"
    assert sum("archived" in number.what for number in kept.evidence) == 3
    smaller = replace(item.experiment, alpha=(0.5, 1.5))
    assert frobenius_ball.judge(
        Results((), results.workers, (), (replace(item, experiment=smaller),))
    ).verdict == "false"  # fmt: skip


def test_its_figure_shows_every_norm_and_its_headline_needs_the_slopes(ball, tmp_path, monkeypatch):
    table, rates = ball
    axes = {str(name): table[name].values for name in table.dims}
    assert drawable(axes, QUANTITIES) == tuple(BALL_FIGURES) == ("norms",)
    save("norms", table, rates, [tmp_path / "norms.svg"])
    assert "<g id=" in (tmp_path / "norms.svg").read_text()
    with style.context():
        names = [text.get_text() for text in draw(table, rates).axes[0].texts]
    assert len(names) == len(family.NORMS)
    for name, q in zip(names, reversed(family.NORMS), strict=True):  # from below
        assert f"−{norm_ball.exponent(q):.3f} (−" in name
    for q in family.NORMS:
        assert family.slope(table, q).value == pytest.approx(-norm_ball.exponent(q), abs=0.01)
        assert family.worst_errors(table, q).shape == (4, len(WIDTHS))
    text = finding("norms", table, rates)
    assert "no single neuron moves far" in text
    assert r"at most $R\,m^{1/q-1/2}$" in text  # with a fixed radius the power is another
    assert finding("norms", table.isel(m=slice(4)), rates) == ""  # too few widths
    monkeypatch.setattr(family, "exponent", lambda q: 0.5 if math.isinf(q) else 0.3)
    assert headline("norms", table, rates) == TOPICS["norms"]


def test_the_summary_has_its_rate_and_no_bounds(ball):
    text = summarise([ball])
    assert "frobenius" in text
    assert "-0.1667" in text
    assert "exceed Theorem 1" not in text
    assert "printed" not in text
    assert "quantile 0.99: too few runs; quantile 0.5: " in text  # it has no upper limit
    assert np.isfinite(ball[1]["slope"].sel(quantity="linearization_error", statistic="mean")).all()
