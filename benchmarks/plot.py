"""The result in one figure: the time of a run of everyone, on a logarithmic axis."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from ntk_core.figures import palette, style
from ntk_core.figures.files import write as write_figure
from ntk_core.figures.panels import wrapped

from .contenders import CONTENDERS
from .report import Result, duration, label, ratio


def write(result: Result, paths: Sequence[Path]) -> None:
    """Draw and write to each path."""
    with style.context():
        write_figure(draw(result), paths)


def draw(result: Result) -> Figure:
    """Every panel with a peer in it, below each other: medians, spreads and ratios to the floor."""
    panels = [panel for panel in result["panels"] if any(map(_is_peer, panel["entries"]))]
    figure, axes = plt.subplots(
        len(panels),
        1,
        figsize=(8.6, 0.9 + 2.9 * len(panels)),
        sharex=True,
        squeeze=False,
        layout="constrained",
        dpi=160,  # labels this long are laid out as wide as they are written
        height_ratios=[len(panel["entries"]) + 1 for panel in panels],
    )
    for ax, panel in zip(axes[:, 0], panels, strict=True):
        _panel(ax, panel)
    axes[-1, 0].set_xlabel("wall-clock time of one run")
    machine = result["machine"]
    text = (
        "Every contender returns E, |S(x)|/m, |Δ₁|, |Δ₂| and |B|/m of networks with fresh weights; all draw "
        "from the same law. Blue: ours; orange: the tools people use; grey: the floor. "
        f"Points: median over {result['rounds']} interleaved rounds; bars: least and most; beside them: "
        "multiples of the floor (drawing, and throwing away, a uniform number for every neuron of the band; "
        f"half floor: for every pair). {machine['processor']}, one core unless it says otherwise."
    )
    headline = "What one linearization-error run takes"
    figure.suptitle(headline, x=0.01, ha="left", fontsize=style.HEADLINE, fontweight="bold")
    lines = wrapped(text, 0.95 * figure.get_figwidth(), style.SMALL)
    figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=style.SMALL, color=palette.MUTED)
    return figure


def _panel(ax: Axes, panel: dict[str, Any]) -> None:
    entries = sorted(panel["entries"], key=lambda entry: entry["seconds"]["median"])
    colours = dict(zip(("ours", "peer", "floor"), sns.color_palette("colorblind", 3), strict=True))
    for row, entry in enumerate(entries):
        seconds = entry["seconds"]
        colour = "0.45" if _side(entry) == "floor" else colours[_side(entry)]
        spread = [[seconds["median"] - seconds["low"]], [seconds["high"] - seconds["median"]]]
        ax.errorbar(seconds["median"], row, xerr=spread, marker="o", color=colour, capsize=2, markersize=6)
        text = f"{duration(seconds['median'])}  (× {ratio(entry['to_floor']['median'])})"
        beside: Any = {"xytext": (7, 0), "textcoords": "offset points", "va": "center", "fontsize": "small"}
        ax.annotate(text, (seconds["high"], row), **beside).set_in_layout(False)
    ax.set_yticks(range(len(entries)), [label(entry, among=entries) for entry in entries])
    ax.set_ylim(-0.6, len(entries) - 0.4)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(base=10, numticks=12))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _decade(value)))
    ax.minorticks_off()
    longest = max(entry["seconds"]["high"] for entry in entries)
    ax.set_xlim(right=max(ax.get_xlim()[1], 100 * longest))  # room for the text beside the points
    ax.set_title(re.sub(r"2\^(\d+)", r"$2^{\1}$", panel["title"]), loc="left")
    sns.despine(ax=ax)


def _decade(value: float) -> str:
    return duration(value * (1 + 1e-9)).replace(".00", "").replace(".0", "")


def _side(entry: dict[str, Any]) -> str:
    return CONTENDERS[entry["contender"]].side


def _is_peer(entry: dict[str, Any]) -> bool:
    return _side(entry) == "peer"
