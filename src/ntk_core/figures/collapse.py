"""Collapse: √m times each quantity is flat, at the constant that theory gives."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..claims.headlines.grid import COLLAPSING
from ..claims.wording import nearest_to_one
from ..laws import LAWS
from ..laws.moments import cancels
from ..quantities import QUANTITIES
from ..theory.moments import EXPONENT
from . import palette, style
from .panels import Panels

NEEDS = set(COLLAPSING)


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """One panel a quantity with a mean above 0: √m·mean against m, a colour a law, limits as lines."""
    laws = list(table["perturbation"].values)
    colours, markers = palette.law_colours(laws), style.law_markers(laws)
    alpha, d = nearest_to_one(table["alpha"].values), int(table["d"].values.max())
    cells, limits = table.sel(alpha=alpha, d=d), rates.sel(alpha=alpha, d=d, statistic="mean")
    means = cells[["mean", "mean_lower", "mean_upper"]] * np.sqrt(cells["m"])
    means["limit"] = limits["constant_limit"] * cells["m"] ** (EXPONENT - limits["exponent"])
    m = table["m"].values.astype(float)
    shown = [name for name in COLLAPSING if (cells["mean"].sel(quantity=name) > 0.0).any()] or COLLAPSING[:1]
    panels = Panels(len(shown), columns=2, height=1.9)
    for ax, quantity in zip(panels.axes, shown, strict=True):
        data = means.sel(quantity=quantity).to_dataframe().reset_index()
        labels = {law: _label(law, limits.sel(quantity=quantity, perturbation=law)) for law in laws}
        for law in laws:
            dashes = (0, (4, 2)) if cancels(law, quantity) else "-"
            rows = data[data["perturbation"] == law]
            panels.curves(ax, rows, "m", "limit", "perturbation", colours, linewidth=1.2, linestyle=dashes)
        panels.points(ax, data, "m", "mean", "perturbation", colours, labels, markers)
        style.width_axis(ax, m)
        ax.set_yscale("log")
        if not ax.containers:
            style.empty_panel(ax, "0 in every run")
            ax.set_xlim(m.min() / 1.1, m.max() * 1.1)
        ax.set_title(rf"$\sqrt{{m}}$ · mean of ${QUANTITIES[quantity].symbol}$")
        panels.name_ends([ax])
    text = rf"Mean over the runs times $\sqrt{{m}}$, at $\alpha$ = {alpha:g}, $d$ = {d}, $\|x\|$ = 1. "
    if any(law in LAWS for law in laws):
        text += "Lines: limits from theory, with their values"
        text += r" (adversarial error: $\alpha^2/(2\sqrt{2\pi})$). " if "adversarial" in laws else ". "
    if any(cancels(law) for law in laws):
        text += r"Dashed: limits of quantities that decay as $m^{-3/4}$. "
    text += style.provenance(table)
    return panels.finish(headline("collapse", table, rates), text)


def _label(law: str, limit: xr.Dataset) -> str:
    """The law, with the constant to which √m times the mean tends where it does not fall to 0."""
    constant = limit["constant_limit"].item()
    return f"{law}\n{constant:.4f}" if np.isfinite(constant) and limit["exponent"].item() == EXPONENT else law
