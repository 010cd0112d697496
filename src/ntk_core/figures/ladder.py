"""The ladder: how far each bound is above what it bounds."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..claims.wording import nearest_to_one
from ..network import Array
from ..theory.bounds import bound
from . import palette, style
from .panels import Panels

RUNGS = tuple(palette.BOUND_STYLES)


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """Bound over the (1-δ)-quantile of sup E: against m at the largest and least δ, and against ‖x‖.

    An axis with one value has no panel.
    """
    alpha, d = nearest_to_one(table["alpha"].values), int(table["d"].values.max())
    delta, norms, m = (table[name].values for name in ("delta", "x_norm", "m"))
    norm, widest, least = nearest_to_one(norms), int(m.max()), float(delta.min())
    error = table.sel(quantity="linearization_error", alpha=alpha, d=d)
    levels = sorted({float(delta.max()), least}, reverse=True) if m.size > 1 else []
    panels = len(levels) + (norms.size > 1)
    sheet = Panels(panels, share_y=True, height=2.6)
    for ax, level in zip(sheet.axes, levels, strict=False):
        cell = error.sel(delta=level, x_norm=norm)
        _panel(ax, cell, m, {name: cell[f"bound_{name}"].values for name in (*RUNGS, "exact")}, m)
        ax.set_title(rf"$\delta$ = {style.number(level)}, $\|x\|$ = {norm:g}")
    if norms.size > 1:
        ax, fine = sheet.axes[-1], np.geomspace(norms.min(), norms.max(), 100)
        bounds = {name: bound(name, "linearization_error", widest, alpha, least, fine) for name in RUNGS}
        exact = error["bound_exact"].sel(delta=least, m=widest, x_norm=norm).item() * fine / norm
        _panel(ax, error.sel(delta=least, m=widest), fine, bounds | {"exact": exact}, norms)
        ax.set_title(rf"$\delta$ = {style.number(least)}, $m$ = {style.width_label(widest)}")
        ax.set_xlabel(r"input norm $\|x\|$")
        style.at_values(ax, norms)
    for ax in sheet.axes[: len(levels)]:
        style.width_axis(ax, m)
    sheet.axes[0].set_yscale("log")
    sheet.axes[0].set_ylabel(r"bound / $(1-\delta)$-quantile of $\sup_u E$")
    sheet.name_ends(sheet.axes)
    text = rf"At $\alpha$ = {alpha:g}, $d$ = {d}. Lines: each bound over the exact quantile of the supremum. "
    text += "Sharp: the proof with its best constants; binomial: with the exact law of $|B|$; Bernstein's: "
    text += "the corrected theorem. "
    if "adversarial" in table["perturbation"].values:
        text += "Circles: over the measured quantile of the adversarial law, which attains it. "
    text += style.provenance(table, bars=False)
    return sheet.finish(headline("ladder", table, rates), text)


def _panel(ax: Axes, error: xr.Dataset, x: Array, bounds: dict[str, Array], points: Array) -> None:
    """Ratios of every rung, to the exact quantile as lines over `x`, as measured as circles at `points`."""
    ax.axhline(1.0, color=palette.MUTED, linewidth=1.0, label="nothing is lost")
    for name in RUNGS:
        line_style = palette.BOUND_STYLES[name]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = bounds[name] / bounds["exact"]
        finite = np.isfinite(ratio)
        if finite.any():
            ax.plot(x[finite], ratio[finite], **line_style)
        if "adversarial" in error["perturbation"].values:
            measured = error["bound_ratio"].sel(perturbation="adversarial", bound=name).values
            ax.plot(
                points, measured, linestyle="none", marker="o", color=line_style["color"],
                markerfacecolor=palette.GROUND,
            )  # fmt: skip
