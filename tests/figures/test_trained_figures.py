"""Figures, summary and answer of trained experiments: few runs, one width, runs that diverge."""

from __future__ import annotations

import importlib
import json
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from trained import EXPERIMENTS, made

from ntk_core.claims.answer import answer
from ntk_core.claims.training_headlines import NEUTRAL
from ntk_core.figures import TRAINING_FIGURES, radius, save, standing, training_rate, twin
from ntk_core.pages.summary import summarise


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return made(tmp_path_factory.mktemp("trained"))


def drawn(module, pair):
    figure = module.draw(*pair)
    plt.close(figure)
    return figure


def words(figure) -> str:
    return " ".join(text.get_text() for ax in figure.axes for text in ax.texts)


def curve(ax, label):
    """Line or points of the panel with this label, as they are drawn."""
    named = [c.lines[0] for c in ax.containers if str(c.get_label()).startswith(label)]
    return (named + [line for line in ax.lines if str(line.get_label()).startswith(label)])[0]


@pytest.mark.parametrize("name", EXPERIMENTS)
@pytest.mark.parametrize("figure", TRAINING_FIGURES)
def test_unusual_experiments_are_drawn(tables, tmp_path, name, figure):
    save(figure, *tables[name], [tmp_path / "a.svg"])
    assert "<g id=" in (tmp_path / "a.svg").read_text()


@pytest.mark.parametrize("figure", TRAINING_FIGURES)
def test_they_are_drawn_alike(tables, tmp_path, figure):
    for turn in ("a", "b"):
        save(figure, *tables["usual"], [tmp_path / f"{turn}.svg"])
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_figures_show_the_numbers_of_the_table(tables):
    table, rates = tables["usual"]
    last, m = table.isel(steps=-1), table["m"].values
    left, right = drawn(radius, (table, rates)).axes
    radii = last["run_mean"].sel(variable="alpha_hat")
    assert np.array_equal(curve(left, "8 steps").get_ydata(), radii)
    mean = np.sqrt(m) * last["run_mean"].sel(variable="mean_displacement")
    assert np.allclose(curve(right, "8 steps").get_ydata(), mean)
    levels = [line.get_ydata()[0] for line in right.lines if len(line.get_ydata()) == 2]
    assert rates["displacement_limit"].values[-1] in levels

    error = last.sel(quantity="linearization_error")
    left, right = drawn(training_rate, (table, rates)).axes
    assert np.array_equal(curve(left, "8 steps").get_ydata(), error["rms"])
    limit = rates["constant_limit"].sel(quantity="linearization_error", statistic="rms", steps=8).item()
    assert any(
        np.allclose(line.get_ydata(), limit * m**-0.75) for line in left.lines if line.get_xydata().size == 6
    )

    left, right = drawn(standing, (table, rates)).axes
    assert np.allclose(curve(left, "training").get_ydata(), 0.3 * error["rms"])  # at the ‖x‖ nearest to 1
    for label, law in (("adversarial", "adversarial"), ("sphere", "sphere")):
        assert np.allclose(curve(left, label).get_ydata(), 0.3 * error["law_rms"].sel(perturbation=law))
    assert np.allclose(
        curve(left, "bound as").get_ydata(), error["bound_printed"].sel(delta=0.01, x_norm=0.3)
    )

    losses = drawn(twin, (table, rates)).axes
    test_loss = table["run_mean"].sel(variable="twin_test_loss", m=64)
    assert np.array_equal(curve(losses[1], "twin, held-out").get_ydata(), test_loss)


def test_figures_say_what_is_not_there(tables):
    for module in (radius, standing, twin):
        assert "no run is left" in words(drawn(module, tables["at-once"]))
        assert drawn(module, tables["at-once"])._suptitle.get_text().startswith("4 of 4 runs diverged")
    assert "runs diverged" not in drawn(radius, tables["usual"])._suptitle.get_text()
    from ntk_core.figures import flips

    assert "none ever flipped" in words(drawn(flips, tables["missed"]))


def test_captions_count_the_runs(tables):
    for name, runs in (
        ("lone", "1 run a width on teacher"),
        ("usual", "4 runs a width on digits 3 against 8"),
    ):
        caption = drawn(twin, tables[name])._supxlabel.get_text()
        assert f"Experiment {name}: {runs}" in " ".join(caption.split())


def test_rounding_is_not_drawn_as_an_error(tables):
    """In `missed` no sign changes at m = 4: what E has there is rounding, and no fit goes through it."""
    table, _ = tables["missed"]
    error = table["rms"].sel(quantity="linearization_error", m=4).isel(steps=-1).item()
    assert error < 1e-15
    left = drawn(training_rate, tables["missed"]).axes[0]
    assert left.get_ylim()[0] > 1e-12
    labels = [text.get_text() for text in left.get_legend().get_texts()]
    assert labels[0] == "5 steps"


def test_the_answer_is_that_of_the_table(tables):
    table, rates = tables["usual"]
    found = answer(table, rates)
    assert (found.time, found.m, found.runs, found.over) == (8, 64, 12, 0)
    assert found.radius.value == table["run_mean"].sel(variable="alpha_hat", m=64, steps=8)
    assert found.least < found.radius.value < found.largest < found.ceiling
    assert np.isnan([found.radius.lower, found.rate.upper, found.loose.value]).all()  # four runs a width
    assert found.largest == table["run_max"].sel(variable="alpha_hat", m=64, steps=8)
    row = table.sel(quantity="linearization_error", m=64, steps=8)
    assert found.position["adversarial"] == row["rms"] / row["law_rms"].sel(perturbation="adversarial")
    assert found.stayed


