"""What the figures have in common: colours, symbols, captions and files."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.textpath import TextToPath
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ..claims.wording import joined
from ..datasets.statistics import MIN_RUNS, why_no_interval
from ..laws import LAWS, DisplacementLaw
from ..laws.moments import cancels
from ..network import Array
from ..storage.atomic import replacing
from ..theory.moments import CANCELLING_EXPONENT, EXPONENT

INK = "#1b1f24"
"""Neutral colour of text, axes and bounds, 16:1 on white."""

MUTED = "#5c6470"
"""Neutral colour of captions, reference lines and their names, 6:1 on white."""

GRID = "#e3e6ea"
"""Neutral colour of the grid."""

SHADE = "#f1f3f5"
"""Neutral colour of a shaded region."""

GROUND = "#ffffff"
"""Ground of PNG and PDF and filling of open markers; an SVG has none of its own."""

NEUTRAL = {"ink": INK, "muted": MUTED, "grid": GRID, "shade": SHADE, "ground": GROUND}
"""The colours that a page with another ground replaces in an SVG. All others have 3:1 on white and #121212."""

BOUND_STYLES: dict[str, dict[str, Any]] = {
    "printed": {"color": INK, "linestyle": "-", "label": "bound as printed"},
    "sharp": {"color": INK, "linestyle": (0, (5, 2)), "label": "sharp bound"},
    "binomial": {"color": INK, "linestyle": (0, (1, 1.5)), "label": "binomial bound"},
}

PNG_SCALE = 160 / 96
"""Pixels of a PNG for each pixel of the SVG, which has 96 to the inch."""


@contextlib.contextmanager
def context() -> Iterator[None]:
    """The project's style, colour-blind safe, for figures drawn inside the context."""
    mpl.use("agg")
    settings: Any = {
        "svg.hashsalt": "ntk-core",
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
        "figure.dpi": 100,
        "axes.titlesize": "medium",
        "axes.titley": 1.0,  # fixed: matplotlib need not measure it against the ticks at each drawing
        "legend.frameon": False,
        "legend.fontsize": "small",
        "lines.markersize": 4.5,
    }
    with (
        sns.axes_style("ticks", {"axes.grid": True, "grid.color": GRID}),
        sns.plotting_context("paper", font_scale=1.1),
        mpl.rc_context(settings),
    ):
        yield


LAW_COLOURS = ("#0173b2", "#d55e00", "#029e73", "#c43a86", "#7a6cc5", "#8c6d1f", "#2b8a9e", "#a0592b")
"""Colours of the laws, with 3:1 on white and on #121212, apart for the colour-blind where there are three."""


def _palette(count: int) -> list[str]:
    return [LAW_COLOURS[i % len(LAW_COLOURS)] for i in range(count)]


def law_colours(laws: Sequence[str]) -> dict[str, Any]:
    """A colour for each displacement law, the same in every figure."""
    order = [*LAWS, *(law for law in laws if law not in LAWS)]
    return dict(zip(order, _palette(len(order)), strict=True))


def law_marker(law: str) -> str:
    """The marker of a law's points; custom laws share one."""
    return LAWS[law].marker if law in LAWS else DisplacementLaw.marker


def reference_slopes(ax: Axes, m: Array, anchor: float) -> None:
    """Thin grey lines of slope -1/2 and -3/4 from `anchor` at the least width, named in the legend."""
    ends = np.array([m.min(), m.max()], dtype=np.float64)
    for k, label, dashes in ((EXPONENT, "slope −1/2", "-"), (CANCELLING_EXPONENT, "slope −3/4", "-.")):
        line = anchor * (ends / ends[0]) ** -k
        ax.plot(ends, line, color=MUTED, linewidth=1.0, linestyle=dashes, zorder=1, label=label)


def width_axis(ax: Axes, m: Array) -> None:
    """Logarithmic width axis with ticks at powers of two."""
    ax.set_xscale("log", base=2)
    low, high = np.floor(np.log2(m.min())), np.ceil(np.log2(m.max()))
    step = max(1, int(np.ceil((high - low) / 8)))
    ax.set_xticks(2.0 ** np.arange(low, high + 1, step))
    ax.minorticks_off()
    ax.set_xlabel("width $m$")


def width_label(m: int) -> str:
    """A width as text: a power of two above a hundred as `$2^{k}$`."""
    return f"$2^{{{m.bit_length() - 1}}}$" if m > 100 and m & (m - 1) == 0 else f"{m:,}"


def error_bars(value: Array, lower: Array, upper: Array) -> Array:
    """Distances for `errorbar`: no bar where a limit is NaN, and none above where the upper is infinite."""
    above = np.where(np.isinf(upper), 0.0, upper - value)
    return np.stack([np.maximum(value - lower, 0.0), np.maximum(above, 0.0)])


