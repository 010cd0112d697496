"""What the figures have in common: sizes of text, axes and sentences of the captions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.style
import numpy as np
import pandas as pd
import seaborn as sns
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.ticker import FuncFormatter, LogFormatterMathtext, LogLocator, MaxNLocator, NullLocator

from ..claims.headlines.words import resolved
from ..claims.wording import in_formula, joined, level, power_of_two, runs_text, task
from ..datasets.statistics import CONFIDENCE, MIN_RUNS, why_no_interval
from ..laws import LAWS, DisplacementLaw
from ..laws.moments import cancels
from ..network import Array
from ..storage.metadata import spec_of
from .palette import GRID, GROUND, INK, MUTED, ORDERED_COLOURS

WIDTH = 7.0
"""Inches across every figure, so that a text has the same size on the page in all."""

TEXT, SMALL, HEADLINE = 9.5, 9.0, 12.0
"""Points of names; of numbers, captions; of the headline."""

INTERVALS = f"{100.0 * CONFIDENCE:g}\u00a0% intervals"
"""What the bars of a figure are."""

LEAST_SHARE = 0.05
"""The least share of its point to which a bar goes down on a logarithmic axis, which has no 0."""


@contextlib.contextmanager
def context() -> Iterator[None]:
    """The project's style, colour-blind safe, for figures drawn inside the context."""
    mpl.use("agg")
    inked = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    small = ("xtick.labelsize", "ytick.labelsize", "axes.titlesize")
    settings: Any = {
        "svg.hashsalt": "ntk-core",
        "figure.dpi": 100,
        "figure.facecolor": GROUND,
        "axes.facecolor": "none",
        **dict.fromkeys(inked, INK),
        **dict.fromkeys(small, SMALL),
        **dict.fromkeys(("font.size", "axes.labelsize"), TEXT),
        "axes.titlelocation": "left",
        "axes.titley": 1.0,  # fixed: matplotlib need not measure it against the ticks at each drawing
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.8,
        "grid.linewidth": 0.7,
        "xtick.major.size": 3.0,
        "ytick.major.size": 3.0,
        "lines.linewidth": 1.4,
        "lines.markersize": 4.0,
        "errorbar.capsize": 0.0,
    }
    with (
        mpl.style.context("default"),  # not the settings of a user's matplotlibrc
        sns.axes_style("ticks", {"axes.grid": True, "grid.color": GRID}),
        sns.plotting_context("paper"),
        mpl.rc_context(settings),
    ):
        yield


def ordered_colours(values: Any) -> dict[Any, str]:
    """A colour for each of these levels, times or widths, in their order."""
    colours = sns.blend_palette(ORDERED_COLOURS, len(values))
    return {value: to_hex(colour) for value, colour in zip(values, colours, strict=True)}


def law_markers(laws: Sequence[str]) -> dict[str, str]:
    """The marker of each law's points; custom laws share one."""
    return {law: LAWS[law].marker if law in LAWS else DisplacementLaw.marker for law in laws}


def width_axis(ax: Axes, m: Array, labels: int = 6) -> None:
    """Logarithmic width axis with ticks at powers of two."""
    ax.set_xscale("log", base=2)
    low, high = np.floor(np.log2(m.min())), np.ceil(np.log2(m.max()))
    steps = [k for k in range(1, int(high - low) + 1) if (high - low) / k <= labels - 1]
    step = next((k for k in steps if (high - low) % k == 0), 1)  # the last always fits
    ax.set_xticks(2.0 ** np.arange(low, high + 1, step))
    ax.minorticks_off()
    ax.set_xlabel("width $m$")


def at_values(ax: Axes, values: Array) -> None:
    """Logarithmic axis to the right with a tick at each of these values."""
    ax.set_xscale("log")
    ax.set_xticks(values, [number(value) for value in values])
    ax.minorticks_off()


