"""(c) The constant: how it grows with the radius α and the input norm ‖x‖."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..laws.moments import cancels, limit, typical_statistic
from ..theory.bounds import bound
from . import style


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """Left: m^k·mean of E at the largest width against α. Right: √m·quantile and bounds against ‖x‖."""
    d, m = int(table["d"].values.max()), int(table["m"].values.max())
    alpha = style.nearest_to_one(table["alpha"].values)
    delta = float(table["delta"].values.min())
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.2, 4.2), layout="constrained")
    _against_radius(left, rates.sel(quantity="linearization_error", d=d))
    _against_norm(right, table.sel(quantity="linearization_error", alpha=alpha, d=d, m=m, delta=delta))
    width = style.width_label(m)
    text = (
        rf"At $m$ = {width}, $d$ = {d}. Left: means (sphere: root mean square) measured, lines from theory "
        r"($\alpha^2/(2\sqrt{2\pi})$ for adversarial, half of it for aligned, "
        r"$\propto\alpha^{3/2}$ for sphere). "
        rf"Right: the {1 - delta:.4g}-quantile at $\alpha$ = {alpha:g} "
        "against the bounds at the same level. " + style.provenance(table)
    )
    style.caption(figure, headline("constant", table.sel(d=d), rates.sel(d=d)), text)
    return figure


def _against_radius(ax: Axes, rates: xr.Dataset) -> None:
    """Constants in front of m^{-k} against α, with theory as lines."""
    alphas, d = rates["alpha"].values, int(rates["d"])
    laws = list(rates["perturbation"].values)
    colours = style.law_colours(laws)
    fine = np.geomspace(alphas.min() / 1.3, alphas.max() * 1.3, 60)
    for law in laws:
        point = rates.sel(perturbation=law, statistic=typical_statistic(law))
        value, lower, upper = (point[n].values for n in ("constant", "constant_lower", "constant_upper"))
        ax.errorbar(
            alphas, value, style.error_bars(value, lower, upper), linestyle="none", capsize=2,
            marker=style.law_marker(law), color=colours[law],
            label=rf"{law}, $m^{{{'3/4' if cancels(law) else '1/2'}}}E$",
        )  # fmt: skip
        ax.plot(
            fine,
            [limit(law, "linearization_error", d, a, typical_statistic(law)) for a in fine],
            color=colours[law],
            linewidth=1.1,
        )
    ax.set(
        xscale="log", yscale="log", xlabel=r"radius $\alpha$", ylabel=r"$m^k\cdot$ mean (sphere: rms) of $E$"
    )
    ax.set_xticks(alphas, [f"{a:g}" for a in alphas])
    ax.minorticks_off()
    ax.legend()


def _against_norm(ax: Axes, cell: xr.Dataset) -> None:
    """√m times quantile and bounds of a cell against ‖x‖."""
    x_norm, m = cell["x_norm"].values, int(cell["m"])
    laws = list(cell["perturbation"].values)
    colours = style.law_colours(laws)
    for law in laws:
        measured = np.sqrt(m) * x_norm * cell["quantile"].sel(perturbation=law).item()
        ax.plot(x_norm, measured, linewidth=1.1, marker=style.law_marker(law), color=colours[law], label=law)
    norms = np.geomspace(x_norm.min(), x_norm.max(), 60)
    for name, line_style in style.BOUND_STYLES.items():
        value = bound(name, "linearization_error", m, float(cell["alpha"]), float(cell["delta"]), norms)
        ax.plot(norms, np.sqrt(m) * value, linewidth=1.4, **line_style)
    ax.set(
        xscale="log", yscale="log", xlabel=r"input norm $\|x\|$", ylabel=r"$\sqrt{m}\cdot$ quantile of $E$"
    )
    ax.set_xticks(x_norm, [f"{value:g}" for value in x_norm])
    ax.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
