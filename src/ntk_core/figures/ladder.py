"""(f) The ladder: how far each bound is above what it bounds."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..network import Array
from . import style

CLAIM = "Theorem 1 is loose at every width; even with the exact law of the band a factor of two remains"
RUNGS = ("printed", "sharp", "binomial")


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """Bound over the (1-δ)-quantile of sup E: against m at the largest and least δ, and against ‖x‖."""
    alpha, d = style.nearest_to_one(table["alpha"].values), int(table["d"].values.max())
    delta, norms = table["delta"].values, table["x_norm"].values
    norm = style.nearest_to_one(norms)
    error = table.sel(quantity="linearization_error", alpha=alpha, d=d)
    m = table["m"].values
    levels = sorted({float(delta.max()), float(delta.min())}, reverse=True)
    figure, axes = plt.subplots(
        1, len(levels) + 1, figsize=(3.4 * len(levels) + 5.4, 4.3), sharey=True, layout="constrained"
    )
    for ax, level in zip(axes, levels, strict=False):
        _panel(ax, m, error.sel(delta=level, x_norm=norm))
        style.width_axis(ax, m)
        ax.set_title(rf"$\delta$ = {level:g}, $\|x\|$ = {norm:g}")
    widest = int(m.max())
    _panel(axes[-1], norms, error.sel(delta=levels[-1], m=widest))
    axes[-1].set(xscale="log", xlabel=r"input norm $\|x\|$")
    axes[-1].set_xticks(norms, [f"{value:g}" for value in norms])
    axes[-1].minorticks_off()
    axes[-1].set_title(rf"$\delta$ = {levels[-1]:g}, $m$ = {style.width_label(widest)}")
    axes[0].set_yscale("log")
    ticks = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
    low, high = axes[0].get_ylim()
    visible_ticks = [tick for tick in ticks if low <= tick <= high]
    axes[0].set_yticks(visible_ticks, [f"{tick:g}" for tick in visible_ticks])
    axes[0].minorticks_off()
    axes[0].set_ylabel(r"bound / $(1-\delta)$-quantile of $\sup_u E$")
    axes[-1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    text = (
        rf"At $\alpha$ = {alpha:g}, $d$ = {d}. Lines: each bound over the exact quantile of the supremum; "
        "circles: over the measured quantile of the adversarial law, which attains it. "
        "At 1 nothing is lost. " + style.provenance(table)
    )
    style.caption(figure, CLAIM, text)
    return figure


def _panel(ax: Axes, x: Array, error: xr.Dataset) -> None:
    """Ratios of every rung against m or ‖x‖, exact as lines and measured as circles."""
    ax.axhline(1.0, color="0.6", linewidth=1.0)
    for name in RUNGS:
        line_style = style.BOUND_STYLES[name]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = (error[f"bound_{name}"] / error["bound_exact"]).values
        finite = np.isfinite(ratio)
        ax.plot(x[finite], ratio[finite], linewidth=1.4, **line_style)
        if "adversarial" in error["perturbation"].values:
            measured = error["bound_ratio"].sel(perturbation="adversarial", bound=name).values
            ax.plot(
                x, measured, linestyle="none", marker="o", color=line_style["color"], markerfacecolor="white"
            )