def test_what_went_wrong_is_said(tables):
    ended = {name: answer(*pair).ended for name, pair in tables.items()}
    assert ended["usual"] == "All 12 runs took 8 steps."
    assert ended["lone"] == "The only run took 1 step."
    assert ended["early"] == "All 6 runs reached the training loss 0.45."
    assert ended["missed"] == "All 4 runs missed the training loss 1e-09 in 5 steps."
    assert ended["diverged"] == (
        "All 6 runs diverged and count up to there. In 4 runs the training loss grew on the way."
    )
    stayed = {name for name, pair in tables.items() if answer(*pair).stayed}
    assert stayed == {"usual", "lone", "early", "missed"}
    assert not answer(*tables["at-once"]).trained
    table, rates = tables["usual"]
    mixed = table.assign(run_status=table["run_status"] * 0 + xr.DataArray([1, 2, 0, 1], dims="status"))
    found = answer(mixed, rates)
    assert found.ended == (
        "Of 12 runs, 3 took 8 steps, 6 reached the training loss None, 3 diverged and count up to there."
    )
    assert not found.stayed


def test_runs_over_a_bound_or_beyond_the_ceiling_are_not_hidden(tables):
    table, rates = tables["usual"]
    over = table["runs_exceeding"].copy()
    over.loc[{"quantity": "linearization_error", "m": 16, "steps": 4, "uniform_bound": "printed"}] = 3
    assert answer(table.assign(runs_exceeding=over), rates).over == 3
    far = table.assign(alpha_ceiling=table["alpha_ceiling"] / 100)
    assert not answer(far, rates).stayed


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_summaries_of_trained_experiments(tables, name):
    table, rates = tables[name]
    text = summarise([], [(table, rates)])
    found = answer(table, rates)
    assert text.startswith(f"{name}: {found.task}")
    assert found.ended in text
    assert not re.search(r"\bNone\b|\bnan\b|Traceback", text)
    assert max(map(len, text.splitlines())) <= 110
    if found.trained:
        assert f"{found.radius.value:.4g}" in text
        assert f"adversarial {found.position['adversarial']:.4g}" in text
        assert "where most are: 0 runs" in text
        assert json.loads(table.attrs["spec"])["loss"] in text


def heading(figure, table, rates) -> str:
    module = importlib.import_module(f"ntk_core.figures.{figure}")
    return drawn(module, (table, rates))._suptitle.get_text().replace("\n", " ")


def test_headings_state_no_finding_that_the_data_do_not_carry(tables):
    """Four runs have no intervals, one width has no slope."""
    for figure in ("training_rate", "twin"):
        assert heading(figure, *tables["usual"]) == NEUTRAL[figure]
    for figure in ("radius", "training_rate", "twin", "flips"):
        assert heading(figure, *tables["lone"]) == NEUTRAL[figure]


def test_headings_of_training_follow_slopes_and_means(tables):
    table, rates = (part.copy(deep=True) for part in tables["usual"])
    at = {"quantity": "linearization_error", "statistic": "rms", "steps": 8}
    for value, last, words in (
        (-0.66, -0.73, "slope $-0.660\\pm0.020$; between the last widths $-0.730$, nearer the limit $-3/4$"),
        (-0.74, -0.70, "slope $-0.740\\pm0.020$, as in the limit, $-3/4$"),
        (-0.66, -0.60, "slope $-0.660\\pm0.020$, not that of the limit, $-3/4$"),
    ):
        for name, number in (("slope", value), ("slope_lower", value - 0.02), ("slope_upper", value + 0.02)):
            rates[name].loc[at] = number
        rates["local_slope_last"].loc[at] = last
        assert heading("training_rate", table, rates).endswith(words)
    twin_at = {"variable": "twin_distance", "steps": 8}
    for upper, closer in ((-0.01, True), (0.01, False), (np.nan, False)):
        rates["run_slope"].loc[twin_at], rates["run_slope_lower"].loc[twin_at] = -0.3, -0.5
        rates["run_slope_upper"].loc[twin_at] = upper
        assert heading("twin", table, rates).startswith("Network and linear twin are the closer") == closer
    alpha = table["run_mean"].sel(variable="alpha_hat", steps=8).values
    stated = re.search(
        r"is ([\d.]+) at \$m=4\$ and ([\d.]+) at \$m=64\$(.*)", heading("radius", table, rates)
    )
    assert [float(value) for value in stated.groups()[:2]] == pytest.approx(alpha[[0, -1]], rel=0.005)
    assert "all runs are below" in stated[3]
    table["run_max"].loc[{"variable": "alpha_hat", "steps": 8}] = 2.0 * table["alpha_ceiling"].sel(steps=8)
    assert "below" not in heading("radius", table, rates)
    share = {"perturbation": "adversarial", "quantity": "linearization_error"}
    for position, stated in ((0.123, "is 13 % of that of the worst"), (0.6, NEUTRAL["standing"])):
        table["position"].loc[share] = position
        assert stated in heading("standing", table, rates)
    for middle, falls in ((0.2, True), (0.05, False)):
        for name in ("flipped_fraction", "flipped_neurons"):
            table["run_mean"].loc[{"variable": name, "steps": 8}] = [0.3, middle, 0.1]
        assert heading("flips", table, rates).startswith("Signs that ever changed: 30 % at") == falls
