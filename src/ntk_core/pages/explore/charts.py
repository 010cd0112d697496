"""The charts as Vega-Lite specs. The page sets their named data at each choice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import altair as alt

from ...figures.palette import BOUND_STYLES, LAW_COLOURS, ORDERED_COLOURS, TRAINED_BOUND_STYLES

HELD_OUT, TRAINING = LAW_COLOURS[3], ORDERED_COLOURS[2]
"""Colours of numbers at held-out and at training inputs."""


def _pixels(linestyle: Any) -> list[float]:
    """Dashes in pixels, from those of the figures in widths of the line."""
    return [1.0, 0.0] if linestyle == "-" else [1.4 * length for length in linestyle[1]]


SHORT, DOTTED = [5.6, 2.8], [1.4, 2.1]
DASHES: dict[str, list[float]] = {
    **{name: _pixels(style["linestyle"]) for name, style in BOUND_STYLES.items()},
    "all_radii": _pixels(TRAINED_BOUND_STYLES["all_radii"]["linestyle"]),
    "exact": [7.0, 2.5, 1.5, 2.5],
    **dict.fromkeys(("alpha_hat_limit_ceiling", "held_out_quantile"), SHORT),
    **dict.fromkeys(("twin_training_loss", "twin_test_loss"), SHORT),
    **dict.fromkeys(("alpha_hat_max", "alpha_hat_min"), DOTTED),
}
"""Dashes of lines in pixels, those of bounds as in the figures; all others are solid."""

EXACT = "#c066ae"
"""Colour of the exact quantile, which no law has."""

COLOURS = {
    "quantile": "law",
    "exact_quantile": EXACT,
    **dict.fromkeys(("alpha_hat", "alpha_hat_max", "alpha_hat_min", "flipped_fraction"), HELD_OUT),
    **dict.fromkeys(("held_out_quantile", "held_out_rms", "twin_distance"), HELD_OUT),
    **dict.fromkeys(("test_loss", "twin_test_loss"), HELD_OUT),
    **dict.fromkeys(("training_rms", "twin_training_distance", "flipped_neurons"), TRAINING),
    **dict.fromkeys(("training_loss", "twin_training_loss"), TRAINING),
}
"""Colours of the lines, `law` for that of the law; all others are drawn in ink."""

FILLED = (
    "quantile",
    "alpha_hat",
    "held_out_quantile",
    "held_out_rms",
    "twin_distance",
    "test_loss",
    "flipped_fraction",
)
OPEN = ("training_rms", "twin_training_distance", "training_loss", "flipped_neurons")
"""Lines through points. Open points are larger, so that a filled one is seen within."""

WIDTHS = {"exact_quantile": 5.5, "twin_training_loss": 4.5, "twin_test_loss": 4.5}
"""Pixels across the lines that others may lie on; all others have 1.8."""


def styles(lines: Iterable[str]) -> dict[str, dict[str, Any]]:
    """How each line is drawn, by name: colour (`ink`, `law` or hex), dashes, width, points."""
    return {
        name: {
            "colour": COLOURS.get(name, "ink"),
            "dash": DASHES.get(name, [1.0, 0.0]),
            "width": WIDTHS.get(name, 1.8),
            "points": "filled" if name in FILLED else "open" if name in OPEN else None,
        }
        for name in lines
    }


def _superscript(number: str) -> str:
    """The expression of a whole number from 0 to 99 as a superscript."""
    digits = "'⁰¹²³⁴⁵⁶⁷⁸⁹'"
    tens, ones = f"floor(({number}) / 10)", f"({number}) % 10"
    return (
        f"(({number}) < 10 ? '' : slice({digits}, {tens}, {tens} + 1)) + slice({digits}, {ones}, {ones} + 1)"
    )


_LOG2 = "log(datum.value) / LN2"
_WIDTH = (
    f"abs({_LOG2} - round({_LOG2})) < 1e-9 && datum.value > 100"
    f" ? '2' + {_superscript(f'round({_LOG2})')} : format(datum.value, ',')"
)
"""Widths as text: a power of two above a hundred as 2ᵏ."""

_COUNT = "datum.value == 0 ? '0' : format(datum.value, '~s')"

_LOG10 = "log(abs(datum.value)) / LN10"
_TEN = f"floor({_LOG10} + 1e-9)"
_VALUE = (
    f"datum.value != 0 && {_LOG10} < -3.001"
    f" ? (abs({_LOG10} - {_TEN}) < 1e-6 ? '' : format(datum.value / pow(10, {_TEN}), '.3~f') + ' × ')"
    f" + '10⁻' + {_superscript(f'-{_TEN}')} : format(datum.value, '~g')"
)
"""Values as text: small ones as powers of ten."""


def charts(lines: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The specs by the name of their place on the page, for lines of these names.

    They name their data `bars`, `rules`, and so on.

    `beside`: the runs on an axis that starts at 0 and holds every bound. `close`: the runs by themselves.
    `widths`: the lines against m, beside lines of slope -1/2 and -3/4. `times`: the lines against steps of
    training. `tip` is what a mark says under the pointer.
    """
    style = _line_style(styles(lines))
    return {
        "beside": _histogram(alt.Scale(zero=True, nice=False, padding=4), style),
        "close": _histogram(alt.Scale(zero=False, nice=False, padding=8), style),
        "widths": _against("width m", alt.Scale(type="log", base=2, nice=False, padding=14), style),
        "times": _against("steps", alt.Scale(type="symlog", constant=1, nice=False, padding=14), style),
    }


