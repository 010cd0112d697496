"""Figures, summary and answer of trained experiments: few runs, one width, runs that diverge."""

from __future__ import annotations

import functools
import importlib
import json
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from conftest import nan_without_a_reason
from matplotlib.colors import to_hex
from matplotlib.text import Text
from trained import EXPERIMENTS, made, made_of_one_input

from ntk_core.claims.answer import answer
from ntk_core.claims.headlines import TOPICS, headline
from ntk_core.figures import (
    TRAINING_FIGURES,
    crossover,
    palette,
    radius,
    save,
    standing,
    style,
    training_drawable,
    training_rate,
    twin,
)
from ntk_core.pages.summary import summarise


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return made(tmp_path_factory)


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


@pytest.fixture(scope="module")
def svg(tables, tmp_path_factory):
    """A figure of an experiment, drawn when it is first asked for."""
    folder = tmp_path_factory.mktemp("drawn")

    @functools.cache
    def draw(name, figure):
        save(figure, *tables[name], [folder / f"{name}-{figure}.svg"])
        return (folder / f"{name}-{figure}.svg").read_bytes()

    return draw


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_unusual_experiments_are_drawn(svg, name):
    for figure in training_drawable(EXPERIMENTS[name].axes):
        assert b"<g id=" in svg(name, figure)


@pytest.fixture(scope="module")
def one_input(tmp_path_factory):
    return made_of_one_input(tmp_path_factory)


def experiment_with(figure):
    """The name of an experiment that has the figure."""
    return "single" if figure == "crossover" else "usual"


@pytest.mark.parametrize("figure", TRAINING_FIGURES)
def test_they_are_drawn_alike(tables, svg, tmp_path, figure):
    name = experiment_with(figure)
    first = svg(name, figure)
    save(figure, *tables[name], [tmp_path / "again.svg"])
    assert (tmp_path / "again.svg").read_bytes() == first


@pytest.mark.parametrize("name", TRAINING_FIGURES)
def test_all_figures_have_one_width_and_the_sizes_and_inks_of_the_style(tables, name):
    with style.context():
        drawn = importlib.import_module(f"ntk_core.figures.{name}").draw(*tables[experiment_with(name)])
    plt.close(drawn)
    assert drawn.get_size_inches()[0] == style.WIDTH
    texts = [text for text in drawn.findobj(Text) if text.get_visible() and text.get_text().strip()]
    assert {text.get_fontsize() for text in texts} <= {style.TEXT, style.SMALL, style.HEADLINE}
    assert {to_hex(text.get_color()) for text in texts} <= {palette.INK, palette.MUTED}
    assert not any(ax.get_legend() for ax in drawn.axes)


def test_the_crossover_shows_each_input_by_its_angle_beside_the_law(one_input):
    table, rates = one_input
    last = table.isel(steps=-1)
    near = table["training_angle"].values <= 1.0
    left, right = drawn(crossover, one_input).axes
    alpha = float(last["run_mean"].sel(variable="alpha_hat", m=4096))
    angles = np.sort(64.0 * table["training_angle"].values[near]) / alpha
    for ax, name in ((left, "mean"), (right, "rms")):
        points = curve(ax, "$m$ = $2^{12}$")
        np.testing.assert_allclose(points.get_xdata(), angles)
        order = np.argsort(table["training_angle"].values[near])
        law = rates[f"wide_signed_error_{name}"].sel(m=4096).isel(steps=-1).values[near][order]
        measured = points.get_ydata() / 64.0
        assert np.corrcoef(measured, law)[0, 1] > (0.5 if name == "mean" else 0.8)
        if name == "mean":
            np.testing.assert_allclose(measured, last["signed_error_mean"].sel(m=4096).values[near][order])
    text = headline("crossover", *one_input)
    limit = float(rates["training_bias_constant_limit"].isel(steps=-1))
    value = float(rates["training_bias_constant"].isel(steps=-1))
    sizes = rf"has size ${value:.3g}$ at $m=2^{{12}}$, ${limit:.3g}$ as $m\to\infty$"
    assert f"mean signed error {sizes}, and fades with the angle" in text
    caption = " ".join(right.figure._supxlabel.get_text().split())
    assert f"the {near.sum()} of {near.size} held-out inputs at an angle" in caption
    assert near.sum() < near.size
    several = table.isel(training_input=[0, 0])
    assert headline("crossover", several, rates) == TOPICS["crossover"]
    off = rates.assign(training_bias_constant_limit=1.2 * rates["training_bias_constant_limit"])
    assert headline("crossover", table, off) == TOPICS["crossover"]


