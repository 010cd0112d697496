"""What the figures have in common: colours, symbols, captions and files."""

from __future__ import annotations

import contextlib
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..analysis import NOISE
from ..band import quantum
from ..datasets import replacing
from ..moments import exponent
from ..network import Array

SYMBOLS = {
    "linearization_error": r"$E$",
    "delta1": r"$|\Delta_1|$",
    "delta2": r"$|\Delta_2|$",
    "sign_change_fraction": r"$|S(x)|/m$",
    "band_fraction": r"$|B|/m$",
}

BOUND_STYLES: dict[str, dict[str, Any]] = {
    "printed": {"color": "0.15", "linestyle": "-", "label": "bound as printed"},
    "sharp": {"color": "0.15", "linestyle": (0, (5, 2)), "label": "sharp bound"},
    "binomial": {"color": "0.15", "linestyle": (0, (1, 1.5)), "label": "binomial bound"},
}

_METADATA = {
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    ".png": {"Software": None},
}


@contextlib.contextmanager
def context() -> Iterator[None]:
    """The project's look, colour-blind safe, for figures drawn inside."""
    mpl.use("agg")
    look: Any = {
        "svg.hashsalt": "ntk-core",
        "savefig.dpi": 160,
        "figure.dpi": 100,
        "axes.titlesize": "medium",
        "legend.frameon": False,
        "legend.fontsize": "small",
        "lines.markersize": 4.5,
    }
    with (
        sns.axes_style("ticks", {"axes.grid": True, "grid.color": "0.92"}),
        sns.plotting_context("paper", font_scale=1.1),
        mpl.rc_context(look),
    ):
        yield


def law_colours(laws: Sequence[str]) -> dict[str, Any]:
    """A colour for each displacement law, the same in every figure."""
    known = ("adversarial", "aligned", "sphere")
    order = [*known, *(law for law in laws if law not in known)]
    return dict(zip(order, sns.color_palette("colorblind", len(order)), strict=True))


LAW_MARKERS = {"adversarial": "o", "aligned": "s", "sphere": "D"}


def nearest_to_one(values: Array) -> float:
    """The value whose ratio to 1 is least: the α or ‖x‖ a figure is drawn at."""
    return float(values[np.argmin(np.abs(np.log(values)))])


def resolved(value: Array, m: Array | float, alpha: float) -> Any:
    """Where a value of E is more than rounding around an exact zero, and so can be drawn on a log axis."""
    return value > NOISE * quantum("linearization_error", m, alpha)


def typical(law: str) -> str:
    """The statistic whose rate is seen at every width: the mean, or the rms where the mean cancels."""
    return "rms" if exponent(law, "linearization_error") == 0.75 else "mean"


def reference_slopes(ax: Axes, m: Array, anchor: float) -> None:
    """Thin grey lines of slope -1/2 and -3/4 from `anchor` at the least width, named in the legend."""
    ends = np.array([m.min(), m.max()], dtype=np.float64)
    for k, label, dashes in ((0.5, "slope −1/2", "-"), (0.75, "slope −3/4", "-.")):
        line = anchor * (ends / ends[0]) ** -k
        ax.plot(ends, line, color="0.6", linewidth=1.0, linestyle=dashes, zorder=1, label=label)


def width_axis(ax: Axes, m: Array) -> None:
    """Logarithmic width axis with ticks at powers of two."""
    ax.set_xscale("log", base=2)
    low, high = np.floor(np.log2(m.min())), np.ceil(np.log2(m.max()))
    step = max(1, int(np.ceil((high - low) / 8)))
    ax.set_xticks(2.0 ** np.arange(low, high + 1, step))
    ax.minorticks_off()
    ax.set_xlabel("width $m$")


def width_label(m: int) -> str:
    """A width as text between math: powers of two beyond a hundred as such."""
    return f"$2^{{{m.bit_length() - 1}}}$" if m > 100 and m & (m - 1) == 0 else f"{m:,}"


def error_bars(value: Array, lower: Array, upper: Array) -> Array:
    """Distances for `errorbar`; an infinite upper limit becomes no bar above."""
    above = np.where(np.isfinite(upper), upper - value, 0.0)
    return np.stack([np.maximum(value - lower, 0.0), np.maximum(above, 0.0)])


def caption(figure: Figure, claim: str, text: str) -> None:
    """The claim as a heading, and below the axes how to read the figure."""
    width = int(figure.get_size_inches()[0] * 15.5)
    figure.suptitle(claim, x=0.01, ha="left", fontsize="large", fontweight="bold")
    figure.supxlabel(textwrap.fill(text, width), x=0.01, ha="left", fontsize="small", color="0.25")


def provenance(table: xr.Dataset) -> str:
    """Where the numbers come from, in a sentence."""
    seeds = int(table["runs"].max())
    level = table.attrs["confidence_level"]
    return f"Experiment {table.attrs['experiment']}: {seeds:,} runs a cell; bars: {level:.0%} intervals."


def write(figure: Figure, paths: Sequence[Path]) -> None:
    """Write the figure to each path, beside and renamed, without dates or random identifiers; close it."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, not again for each format
    for path in paths:
        with replacing(path) as beside:
            figure.savefig(beside, format=path.suffix[1:], metadata=_METADATA[path.suffix])
    plt.close(figure)
