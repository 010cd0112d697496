"""(j) The rate of training: error and sign changes at held-out inputs against the width."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ..claims.training_headlines import headline
from . import style

PANELS = {"linearization_error": "linearization error $E$", "sign_change_fraction": "sign changes $|S(x)|/m$"}


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """Root mean square of E and of |S|/m against m at a few times, with the limits' lines.

    Filled circles are held-out inputs, open ones on dotted lines training inputs.
    """
    m = table["m"].values.astype(float)
    times = style.spread(style.times_with_runs(table), 4)
    colours = style.time_colours(times)
    figure, axes = plt.subplots(1, 2, figsize=(13.0, 4.3), layout="constrained")
    for ax, (quantity, title) in zip(axes, PANELS.items(), strict=True):
        lowest = np.inf
        for time in reversed(times):
            colour = colours[int(time)]
            cell, rate = table.sel(quantity=quantity, steps=time), rates.sel(quantity=quantity, steps=time)
            rate = rate.sel(statistic="rms")
            value = cell["rms"].values
            bar = style.bars(value, cell["rms_lower"].values, cell["rms_upper"].values)
            visible = style.resolved(value, m, style.alpha_hat(cell))
            if not visible.any():
                continue
            exact = not (style.positive(value) > visible).any()  # else the fit is one of rounding
            ax.errorbar(
                m[visible], value[visible], bar[:, visible], marker="o", linestyle="none", capsize=2,
                color=colour, label=style.steps_label(int(time)) + (_fitted(rate) if exact else ""),
            )  # fmt: skip
            lowest = min(lowest, value[visible][0])
            training = cell["training_rms"].values
            seen = style.resolved(training, m, style.alpha_hat(table.sel(steps=time)))
            ax.plot(
                m[seen], training[seen], marker="o", markerfacecolor="white", linestyle=":", linewidth=0.9,
                color=colour,
            )  # fmt: skip
            limit, k = rate["constant_limit"].item(), rate["exponent"].item()
            if np.isfinite(limit) and limit > 0.0:
                marker = {"marker": style.single_point_marker(m), "markersize": 14}
                ax.plot(m, limit * m**-k, color=colour, linewidth=1.1, **marker)
        if m.size > 1 and np.isfinite(lowest):
            style.reference_slopes(ax, m, lowest / 2.5)
        style.width_axis(ax, m)
        style.log_axis(ax, table)
        ax.set_title(title)
        style.legend_beside(ax, "fitted slopes" if m.size > 1 else None)
    axes[0].set_ylabel("root mean square")
    text = (
        r"Root mean square over runs and held-out inputs, at $\|x\|$ = 1; bars: 99% intervals. Coloured "
        r"lines: $m^{-3/4}$, and for sign changes $m^{-1/2}$, times the constant of the limit; no fit. "
        "Slopes are fitted over all widths: where small widths are off their line, so is the slope. "
        + style.trained_provenance(table)
    )
    style.caption(figure, headline("training_rate", table, rates), text)
    return figure


def _fitted(rate: xr.Dataset) -> str:
    slope, half = rate["slope"].item(), (rate["slope_upper"] - rate["slope_lower"]).item() / 2
    interval = f" ± {half:.3f}" if np.isfinite(half) else ""
    return f": {slope:.3f}{interval}".replace("-", "−") if np.isfinite(slope) else ""