def test_the_crossover_is_of_one_training_input_only(tables, tmp_path):
    with pytest.raises(ValueError, match="or several of training_input"):
        save("crossover", *tables["usual"], [tmp_path / "a.svg"])


def test_figures_are_on_white_and_have_only_colours_of_the_style(tables, tmp_path):
    paths = [tmp_path / f"a.{kind}" for kind in ("svg", "png")]
    save("twin", *tables["usual"], paths)
    svg = paths[0].read_text()
    neutral = {palette.INK, palette.MUTED, palette.GRID, palette.SHADE, palette.GROUND}
    known = neutral | {*palette.LAW_COLOURS, *style.ordered_colours(range(4)).values()}
    assert set(re.findall(r"#[0-9a-f]{6}\b", svg)) <= known
    assert re.search(r'id="patch_1">\s*<path[^>]*style="fill: #ffffff', svg)
    image = plt.imread(paths[1])
    assert np.array_equal(image[0, 0], [1.0, 1.0, 1.0, 1.0])


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
    assert np.array_equal(curve(losses[1], "twin,\nheld-out").get_ydata(), test_loss)
    slope = next(line for line in losses[2].lines if line.get_color() == palette.MUTED)
    assert np.polyfit(*np.log(slope.get_data()), 1)[0] == pytest.approx(-0.5)  # the limit, not that of E


def test_figures_say_what_is_not_there(tables):
    for module in (radius, standing, twin):
        assert "no run is left" in words(drawn(module, tables["at-once"]))
        assert drawn(module, tables["at-once"])._suptitle.get_text().startswith("4 of 4 runs diverged")
    assert words(drawn(crossover, tables["single-at-once"])) == "no run is left no run is left"
    assert drawn(radius, tables["usual"])._suptitle.get_text() == TOPICS["radius"]
    from ntk_core.figures import flips

    assert "none ever flipped" in words(drawn(flips, tables["missed"]))


def test_of_one_training_input_neurons_flip_in_one_panel(one_input, tables):
    from ntk_core.figures import flips

    for given, titles in (
        (one_input, ["of neurons, at the training input"]),
        (tables["usual"], ["of pairs of neuron and training input", "of neurons, at some training input"]),
    ):
        figure = drawn(flips, given)
        assert [ax.get_title() for ax in figure.axes] == titles
        assert ("Right:" in figure._supxlabel.get_text()) == (len(titles) == 2)


def test_the_dashed_ceilings_of_the_radius_have_their_values_in_the_caption(tables):
    table, rates = tables["usual"]
    caption = " ".join(drawn(radius, (table, rates))._supxlabel.get_text().split())
    value = float(rates["alpha_hat_limit_ceiling"].sel(steps=8))
    assert f"and ${value:.4g}$ after 8 steps; at finite $m$ the mean may lie above" in caption
    unknown = rates.assign(alpha_hat_limit_ceiling=np.nan * rates["alpha_hat_limit_ceiling"])
    assert "Dashed" not in drawn(radius, (table, unknown))._supxlabel.get_text()


def test_the_rate_of_training_prints_the_slope_at_training_inputs(one_input):
    table, rates = one_input
    caption = " ".join(drawn(training_rate, one_input)._supxlabel.get_text().split())
    row = rates.sel(quantity="linearization_error", statistic="rms").isel(steps=-1)
    slope = style.slope_label(row, 3, "training_slope")
    assert f"{row['training_slope'].item():.3f}".replace("-", "−") in slope
    assert f"Slope of $E$ at training inputs after {int(row['steps'])} steps: {slope}. " in caption
    zero = table.assign(training_rms=0.0 * table["training_rms"])
    assert "Slope of $E$ at training" not in drawn(training_rate, (zero, rates))._supxlabel.get_text()


def test_a_large_ceiling_is_a_whole_number(tables):
    table, rates = tables["usual"]
    far = table.assign(alpha_ceiling=0.0 * table["alpha_ceiling"] + 1263.0)
    caption = " ".join(drawn(radius, (far, rates))._supxlabel.get_text().split())
    assert "at most $1263$ at every width" in caption


