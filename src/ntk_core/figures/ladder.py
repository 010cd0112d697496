"""(f) The ladder: how far each bound is above what it bounds."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..network import Array
from ..theory.bounds import bound
from . import style

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
        _measured(ax, m, error.sel(delta=level, x_norm=norm))
        for name in RUNGS:
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = (error[f"bound_{name}"] / error["bound_exact"]).sel(delta=level, x_norm=norm).values
            finite = np.isfinite(ratio)
            ax.plot(m[finite], ratio[finite], linewidth=1.4, **style.BOUND_STYLES[name])
        style.width_axis(ax, m)
        ax.set_title(rf"$\delta$ = {level:g}, $\|x\|$ = {norm:g}")
    widest = int(m.max())
    _against_norm(axes[-1], error.sel(delta=levels[-1], m=widest))
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
    handles = max((ax.get_legend_handles_labels()[0] for ax in axes), key=len)
    if handles:
        axes[-1].legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5))
    text = (
        rf"At $\alpha$ = {alpha:g}, $d$ = {d}. Lines: each bound over the exact quantile of the supremum; "
        "circles: over the measured quantile of the adversarial law, which attains it. "
        "At 1 nothing is lost. " + style.provenance(table)
    )
    style.caption(figure, headline("ladder", table.sel(alpha=alpha, d=d), rates), text)
    return figure


def _measured(ax: Axes, x: Array, error: xr.Dataset) -> None:
    """Ratios of every rung to the measured quantile of the worst displacement, as circles."""
    ax.axhline(1.0, color="0.6", linewidth=1.0)
    if "adversarial" not in error["perturbation"].values:
        return
    for name in RUNGS:
        measured = error["bound_ratio"].sel(perturbation="adversarial", bound=name).values
        colour = style.BOUND_STYLES[name]["color"]
        ax.plot(x, measured, linestyle="none", marker="o", color=colour, markerfacecolor="white")


def _against_norm(ax: Axes, error: xr.Dataset) -> None:
    """Ratios of every rung at one width against ‖x‖, to which the exact quantile is proportional."""
    norms, m = error["x_norm"].values, int(error["m"])
    _measured(ax, norms, error)
    fine = np.geomspace(norms.min(), norms.max(), 60)
    exact = float(error["bound_exact"][0]) / norms[0] * fine
    if not exact[0] > 0.0:
        return
    for name in RUNGS:
        value = bound(name, "linearization_error", m, float(error["alpha"]), float(error["delta"]), fine)
        ax.plot(fine, value / exact, linewidth=1.4, **style.BOUND_STYLES[name])
