"""The crossover: the error at new inputs by their angle to the only training input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..claims.wording import steps_text
from ..datasets.statistics import half_width
from . import palette, style
from .panels import Panels

FARTHEST = 1.0
"""Largest angle that is shown, in radians: the error is 0 at a right angle."""

AT_TRAINING = 2.0
"""Factor by which the marks of the training input are left of the smallest angle."""


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    r"""√m times the mean signed error, and times the rms of E, of each held-out input against √m θ/α̂.

    At the last time with runs. Curves are the laws of wide networks, where they are known.
    """
    times = style.times_with_runs(table)
    time = int(times[-1] if times.size else table["steps"].values[-1])
    row, laws = table.sel(steps=time), rates.sel(steps=time)
    widths = table["m"].values
    colours = style.ordered_colours(widths)
    labels = {m: f"$m$ = {style.width_label(int(m))}" for m in widths}
    held_out, training = (_measured(row, laws, prefix) for prefix in ("", "training_"))
    held_out = held_out[np.isfinite(held_out["s"])]  # where α̂ is 0, or no run is left, no angle has a scale
    training = training.assign(s=held_out["s"].min() / AT_TRAINING)
    panels = Panels(2, height=2.9)
    panels.curves(
        panels.axes[0], held_out.assign(all="law"), "s", "mean_law", "all", {"law": palette.INK}, None, True,
        linewidth=1.2,
    )  # fmt: skip
    panels.curves(panels.axes[1], held_out, "s", "rms_law", "m", colours, labels, linewidth=1.2)
    why = "no run is left" if not times.size else f"no input within {FARTHEST:g} radian"
    if times.size and not (laws["separation_width"] > 0.0).any():
        why = "no weight has moved"
    for ax, name in zip(panels.axes, ("mean", "rms"), strict=True):
        linear = name == "mean"
        panels.points(ax, held_out, "s", name, "m", colours, labels, None, linear, markersize=2.5)
        panels.points(
            ax, training, "s", name, "m", colours, None, None, linear, markerfacecolor=palette.GROUND
        )
        ax.set_xscale("log")
        ax.set_xlabel(r"scaled angle $\sqrt{m}\,\theta/\hat\alpha$")
        if held_out.empty:
            style.empty_panel(ax, why)
    panels.axes[0].set_title(r"$\sqrt{m}$ · mean signed error")
    panels.axes[1].set_title(r"$\sqrt{m}$ · root mean square of $E$")
    if (held_out["rms"] > 0.0).any():
        panels.axes[1].set_yscale("log")
    panels.name_ends(panels.axes)
    angles = table["training_angle"].values
    near = np.count_nonzero(angles <= FARTHEST)
    text = (
        rf"After {steps_text(time)}, at $\|x\|$ = 1. Points: the {near} of {angles.size} held-out inputs "
        rf"at an angle $\theta$ of up to {FARTHEST:g} radian to the training input or its reverse; bars, "
        f"left: {style.INTERVALS}. Open, at the left edge: the training input itself. {_curves(laws)}"
        + style.trained_provenance(table)
    )
    return panels.finish(headline("crossover", table, rates), text)


def _measured(table: xr.Dataset, rates: xr.Dataset, prefix: str) -> pd.DataFrame:
    """Scaled angle, and √m times mean and root mean square with their laws, by width and input."""
    root, runs = np.sqrt(table["m"]), table["runs"]
    mean, error = (table[f"{prefix}signed_error_{name}"] for name in ("mean", "standard_error"))
    half = xr.apply_ufunc(half_width, runs, error, 0.0)
    rms = np.sqrt(mean**2 + (runs - 1) * error**2)
    frame = xr.Dataset(
        {
            "mean": root * mean,
            "mean_lower": root * (mean - half),
            "mean_upper": root * (mean + half),
            "mean_law": root * rates[f"{prefix}wide_signed_error_mean"],
            "rms": root * rms,
            "rms_law": root * rates[f"{prefix}wide_signed_error_rms"],
        }
    )
    if not prefix:
        frame["s"] = np.sqrt(table["m"] / rates["separation_width"])
        frame = frame.sel(input=frame["training_angle"] <= FARTHEST)
    return frame.reset_coords(drop=True).to_dataframe().reset_index()


def _curves(rates: xr.Dataset) -> str:
    """A sentence on the curves, where they are drawn."""
    if not np.isfinite(rates["wide_signed_error_mean"] * rates["separation_width"]).any():
        return ""
    return (
        "Curves join what the law in wide networks gives for these inputs (crossing dynamics, no fit); left "
        "one for all widths. "
    )
