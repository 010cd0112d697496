"""(b) Collapse: √m times each quantity is flat, at the constant that theory gives."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..claims.headlines.grid import COLLAPSING
from ..claims.headlines.words import nearest_to_one
from ..laws import LAWS
from ..laws.moments import cancels
from ..quantities import QUANTITIES
from . import style

NEEDS = set(COLLAPSING)


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """One panel a quantity with a mean above 0: √m·mean against m, a colour a law, limits as lines."""
    laws = list(table["perturbation"].values)
    colours = style.law_colours(laws)
    alpha, d = nearest_to_one(table["alpha"].values), int(table["d"].values.max())
    cells, limits = table.sel(alpha=alpha, d=d), rates.sel(alpha=alpha, d=d, statistic="mean")
    m = table["m"].values.astype(float)
    shown = [name for name in COLLAPSING if (cells["mean"].sel(quantity=name) > 0.0).any()] or COLLAPSING[:1]
    figure, axes = plt.subplots(
        1, len(shown), figsize=(3.0 * len(shown) + 1.4, 3.9), squeeze=False, layout="constrained"
    )
    for ax, quantity in zip(axes[0], shown, strict=True):
        for law in laws:
            cell, limit = (part.sel(quantity=quantity, perturbation=law) for part in (cells, limits))
            scaled = np.sqrt(m) * cell["mean"].values
            lower, upper = (np.sqrt(m) * cell[f"mean_{end}"].values for end in ("lower", "upper"))
            bar = style.error_bars(scaled, lower, upper)
            visible = scaled > 0
            if visible.any():
                ax.errorbar(
                    m[visible], scaled[visible], bar[:, visible], linestyle="none", capsize=1.5, label=law,
                    marker=style.law_marker(law), color=colours[law],
                )  # fmt: skip
            constant, k = limit["constant_limit"].item(), limit["exponent"].item()
            if np.isfinite(constant):
                flat = not cancels(law, quantity)
                ax.plot(
                    m,
                    constant * m ** (0.5 - k),
                    color=colours[law],
                    linewidth=1.1,
                    linestyle="-" if flat else "--",
                )
                if flat:
                    ax.annotate(
                        f"{constant:.4f}", (m[-1], constant), xytext=(0, 4), textcoords="offset points",
                        ha="right", fontsize="small", color=colours[law],
                    )  # fmt: skip
        style.width_axis(ax, m)
        ax.set_yscale("log")
        if not ax.lines:
            style.empty_panel(ax, "0 in every run")
        else:
            low, high = ax.get_ylim()
            ax.set_ylim(low / 2, high * 2.5)
            style.value_ticks(ax)
        ax.set_title(rf"$\sqrt{{m}}\;\cdot$ ${QUANTITIES[quantity].symbol}$")
    style.legend_of_all(axes[0])
    text = rf"Mean over the runs times $\sqrt{{m}}$, at $\alpha$ = {alpha:g}, $d$ = {d}, $\|x\|$ = 1. "
    if any(law in LAWS for law in laws):
        text += "Solid lines: limits from theory, with their values"
        text += r" (adversarial error: $\alpha^2/(2\sqrt{2\pi})$). " if "adversarial" in laws else ". "
    if any(cancels(law) for law in laws):
        text += r"Dashed lines: limits of quantities that decay as $m^{-3/4}$. "
    text += style.provenance(table)
    style.caption(figure, headline("collapse", table, rates), text)
    return figure
