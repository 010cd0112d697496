"""The failures: exact probability that each printed bound fails, against ‖x‖."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..claims.headlines.failure import MIN_RATIO, NORMS, POINTS, failure_ratio
from ..claims.wording import in_words
from . import palette, style
from .panels import Panels

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
    panels = Panels(len(PANELS), columns=2, height=1.7, share_y=True)
    for ax, (quantity, title) in zip(panels.axes, PANELS.items(), strict=True):
        ax.axhspan(1.0, 3.0 / delta, color=palette.SHADE, linewidth=0, zorder=0)
        ax.axhline(1.0, color=palette.MUTED, linewidth=1.0)
        for label, colour, dashes in zip(labels, palette.LAW_COLOURS, ("-", "--", "-.", ":"), strict=False):
            ratio = failure_ratio(quantity, *labels[label], delta)
            if np.isfinite(ratio).any():  # a line that falls below the least value meets the axis
                drawn = np.where(np.isfinite(ratio), ratio, MIN_RATIO / 1e3)
                ax.plot(NORMS, drawn, color=colour, linestyle=dashes, label=label)
        ax.set_title(title)
        if len(ax.lines) == 1:
            ax.text(1.0, 3e-3, f"below {MIN_RATIO:g} everywhere", ha="center", color=palette.MUTED)
    for ax, below in zip(panels.axes, (False, False, True, True), strict=True):
        ax.set(xscale="log", yscale="log", xlabel=r"input norm $\|x\|$" if below else "")
        ax.set_xlim(NORMS[0], NORMS[-1])
        ax.set_ylim(MIN_RATIO, 3.0 / delta)
        ax.set_xticks([1e-4, 1e-2, 1, 1e2, 1e4])
        ax.minorticks_off()
        panels.name_ends([ax])
    for ax in panels.axes[::2]:
        ax.set_ylabel(r"P(bound fails) / $\delta$")
    panels.axes[0].text(NORMS[0] * 1.5, 1.8, "fails too often", fontsize=style.SMALL, color=palette.MUTED)
    text = (
        r"Exact probability, no simulation, that the supremum over the ball exceeds the printed bound, at "
        rf"$\delta$ = {style.number(delta)}, in units of $\delta$; shaded: more often than the statement "
        rf"allows. A line on the axis, or none: below {MIN_RATIO:g} at every $\|x\|$. "
        rf"The {in_words(len(POINTS))} pairs of $m$ "
        r"and $\alpha$ are the same for every experiment, not its own; a lemma that holds at them may fail "
        "at others."
    )
    return panels.finish(headline("failure", table, rates), text)
