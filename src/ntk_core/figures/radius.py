"""(i) The radius: how far training moves the weights, against the width."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..claims.headlines import headline
from . import style

_LEVELS = {
    "--": Line2D([], [], color=style.MUTED, linewidth=1.1, linestyle="--", label="ceiling for wide networks"),
    "-": Line2D([], [], color=style.MUTED, linewidth=1.1, label="limit of the mean"),
}
"""Entries of the legend for the levels, by their dashes."""


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """Left: α̂ against m at a few times, below the limit's ceiling. Right: √m·mean displacement and limit."""
    m = table["m"].values.astype(float)
    times = style.spread(style.times_with_runs(table), 3)
    colours = style.time_colours(times)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.6, 4.4), sharey=True, layout="constrained")
    largest, mean = table.sel(variable="alpha_hat"), table.sel(variable="mean_displacement")
    handles = []
    for time in reversed(times):
        colour, point = colours[int(time)], {"steps": time}
        value, low, high = (largest[f"run_{n}"].sel(point).values for n in ("mean", "min", "max"))
        visible = style.positive(value)
        if not visible.any():
            continue
        left.errorbar(
            m[visible], value[visible], style.bars(value, low, high)[:, visible], marker="o", capsize=2,
            color=colour, linewidth=1.2, label=style.steps_label(int(time)),
        )  # fmt: skip
        value = np.sqrt(m) * mean["run_mean"].sel(point).values
        low, high = (np.sqrt(m) * mean[f"run_mean_{end}"].sel(point).values for end in ("lower", "upper"))
        bar = style.bars(value, low, high)
        visible = style.positive(value)
        right.errorbar(
            m[visible], value[visible], bar[:, visible], marker="o", linestyle="none", capsize=2,
            color=colour, label=style.steps_label(int(time)),
        )  # fmt: skip
        for ax, name, dashes in ((left, "alpha_hat_limit_ceiling", "--"), (right, "displacement_limit", "-")):
            level = rates[name].sel(point).item()
            if np.isfinite(level):
                ax.axhline(level, color=colour, linewidth=1.1, linestyle=dashes)
                handles.append(_LEVELS[dashes])
    for ax, title in (
        (left, r"largest over the neurons: $\hat\alpha=\sqrt{m}\,\mathrm{max}_i\,\|w_i-w_i(0)\|$"),
        (right, r"mean over the neurons: $\sqrt{m}\,\mathrm{mean}_i\,\|w_i-w_i(0)\|$"),
    ):
        style.width_axis(ax, m)
        style.log_axis(ax, table)
        ax.set_title(title)
    left.set_ylabel(r"$\sqrt{m}\cdot$ displacement")
    handles = [*left.get_legend_handles_labels()[0], *dict.fromkeys(handles)]
    if handles:
        right.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5))
    last = int(times[-1] if times.size else table["steps"].values[-1])
    ceiling = table["alpha_ceiling"].sel(steps=last).item()
    text = (
        r"Left: the radius $\hat\alpha$ that training reached, mean over the runs; bars: least and largest "
        r"run. Dashed: what it stays below as $m\to\infty$; while the loss does not grow it is at most "
        rf"{ceiling:.3g} at every width after {style.steps_label(last)}. Right: lines are the limit, no fit; "
        "bars: 99% intervals. " + style.trained_provenance(table)
    )
    style.caption(figure, headline("radius", table, rates), text)
    return figure
