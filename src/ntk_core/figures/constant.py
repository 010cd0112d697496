"""The constant: how it grows with the radius α and the input norm ‖x‖."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..claims.headlines.words import FRACTIONS
from ..claims.wording import joined, nearest_to_one
from ..laws.moments import exponent, limit, typical_statistic
from ..theory.bounds import bound
from . import palette, style
from .panels import Panels


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """Left: m^k·mean of E at the largest width against α. Right: √m·quantile and bounds against ‖x‖.

    An axis with one value has no panel.
    """
    d, m = int(table["d"].values.max()), int(table["m"].values.max())
    alpha = nearest_to_one(table["alpha"].values)
    delta = float(table["delta"].values.min())
    laws = list(rates["perturbation"].values)
    several = rates.sizes["alpha"] > 1, table.sizes["x_norm"] > 1
    panels = Panels(sum(several), columns=2, height=2.6)
    text = rf"At $m$ = {style.width_label(m)}, $d$ = {d}. "
    if several[0]:
        _against_radius(panels, panels.axes[0], rates.sel(quantity="linearization_error", d=d))
        lines = [law for law in laws if np.isfinite(_limit(law, d, alpha))]
        text += f"Against the radius: {style.typical(laws)} of $E$ measured"
        text += f", lines from theory for {joined(lines)}. " if lines else ". "
    if several[1]:
        cell = table.sel(quantity="linearization_error", alpha=alpha, d=d, m=m, delta=delta)
        _against_norm(panels, panels.axes[-1], cell)
        text += (
            rf"Against the norm: the {style.level_label(delta)} at $\alpha$ = {alpha:g}, measured at "
            r"$\|x\|$ = 1, and the bounds at the same level. "
        )
    text += style.provenance(table, bars=several[0])
    return panels.finish(headline("constant", table, rates), text)


def _limit(law: str, d: int, alpha: float) -> float:
    """The constant by theory; NaN where it is not known."""
    return limit(law, "linearization_error", d, alpha, typical_statistic(law))


def _against_radius(panels: Panels, ax: Axes, rates: xr.Dataset) -> None:
    """Constants in front of m^{-k} against α, with theory as lines."""
    alphas, d = rates["alpha"].values, int(rates["d"])
    laws = list(rates["perturbation"].values)
    colours, markers = palette.law_colours(laws), style.law_markers(laws)
    labels = {law: f"{law}, $m^{{{FRACTIONS[exponent(law, 'linearization_error')]}}}E$" for law in laws}
    fine = np.geomspace(alphas.min() / 1.2, alphas.max() * 1.2, 60)
    for law in laws:
        point = rates.sel(perturbation=law, statistic=typical_statistic(law))
        points = point[["constant", "constant_lower", "constant_upper"]].to_dataframe().reset_index()
        theory = [_limit(law, d, a) for a in fine]
        line = pd.DataFrame({"alpha": fine, "constant": theory, "perturbation": law})
        panels.curves(ax, line, "alpha", "constant", "perturbation", colours, labels, linewidth=1.2)
        panels.points(ax, points, "alpha", "constant", "perturbation", colours, labels, markers)
    ax.set(yscale="log", xlabel=r"radius $\alpha$")
    ax.set_ylabel(rf"$m^k\cdot$ {style.typical(laws).replace('root mean square', 'rms')} of $E$")
    style.at_values(ax, alphas)
    panels.name_ends([ax])


def _against_norm(panels: Panels, ax: Axes, cell: xr.Dataset) -> None:
    """√m times quantile and bounds of a cell against ‖x‖."""
    x_norm, m = cell["x_norm"].values, int(cell["m"])
    laws = list(cell["perturbation"].values)
    colours, markers = palette.law_colours(laws), style.law_markers(laws)
    quantile = style.without_rounding(cell, cell["quantile"], float(cell["alpha"]))
    measured = (np.sqrt(m) * quantile * cell["x_norm"]).rename("value").to_dataframe().reset_index()
    for law in laws:
        rows = measured[measured["perturbation"] == law]
        panels.curves(
            ax, rows, "x_norm", "value", "perturbation", colours, {law: law}, linewidth=1.2,
            marker=markers[law], markeredgewidth=0.0,
        )  # fmt: skip
    norms = np.geomspace(x_norm.min(), x_norm.max(), 60)
    for name, line_style in palette.BOUND_STYLES.items():
        value = bound(name, "linearization_error", m, float(cell["alpha"]), float(cell["delta"]), norms)
        ax.plot(norms, np.sqrt(m) * value, **line_style)
    ax.set(yscale="log", xlabel=r"input norm $\|x\|$", ylabel=r"$\sqrt{m}\cdot$ quantile of $E$")
    style.at_values(ax, x_norm)
    panels.name_ends([ax])
