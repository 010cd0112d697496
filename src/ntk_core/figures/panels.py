"""Panels of one figure: curves and points from labelled data, lines named where they end, and the layout."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import scipy
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.text import Annotation
from matplotlib.textpath import TextToPath

from ..network import Array
from . import palette, style

LINE_HEIGHT = 1.2
"""Distance of lines of text, in sizes of the font."""

EDGE, GAP, KEY = 0.05, 0.2, 0.2
"""Inches at the edge of the figure, between panels, and from a line's end to its name."""


@dataclass
class EndName:
    """A name to the right of a panel, at the height where a line ends; where it does not, with a sample."""

    ax: Axes
    text: str
    line: Line2D


@dataclass
class Zero:
    """A value of 0 on a logarithmic axis, and the points beside it that the axis can show."""

    ax: Axes
    x: float
    points: list[tuple[float, float]]
    colour: str


class Panels:
    """Axes in rows of one figure with the style's width, whose layout `finish` computes."""

    def __init__(self, count: int, columns: int = 3, height: float = 2.4, share_y: bool = False) -> None:
        columns = min(count, columns)
        rows = -(-count // columns)
        self.figure: Figure = plt.figure(figsize=(style.WIDTH, rows * height))
        grid = self.figure.subplots(rows, columns, sharey=share_y, squeeze=False)
        self.axes: list[Axes] = list(grid.flat)[:count]
        for ax in list(grid.flat)[count:]:
            ax.remove()
        self.columns, self.height = columns, height
        self._names: list[EndName] = []
        self._zeros: list[Zero] = []
        self._has_open_bars = self._has_cut_bars = False
        self._points = self._bare_points = 0
        self._references: list[tuple[Annotation, Array, Array]] = []

    def curves(
        self, ax: Axes, data: pd.DataFrame, x: str, y: str, hue: str, colours: dict[Any, str],
        labels: dict[Any, str] | None = None, linear: bool = False, **line: Any,
    ) -> None:  # fmt: skip
        """Lines of y against x, one for each value of the column `hue`.

        On a logarithmic axis, which is any but a `linear` one, a line that comes to 0 is drawn to the axis.
        """
        data = data.sort_values(x)
        shown = data[np.isfinite(data[y]) & ((data[y] > 0.0) | linear)]
        order = [key for key in colours if (shown[hue] == key).any()]
        if not order:
            return
        before = len(ax.lines)
        sns.lineplot(
            shown, x=x, y=y, hue=hue, hue_order=order, palette={key: colours[key] for key in order},
            estimator=None, errorbar=None, legend=False, ax=ax, **{"linewidth": 1.4} | line,
        )  # fmt: skip
        ax.set(xlabel="", ylabel="")
        for key, drawn in zip(order, ax.lines[before:], strict=True):
            drawn.set_label((labels or {}).get(key, "_"))
            if np.size(drawn.get_xdata()) == 1 and drawn.get_marker() in ("", "None", None):
                drawn.set(marker="_", markersize=14.0)  # as a line through one point has no length
            if not linear:
                self._meet_the_axis(ax, data[data[hue] == key], x, y, colours[key])

    def _meet_the_axis(self, ax: Axes, rows: pd.DataFrame, x: str, y: str, colour: str) -> None:
        at, value = rows[x].to_numpy(float), rows[y].to_numpy(float)
        for i in np.flatnonzero(value == 0.0):
            beside = [j for j in (i - 1, i + 1) if 0 <= j < value.size and value[j] > 0.0]
            self._zeros.append(Zero(ax, at[i], [(at[j], value[j]) for j in beside], colour))

    def points(
        self, ax: Axes, data: pd.DataFrame, x: str, y: str, hue: str, colours: dict[Any, str],
        labels: dict[Any, str] | None = None, markers: dict[Any, str] | None = None, linear: bool = False,
        **line: Any,
    ) -> None:  # fmt: skip
        """Points of y with intervals to the columns `y_lower` and `y_upper`, if it has these."""
        for key in colours:
            rows = data[data[hue] == key].sort_values(x)
            value = rows[y].to_numpy(float)
            visible = np.isfinite(value) & ((value > 0.0) | linear)
            if not visible.any():
                continue
            bars = None
            if f"{y}_lower" in rows:
                lower, upper = (rows[f"{y}_{end}"].to_numpy(float) for end in ("lower", "upper"))
                bars = (style.error_bars if linear else style.bars)(value, lower, upper)[:, visible]
                self._has_open_bars |= bool(np.isinf(upper[visible]).any())
                self._points += int(visible.sum())
                self._bare_points += int(np.isnan(lower[visible]).sum())
                if not linear:
                    self._has_cut_bars |= bool((lower < style.LEAST_SHARE * value)[visible].any())
            ax.errorbar(
                rows[x].to_numpy(float)[visible], value[visible], bars, color=colours[key],
                label=(labels or {}).get(key), elinewidth=1.0,
                **{"linestyle": "none", "marker": (markers or {}).get(key, "o")} | line,
            )  # fmt: skip

    def held_out_and_training(
        self, ax: Axes, data: pd.DataFrame, colours: dict[Any, str], labels: dict[Any, str] | None = None
    ) -> None:
        """Filled points of the column `value` against m, and to their right open ones of `training`."""
        shift = 4.0**0.07 if data["m"].nunique() > 1 else 1.0
        left, right = data.assign(m=data["m"] / shift), data.assign(m=data["m"] * shift)
        self.points(ax, left, "m", "value", "steps", colours, labels)
        self.points(ax, right, "m", "training", "steps", colours, markerfacecolor=palette.GROUND)

    def reference(self, ax: Axes, data: pd.DataFrame, y: str, slope: float, name: str) -> bool:
        """A grey line of this slope below all points of y against m, with its name below it.

        Where no point is above 0 there is none. Returns whether there is one.
        """
        ends = np.array([data["m"].min(), data["m"].max()], dtype=np.float64)
        data = data[data[y] > 0.0]
        if data.empty or ends[0] == ends[1]:
            return False
        values = (data[y] / data["m"] ** slope).min() / 2.5 * ends**slope
        ax.plot(ends, values, color=palette.MUTED, linewidth=1.0, linestyle=(0, (4, 2)), zorder=1)
        name_text = ax.annotate(
            name, (ends[1], values[1]), xytext=(-2, -3), textcoords="offset points", ha="right", va="top",
            color=palette.MUTED, fontsize=style.SMALL,
        )  # fmt: skip
        self._references.append((name_text, ends, values))
        return True

    def _move_off_lines_to_zero(self, text: Annotation, x: Array, y: Array) -> None:
        """Put the name of a reference below it, at a place where no line down to the axis crosses it."""
        lines = [
            zero.ax.transData.transform([point, (zero.x, zero.ax.get_ylim()[0])])
            for zero in self._zeros if zero.ax is text.axes for point in zero.points
        ]  # fmt: skip
        for share in (0.8, 0.55, 0.95):
            at, height = (float(np.exp(np.log(ends) @ [1 - share, share])) for ends in (x, y))
            text.xy = (at, height)
            box = text.get_window_extent().padded(3.0)
            if not any(Path(line).intersects_bbox(box, filled=False) for line in lines):
                return

    def name_vertical(self, text: str) -> None:
        """Name the vertical axis, at the first panel of every row."""
        for ax in self.axes[:: self.columns]:
            ax.set_ylabel(text)

    def name_ends(self, axes: Sequence[Axes]) -> None:
        """Name each labelled line once, to the right of the last of these panels, where it ends in that."""
        lines: dict[str, Any] = {}
        for ax in reversed(axes):
            for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
                line = handle.lines[0] if isinstance(handle, ErrorbarContainer) else handle
                lines.setdefault(label, line)
        self._names += [EndName(axes[-1], label, line) for label, line in lines.items()]

    def finish(self, headline: str, text: str) -> Figure:
        """Write the headline above and the text below, both wrapped, and place all that the figure has."""
        for ax in self.axes:
            if ax.get_yscale() == "log" and (ax.lines or ax.collections):
                style.value_ticks(ax)
        for occurs, sentence in (
            (self._has_open_bars, "A bar that ends at its point has no upper limit: too few runs."),
            (
                self._bare_points,
                f"Points without an interval: {self._bare_points} of the {self._points} shown.",
            ),
            (self._has_cut_bars, "A bar that ends at a twentieth of its point goes on below, perhaps to 0."),
            (self._zeros, "A triangle on the axis: 0 there."),
        ):
            if occurs:
                text = f"{text.rstrip()} {sentence}"
        across = style.WIDTH - 5 * EDGE  # some more at the right, as renderers differ
        above = self.figure.suptitle(
            "\n".join(wrapped(_numbers_as_text(headline), across, style.HEADLINE, "bold")),
            x=EDGE / style.WIDTH, ha="left", va="top", fontsize=style.HEADLINE, fontweight="bold",
        )  # fmt: skip
        below = self.figure.supxlabel(
            "\n".join(wrapped(text, across, style.SMALL)), x=EDGE / style.WIDTH, ha="left", va="bottom",
            fontsize=style.SMALL, color=palette.MUTED,
        )  # fmt: skip
        top, bottom = (label.get_window_extent().height / self.figure.dpi for label in (above, below))
        height = self._place(top + 3 * EDGE, bottom + 3 * EDGE)
        above.set_y(1 - EDGE / height)
        below.set_y(EDGE / height)
        for reference in self._references:
            self._move_off_lines_to_zero(*reference)
        for zero in self._zeros:
            _draw_zero(zero)
        for ax in self.axes:
            self._write_names(ax)
        return self.figure

    def _place(self, top: float, bottom: float) -> float:
        """Set the size of the figure and the places of its axes; returns the height in inches."""
        rows = [self.axes[i : i + self.columns] for i in range(0, len(self.axes), self.columns)]
        columns = [self.axes[i :: self.columns] for i in range(self.columns)]
        left = [max(_extent(ax, "y") for ax in column) for column in columns]
        right = [max(self._names_width(ax) for ax in column) for column in columns]
        wide = (style.WIDTH - 2 * EDGE - sum(left) - sum(right) - GAP * (self.columns - 1)) / self.columns
        over = [max(_title_height(ax) for ax in row) for row in rows]
        under = [max(_extent(ax, "x") for ax in row) for row in rows]
        height = top + bottom + sum(over) + sum(under) + len(rows) * self.height + GAP * (len(rows) - 1)
        self.figure.set_size_inches(style.WIDTH, height)
        y = height - top
        for row, above, below in zip(rows, over, under, strict=True):
            y -= above + self.height
            for i, ax in enumerate(row):
                x = EDGE + sum(left[: i + 1]) + sum(right[:i]) + i * (wide + GAP)
                ax.set_position((x / style.WIDTH, y / height, wide / style.WIDTH, self.height / height))
            y -= below + GAP
        return height

    def _names_width(self, ax: Axes) -> float:
        texts = [line for name in self._names if name.ax is ax for line in name.text.split("\n")]
        return max((_width(text, style.SMALL) for text in texts), default=-KEY) + KEY + 0.04 * bool(texts)

    def _write_names(self, ax: Axes) -> None:
        """The names to the right of a panel, moved apart, with a thin line from the end that each names."""
        names = [name for name in self._names if name.ax is ax]
        if not names:
            return
        ends = [_end(name, ax) for name in names]
        order = sorted(range(len(names)), key=lambda i: ends[i][1])
        sizes = [(names[i].text.count("\n") + 1) * style.SMALL * 1.25 / 72 / self.height for i in order]
        places = _spread(np.array([ends[i][1] for i in order]), np.array(sizes))
        panel = ax.get_position().width * style.WIDTH
        for i, y in zip(order, places, strict=True):
            line, (x, end, ending) = names[i].line, ends[i]
            marker: dict[str, Any] = {"color": line.get_color(), "clip_on": False, "zorder": 2}
            key = ((x + 0.03 / panel, 1 + (KEY - 0.05) / panel), (end, y))
            if not ending:
                key = ((1 + 0.03 / panel, 1 + (KEY - 0.04) / panel), (y, y))
                marker |= {"linestyle": line.get_linestyle(), "linewidth": line.get_linewidth()}
                if line.get_linestyle() == "None":  # of points
                    middle = 1 + 0.5 * KEY / panel
                    key = ((middle, middle), (y, y))
                    marker |= {"marker": line.get_marker(), "markersize": line.get_markersize()}
            else:
                marker |= {"linestyle": "-", "linewidth": 0.7}
            ax.add_artist(Line2D(*key, transform=ax.transAxes, **marker))
            ax.text(
                1 + KEY / panel, y, names[i].text, transform=ax.transAxes, va="center",
                fontsize=style.SMALL, linespacing=1.15,
            )  # fmt: skip


def _end(name: EndName, ax: Axes) -> tuple[float, float, bool]:
    """Where a line ends, in shares of the panel, and whether it is there that its name can stand."""
    line = name.line
    data = np.column_stack([np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)])
    axes = line.axes
    if axes is None or not data.size:
        return 1.0, 0.5, False
    transform = line.get_transform() - axes.transAxes
    x, y = transform.transform(data[np.isfinite(data).all(axis=1)]).T
    last = int(np.argmax(x))
    inside = bool(axes is ax and x[last] > 0.75 and -0.02 <= y[last] <= 1.02)
    return float(x[last]), float(np.clip(y[last] if inside else y.max(), 0.0, 1.0)), inside