def number(value: float) -> str:
    """A positive number as text, as a formula with a power of ten where it is small or large."""
    text = f"{value:g}"
    return f"${in_formula(value)}$" if "e" in text else text


def level_label(delta: float) -> str:
    """The name of the (1-δ)-quantile."""
    return f"{level(delta)}-quantile"


def width_label(m: int) -> str:
    """A width as text, large powers of two as formulas."""
    power = power_of_two(m)
    return f"${power}$" if power else f"{m:,}"


def without_rounding(table: xr.Dataset, value: Any, alpha: Any) -> Any:
    """A labelled array of E in `table`, as a log axis shows it: 0 where it is rounding around an exact 0."""
    return value.where(resolved(table, value, table["m"], alpha) | value.isnull(), 0.0)


def without_points(names: Sequence[str]) -> str:
    """A sentence on what a log axis does not show of the runs; empty where it shows all."""
    return f"Without points, because 0 in the runs: {joined(names)}. " if names else ""


def error_bars(value: Array, lower: Array, upper: Array) -> Array:
    """Distances for `errorbar`: no bar where a limit is NaN, and none above where the upper is infinite."""
    above = np.where(np.isinf(upper), 0.0, upper - value)
    return np.stack([np.maximum(value - lower, 0.0), np.maximum(above, 0.0)])


def provenance(table: xr.Dataset, bars: bool = True) -> str:
    """A sentence on the source of the numbers; `bars` says whether the figure has any."""
    seeds = int(table["runs"].max())
    source = f"Experiment {table.attrs['experiment']}: {runs_text(seeds)} a cell"
    if not bars:
        return f"{source}."
    return f"{source}; bars: {INTERVALS}.{_without_bars(seeds)}"


def typical(laws: Sequence[str]) -> str:
    """The statistics of E that show the rate, in words: of the mean, for sphere of the root mean square."""
    cancelling = [law for law in laws if cancels(law)]
    if len(cancelling) == len(laws):
        return "root mean square"
    return f"mean ({joined(cancelling)}: root mean square)" if cancelling else "mean"


def slope_label(row: xr.Dataset, places: int, name: str = "slope") -> str:
    """A fitted slope, the variable `name`, with half of its interval if it has one; empty without a slope."""
    slope, half = row[name].item(), (row[f"{name}_upper"] - row[f"{name}_lower"]).item() / 2
    interval = f" ± {half:.{places}f}" if np.isfinite(half) else ", no interval"
    return f"{slope:.{places}f}{interval}".replace("-", "−") if np.isfinite(slope) else ""


def _without_bars(seeds: int) -> str:
    """A sentence where there are too few runs for an interval of a mean."""
    return f" Means and slopes have no interval ({why_no_interval(seeds)})." if seeds < MIN_RUNS else ""


def spread(values: Array, count: int) -> Array:
    """At most `count` of the values, evenly spaced, with the first and the last."""
    if values.size <= count:
        return values
    return values[np.unique(np.linspace(0, values.size - 1, count).round().astype(int))]


def times_with_runs(table: xr.Dataset) -> Array:
    """Times after the start at which a trained experiment has runs that have not diverged."""
    times, runs = table["steps"].values, table["runs"].sum("m").values
    return times[(times > 0) & (runs > 0)]


