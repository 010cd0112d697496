"""(d) The level: measured (1-δ)-quantiles against the bounds, at three widths."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ..claims.headlines import headline
from . import style


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """One panel a width (least, middle, largest): √m·quantile and √m·bound against δ."""
    laws = list(table["perturbation"].values)
    colours = style.law_colours(laws)
    alpha, d = style.nearest_to_one(table["alpha"].values), int(table["d"].values.max())
    widths = table["m"].values
    chosen = sorted({int(widths[i]) for i in (0, (len(widths) - 1) // 2, -1)})
    x_norm = table["x_norm"].values
    norm = style.nearest_to_one(x_norm)
    delta = table["delta"].values
    figure, axes = plt.subplots(
        1,
        len(chosen),
        figsize=(3.6 * len(chosen) + 0.8, 4.2),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for ax, m in zip(axes[0], chosen, strict=True):
        cell = table.sel(quantity="linearization_error", alpha=alpha, d=d, m=m)
        scale = np.sqrt(m)
        for name, line_style in style.BOUND_STYLES.items():
            bound = cell[f"bound_{name}"].sel(x_norm=norm).values
            ax.plot(delta, scale * bound, linewidth=1.4, **line_style)
        for law in laws:
            value, lower, upper = (
                scale * norm * cell[name].sel(perturbation=law).values
                for name in ("quantile", "quantile_lower", "quantile_upper")
            )
            visible = style.resolved(value / scale / norm, m, alpha)
            ax.errorbar(
                delta[visible], value[visible], style.error_bars(value, lower, upper)[:, visible], capsize=2,
                marker=style.law_marker(law), color=colours[law], linewidth=1.1, label=law,
            )  # fmt: skip
        ax.set(xscale="log", yscale="log", xlabel=r"$\delta$")
        ax.invert_xaxis()
        ax.set_title(f"$m$ = {style.width_label(m)}")
    axes[0, 0].set_ylabel(r"$\sqrt{m}\cdot(1-\delta)$-quantile of $E$")
    axes[0, -1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    text = (
        rf"$\sqrt{{m}}$ times the measured $(1-\delta)$-quantiles and the bounds, "
        rf"at $\alpha$ = {alpha:g}, $d$ = {d}, $\|x\|$ = {norm:g}; $\delta$ falls to the right. "
        r"The binomial bound tends to twice the adversarial quantile for every $\delta$. "
        + style.provenance(table)
    )
    style.caption(figure, headline("delta", table.sel(alpha=alpha, d=d), rates), text)
    return figure