def test_captions_count_the_runs(tables):
    for name, runs in (
        ("lone", "1 run a width on the targets of a teacher network, d = 1"),
        ("usual", "4 runs a width on digit 3 against digit 8"),
    ):
        caption = drawn(twin, tables[name])._supxlabel.get_text()
        assert f"Experiment {name}: {runs}" in " ".join(caption.split())


def test_the_caption_of_the_twin_speaks_of_the_grey_line_only_where_it_is_drawn(tables):
    table, rates = tables["usual"]
    distances = {"variable": ["twin_distance", "twin_training_distance"]}
    same = table.copy(deep=True)
    for end in ("", "_lower", "_upper"):
        same["run_mean" + end].loc[distances] = 0.0
    for one, shown in ((table, True), (same, False)):
        figure = drawn(twin, (one, rates))
        assert ("slope −1/2" in words(figure)) == shown
        caption = " ".join(figure._supxlabel.get_text().split())
        assert ("Grey:" in caption) == ("by fluctuations, which fall as $m^{-3/4}$" in caption) == shown


def test_rounding_is_not_drawn_as_an_error(tables):
    """In `missed` no sign changes at m = 4: what E has there is rounding, and no fit goes through it."""
    table, _ = tables["missed"]
    error = table["rms"].sel(quantity="linearization_error", m=4).isel(steps=-1).item()
    assert error < 1e-15
    left = drawn(training_rate, tables["missed"]).axes[0]
    assert left.get_ylim()[0] > 1e-12
    assert "5 steps" in [text.get_text() for text in left.texts]


def test_the_answer_is_that_of_the_table(tables):
    table, rates = tables["usual"]
    result = answer(table, rates)
    assert (result.time, result.m, result.runs, result.over) == (8, 64, 12, 0)
    assert result.radius.value == table["run_mean"].sel(variable="alpha_hat", m=64, steps=8)
    assert result.least < result.radius.value < result.largest < result.ceiling
    assert np.isnan([result.radius.lower, result.rate.upper, result.loose.lower]).all()  # four runs a width
    assert result.largest == table["run_max"].sel(variable="alpha_hat", m=64, steps=8)
    row = table.sel(quantity="linearization_error", m=64, steps=8)
    assert result.position["adversarial"] == row["rms"] / row["law_rms"].sel(perturbation="adversarial")
    assert result.stayed
    lines = summarise([], [(table, rates)]).splitlines()
    place = lines.index(f"  Theorem 1 / quantile of E at delta = 0.01, |x| = 0.3: {result.loose.value:.4g}")
    assert lines[place + 1].strip() == "(at which so many runs give no interval)"
    unknown = summarise([], [(table.assign(bound_ratio=np.nan * table["bound_ratio"]), rates)])
    assert "|x| = 0.3: unknown\n" in unknown
    assert "so many runs" not in unknown.partition("|x| = 0.3: unknown\n")[2].splitlines()[0]


def test_where_a_number_is_missing_its_long_name_says_why(tables):
    for name in ("usual", "single", "early", "missed"):  # in the others a single run, or none, is left
        assert nan_without_a_reason(*tables[name]) == set(), name


def test_what_went_wrong_is_said(tables):
    ended = {name: answer(*pair).ended for name, pair in tables.items()}
    assert ended["usual"] == "All 12 runs took 8 steps."
    assert ended["lone"] == "The only run took 1 step."
    assert ended["early"] == "All 6 runs reached the training loss 0.45."
    assert ended["missed"] == "All 4 runs missed the training loss 1e-09 in 5 steps."
    assert ended["diverged"] == "All 6 runs diverged and count up to there."
    assert ended["twin-diverged"] == (
        "All 6 runs took 32 steps. In 6 runs the training loss grew on the way. "
        "At m = 4 and 16 the linear twin of at least one run diverged."
    )
    stayed = {name for name, pair in tables.items() if answer(*pair).stayed}
    assert stayed == {"usual", "lone", "early", "missed", "single", "twin-diverged"}
    assert not answer(*tables["at-once"]).trained
    table, rates = tables["usual"]
    ends = table["run_status"] * 0 + xr.DataArray([1, 2, 0, 1], dims="status")
    mixed = table.assign(run_status=ends, loss_grew=table["loss_grew"] * 0 + 1)
    result = answer(mixed, rates)
    assert result.ended == (
        "Of 12 runs, 3 took 8 steps, 6 reached the training loss None, 3 diverged and count up to there."
    )
    assert not result.stayed


