"""(a) The rate: quantiles of the error against the width, under every law, with the bounds above."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..laws.moments import typical_statistic
from . import style


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """One panel a law: (1-δ)-quantiles of E, the printed and the sharp bound, reference slopes."""
    laws = list(table["perturbation"].values)
    alpha, d = style.nearest_to_one(table["alpha"].values), int(table["d"].values.max())
    error = table.sel(quantity="linearization_error", alpha=alpha, d=d)
    m, delta = table["m"].values, table["delta"].values
    min_delta = delta.min()
    colours = sns.color_palette("viridis", len(delta) + 1)[:-1]
    x_norm = table["x_norm"].values
    norm = style.nearest_to_one(x_norm)
    figure, axes = plt.subplots(
        1, len(laws), figsize=(3.1 * len(laws) + 2.2, 4.3), sharey=True, squeeze=False, layout="constrained"
    )
    for ax, law in zip(axes[0], laws, strict=True):
        cells = error.sel(perturbation=law)
        for name in ("printed", "sharp"):
            bound = cells[f"bound_{name}"].sel(delta=min_delta, x_norm=norm)
            ax.plot(m, bound, linewidth=1.4, **style.BOUND_STYLES[name])
        lowest = np.inf
        for level, colour in zip(delta, colours, strict=True):
            value, lower, upper = (
                cells[name].sel(delta=level).values * norm
                for name in ("quantile", "quantile_lower", "quantile_upper")
            )
            visible = style.resolved(value / norm, m, alpha)
            exact = cells["exact_quantile"].sel(delta=level).values * norm
            positive = exact > 0
            ax.plot(m[positive], exact[positive], color=colour, linewidth=1.2)
            ax.errorbar(
                m[visible], value[visible], style.error_bars(value, lower, upper)[:, visible],
                marker="o", color=colour, linewidth=1.2, capsize=1.5,
                linestyle="none" if positive.any() else "-", label=f"{1 - level:.4g}-quantile",
            )  # fmt: skip
            lowest = min(lowest, value[0] if visible[0] else np.inf)
        if m.size > 1 and np.isfinite(lowest):
            style.reference_slopes(ax, m, lowest / 2.5)
        style.width_axis(ax, m)
        ax.set_yscale("log")
        ax.set_title(f"{law}\n{_fitted(rates, law, alpha, d)}")
    axes[0, 0].set_ylabel("linearization error $E$")
    axes[0, -1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    text = (
        rf"Quantiles of $E=|F(x;w)-\nabla F(x;w(0))^\top(w-w(0))|$ over runs, "
        rf"at $\alpha$ = {alpha:g}, $d$ = {d}, $\|x\|$ = {norm:g}. "
        rf"Black: Theorem 1 as printed (solid) and sharpened (dashed), at $\delta$ = {min_delta:g}. "
        "Colour: points measured, lines exact where the law is known, else joining the points. "
        "Grey: slopes −1/2 and −3/4. "
        "Slopes are fitted over all widths to the mean, or to the root mean square where the neurons of a "
        "pair cancel in the mean. " + style.provenance(table)
    )
    style.caption(figure, headline("rate", table.sel(alpha=alpha, d=d), rates.sel(alpha=alpha, d=d)), text)
    return figure


def _fitted(rates: xr.Dataset, law: str, alpha: float, d: int) -> str:
    """The fitted slope with its interval: of the mean, or of the rms where the signed error is centred."""
    statistic = typical_statistic(law)
    row = rates.sel(quantity="linearization_error", perturbation=law, alpha=alpha, d=d, statistic=statistic)
    slope, half = row["slope"].item(), (row["slope_upper"] - row["slope_lower"]).item() / 2
    if np.isfinite(slope):
        return f"slope {slope:.4f}".replace("-", "−") + (f" ± {half:.4f}" if np.isfinite(half) else "")
    return "no slope: " + ("one width" if rates["m"].size == 1 else "$E=0$ at most widths")
