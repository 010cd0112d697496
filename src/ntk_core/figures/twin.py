"""The twin: losses of the network and of its linear twin along training, and how far they differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..claims.headlines.words import FRACTIONS
from ..claims.wording import HIDING_FLUCTUATIONS, steps_text
from ..theory.moments import EXPONENT
from . import palette, style
from .panels import Panels

COLOURS = {"test_loss": palette.LAW_COLOURS[1], "training_loss": palette.LAW_COLOURS[0]}
"""Of the losses at held-out and at training inputs."""

LABELS = {
    "test_loss": "network,\nheld-out",
    "training_loss": "network,\ntraining",
    "twin_test_loss": "twin,\nheld-out",
    "twin_training_loss": "twin,\ntraining",
}
DASHES: dict[str, Any] = {"twin_test_loss": (0, (4, 2)), "twin_training_loss": (0, (1, 1.5))}


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """Left: losses against time at the least and largest width. Right: distance from the twin against m.

    With one width there is nothing to the right. Filled circles: held-out inputs; open ones: training inputs.
    """
    m = table["m"].values
    ends = np.unique(m[[0, -1]])
    panels = Panels(3 if m.size > 1 else 1, height=2.7)
    losses = panels.axes[: len(ends)]
    for ax, width in zip(losses, ends, strict=True):
        ax.sharey(losses[0])
        _losses(panels, ax, table.sel(m=width))
        ax.set_title(f"loss, $m$ = {style.width_label(int(width))}")
    for ax in losses:
        style.time_axis(ax, table["steps"].values, labels=4 if m.size > 1 else 8)
        style.log_axis(ax, table)
    losses[-1].tick_params(labelleft=len(losses) == 1)
    panels.name_ends(losses)
    text = (
        "Losses: mean over the runs; bars: least and largest run of the network. The twin is the model "
        "linear in the weights, trained by the same steps. "
    )
    if m.size > 1:
        with_slope = _distances(panels, panels.axes[-1], table)
        text += (
            "Distance: root mean square over inputs of network minus twin, mean over the runs. Filled, "
            f"left of its width, with {style.INTERVALS}: held-out inputs, joined by lines; "
            "open, right of it: training inputs. "
        )
        if with_slope:
            text += rf"Grey: the slope of the limit $m\to\infty$, {HIDING_FLUCTUATIONS}. "
    text += style.trained_provenance(table)
    return panels.finish(headline("twin", table, rates), text)


def _losses(panels: Panels, ax: Axes, table: xr.Dataset) -> None:
    """Wide lines of the network with bars, thin ones of its twin on them."""
    cells = style.with_limits(table.sel(variable=list(LABELS)), "run_mean", "run_min", "run_max")
    data = cells.reset_coords(drop=True).to_dataframe().reset_index()
    panels.curves(ax, data, "steps", "value", "variable", COLOURS, LABELS, linewidth=3.5)
    network = style.dodge(data[data["variable"].isin(list(COLOURS))], "steps", "variable", 1.15)
    panels.points(ax, network, "steps", "value", "variable", COLOURS, marker="none")
    for name, dashes in DASHES.items():
        inked = {name: palette.INK}
        panels.curves(ax, data, "steps", "value", "variable", inked, LABELS, linewidth=1.2, linestyle=dashes)


def _distances(panels: Panels, ax: Axes, table: xr.Dataset) -> bool:
    """Distance of network and twin against m at a few times, and the slope of its limit (N6).

    Returns whether the slope is drawn: there is none where all distances are 0.
    """
    m, times = table["m"].values.astype(float), style.times_with_runs(table)
    chosen = style.spread(times, 4)
    colours, labels = style.ordered_colours(chosen), {time: steps_text(int(time)) for time in chosen}
    cells = table.sel(steps=chosen)
    radius = cells["run_mean"].sel(variable="alpha_hat", drop=True)
    twin = cells.reset_coords(drop=True)
    frame = style.with_limits(
        twin.sel(variable="twin_distance", drop=True), "run_mean", "run_mean_lower", "run_mean_upper"
    )
    frame["value"] = style.without_rounding(cells, frame["value"], radius)
    training = twin["run_mean"].sel(variable="twin_training_distance", drop=True)
    frame["training"] = style.without_rounding(cells, training, radius)
    data = frame.to_dataframe().reset_index()
    panels.curves(ax, data, "m", "value", "steps", colours, labels, linewidth=1.2)
    panels.held_out_and_training(ax, data, colours)
    with_slope = panels.reference(ax, data, "value", -EXPONENT, f"slope −{FRACTIONS[EXPONENT]}")
    style.width_axis(ax, m, labels=4)
    style.log_axis(ax, table)
    ax.set_title("distance of the two")
    panels.name_ends([ax])
    return with_slope