def test_runs_that_diverge_have_grown_and_their_widths_count_in_no_rate(tables):
    table, rates = tables["diverged"]
    lost = (table["runs"] < 3).any("m").values
    assert not lost[0]
    assert lost[-1]
    assert (table["loss_grew"].isel(steps=-1) == 3).all()
    slopes = rates["slope"].sel(quantity="sign_change_fraction", statistic="mean")
    np.testing.assert_array_equal(
        np.isfinite(slopes)[1:], ~lost[1:]
    )  # of two widths; nothing moves at step 0
    assert np.isfinite(rates["alpha_hat_limit_ceiling"].values[0])
    assert np.isnan(rates["alpha_hat_limit_ceiling"].values[-1])  # descent diverges in the limit too


def test_numbers_of_a_twin_end_where_one_of_the_twins_has_diverged(tables):
    table, rates = tables["twin-diverged"]
    assert (table["runs"] == 3).all()
    for number in ("run_mean", "run_min", "run_max"):
        lost = np.isnan(table[number].sel(variable="twin_distance").values)
        assert not lost[:, 0].any()
        assert lost[:, -1].all()
        assert np.isfinite(table[number].sel(variable="training_loss")).all()
    headline = drawn(twin, (table, rates))._suptitle.get_text()
    assert " ".join(headline.split()) == (
        "At m = 4 and 16 the linear twin of at least one run diverged, and is shown up to there"
    )


def test_a_run_that_stops_is_bounded_by_the_steps_that_it_took_and_captions_say_so(tables):
    table, rates = tables["early"]
    steps = table["alpha_ceiling"].values / table["alpha_ceiling"].values[1]
    assert steps[-1] == pytest.approx(round(steps[-1]))
    assert steps[-1] < 64.0
    assert table["alpha_hat_over_ceiling"].isel(steps=-1).max() > 0.1
    for module in (radius, twin, training_rate):
        caption = " ".join(drawn(module, (table, rates))._supxlabel.get_text().split())
        assert "A run stops at the training loss 0.45, as 6 of 6 did, and keeps its numbers" in caption
        assert f"step size {table['step_size'].item():.4g}, inputs" in caption


def test_the_answer_says_whether_the_radius_grows(tables):
    table, rates = tables["usual"]
    for factor, grows in ((1.0, False), (4.0, True), (0.25, False)):
        means = 0.0 * table["run_mean"] + xr.DataArray([1.0, 1.0, factor], dims="m")
        limits = {"run_mean_lower": 0.8 * means, "run_mean_upper": 1.2 * means}
        verdict = answer(table.assign(run_mean=means, **limits), rates).verdict
        assert ("but the radius grows with the width" in verdict) == grows
        assert verdict.startswith("Yes")


def test_runs_over_a_bound_or_beyond_the_ceiling_are_not_hidden(tables):
    table, rates = tables["usual"]
    over = table["runs_exceeding"].copy()
    over.loc[{"quantity": "linearization_error", "m": 16, "steps": 4, "uniform_bound": "printed"}] = 3
    assert answer(table.assign(runs_exceeding=over), rates).over == 3
    place = {"quantity": "linearization_error", "m": 16, "steps": 4, "uniform_bound": "all_radii"}
    shares = table["largest_share"].copy()
    for level, share in ((0.01, 9.0), (0.5, 1.25)):  # the larger δ has the lower bound
        shares.loc[place | {"delta": level}] = share
    assert answer(table.assign(largest_share=shares), rates).share == 1.25
    assert ": 1.25 at delta = 0.5." in summarise([], [(table.assign(largest_share=shares), rates)])
    far = table.assign(alpha_ceiling=table["alpha_ceiling"] / 100)
    assert not answer(far, rates).stayed


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_summaries_of_trained_experiments(tables, name):
    table, rates = tables[name]
    text = summarise([], [(table, rates)])
    result = answer(table, rates)
    assert text.startswith(f"{name}: ")
    assert f"\n\n{name}: {result.task}" in text
    assert result.ended in " ".join(text.split())
    assert not re.search(r"\bNone\b|\bnan\b|Traceback", text)
    assert max(map(len, text.splitlines())) <= 110
    if result.trained:
        assert f"{result.radius.value:.4g}" in text
        assert f"adversarial {result.position['adversarial']:.4g}" in text
        assert "of most: 0 runs" in text
        assert json.loads(table.attrs["spec"])["loss"] in text