def _spread(y: Array, sizes: Array) -> Array:
    """The nearest heights to y, ascending, at which names of these sizes do not overlap, inside the panel."""
    offsets = np.cumsum(sizes) - sizes / 2
    room = max(1.0 + sizes[0] / 2 + sizes[-1] / 2 - sizes.sum(), 0.0)
    return (
        np.clip(scipy.optimize.isotonic_regression(y - offsets).x, -sizes[0] / 2, room - sizes[0] / 2)
        + offsets
    )


def _draw_zero(zero: Zero) -> None:
    """A triangle on the axis, with a dotted line from each value above 0 beside it."""
    bottom = zero.ax.get_ylim()[0]
    for x, y in zero.points:
        zero.ax.plot(
            [x, zero.x], [y, bottom], color=zero.colour, linewidth=1.0, linestyle=":",
            scalex=False, scaley=False,
        )  # fmt: skip
    zero.ax.plot(
        [zero.x], [bottom], marker="v", markersize=5.0, color=zero.colour, markerfacecolor=palette.GROUND,
        clip_on=False, zorder=5, scalex=False, scaley=False,
    )  # fmt: skip


def _extent(ax: Axes, axis: str) -> float:
    """Inches that the ticks and the name of an axis take."""
    canvas: Any = ax.figure.canvas
    box = getattr(ax, f"{axis}axis").get_tightbbox(canvas.get_renderer())
    if box is None:
        return 0.0
    inside = ax.get_window_extent()
    size = inside.x0 - box.x0 if axis == "y" else inside.y0 - box.y0
    return max(float(size), 0.0) / float(ax.figure.dpi) + 0.04