def time_axis(ax: Axes, times: Array, labels: int = 8) -> None:
    """Time axis, logarithmic from 1 on, with a tick at 0 if that is one of the times."""
    last = max(float(times.max(initial=1)), 1.0)
    ticks = [0.0] if (times == 0).any() else []
    if ticks:
        ax.set_xscale("symlog", base=2, linthresh=1.0, linscale=1.0)
    else:
        ax.set_xscale("log", base=2)
    ax.set_xlim(-0.15 if ticks else 0.85, last * 1.18)
    powers = np.arange(np.floor(np.log2(last)) + 1)
    ticks += [2.0**power for power in powers[:: -(-powers.size // labels)]]
    ax.set_xticks(ticks, [f"{tick:.0f}" if tick < 1000 else f"$2^{{{np.log2(tick):.0f}}}$" for tick in ticks])
    ax.minorticks_off()
    ax.set_xlabel("steps of gradient descent" if labels > 4 else "steps")


def value_ticks(ax: Axes) -> None:
    """Logarithmic value axis, with ticks at powers of ten, where these are few also at multiples of them.

    Where fewer than three of these are in the range, they are as on a linear axis.
    """
    low, high = ax.get_ylim()
    if high < 1.5 * low:
        low, high = low / 1.5, high * 1.5
        ax.set_ylim(low, high)
    plain = low >= 9e-4 and high <= 2e4
    for multiples in ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)):
        ticks = LogLocator(subs=multiples, numticks=7)
        inside = [value for value in ticks.tick_values(low, high) if low <= value <= high]
        if len(inside) > (3 if len(multiples) < 3 else 2):
            break
    ax.yaxis.set_major_locator(ticks if len(inside) > 2 else MaxNLocator(4, steps=[1, 2, 5, 10]))
    ax.yaxis.set_major_formatter(
        LogFormatterMathtext()
        if multiples == (1.0,) and not plain
        else FuncFormatter(lambda value, _: f"{value:,.6g}" if plain else number(value))
    )
    ax.yaxis.set_minor_locator(NullLocator())


def log_axis(ax: Axes, table: xr.Dataset, empty: str = "nothing above 0") -> None:
    """Logarithmic value axis of a trained experiment; `empty` is shown if nothing is drawn."""
    ax.set_yscale("log")
    if not ax.get_legend_handles_labels()[0]:
        empty_panel(ax, empty if times_with_runs(table).size else "no run is left")


def empty_panel(ax: Axes, text: str) -> None:
    """Say why nothing is drawn, on an axis without numbers."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", color=MUTED)
    ax.tick_params(axis="y", which="both", left=False, labelleft=False)


def dodge(data: pd.DataFrame, x: str, hue: str, factor: float) -> pd.DataFrame:
    """The data with the x of each value of `hue` moved apart by this factor from the next."""
    values = list(dict.fromkeys(data[hue]))
    places = data[hue].map({value: i - (len(values) - 1) / 2 for i, value in enumerate(values)})
    return data.assign(**{x: data[x] * factor ** places.astype(float)})


def with_limits(cells: xr.Dataset, value: str, lower: str, upper: str) -> xr.Dataset:
    """These three variables as `value`, `value_lower` and `value_upper`."""
    names = {value: "value", lower: "value_lower", upper: "value_upper"}
    return cells[list(names)].rename(names)


def bars(value: Array, low: Array, high: Array) -> Any:
    """Distances from a value to its limits, or to the least and the largest run, on a logarithmic axis."""
    below, above = error_bars(value, low, high)
    return np.stack([np.minimum(below, (1.0 - LEAST_SHARE) * value), above])


def trained_provenance(table: xr.Dataset) -> str:
    """A sentence on the source of the numbers of a trained experiment."""
    spec = spec_of(table)
    runs = f"{runs_text(spec['seeds'])} a width"
    return (
        f"Experiment {table.attrs['experiment']}: {runs} on {task(spec)}, {spec['loss']} loss, step size "
        f"{table['step_size'].item():.4g}, "
        f"inputs: {spec['training_inputs']:,} to train on, {spec['held_out_inputs']:,} held out."
        + _stopped(table, spec["target_loss"])
        + _without_bars(spec["seeds"])
    )


def _stopped(table: xr.Dataset, target: float | None) -> str:
    """A sentence on the runs that stopped at their target; empty without one."""
    if target is None:
        return ""
    ends = table["run_status"].sum("m")
    reached, runs = int(ends.sel(status="target_reached")), int(ends.sum())
    return (
        f" A run stops at the training loss {target:g}, as {reached:,} of {runs:,} did, and keeps its "
        "numbers from there on."
    )
