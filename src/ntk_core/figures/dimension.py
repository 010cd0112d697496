"""The input dimension: nothing along x, everything for random directions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..claims.wording import nearest_to_one
from ..laws import LAWS
from ..laws.moments import cancels, limit, typical_statistic
from . import palette, style
from .panels import Panels


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """m^k·mean of E at the largest width against d, with theory as lines; a panel an exponent."""
    laws = list(table["perturbation"].values)
    colours, markers = palette.law_colours(laws), style.law_markers(laws)
    alpha, d = nearest_to_one(table["alpha"].values), table["d"].values
    fine = np.unique(np.geomspace(d.min(), d.max(), 60).round().astype(int))
    constants = rates.sel(quantity="linearization_error", alpha=alpha)
    groups = sorted({cancels(law) for law in laws})
    panels = Panels(len(groups), columns=2, height=2.4)
    for ax, cancelling in zip(panels.axes, groups, strict=True):
        for law in (law for law in laws if cancels(law) == cancelling):
            statistic = typical_statistic(law)
            point = constants.sel(perturbation=law, statistic=statistic)
            points = point[["constant", "constant_lower", "constant_upper"]].to_dataframe().reset_index()
            theory = [limit(law, "linearization_error", int(n), alpha, statistic) for n in fine]
            line = pd.DataFrame({"d": fine, "constant": theory, "perturbation": law})
            panels.curves(ax, line, "d", "constant", "perturbation", colours, {law: law}, linewidth=1.2)
            panels.points(ax, points, "d", "constant", "perturbation", colours, {law: law}, markers)
        ax.set(yscale="log", xlabel="input dimension $d$")
        ax.set_ylabel(r"$m^{3/4}\cdot$ rms of $E$" if cancelling else r"$m^{1/2}\cdot$ mean of $E$")
        if not cancelling:
            low, high = ax.get_ylim()
            ax.set_ylim(low / 2, high * 2)
        style.at_values(ax, d)
        panels.name_ends([ax])
    text = (
        f"The {style.typical(laws)} of $E$ at the largest width, times $m^k$, at "
        rf"$\alpha$ = {alpha:g}, $\|x\|$ = 1. Points measured"
        + (", lines: its limit in theory" if any(law in LAWS for law in laws) else "")
        + f". {style.provenance(table)}"
    )
    return panels.finish(headline("dimension", table, rates), text)
