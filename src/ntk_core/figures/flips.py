"""(m) The flips: how many sign indicators ever change along training."""

from __future__ import annotations

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.figure import Figure

from ..claims.training_headlines import headline
from . import style

PANELS = {
    "flipped_fraction": "of all pairs of neuron and training input",
    "flipped_neurons": "of neurons, at some training input",
}


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """Fraction of pairs (neuron, training input), and of neurons, that ever flipped, against time."""
    widths = style.spread(table["m"].values, 6)
    times = table["steps"].values[1:]
    colours = style.width_colours(widths)
    figure, axes = plt.subplots(1, 2, figsize=(10.2, 4.3), sharey=True, layout="constrained")
    for ax, (name, title) in zip(axes, PANELS.items(), strict=True):
        for m in widths:
            cell = table.sel(variable=name, m=m, steps=times)
            value, low, high = (cell[f"run_{n}"].values for n in ("mean", "min", "max"))
            visible = style.positive(value)
            if visible.any():
                ax.errorbar(
                    times[visible], value[visible], style.bars(value, low, high)[:, visible], marker="o",
                    capsize=2, linewidth=1.2, color=colours[int(m)],
                    label=f"$m$ = {style.width_label(int(m))}",
                )  # fmt: skip
        style.time_axis(ax, times)
        style.log_axis(ax, table, "none ever flipped")
        ax.set_title(title)
    axes[0].set_ylabel("fraction that ever flipped")
    style.legend_beside(axes[1])
    text = (
        r"A pair flips when $1\{w_i{\cdot}x_k{\geq}0\}$ differs from its value at the start, and counts from "
        "then on. Right: neurons with at least one such pair. Mean over the runs; bars: least and largest. "
        + style.trained_provenance(table)
    )
    style.caption(figure, headline("flips", table, rates), text)
    return figure
