"""Other balls: the worst error against the width, where the moves of all neurons are bounded in ℓ_q."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..claims.headlines.norms import MAX_WIDTH, NORMS, RUNS, slope, worst_errors
from ..claims.wording import nearest_to_one
from ..theory.norm_ball import FROBENIUS, exponent, limit
from . import style
from .panels import Panels

NAMES = {FROBENIUS: "$q$ = 2, Frobenius", math.inf: r"$q=\infty$, Theorem 1"}


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """One panel: mean of sup E against m, a colour a norm, with its limit times m^{-k} as a line."""
    radius, m = nearest_to_one(table["alpha"].values), table["m"].values.astype(float)
    keys = {q: f"{q:g}" for q in NORMS}
    colours = style.ordered_colours(list(keys.values()))
    labels = {keys[q]: _label(table, q) for q in NORMS}
    columns = ("m", "value", "value_lower", "value_upper")
    measured = pd.concat(
        pd.DataFrame(worst_errors(table, q).T, columns=columns).assign(q=keys[q]) for q in NORMS
    )
    theory = pd.concat(
        pd.DataFrame({"m": m, "value": float(limit(q, radius)) * m ** -exponent(q), "q": keys[q]})
        for q in NORMS
    )
    panels = Panels(1, height=3.4)
    ax = panels.axes[0]
    panels.curves(ax, theory, "m", "value", "q", colours, labels, linewidth=1.1)
    panels.points(ax, measured, "m", "value", "q", colours)
    style.width_axis(ax, m)
    ax.set_yscale("log")
    ax.set_ylabel("mean of the worst error")
    panels.name_ends([ax])
    text = (
        r"Largest $E$ over all moves with $(\Sigma_i\|u_i\|^q)^{1/q}\leq R\,m^{1/q-1/2}$, at "
        rf"$R$ = {radius:g}, $\|x\|$ = 1: room for $\|u_i\|=R/\sqrt{{m}}$ in all neurons. Lines: the limit "
        r"in theory, no fit, with its exponent $-(q-1)/(2(q+1))$; in brackets: the slope of the points over "
        f"the upper half of the widths. Points at other $q$ than 2: {RUNS} networks each, to "
        f"{style.width_label(MAX_WIDTH)} neurons. {style.provenance(table)}"
    )
    return panels.finish(headline("norms", table, rates), text)


def _label(table: xr.Dataset, q: float) -> str:
    """The norm and its exponent in theory, with the slope that was measured."""
    fit = slope(table, q).value
    measured = f" ({fit:.3f})" if np.isfinite(fit) else ""
    return f"{NAMES.get(q, f'$q$ = {q:g}')}\n{-exponent(q):.3f}{measured}".replace("-", "−")
