"""(j) The rate of training: error and sign changes at held-out inputs against the width."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..claims.headlines.words import FRACTIONS, resolved
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
            visible = resolved(value, m, style.alpha_hat(cell))
            if not visible.any():
                continue
            slope = style.slope_label(rate, 3)
            exact = not (style.positive(value) > visible).any()  # else the fit is one of rounding
            ax.errorbar(
                m[visible], value[visible], bar[:, visible], marker="o", linestyle="none", capsize=2,
                color=colour, label=style.steps_label(int(time)) + (f": {slope}" if exact and slope else ""),
            )  # fmt: skip
            lowest = min(lowest, value[visible][0])
            training = cell["training_rms"].values
            seen = resolved(training, m, style.alpha_hat(table.sel(steps=time)))
            ax.plot(
                m[seen], training[seen], marker="o", markerfacecolor=style.GROUND, linestyle=":", linewidth=0.9,
                color=colour,
            )  # fmt: skip
            limit, k = rate["constant_limit"].item(), rate["exponent"].item()
            if np.isfinite(limit) and limit > 0.0:
                marker = {"marker": style.single_point_marker(m), "markersize": 14}
                ax.plot(m, limit * m**-k, color=colour, linewidth=1.1, **marker)
        if np.isfinite(lowest):
            style.reference_slopes(ax, m, lowest / 2.5)
        style.width_axis(ax, m)
        style.log_axis(ax, table)
        ax.set_title(title)
        style.legend_beside(ax, "fitted slopes")
    axes[0].set_ylabel("root mean square")
    text = (
        r"Root mean square over runs and inputs, at $\|x\|$ = 1. Filled: held-out inputs, with 99% intervals "
        f"and slopes fitted over all widths; open: training inputs. {_lines(rates)}"
        + style.trained_provenance(table)
    )
    style.caption(figure, headline("training_rate", table, rates), text)
    return figure


def _lines(rates: xr.Dataset) -> str:
    """A sentence on the limits, whose lines are drawn where they are known."""
    rows = [rates.sel(quantity=quantity, statistic="rms") for quantity in PANELS]
    if not all(np.isfinite(row["constant_limit"]).any() for row in rows):
        return ""
    error, signs = (f"$m^{{-{FRACTIONS[row['exponent'].item()]}}}$" for row in rows)
    return (
        f"Coloured lines: the limit at held-out inputs, a constant times {error}, for sign changes times "
        f"{signs}; no fit. "
    )