def caption(figure: Figure, headline: str, text: str) -> None:
    """Write the headline above the axes, and below them how to read the figure, both wrapped.

    The figure grows by the lines that these take beyond one and two, so that the axes keep their size.
    """
    width, height = figure.get_size_inches()
    title = figure.suptitle(headline, x=0.01, ha="left", fontsize="large", fontweight="bold")
    reading = figure.supxlabel(text, x=0.01, ha="left", fontsize="small", color=MUTED)
    for label, usual in ((title, 1), (reading, 2)):
        lines = _wrapped(label, 0.98 * width)
        label.set_text("\n".join(lines))
        height += max(len(lines) - usual, 0) * 1.3 * float(label.get_fontsize()) / 72
    figure.set_size_inches(width, height)


def _wrapped(label: Text, width: float) -> list[str]:
    """The text of a label in lines of at most `width` inches; formulas are not broken."""
    lines, length = [""], 0.0
    for word in re.findall(r"(?:\$[^$]*\$|\S)+", label.get_text()):
        size = _width(word + " ", float(label.get_fontsize()), label.get_fontweight())
        if lines[-1] and length + size > width:
            lines.append("")
            length = 0.0
        lines[-1] = f"{lines[-1]} {word}".strip()
        length += size
    return lines


@cache
def _width(text: str, size: float, weight: str) -> float:
    """Inches that a text takes, its last space included."""
    properties = FontProperties(size=size, weight=weight)
    dot, dotted = (_outline(part, properties) for part in (".", f"{text}."))
    return dotted - dot


def _outline(text: str, properties: FontProperties) -> float:
    width, _, _ = TextToPath().get_text_width_height_descent(text, properties, ismath="$" in text)
    return float(width) / 72


def provenance(table: xr.Dataset, bars: bool = True) -> str:
    """A sentence on the source of the numbers; `bars` says whether the figure has any."""
    seeds = int(table["runs"].max())
    source = f"Experiment {table.attrs['experiment']}: {seeds:,} {'run' if seeds == 1 else 'runs'} a cell"
    if not bars:
        return f"{source}."
    return f"{source}; bars: {table.attrs['confidence_level']:.0%} intervals.{_without_bars(seeds)}"


def typical(laws: Sequence[str]) -> str:
    """The statistics of E that show the rate, in words: of the mean, for sphere of the root mean square."""
    cancelling = [law for law in laws if cancels(law)]
    if len(cancelling) == len(laws):
        return "root mean square"
    return f"mean ({joined(cancelling)}: root mean square)" if cancelling else "mean"


def slope_label(row: xr.Dataset, places: int) -> str:
    """A fitted slope with half of its interval, where it has one; empty without a slope."""
    slope, half = row["slope"].item(), (row["slope_upper"] - row["slope_lower"]).item() / 2
    interval = f" ± {half:.{places}f}" if np.isfinite(half) else ", no interval"
    return f"{slope:.{places}f}{interval}".replace("-", "−") if np.isfinite(slope) else ""


def _without_bars(seeds: int) -> str:
    """A sentence where there are too few runs for an interval of a mean."""
    return f" Means and slopes have none ({why_no_interval(seeds)})." if seeds < MIN_RUNS else ""


def spread(values: Array, count: int) -> Array:
    """At most `count` of the values, evenly spaced, with the first and the last."""
    if values.size <= count:
        return values
    return values[np.unique(np.linspace(0, values.size - 1, count).round().astype(int))]


def times_with_runs(table: xr.Dataset) -> Array:
    """Times after the start at which a trained experiment has runs that have not diverged."""
    times, runs = table["steps"].values, table["runs"].sum("m").values
    return times[(times > 0) & (runs > 0)]


def alpha_hat(cell: xr.Dataset) -> Array:
    """Mean over the runs of the radius that training reached, along the remaining dimension."""
    return cell["run_mean"].sel(variable="alpha_hat").values


def time_colours(times: Array) -> dict[int, Any]:
    """A colour for each time, darker the earlier."""
    colours = sns.color_palette("viridis", len(times) + 1)[:-1]
    return dict(zip(map(int, times), colours, strict=True))


def width_colours(widths: Array) -> dict[int, Any]:
    """A colour for each width, darker the wider."""
    colours = sns.color_palette("flare", len(widths))
    return dict(zip(map(int, widths), colours, strict=True))


def steps_label(time: int) -> str:
    """A time as text."""
    return "1 step" if time == 1 else f"{time:,} steps"