def _title_height(ax: Axes) -> float:
    title = ax.get_title(loc="left")
    return (title.count("\n") + 1) * style.SMALL * LINE_HEIGHT / 72 + 0.1 if title else 0.05


def _numbers_as_text(text: str) -> str:
    """Formulas that are plain numbers as text, which is bold in a bold line; formulas are not."""
    number = re.compile(r"\$(-?\d[\d.{,}]*)\$")
    return number.sub(lambda formula: formula[1].replace("-", "−").replace("{,}", ","), text)


def wrapped(text: str, width: float, size: float, weight: str = "normal") -> list[str]:
    """The text in lines of at most `width` inches; formulas are not broken."""
    lines, length = [""], 0.0
    for word in re.findall(r"(?:\$[^$]*\$|\S)+", text):
        wide = _width(word + " ", size, weight)
        if lines[-1] and length + wide > width:
            lines.append("")
            length = 0.0
        lines[-1] = f"{lines[-1]} {word}".strip()
        length += wide
    return lines


@cache
def _width(text: str, size: float, weight: str = "normal") -> float:
    """Inches that a text takes, its last space included."""
    properties = FontProperties(size=size, weight=weight)
    dot, dotted = (_outline(part, properties) for part in (".", f"{text}."))
    return dotted - dot


def _outline(text: str, properties: FontProperties) -> float:
    width, _, _ = TextToPath().get_text_width_height_descent(text, properties, ismath="$" in text)
    return float(width) / 72
