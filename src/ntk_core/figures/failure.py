"""(h) The failures: exact probability that each printed bound fails, against ‖x‖.

The figure has fixed widths and radii, as few grids contain those at which bounds fail. δ is that of the
experiment.
"""

from __future__ import annotations

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..laws.exact import exact_law
from ..network import Array
from ..theory.bounds import bound
from . import style

PANELS = {
    "linearization_error": r"Theorem 1 ($E$)",
    "delta1": r"Lemma 4 ($|\Delta_1|$)",
    "delta2": r"Lemma 4 ($|\Delta_2|$)",
    "band_fraction": r"event $A_1$ ($|B|/m$)",
}
NEEDS: set[str] = set()
"""No quantity of the table: all that is drawn is exact."""

POINTS = ((4, 0.25), (64, 2.0), (1024, 4.0), (2**20, 10.0))
NORMS = np.geomspace(1e-4, 1e4, 81)
MIN_RATIO = 1e-4
"""Failure probabilities below this times δ are not drawn."""


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """One panel a bound: exact failure probability over δ, at a few m and α."""
    delta = float(table["delta"].values.min())
    colours = sns.color_palette("colorblind", len(POINTS))
    figure, axes = plt.subplots(1, 4, figsize=(12.4, 4.1), sharey=True, layout="constrained")
    for ax, (quantity, title) in zip(axes, PANELS.items(), strict=True):
        ax.axhspan(1.0, 3.0 / delta, color="0.93", zorder=0)
        ax.axhline(1.0, color="0.3", linewidth=1.0)
        for (m, alpha), colour, dashes in zip(POINTS, colours, ("-", "--", "-.", ":"), strict=True):
            ratio = _failure(quantity, m, alpha, delta) / delta
            label = rf"$m$ = {style.width_label(m)}, $\alpha$ = {alpha:g}"
            ax.plot(NORMS, ratio, color=colour, linestyle=dashes, linewidth=1.6, label=label)
        ax.set(xscale="log", yscale="log", ylim=(MIN_RATIO, 3.0 / delta), title=title, xlabel=r"$\|x\|$")
        ax.set_xlim(NORMS[0] / 2, NORMS[-1] * 2)
        if not any(np.isfinite(line.get_ydata()).any() for line in ax.lines[1:]):
            ax.text(1.0, 3e-3, f"below {MIN_RATIO:g} everywhere", ha="center", fontsize="small", color="0.3")
        ax.set_xticks([1e-4, 1e-2, 1, 1e2, 1e4])
        ax.minorticks_off()
    axes[0].set_ylabel(r"probability that the bound fails / $\delta$")
    axes[0].text(NORMS[0], 1.6, "fails too often", fontsize="small", color="0.3")
    axes[-1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    text = (
        r"Exact probability, no simulation, that the supremum over the ball exceeds the printed bound, at "
        rf"$\delta$ = {delta:g}, in units of $\delta$; shaded: more often than the statement allows. "
        rf"No line: below {MIN_RATIO:g} at every $\|x\|$."
    )
    style.caption(figure, headline("failure", table, rates), text)
    return figure


@cache  # they are the same in each figure of a run with the same δ
def _failure(quantity: str, m: int, alpha: float, delta: float) -> Array:
    """P(supremum > printed bound) at each of `NORMS`; NaN where it is below `MIN_RATIO` times δ."""
    law = exact_law("adversarial", quantity, m, 1, alpha)
    assert law is not None  # all of `POINTS` are within the radius of the exact laws
    scale = 1.0 if quantity == "band_fraction" else NORMS
    limits = bound("printed", quantity, m, alpha, delta, NORMS) / scale
    visible = limits < law.quantile(MIN_RATIO * delta).value
    return np.array(
        [law.survival(float(v)) if show else np.nan for v, show in zip(limits, visible, strict=True)]
    )