def _line_style(lines: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Dashes by the name of what a line shows; its colour is in the data."""
    dashes = alt.Scale(domain=list(lines), range=[style["dash"] for style in lines.values()])
    return {
        "strokeDash": alt.StrokeDash("name:N", scale=dashes, legend=None),
        "color": alt.Color("colour:N", scale=None),
    }


def _histogram(scale: alt.Scale, style: dict[str, Any]) -> dict[str, Any]:
    axis = alt.Axis(title=None, labelExpr=_VALUE, tickCount=alt.expr("max(2, floor(width / 90))"))
    x = alt.X("from:Q", scale=scale, axis=axis)
    interval = alt.Chart(alt.NamedData("interval")).mark_rect(opacity=0.28, aria=False)
    bars = alt.Chart(alt.NamedData("bars")).mark_rect(fillOpacity=0.5, strokeWidth=1, aria=False)
    rules = alt.Chart(alt.NamedData("rules")).mark_rule(aria=False)
    tip = alt.Tooltip("tip:N")
    colour = alt.Color("colour:N", scale=None)
    chart = alt.layer(
        interval.encode(x=x, x2="to:Q", color=colour),
        bars.encode(
            x=x,
            x2="to:Q",
            y=alt.Y("runs:Q", axis=alt.Axis(title="runs", tickMinStep=1, tickCount=4, labelExpr=_COUNT)),
            y2=alt.datum(0),
            color=colour,
            stroke=alt.Stroke("colour:N", scale=None),
            tooltip=tip,
        ),
        rules.encode(x=x, strokeWidth=alt.StrokeWidth("size:Q", scale=None), tooltip=tip, **style),
    )
    return _spec(chart, 210)


def _against(title: str, scale: alt.Scale, style: dict[str, Any]) -> dict[str, Any]:
    ticks, levels = (alt.param(name=name, value=[]) for name in ("ticks", "levels"))
    x = alt.X(
        "at:Q",
        scale=scale,
        axis=alt.Axis(title=title, values=alt.expr("ticks"), labelExpr=_WIDTH, labelOverlap=True),
    )
    y = alt.Y(
        "value:Q",
        scale=alt.Scale(type="log", nice=False, padding=10),
        axis=alt.Axis(title=None, values=alt.expr("levels"), labelExpr=_VALUE),
    )
    colour = alt.Color("colour:N", scale=None)
    tip = alt.Tooltip("tip:N")
    chosen = alt.Chart(alt.NamedData("chosen")).mark_rule(strokeWidth=10, opacity=0.13, aria=False)
    lines = alt.Chart(alt.NamedData("lines"))
    points = alt.Chart(alt.NamedData("points"))
    names = alt.Chart(alt.NamedData("names")).mark_text(align="left", dx=9, fontSize=11.5, aria=False)
    line = lines.mark_line(aria=False).encode(
        x=x, y=y, detail="name:N", strokeWidth=alt.StrokeWidth("size:Q", scale=None), **style
    )
    target = lines.mark_point(size=160, opacity=0, filled=True, aria=False).encode(x=x, y=y, tooltip=tip)
    measured = points.mark_point(shape="circle", strokeWidth=1.8, opacity=1, aria=False).encode(
        x=x, y=y, tooltip=tip,
        fill=alt.Fill("fill:N", scale=None), stroke=alt.Stroke("colour:N", scale=None),
        size=alt.Size("size:Q", scale=None),
    )  # fmt: skip
    chart = alt.layer(
        chosen.encode(x=x, color=colour),
        line,
        target,
        points.mark_rule(strokeWidth=2, aria=False).encode(x=x, y="lower:Q", y2="upper:Q", color=colour),
        measured.properties(name="measured"),
        names.encode(x=x, y=y, text="text:N", color=colour),
    ).add_params(ticks, levels)
    return _spec(chart, 300)


def _spec(chart: alt.LayerChart | alt.FacetChart, height: int) -> dict[str, Any]:
    font = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', Roboto, sans-serif"
    fit = alt.AutoSizeParams(type="fit-x", contains="padding", resize=True)
    chart = chart.properties(width="container", height=height, autosize=fit).configure(
        background="transparent",
        font=font,
        view=alt.ViewConfig(stroke=None),
        axis=alt.AxisConfig(
            titleFontWeight="normal",
            labelFontSize=12,
            titleFontSize=12.5,
        ),
    )
    spec: dict[str, Any] = chart.to_dict()
    del spec["$schema"]  # an address: the page has none, and fetches nothing
    return spec
