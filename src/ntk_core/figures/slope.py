"""(g) The slope: from width to width, measured and exact, towards the limit."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..claims.headlines.words import nearest_to_one
from ..laws import LAWS
from ..laws.moments import cancels, typical_statistic
from . import style

REACH = 0.22
"""Distance from the middle of a panel to its edge; further off are runs with few sign changes."""

REFERENCE = "the slope of the limit where it is known, else that of Theorem 1"


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """One panel a law: local slopes of E's mean or rms and quantiles against m, exact ones as lines."""
    laws = list(rates["perturbation"].values)
    alpha, d = nearest_to_one(rates["alpha"].values), int(rates["d"].values.max())
    error = rates.sel(quantity="linearization_error", alpha=alpha, d=d)
    m = rates["m"].values
    figure, axes = plt.subplots(
        1, len(laws), figsize=(3.1 * len(laws) + 2.2, 4.3), squeeze=False, layout="constrained"
    )
    levels = [name for name in rates["statistic"].values if name not in ("mean", "rms")]
    colours = sns.color_palette("viridis", len(levels) + 1)[:-1]
    for ax, law in zip(axes[0], laws, strict=True):
        law_rates = error.sel(perturbation=law)
        k = float(law_rates["exponent"].values.flat[0])
        ax.axhline(-k, color=style.MUTED, linewidth=1.0)
        for statistic, colour in zip([typical_statistic(law), *levels], [style.INK, *colours], strict=True):
            row = law_rates.sel(statistic=statistic)
            value, lower, upper = (row[f"local_slope{suffix}"].values for suffix in ("", "_lower", "_upper"))
            label = _label(statistic)
            visible = np.isfinite(value) & (np.abs(value + k + 0.1) < REACH)
            if visible.any():
                ax.errorbar(
                    m[visible], value[visible], style.error_bars(value, lower, upper)[:, visible],
                    linestyle="none", marker="o", color=colour, capsize=1.5, label=label,
                )  # fmt: skip
            exact = row["exact_local_slope"].values
            finite = np.isfinite(exact)
            near = (np.abs(exact[finite] + k + 0.1) < REACH).any() and not visible.any()
            ax.plot(m[finite], exact[finite], color=colour, linewidth=1.2, label=label if near else None)
        style.width_axis(ax, m)
        ax.set_ylim(-k - 0.1 - REACH, -k - 0.1 + REACH)
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:.2f}".replace("-", "−"))
        finite = np.isfinite(law_rates["constant_limit"].values).any()
        ax.set_title(rf"{law}: {'limit' if finite else 'Theorem 1:'} $-{'3/4' if cancels(law) else '1/2'}$")
        if not ax.containers:
            ax.text(0.5, 0.5, "no slope near it", transform=ax.transAxes, ha="center", fontsize="small")
    style.legend_of_all(axes[0], ["mean", "rms", *map(_label, levels)])
    axes[0, 0].set_ylabel(r"slope of $\log E$ against $\log m$")
    text = (
        "Slope of the logarithm of each statistic from the next smaller width to this one, at "
        rf"$\alpha$ = {alpha:g}, $d$ = {d}. Points: measured"
        + ("; lines: from the exact law, no fit" if any(law in LAWS for law in laws) else "")
        + f". Grey: {REFERENCE}. {style.provenance(table)}"
    )
    style.caption(figure, headline("slope", table, rates), text)
    return figure


def _label(statistic: str) -> str:
    return statistic if statistic in ("mean", "rms") else f"{1 - float(statistic):.4g}-quantile"
