"""What all figures share: colours with contrast on light and dark ground, sizes of text, names of lines."""

from __future__ import annotations

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from ntk_core.figures import palette, style
from ntk_core.figures.panels import EndName, Panels, _end, _spread
from ntk_core.pages.embedding import asset
from ntk_core.pages.explore.charts import COLOURS

DARK = "#121212"
"""Ground of a dark page."""


def contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2.2 of two colours."""
    light = []
    for colour in (one, other):
        parts = np.array(to_rgb(colour))
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        light.append(float(linear @ [0.2126, 0.7152, 0.0722]) + 0.05)
    return max(light) / min(light)


def test_settings_of_a_matplotlibrc_do_not_reach_figures():
    def settings():
        with style.context():
            return dict(plt.rcParams)

    expected = settings()
    user = {"savefig.bbox": "tight", "svg.fonttype": "none", "font.family": "serif", "xtick.direction": "in"}
    with plt.rc_context(user):
        assert settings() == expected
        assert plt.rcParams["svg.fonttype"] == "none"


def test_text_has_contrast_and_data_have_it_on_light_and_dark_ground():
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    for ink in (palette.INK, palette.MUTED):
        assert min(contrast(ink, ground) for ground in (palette.GROUND, palette.SHADE)) >= 4.5
    ordered = {colour for n in range(1, 13) for colour in style.ordered_colours(range(n)).values()}
    for colour in {*palette.LAW_COLOURS, *ordered}:
        assert contrast(colour, palette.GROUND) >= 3.0
        assert contrast(colour, DARK) >= 3.0
    cards = re.findall(r"--panel: (#\w{6})", asset("ntk_core.pages", "page.css"))
    assert len(cards) == 3  # light, dark, printed
    for colour in {*COLOURS.values()} - {"law"}:
        assert min(contrast(colour, ground) for ground in (palette.GROUND, DARK, *cards)) >= 3.0
    neutral = {palette.INK, palette.MUTED, palette.GRID, palette.SHADE, palette.GROUND}
    assert not neutral & {*palette.LAW_COLOURS, *ordered}


def test_every_level_of_a_quantile_has_its_own_exact_name():
    levels = (0.1, 0.25, 0.00005, 1e-05, 1e-9, 1.5e-9)
    assert [style.level_label(np.float64(level)) for level in levels] == [
        f"{name}-quantile" for name in ("0.9", "0.75", "0.99995", "0.99999", "0.999999999", "0.9999999985")
    ]


def test_texts_of_figures_have_no_notation_of_programs():
    written = [style.number(value) for value in (1e-9, 2.5e-6, 0.0001, 0.5, 1000.0, 1e6)]
    assert written == ["$10^{-9}$", r"$2.5\times10^{-6}$", "0.0001", "0.5", "1000", "$10^{6}$"]
    with style.context():
        ax = Panels(1).axes[0]
        style.at_values(ax, np.array([1e-9, 0.1]))
    plt.close(ax.figure)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["$10^{-9}$", "0.1"]


@pytest.mark.parametrize(
    "limits",
    [
        (0.0077, 0.0126),
        (1e-5, 3.0),
        (0.4, 30.0),
        (2.1, 4.9),
        (3.0, 3.1),
        (1.5e-5, 7e-5),
        (2.1e-5, 4.9e-5),
        (2.1e4, 4.9e4),
    ],
)
def test_an_axis_has_two_numbers_at_least(limits):
    with style.context():
        ax = Panels(1).axes[0]
        ax.set(yscale="log", ylim=limits)
        style.value_ticks(ax)
        low, high = ax.get_ylim()
        places = ax.get_yticks()
        labels = ax.yaxis.get_major_formatter().format_ticks(places)
    plt.close(ax.figure)
    shown = [label for label, place in zip(labels, places, strict=True) if low <= place <= high]
    assert 2 <= len(set(shown)) == len(shown) <= 10
    assert not [label for label in shown if not label or "." in label.partition("^")[2]]


@pytest.mark.parametrize(
    ("limits", "labels"),
    [((0.13, 70.0), ["0.3", "1", "3", "10", "30"]), ((0.065, 0.45), ["0.07", "0.1", "0.15", "0.2", "0.3"])],
)
def test_an_axis_of_few_powers_of_ten_has_numbers_between_them(limits, labels):
    with style.context():
        ax = Panels(1).axes[0]
        ax.set(yscale="log", ylim=limits)
        style.value_ticks(ax)
        places = [place for place in ax.get_yticks() if limits[0] <= place <= limits[1]]
        shown = ax.yaxis.get_major_formatter().format_ticks(places)
    plt.close(ax.figure)
    assert shown == labels


def finished(values: list[float]):
    """A figure with one line through these values at 1, 2, 4, …"""
    data = pd.DataFrame({"x": 2.0 ** np.arange(len(values)), "y": values, "law": "sphere"})
    with style.context():
        panels = Panels(1)
        ax = panels.axes[0]
        panels.curves(ax, data, "x", "y", "law", {"sphere": "#029e73"}, {"sphere": "sphere"})
        ax.set(xscale="log", yscale="log")
        panels.name_ends([ax])
        figure = panels.finish("Headline", "How to read it.")
    plt.close(figure)
    return figure, ax


def test_a_line_that_comes_to_zero_is_drawn_to_the_axis_and_the_text_says_so():
    figure, ax = finished([0.0, 0.5, 0.25])
    bottom = ax.get_ylim()[0]
    assert any(np.array_equal(line.get_xydata(), [[2.0, 0.5], [1.0, bottom]]) for line in ax.lines)
    assert "0 there" in figure._supxlabel.get_text()
    figure, ax = finished([1.0, 0.5, 0.25])
    assert not [line for line in ax.lines if line.get_linestyle() == ":"]
    assert "0 there" not in figure._supxlabel.get_text()


OPEN = "A bar that ends at its point has no upper limit: too few runs."
BARE = "Points without an interval: 1 of the 2 shown."
CUT = "A bar that ends at a twentieth of its point goes on below, perhaps to 0."


@pytest.mark.parametrize(
    ("lower", "upper", "said"),
    [(0.4, 0.8, set()), (np.nan, np.nan, {BARE}), (0.4, np.inf, {OPEN}), (0.0, 0.8, {CUT})],
)
def test_the_text_says_where_bars_end_that_have_no_end(lower, upper, said):
    data = pd.DataFrame({"x": [1.0, 2.0], "y": [1.0, 0.5], "law": "sphere"})
    data = data.assign(y_lower=[0.9, lower], y_upper=[1.5, upper])
    with style.context():
        panels = Panels(1)
        panels.points(panels.axes[0], data, "x", "y", "law", {"sphere": "#029e73"})
        figure = panels.finish("Headline", "How to read it.")
    plt.close(figure)
    text = " ".join(figure._supxlabel.get_text().split())
    assert {sentence for sentence in (OPEN, BARE, CUT) if sentence in text} == said


def test_a_line_is_named_where_it_ends():
    _, ax = finished([1.0, 0.5, 0.25])
    (name,) = (text for text in ax.texts if text.get_text() == "sphere")
    end = ax.transData.transform((4.0, 0.25))
    box = name.get_window_extent()
    assert box.x0 > end[0]
    assert (box.y0 + box.y1) / 2 == pytest.approx(end[1], abs=2.0)


@pytest.mark.parametrize("heights", [(0.5, 0.5, 0.5), (0.0, 0.02, 0.9), (0.97, 0.99, 1.0), (0.1, 0.5, 0.8)])
def test_names_keep_apart_and_stay_where_they_may(heights):
    size = np.full(3, 0.1)
    places = _spread(np.array(heights), size)
    assert (np.diff(places) >= 0.1 - 1e-12).all()
    assert places[0] >= -1e-12
    assert places[-1] <= 1 + 1e-12
    if min(np.diff(heights)) >= 0.1:
        assert np.allclose(places, heights)


def test_points_of_one_width_are_moved_apart():
    data = pd.DataFrame({"m": [64.0, 64.0, 64.0], "law": ["a", "b", "c"]})
    moved = style.dodge(data, "m", "law", 1.1)["m"].to_numpy()
    assert np.allclose(moved, 64.0 * 1.1 ** np.array([-1.0, 0.0, 1.0]))


def test_the_name_of_a_reference_is_not_on_a_line_down_to_the_axis():
    data = pd.DataFrame({"m": [64.0, 256.0, 1024.0], "y": [0.0, 0.0, 3e-5], "law": "sphere"})
    with style.context():
        panels = Panels(1)
        (ax,) = panels.axes
        ax.plot(data["m"], [1.0, 0.5, 0.2])
        panels.curves(ax, data, "m", "y", "law", {"sphere": "#029e73"})
        panels.reference(ax, data, "y", -0.75, "slope −3/4")
        ax.set(xscale="log", yscale="log")
        plt.close(panels.finish("Headline", "How to read it."))
    (name,) = (text for text in ax.texts if text.get_text() == "slope −3/4")
    (down,) = (line for line in ax.lines if line.get_linestyle() == ":")
    path = down.get_transform().transform_path(down.get_path())
    assert not path.intersects_bbox(name.get_window_extent(), filled=False)


def test_a_name_stands_at_the_end_of_a_curve_that_ends_well_before_the_edge():
    """As that of the narrowest network in the figure `crossover` of the default run does."""
    ax = plt.figure().subplots()
    ax.set(xlim=(0.0, 1.0), ylim=(0.0, 1.0))
    (line,) = ax.plot([0.1, 0.78], [0.9, 0.2])
    plt.close()
    assert _end(EndName(ax, "narrow", line), ax) == (pytest.approx(0.78), pytest.approx(0.2), True)
