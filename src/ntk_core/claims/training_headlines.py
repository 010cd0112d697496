"""The heading of each figure of a trained experiment: what its data show, or else what it draws.

In: the quantiles and rates of one experiment. Out: one sentence. Each function names the condition under
which it states a finding; without that the heading is of `NEUTRAL`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..network import Array
from .answer import Answer, answer
from .headlines import MIN_WIDTHS
from .wording import percent, width

if TYPE_CHECKING:
    import xarray as xr

NEUTRAL = {
    "radius": "How far training moves the weights, against the width",
    "training_rate": "The linearization error of trained networks against the width",
    "standing": "Training beside the displacement laws of the same radius",
    "twin": "Trained networks beside their linear twins",
    "flips": "Signs that changed during training",
}
"""Headings that state no finding."""

FAR = 0.5
"""An error less than this times that of the worst displacement is far from it."""


def headline(figure: str, table: xr.Dataset, rates: xr.Dataset) -> str:
    """The heading of a figure, with formulas between dollar signs. Says first if runs diverged."""
    ends = table["run_status"]
    diverged, runs = int(ends.sel(status="diverged").sum()), int(ends.sum())
    if diverged:
        return f"{diverged:,} of {runs:,} runs diverged: this is what they did before"
    numbers = answer(table, rates)
    return (FINDINGS[figure](table, numbers) if numbers.trained else "") or NEUTRAL[figure]


def _radius(table: xr.Dataset, a: Answer) -> str:
    """What α̂ is at the least and at the largest width, and whether it is below the ceiling."""
    alpha = _means(table, "alpha_hat", a)
    if alpha.size < 2:
        return ""
    first, last = (width(int(m)) for m in (table["m"].values[0], a.m))
    below = f"; all runs are below the ceiling of {a.ceiling:.3g}" if a.inside else ""
    return rf"$\hat\alpha$ is {alpha[0]:.3g} at $m={first}$ and {alpha[-1]:.3g} at $m={last}${below}"


def _training_rate(table: xr.Dataset, a: Answer) -> str:
    """The fitted slope of E, and whether its interval holds the limit or the last slope is nearer to it."""
    limit = f"$-{'3/4' if a.exponent == 0.75 else '1/2'}$"
    if table["m"].size < MIN_WIDTHS or not np.isfinite(a.rate.lower):
        return ""
    half = (a.rate.upper - a.rate.lower) / 2.0
    slope = f"At held-out inputs the error has slope ${a.rate.value:.3f}\\pm{half:.3f}$"
    if a.rate.lower <= -a.exponent <= a.rate.upper:
        return f"{slope}, as in the limit, {limit}"
    if abs(a.last_rate + a.exponent) < abs(a.rate.value + a.exponent):
        return f"{slope}; between the last widths ${a.last_rate:.3f}$, nearer the limit {limit}"
    return f"{slope}, not that of the limit, {limit}"


def _standing(table: xr.Dataset, a: Answer) -> str:
    """How small the error is beside that of the worst displacement, if it is far below."""
    share = a.position.get("adversarial", np.nan)
    if not 0.0 < share < FAR:
        return ""
    return (
        f"At $m={width(a.m)}$ training's error is {percent(share)} of that of the worst displacement "
        "in its ball"
    )


def _twin(table: xr.Dataset, a: Answer) -> str:
    """If the interval of the slope of the distance is below 0."""
    if table["m"].size < MIN_WIDTHS or not a.twin_rate.upper < 0.0:
        return ""
    half = (a.twin_rate.upper - a.twin_rate.lower) / 2.0
    return f"Network and linear twin are the closer the wider: slope ${a.twin_rate.value:.3f}\\pm{half:.3f}$"


def _flips(table: xr.Dataset, a: Answer) -> str:
    """If at the last time both fractions fall from each width to the next."""
    share, neurons = (_means(table, name, a) for name in ("flipped_fraction", "flipped_neurons"))
    if share.size < 2 or not (np.diff(share) < 0.0).all() or not (np.diff(neurons) < 0.0).all():
        return ""
    first, last = (width(int(m)) for m in (table["m"].values[0], a.m))
    return (
        f"Signs that ever changed: {percent(share[0])} at $m={first}$, {percent(share[-1])} at $m={last}$, "
        "fewer at each width"
    )


FINDINGS: dict[str, Callable[[xr.Dataset, Answer], str]] = {
    "radius": _radius,
    "training_rate": _training_rate,
    "standing": _standing,
    "twin": _twin,
    "flips": _flips,
}
"""For each figure, from quantiles and the answer to the finding that they carry; empty for none."""


def _means(table: xr.Dataset, variable: str, a: Answer) -> Array:
    """Means over the runs at the last time, by width; empty if a width has none."""
    values = table["run_mean"].sel(variable=variable, steps=a.time).values
    return values if np.isfinite(values).all() else np.empty(0)
