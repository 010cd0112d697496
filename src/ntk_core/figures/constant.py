"""(c) The constant: how it grows with the radius α and the input norm ‖x‖."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ..laws.moments import cancels, limit, typical_statistic
from ..theory.bounds import bound
from . import style

CLAIM = (
    r"The error grows as $\alpha^2\|x\|$ under every law along $x$; "
    r"the printed bound is not homogeneous in $\|x\|$"
)


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """Left: m^k·mean of E at the largest width against α. Right: √m·quantile and bounds against ‖x‖."""
    laws = list(table["perturbation"].values)
    colours = style.law_colours(laws)
    d, m = int(table["d"].values.max()), int(table["m"].values.max())
    alphas, x_norm = table["alpha"].values, table["x_norm"].values
    strict = float(table["delta"].values.min())
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.2, 4.2), layout="constrained")

    here = rates.sel(quantity="linearization_error", d=d)
    fine = np.geomspace(alphas.min() / 1.3, alphas.max() * 1.3, 60)
    for law in laws:
        point = here.sel(perturbation=law, statistic=typical_statistic(law))
        value, lower, upper = (point[n].values for n in ("constant", "constant_lower", "constant_upper"))
        left.errorbar(
            alphas, value, style.error_bars(value, lower, upper), linestyle="none", capsize=2,
            marker=style.law_marker(law), color=colours[law],
            label=rf"{law}, $m^{{{'3/4' if cancels(law) else '1/2'}}}E$",
        )  # fmt: skip
        left.plot(
            fine,
            [limit(law, "linearization_error", d, a, typical_statistic(law)) for a in fine],
            color=colours[law],
            linewidth=1.1,
        )
    left.set(
        xscale="log", yscale="log", xlabel=r"radius $\alpha$", ylabel=r"$m^k\cdot$ mean (sphere: rms) of $E$"
    )
    left.set_xticks(alphas, [f"{a:g}" for a in alphas])
    left.minorticks_off()
    left.legend()

    alpha = style.nearest_to_one(alphas)
    cell = table.sel(quantity="linearization_error", alpha=alpha, d=d, m=m, delta=strict)
    norms = np.geomspace(x_norm.min(), x_norm.max(), 60)
    for law in laws:
        measured = np.sqrt(m) * x_norm * cell["quantile"].sel(perturbation=law).item()
        right.plot(
            x_norm,
            measured,
            linewidth=1.1,
            marker=style.law_marker(law),
            color=colours[law],
            label=law,
        )
    for name, look in style.BOUND_STYLES.items():
        value = bound(name, "linearization_error", m, alpha, strict, norms)
        right.plot(norms, np.sqrt(m) * value, linewidth=1.4, **look)
    right.set(
        xscale="log", yscale="log", xlabel=r"input norm $\|x\|$", ylabel=r"$\sqrt{m}\cdot$ quantile of $E$"
    )
    right.set_xticks(x_norm, [f"{value:g}" for value in x_norm])
    right.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
    right.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    width = style.width_label(m)
    text = (
        rf"At $m$ = {width}, $d$ = {d}. Left: means (sphere: root mean square) measured, lines from theory "
        r"($\alpha^2/(2\sqrt{2\pi})$ for adversarial, half of it for aligned, "
        r"$\propto\alpha^{3/2}$ for sphere). "
        rf"Right: the {1 - strict:.4g}-quantile at $\alpha$ = {alpha:g} "
        "against the bounds at the same level. " + style.provenance(table)
    )
    style.caption(figure, CLAIM, text)
    return figure
