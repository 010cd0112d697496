"""The level: measured (1-δ)-quantiles against the bounds, at three widths."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..claims.wording import nearest_to_one
from ..datasets.statistics import QUANTILES
from . import palette, style
from .panels import Panels


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """One panel a width (least, middle, largest): √m·quantile and √m·bound against δ."""
    laws = list(table["perturbation"].values)
    colours, markers = palette.law_colours(laws), style.law_markers(laws)
    alpha, d = nearest_to_one(table["alpha"].values), int(table["d"].values.max())
    widths, delta = table["m"].values, table["delta"].values
    chosen = sorted({int(widths[i]) for i in (0, (len(widths) - 1) // 2, -1)})
    norm = nearest_to_one(table["x_norm"].values)
    cells = table.sel(quantity="linearization_error", alpha=alpha, d=d, m=chosen)
    quantiles = cells[list(QUANTILES)]
    quantiles["quantile"] = style.without_rounding(cells, cells["quantile"], alpha)
    quantiles = quantiles * norm * np.sqrt(cells["m"])
    data = quantiles.to_dataframe().reset_index()
    panels = Panels(len(chosen), height=2.6, share_y=True)
    for ax, m in zip(panels.axes, chosen, strict=True):
        for name, line_style in palette.BOUND_STYLES.items():
            ax.plot(delta, np.sqrt(m) * cells[f"bound_{name}"].sel(m=m, x_norm=norm), **line_style)
        rows, labels = data[data["m"] == m], {law: law for law in laws}
        panels.curves(ax, rows, "delta", "quantile", "perturbation", colours, labels, linewidth=1.2)
        panels.points(ax, rows, "delta", "quantile", "perturbation", colours, labels, markers)
        ax.set_title(f"$m$ = {style.width_label(m)}")
    for ax in panels.axes:
        ax.set(yscale="log", xlabel=r"$\delta$")
        style.at_values(ax, delta)
        ax.margins(x=0.12)  # the last number of a panel stays away from the first of the next
        ax.invert_xaxis()
    panels.axes[0].set_ylabel(r"$\sqrt{m}\cdot(1-\delta)$-quantile of $E$")
    panels.name_ends(panels.axes)
    zero = [law for law in laws if not (data.loc[data["perturbation"] == law, "quantile"] != 0.0).any()]
    text = (
        rf"$\sqrt{{m}}$ times the measured $(1-\delta)$-quantiles and the bounds, "
        rf"at $\alpha$ = {alpha:g}, $d$ = {d}, $\|x\|$ = {norm:g}; $\delta$ falls to the right. "
        r"As $m\to\infty$ the binomial bound tends to twice the quantile of the supremum, and Bernstein's to "
        rf"the quantile itself, at every $\delta$. {style.without_points(zero)}{style.provenance(table)}"
    )
    return panels.finish(headline("delta", table, rates), text)
