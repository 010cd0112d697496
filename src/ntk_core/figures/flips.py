"""The flips: how many sign indicators ever change along training."""

from __future__ import annotations

import xarray as xr
from matplotlib.figure import Figure

from ..claims.headlines import headline
from . import style
from .panels import Panels

PANELS = {
    "flipped_fraction": "of pairs of neuron and training input",
    "flipped_neurons": "of neurons, at some training input",
}

SINGLE = {"flipped_neurons": "of neurons, at the training input"}
"""The panel where there is one training input, so that a pair is a neuron."""


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """Fraction of pairs (neuron, training input), and of neurons, that ever flipped, against time."""
    widths, times = style.spread(table["m"].values, 6), table["steps"].values[1:]
    colours = style.ordered_colours(widths)
    labels = {m: f"$m$ = {style.width_label(int(m))}" for m in widths}
    cells = style.with_limits(table.sel(m=widths, steps=times), "run_mean", "run_min", "run_max")
    single = table.sizes["training_input"] == 1
    shown = SINGLE if single else PANELS
    panels = Panels(len(shown), height=2.6, share_y=True)
    for ax, (name, title) in zip(panels.axes, shown.items(), strict=True):
        data = style.dodge(cells.sel(variable=name).to_dataframe().reset_index(), "steps", "m", 1.04)
        panels.curves(ax, data, "steps", "value", "m", colours, labels, linewidth=1.2)
        panels.points(ax, data, "steps", "value", "m", colours, labels)
        ax.set_title(title)
    for ax in panels.axes:
        style.time_axis(ax, times)
        style.log_axis(ax, table, "none ever flipped")
    panels.axes[0].set_ylabel("fraction that ever flipped")
    panels.name_ends(panels.axes)
    of_neurons = "" if single else "Right: neurons with at least one such pair. "
    text = (
        f"A {'neuron' if single else 'pair'} flips when "
        r"$1\{w_i{\cdot}x_k{\geq}0\}$ differs from its value at the start, and counts from then on. "
        f"{of_neurons}Mean over the runs; bars: least and largest. {style.trained_provenance(table)}"
    )
    return panels.finish(headline("flips", table, rates), text)
