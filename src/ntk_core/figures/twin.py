"""(l) The twin: losses of the network and of its linearized model along training, and how far they differ."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..claims.headlines.words import resolved
from . import style

WIDE: dict[str, Any] = {"linestyle": "-", "linewidth": 4.0}
THIN: dict[str, Any] = {"linestyle": (0, (4, 2)), "linewidth": 1.4, "marker": "o", "markersize": 2.5}
LINE_STYLES: dict[str, dict[str, Any]] = {
    "test_loss": {**WIDE, "label": "network, held-out inputs"},
    "twin_test_loss": {**THIN, "label": "twin, held-out inputs"},
    "training_loss": {**WIDE, "label": "network, training inputs"},
    "twin_training_loss": {**THIN, "label": "twin, training inputs"},
}


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """Left: losses against time at the least and largest width. Right: distance from the twin against m.

    With one width there is nothing to the right. Filled circles: held-out inputs; open ones: training inputs.
    """
    m = table["m"].values
    ends = np.unique(m[[0, -1]])
    figure, grid = plt.subplots(
        1, 3 if m.size > 1 else 1, figsize=(13.8 if m.size > 1 else 6.0, 4.3), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    axes = list(grid[0])
    for ax, width in zip(axes, ends, strict=False):
        ax.sharey(axes[0])
        _losses(ax, table.sel(m=width))
        style.log_axis(ax, table)
        ax.set_title(f"loss, $m$ = {style.width_label(int(width))}")
    axes[0].legend(loc="lower left")
    text = (
        "Losses: mean over the runs; shaded: from the least to the largest run of the network. The twin is "
        "the model linear in the weights, trained by the same steps. "
    )
    if m.size > 1:
        _distances(axes[-1], table)
        text += (
            "Distance: root mean square over inputs of network minus twin, mean over the runs. Filled: "
            "held-out inputs, with 99% intervals; open: training inputs. "
        )
    text += style.trained_provenance(table)
    style.caption(figure, headline("twin", table, rates), text)
    return figure


def _distances(ax: Axes, table: xr.Dataset) -> None:
    """Distance of network and twin against m at a few times."""
    m, times = table["m"].values, style.times_with_runs(table)
    chosen = style.spread(times, 4)
    colours = style.time_colours(chosen)
    lowest = np.inf
    for time in reversed(chosen):
        cell = table.sel(steps=time)
        distance = cell.sel(variable="twin_distance")
        value = distance["run_mean"].values
        bar = style.bars(value, distance["run_mean_lower"].values, distance["run_mean_upper"].values)
        visible = resolved(value, m, style.alpha_hat(cell))
        if visible.any():
            ax.errorbar(
                m[visible], value[visible], bar[:, visible], marker="o", linewidth=1.2,
                capsize=2, color=colours[int(time)], label=style.steps_label(int(time)),
            )  # fmt: skip
            lowest = min(lowest, value[visible][0])
        training = cell["run_mean"].sel(variable="twin_training_distance").values
        visible = resolved(training, m, style.alpha_hat(cell))
        if visible.any():
            ax.plot(
                m[visible], training[visible], marker="o", markerfacecolor=style.GROUND, linestyle=":",
                linewidth=1.2, color=colours[int(time)],
            )  # fmt: skip
    if np.isfinite(lowest):
        style.reference_slopes(ax, m.astype(float), lowest / 2.5)
    style.width_axis(ax, m.astype(float))
    style.log_axis(ax, table)
    ax.set_title("distance of the two; open: training inputs")
    style.legend_beside(ax)


def _losses(ax: Axes, table: xr.Dataset) -> None:
    blue, orange = sns.color_palette("colorblind", 2)
    times = table["steps"].values.astype(float)
    for name, line_style in LINE_STYLES.items():
        colour = orange if "test" in name else blue
        value, low, high = (table[f"run_{n}"].sel(variable=name).values for n in ("mean", "min", "max"))
        visible = style.positive(value) & style.positive(low)
        if not name.startswith("twin"):
            ax.fill_between(
                times[visible], low[visible], high[visible], color=_tint(colour, 0.15), linewidth=0
            )
            colour = _tint(colour, 0.4)
        ax.plot(times[visible], value[visible], color=colour, **line_style)
    style.time_axis(ax, table["steps"].values)


def _tint(colour: Any, share: float) -> list[float]:
    """A colour mixed with white: transparent ones reach a PDF in an order that changes from call to call."""
    return [1.0 - share * (1.0 - part) for part in colour]
