"""The worst error over balls of other norms: how it falls with the width, measured and in theory.

(Σ‖u_i‖^q)^{1/q} ≤ R m^{1/q-1/2} for several q. Runs of the experiment are at q = 2; others are drawn here.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import xarray as xr

from ...datasets.statistics import Slope, log_slope, sample_mean
from ...network import Array
from ...sampling.band import suprema
from ...theory.norm_ball import FROBENIUS, exponent
from ..wording import nearest_to_one
from .words import MIN_WIDTHS, PRECISION

NORMS = (1.5, FROBENIUS, 3.0, 8.0, math.inf)
"""The q that are shown."""

ENTROPY, RUNS = 20261123, 64

MAX_WIDTH = 2**24
"""Largest width that is drawn for a figure."""

CURVATURE = 0.01
"""Largest distance of a slope over these widths from that of the limit: at q = 8 the error bends most."""


def worst_errors(table: xr.Dataset, q: float) -> Array:
    """Widths, means of sup E over the ball at ‖x‖ = 1 and their limits; `(4, widths)`.

    R is the α of the experiment nearest to 1.
    """
    radius, m = nearest_to_one(table["alpha"].values), table["m"].values
    if q != FROBENIUS:
        drawn = [_drawn(q, radius, int(width)) for width in m if width <= MAX_WIDTH]
        return np.array(drawn).reshape(-1, 4).T
    at = {"quantity": "linearization_error", "alpha": radius, "d": table["d"].values.max()}
    cells = table.sel(at).isel(perturbation=0)
    return np.array([m, *(cells[name].values for name in ("mean", "mean_lower", "mean_upper"))])


@cache
def _drawn(q: float, radius: float, m: int) -> tuple[float, float, float, float]:
    mean = sample_mean(suprema(ENTROPY, q, m, radius, RUNS))
    return m, mean.value, mean.lower, mean.upper


def slope(table: xr.Dataset, q: float) -> Slope:
    """The slope of log sup E against log m over the upper half of the widths."""
    errors = worst_errors(table, q)
    return log_slope(*errors[:, errors.shape[1] // 2 :])


def norms(table: xr.Dataset, rates: xr.Dataset) -> str:
    """The exponent of every norm, if all slopes are known and near it, and what that means."""
    if np.count_nonzero(table["m"].values <= MAX_WIDTH) < 2 * MIN_WIDTHS - 1:
        return ""
    for q in NORMS:
        fit = slope(table, q)
        half = 0.5 * (fit.upper - fit.lower)
        if not (half <= PRECISION and abs(fit.value + exponent(q)) <= CURVATURE + half):
            return ""
    return (
        r"What makes $m^{-1/2}$ is that no single neuron moves far: with the $\ell_q$ norm of all moves at "
        r"most $R\,m^{1/q-1/2}$, the worst error falls as $m^{-(q-1)/(2(q+1))}$"
    )
