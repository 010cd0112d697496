"""(h) The failures: exact probability that each printed bound fails, against ‖x‖."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..claims.headlines.failure import MIN_RATIO, NORMS, POINTS, failure_ratio
from . import style

PANELS = {
    "linearization_error": r"Theorem 1 ($E$)",
    "delta1": r"Lemma 4 ($|\Delta_1|$)",
    "delta2": r"Lemma 4 ($|\Delta_2|$)",
    "band_fraction": r"event $A_1$ ($|B|/m$)",
}
NEEDS: set[str] = set()
"""No quantity of the table: all that is drawn is exact."""


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """One panel a bound: exact failure probability over δ, at a few m and α."""
    delta = float(table["delta"].values.min())
    labels = {rf"$m$ = {style.width_label(m)}, $\alpha$ = {alpha:g}": (m, alpha) for m, alpha in POINTS}
    colours = sns.color_palette("colorblind", len(POINTS))
    figure, axes = plt.subplots(1, 4, figsize=(12.4, 4.1), sharey=True, layout="constrained")
    for ax, (quantity, title) in zip(axes, PANELS.items(), strict=True):
        ax.axhspan(1.0, 3.0 / delta, color=style.SHADE, zorder=0)
        ax.axhline(1.0, color=style.MUTED, linewidth=1.0)
        for label, colour, dashes in zip(labels, colours, ("-", "--", "-.", ":"), strict=True):
            ratio = failure_ratio(quantity, *labels[label], delta)
            if np.isfinite(ratio).any():
                ax.plot(NORMS, ratio, color=colour, linestyle=dashes, linewidth=1.6, label=label)
        ax.set(xscale="log", yscale="log", ylim=(MIN_RATIO, 3.0 / delta), title=title, xlabel=r"$\|x\|$")
        ax.set_xlim(NORMS[0] / 2, NORMS[-1] * 2)
        if len(ax.lines) == 1:
            ax.text(1.0, 3e-3, f"below {MIN_RATIO:g} everywhere", ha="center", fontsize="small", color=style.MUTED)
        ax.set_xticks([1e-4, 1e-2, 1, 1e2, 1e4])
        ax.minorticks_off()
    axes[0].set_ylabel(r"probability that the bound fails / $\delta$")
    axes[0].text(NORMS[0], 1.6, "fails too often", fontsize="small", color=style.MUTED)
    style.legend_of_all(axes, list(labels))
    text = (
        r"Exact probability, no simulation, that the supremum over the ball exceeds the printed bound, at "
        rf"$\delta$ = {delta:g}, in units of $\delta$; shaded: more often than the statement allows. "
        rf"No line: below {MIN_RATIO:g} at every $\|x\|$."
    )
    style.caption(figure, headline("failure", table, rates), text)
    return figure