def time_axis(ax: Axes, times: Array) -> None:
    """Time axis, logarithmic from 1 on, with a tick at 0 if that is one of the times."""
    last = max(float(times.max(initial=1)), 1.0)
    ticks = [0.0] if (times == 0).any() else []
    if ticks:
        ax.set_xscale("symlog", base=2, linthresh=1.0, linscale=1.0)
    else:
        ax.set_xscale("log", base=2)
    ax.set_xlim(-0.15 if ticks else 0.85, last * 1.18)
    powers = np.arange(np.floor(np.log2(last)) + 1)
    ticks += [2.0**power for power in powers[:: -(-powers.size // 8)]]
    ax.set_xticks(ticks, [f"{tick:.0f}" if tick < 1000 else f"$2^{{{np.log2(tick):.0f}}}$" for tick in ticks])
    ax.minorticks_off()
    ax.set_xlabel("steps of gradient descent")


def log_axis(ax: Axes, table: xr.Dataset, empty: str = "nothing above 0") -> None:
    """Logarithmic value axis, with more labels for a smaller range; `empty` is shown if nothing is drawn."""
    ax.set_yscale("log")
    if not ax.get_legend_handles_labels()[0]:
        empty = empty if times_with_runs(table).size else "no run is left"
        empty_panel(ax, empty)
        return
    value_ticks(ax)


def value_ticks(ax: Axes) -> None:
    """Labels of a logarithmic value axis: the more, the smaller its range is."""
    low, high = ax.get_ylim()
    if high < 1.02 * low:
        low, high = low / 1.5, high * 1.5
        ax.set_ylim(low, high)
    if high < 50.0 * low:
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high > 5.0 * low else range(1, 10)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


def legend_of_all(axes: Sequence[Axes], first: Sequence[str] = ()) -> None:
    """A legend to the right of the last panel, with each label of any panel once, those in `first` first."""
    handles: dict[str, Any] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    labels = sorted(handles, key=lambda label: first.index(label) if label in first else len(first))
    entries = [handles[label] for label in labels]
    axes[-1].legend(entries, labels, loc="center left", bbox_to_anchor=(1.0, 0.5))


def empty_panel(ax: Axes, text: str) -> None:
    """Say why nothing is drawn, on an axis without numbers."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", fontsize="small", color=MUTED)
    ax.tick_params(axis="y", which="both", left=False, labelleft=False)


def legend_beside(ax: Axes, title: str | None = None) -> None:
    """A legend to the right of the panel, in the order of the right ends of the curves; slopes last."""
    handles, labels = ax.get_legend_handles_labels()
    if handles:
        order = sorted(range(len(handles)), key=lambda i: (labels[i].startswith("slope"), -_end(handles[i])))
        ax.legend(
            [handles[i] for i in order], [labels[i] for i in order], title=title, title_fontsize="small",
            alignment="left", loc="center left", bbox_to_anchor=(1.0, 0.5),
        )  # fmt: skip


def _end(curve: Any) -> float:
    line = curve.lines[0] if isinstance(curve, ErrorbarContainer) else curve
    return float(np.asarray(line.get_ydata())[-1])


def positive(value: Array) -> Any:
    """Where a logarithmic axis can show a value."""
    return np.isfinite(value) & (value > 0.0)


def single_point_marker(visible: Any) -> str:
    """The marker of a line: a dash if it has one visible point, as a line through it has no length."""
    return "_" if np.count_nonzero(visible) == 1 else ""


def bars(value: Array, low: Array, high: Array) -> Any:
    """Distances from a value to its limits, or to the least and the largest run, on a logarithmic axis."""
    below, above = error_bars(value, low, high)
    return np.stack([np.minimum(below, 0.95 * value), above])


def trained_provenance(table: xr.Dataset) -> str:
    """A sentence on the source of the numbers of a trained experiment."""
    spec = json.loads(table.attrs["spec"])
    runs = f"{spec['seeds']:,} {'run' if spec['seeds'] == 1 else 'runs'} a width"
    on = f"digits {' against '.join(map(str, spec['classes']))}" if spec["classes"] else spec["data"]
    on += " against the rest" if len(spec["classes"]) == 1 else ""
    return (
        f"Experiment {table.attrs['experiment']}: {runs} on {on}, {spec['loss']} loss, "
        f"inputs: {spec['training_inputs']:,} to train on, {spec['held_out_inputs']:,} held out."
        + _without_bars(spec["seeds"])
    )


def write(figure: Figure, paths: Sequence[Path]) -> None:
    """Write the figure to each path, atomically, without dates or random identifiers; close it.

    It is drawn once, as SVG without a ground. PDF and PNG are converted from that on white: to draw them takes five times as long.
    """
    import vl_convert

    drawing = io.StringIO()
    figure.draw_without_rendering()
    figure.set_layout_engine(None)  # the layout is computed once, not again by savefig
    figure.savefig(drawing, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    svg = drawing.getvalue()
    ground = f'<rect width="100%" height="100%" fill="{GROUND}"/>'
    opaque = svg.replace('<g id="figure_1">', f'{ground}<g id="figure_1">', 1)
    for path in paths:
        with replacing(path) as temporary_path:
            if path.suffix == ".pdf":
                temporary_path.write_bytes(vl_convert.svg_to_pdf(opaque))
            elif path.suffix == ".png":
                temporary_path.write_bytes(vl_convert.svg_to_png(opaque, scale=PNG_SCALE))
            else:
                temporary_path.write_text(svg, encoding="utf-8")
