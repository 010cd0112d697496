"""The rate of training: error and sign changes at held-out inputs against the width."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..claims.headlines.words import FRACTIONS
from ..claims.wording import steps_text
from . import style
from .panels import Panels

PANELS = {"linearization_error": "linearization error $E$", "sign_change_fraction": "sign changes $|S(x)|/m$"}


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """Root mean square of E and of |S|/m against m at a few times, with the limits' lines.

    Filled circles are held-out inputs, open ones beside them training inputs.
    """
    m = table["m"].values.astype(float)
    times = style.spread(style.times_with_runs(table), 4)
    colours = style.ordered_colours(times)
    panels, training = Panels(2, height=2.9), ""
    for ax, (quantity, title) in zip(panels.axes, PANELS.items(), strict=True):
        cells = table.sel(quantity=quantity, steps=times)
        limits = rates.sel(quantity=quantity, steps=times, statistic="rms")
        data = _frame(cells, limits)
        labels = {time: steps_text(int(time)) for time in times}
        for time in times:
            if slope := _slope(data, limits, time):
                labels[time] += f"\n{slope}"
            if quantity == "linearization_error" and (slope := _slope(data, limits, time, "training")):
                training = f"Slope of $E$ at training inputs after {steps_text(int(time))}: {slope}. "
        panels.curves(ax, data, "m", "limit", "steps", colours, linewidth=1.2)
        panels.held_out_and_training(ax, data, colours, labels)
        k = rates["exponent"].sel(quantity=quantity).item()
        panels.reference(ax, data, "value", -k, f"slope −{FRACTIONS[k]}")
        style.width_axis(ax, m)
        style.log_axis(ax, table)
        ax.set_title(title)
        panels.name_ends([ax])
    panels.axes[0].set_ylabel("root mean square")
    text = (
        r"Root mean square over runs and inputs, at $\|x\|$ = 1. Filled, left of its width: held-out inputs, "
        f"with {style.INTERVALS} and slopes fitted over {_widths(table)}; open, right of it: training "
        "inputs. " + training + _lines(rates) + style.trained_provenance(table)
    )
    return panels.finish(headline("training_rate", table, rates), text)


def _widths(table: xr.Dataset) -> str:
    """The widths that count in a slope of a time."""
    diverged = table["run_status"].sel(status="diverged").any()
    return "the widths at which no run has diverged by then" if diverged else "all widths"


def _frame(cells: xr.Dataset, limits: xr.Dataset) -> pd.DataFrame:
    """Root mean squares at held-out and training inputs, and the limit's line, along m and steps."""
    radius = cells["run_mean"].sel(variable="alpha_hat")
    frame = style.with_limits(cells, "rms", "rms_lower", "rms_upper")
    frame["value"] = style.without_rounding(cells, frame["value"], radius)
    frame["training"] = style.without_rounding(cells, cells["training_rms"], radius)
    frame["limit"] = limits["constant_limit"] * cells["m"] ** -limits["exponent"]
    return frame.to_dataframe().reset_index()


def _slope(data: pd.DataFrame, limits: xr.Dataset, time: int, points: str = "value") -> str:
    """The slope fitted to these points at a time; empty without one, or if some of them are rounding."""
    fitted = not (data[points][data["steps"] == time] == 0.0).any()
    name = "slope" if points == "value" else f"{points}_slope"
    return style.slope_label(limits.sel(steps=time), 3, name) if fitted else ""


def _lines(rates: xr.Dataset) -> str:
    """A sentence on the limits, whose lines are drawn where they are known."""
    rows = [rates.sel(quantity=quantity, statistic="rms") for quantity in PANELS]
    if not all(np.isfinite(row["constant_limit"]).any() for row in rows):
        return ""
    error, signs = (f"$m^{{-{FRACTIONS[row['exponent'].item()]}}}$" for row in rows)
    return (
        f"Lines: the limit at held-out inputs, a constant times {error}, for sign changes times "
        f"{signs}; no fit. "
    )
