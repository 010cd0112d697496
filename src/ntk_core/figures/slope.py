"""(g) The slope: from width to width, measured and exact, towards the limit."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..laws.moments import cancels, typical_statistic
from . import style


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """One panel a law: local slopes of E's mean or rms and quantiles against m, exact ones as lines."""
    laws = list(rates["perturbation"].values)
    alpha, d = style.nearest_to_one(rates["alpha"].values), int(rates["d"].values.max())
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
        ax.axhline(-k, color="0.6", linewidth=1.0)
        for statistic, colour in zip([typical_statistic(law), *levels], ["0.15", *colours], strict=True):
            row = law_rates.sel(statistic=statistic)
            value, lower, upper = (row[f"local_slope{suffix}"].values for suffix in ("", "_lower", "_upper"))
            label = statistic if statistic in ("mean", "rms") else f"{1 - float(statistic):.4g}-quantile"
            visible = np.isfinite(value)
            ax.errorbar(
                m[visible], value[visible], style.error_bars(value, lower, upper)[:, visible],
                linestyle="none", marker="o", color=colour, capsize=1.5, label=label,
            )  # fmt: skip
            exact = row["exact_local_slope"].values
            finite = np.isfinite(exact)
            ax.plot(m[finite], exact[finite], color=colour, linewidth=1.2)
        style.width_axis(ax, m)
        ax.set_ylim(-k - 0.32, -k + 0.12)  # what is further off says only that the run has few sign changes
        finite = np.isfinite(law_rates["constant_limit"].values).any()
        ax.set_title(rf"{law}: {'limit' if finite else 'Theorem 1:'} $-{'3/4' if cancels(law) else '1/2'}$")
        ax.legend(loc="best")
    axes[0, 0].set_ylabel(r"slope of $\log E$ against $\log m$")
    text = (
        "Slope of the logarithm of each statistic from the next smaller width to this one, at "
        rf"$\alpha$ = {alpha:g}, $d$ = {d}. Points: measured; lines: from the exact law, no fit. "
        "Where both agree, what is left of a slope beside its limit is finite width, not another rate. "
        + style.provenance(table)
    )
    style.caption(figure, headline("slope", table.sel(alpha=alpha, d=d), rates.sel(alpha=alpha, d=d)), text)
    return figure
