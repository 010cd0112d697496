"""(e) The input dimension: nothing along x, everything for random directions."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..laws.moments import cancels, limit, typical_statistic
from . import style


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """m^k·mean of E at the largest width against d, with theory as lines; a panel an exponent."""
    laws = list(table["perturbation"].values)
    colours = style.law_colours(laws)
    alpha = style.nearest_to_one(table["alpha"].values)
    d = table["d"].values
    fine = np.unique(np.geomspace(1, 4 * max(d.max(), 4), 60).astype(int))
    constants = rates.sel(quantity="linearization_error", alpha=alpha)
    groups = sorted({cancels(law) for law in laws})
    figure, axes = plt.subplots(
        1, len(groups), figsize=(4.6 * len(groups), 4.0), squeeze=False, layout="constrained"
    )
    for ax, cancelling in zip(axes[0], groups, strict=True):
        for law in (law for law in laws if cancels(law) == cancelling):
            point = constants.sel(perturbation=law, statistic=typical_statistic(law))
            value, lower, upper = (point[n].values for n in ("constant", "constant_lower", "constant_upper"))
            ax.errorbar(
                d, value, style.error_bars(value, lower, upper), linestyle="none", capsize=2,
                marker=style.law_marker(law), color=colours[law], label=law,
            )  # fmt: skip
            ax.plot(
                fine,
                [limit(law, "linearization_error", int(n), alpha, typical_statistic(law)) for n in fine],
                color=colours[law],
                linewidth=1.1,
            )
        ax.set(xscale="log", yscale="log", xlabel="input dimension $d$")
        ax.set_ylabel(r"$m^{3/4}\cdot$ rms of $E$" if cancelling else r"$m^{1/2}\cdot$ mean of $E$")
        if not cancelling:
            low, high = ax.get_ylim()
            ax.set_ylim(low / 2, high * 2)
        ax.legend()
    text = (
        rf"Mean of $E$ (sphere: root mean square) at the largest width, "
        rf"times $m^k$, at $\alpha$ = {alpha:g}, $\|x\|$ = 1. "
        r"Points measured, lines from theory: $\sqrt{m}$-limits for the laws along $x$, "
        r"the $m^{3/4}$-limit of the sphere variance. " + style.provenance(table)
    )
    style.caption(figure, headline("dimension", table, rates.sel(alpha=alpha)), text)
    return figure
