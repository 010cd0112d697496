"""(a) The rate: quantiles of the error against the width, under every law, with the bounds above."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..claims.headlines.words import nearest_to_one, resolved
from ..claims.wording import joined
from ..laws import LAWS
from ..laws.moments import typical_statistic
from . import style


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """One panel a law: (1-δ)-quantiles of E, the printed and the sharp bound, reference slopes."""
    laws = list(table["perturbation"].values)
    alpha, d = nearest_to_one(table["alpha"].values), int(table["d"].values.max())
    error = table.sel(quantity="linearization_error", alpha=alpha, d=d)
    m, delta = table["m"].values, table["delta"].values
    min_delta = delta.min()
    colours = sns.color_palette("viridis", len(delta) + 1)[:-1]
    x_norm = table["x_norm"].values
    norm = nearest_to_one(x_norm)
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
            visible = resolved(value / norm, m, alpha)
            exact = cells["exact_quantile"].sel(delta=level).values * norm
            positive = exact > 0
            label = f"{1 - level:.4g}-quantile"
            if positive.any():
                ax.plot(
                    m[positive], exact[positive], color=colour, linewidth=1.2,
                    label=None if visible.any() else label,
                )  # fmt: skip
            if not visible.any():
                continue
            ax.errorbar(
                m[visible], value[visible], style.error_bars(value, lower, upper)[:, visible],
                marker="o", color=colour, linewidth=1.2, capsize=1.5,
                linestyle="none" if positive.any() else "-", label=label,
            )  # fmt: skip
            lowest = min(lowest, value[0] if visible[0] else np.inf)
        if np.isfinite(lowest):
            style.reference_slopes(ax, m, lowest / 2.5)
        style.width_axis(ax, m)
        ax.set_yscale("log")
        ax.set_title(f"{law}\n{_fitted(rates, law, alpha, d)}")
    axes[0, 0].set_ylabel("linearization error $E$")
    style.legend_of_all(axes[0])
    known, unknown = [law for law in laws if law in LAWS], [law for law in laws if law not in LAWS]
    lines = "exact" if known else "join the points"
    lines += f" (joining the points for {joined(unknown)})" if known and unknown else ""
    text = (
        rf"Quantiles of $E=|F(x;w)-\nabla F(x;w(0))^\top(w-w(0))|$ over runs, "
        rf"at $\alpha$ = {alpha:g}, $d$ = {d}, $\|x\|$ = {norm:g}. "
        rf"Black: Theorem 1 as printed (solid) and sharpened (dashed), at $\delta$ = {min_delta:g}. "
        f"Colour: points measured, lines {lines}. Grey: slopes −1/2 and −3/4. "
        f"Slopes above the panels are of the {style.typical(laws)} over all widths. "
        + style.provenance(table)
    )
    style.caption(figure, headline("rate", table, rates), text)
    return figure


def _fitted(rates: xr.Dataset, law: str, alpha: float, d: int) -> str:
    """The fitted slope with its interval: of the mean, or of the rms where the signed error is centred."""
    statistic = typical_statistic(law)
    row = rates.sel(quantity="linearization_error", perturbation=law, alpha=alpha, d=d, statistic=statistic)
    label = style.slope_label(row, 4)
    return f"slope {label}" if label else "too few values above 0 for a slope"
