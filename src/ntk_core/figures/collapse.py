"""(b) Collapse: √m times each quantity is flat, at the constant that theory gives."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from ..claims.headlines import headline
from ..laws.moments import cancels
from ..quantities import QUANTITIES
from . import style

QUANTITIES_SHOWN = ("linearization_error", "delta1", "delta2", "sign_change_fraction")
NEEDS = set(QUANTITIES_SHOWN)


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """One panel a quantity: √m·mean against m, a colour a law, limits as lines."""
    laws = list(table["perturbation"].values)
    colours = style.law_colours(laws)
    alpha, d = style.nearest_to_one(table["alpha"].values), int(table["d"].values.max())
    cells, limits = table.sel(alpha=alpha, d=d), rates.sel(alpha=alpha, d=d, statistic="mean")
    m = table["m"].values.astype(float)
    figure, axes = plt.subplots(1, 4, figsize=(13.4, 3.9), layout="constrained")
    for ax, quantity in zip(axes, QUANTITIES_SHOWN, strict=True):
        for law in laws:
            cell, limit = (part.sel(quantity=quantity, perturbation=law) for part in (cells, limits))
            scaled = np.sqrt(m) * cell["mean"].values
            lower, upper = (np.sqrt(m) * cell[f"mean_{end}"].values for end in ("lower", "upper"))
            bar = style.error_bars(scaled, lower, upper)
            visible = scaled > 0
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
        low, high = ax.get_ylim()
        ax.set_ylim(low / 2, high * 2.5)
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.set_title(rf"$\sqrt{{m}}\;\cdot$ ${QUANTITIES[quantity].symbol}$")
    axes[-1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    text = (
        rf"Mean over the runs times $\sqrt{{m}}$, at $\alpha$ = {alpha:g}, $d$ = {d}, $\|x\|$ = 1. "
        r"Solid lines: limits from theory, with their values (adversarial error: "
        r"$\alpha^2/(2\sqrt{2\pi})$). "
        r"Dashed lines: limits of quantities that decay as $m^{-3/4}$. " + style.provenance(table)
    )
    style.caption(figure, headline("collapse", cells, rates.sel(alpha=alpha, d=d)), text)
    return figure
