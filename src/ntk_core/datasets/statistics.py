"""Estimates from finite runs, each with an interval; arrays in, arrays out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri

from ..network import Array
from ..theory.binomial import binomial_quantile

CONFIDENCE = 0.99
"""Level of every interval and limit the project states."""

Z = float(ndtri(0.5 + 0.5 * CONFIDENCE))
"""Half-width of a two-sided normal interval at that level, in standard errors."""


_PART = 1 << 16
"""Number of values that are summed at once."""


def quantile_ranks(runs: int, delta: Array) -> tuple[NDArray[np.int64], ...]:
    """Order statistics for the (1-δ)-quantile of `runs` iid values: estimate, lower, upper.

    1-based ranks, shape of `delta`. The estimate is ⌈runs·(1-δ)⌉. The interval [X_lower, X_upper]
    covers the quantile with probability at least `CONFIDENCE` whatever the law (from the binomial
    law of how many values lie below it). Rank 0 stands for the lower end of the range, rank
    `runs + 1` for +∞: too few runs for a limit on that side.
    """
    level = 1.0 - np.asarray(delta, dtype=np.float64)
    tail = 0.5 * (1.0 - CONFIDENCE)
    estimate = np.clip(np.ceil(runs * level - 1e-9), 1, runs)
    # P(X_(l) > q) = P(Binomial(runs, level) < l) ≤ tail, and P(X_(u) < q) = P(Binomial ≥ u) ≤ tail.
    lower = binomial_quantile(1.0 - tail, runs, level)
    upper = binomial_quantile(tail, runs, level) + 1.0
    return tuple(rank.astype(np.int64) for rank in (estimate, lower, upper))


def quantiles(values: Array, delta: Array) -> Array:
    """(1-δ)-quantile, its lower and its upper limit; shape `(3, len(delta))`.

    `values` `(runs,)`, sorted, non-negative; ranks as in `quantile_ranks`, so the lower limit is 0 and
    the upper +∞ where the runs are too few.
    """

    def value(rank: NDArray[np.int64]) -> Array:
        ordered = values[np.clip(rank, 1, values.size) - 1]
        return np.where(rank < 1, 0.0, np.where(rank > values.size, np.inf, ordered))

    return np.stack([value(rank) for rank in quantile_ranks(values.size, delta)])


@dataclass(frozen=True)
class Moments:
    """Mean and root mean square of a sample, with their standard errors; NaN where one value gives none."""

    mean: float
    mean_standard_error: float
    rms: float
    rms_standard_error: float


def sample_moments(values: Array) -> Moments:
    """The moments of `values` `(runs,)`, in memory that does not grow with them."""
    n = values.size
    parts = [values[start : start + _PART] for start in range(0, n, _PART)]
    mean = math.fsum(float(part.sum()) for part in parts) / n
    square = math.fsum(float(np.sum(part**2)) for part in parts) / n
    rms = math.sqrt(square)
    if n == 1:
        return Moments(mean, math.nan, rms, math.nan)
    variance = math.fsum(float(np.sum((part - mean) ** 2)) for part in parts) / (n - 1)
    square_variance = math.fsum(float(np.sum((part**2 - square) ** 2)) for part in parts) / (n - 1)
    # Δ-method: sd(√S) = sd(S)/(2√S).
    rms_error = math.sqrt(square_variance / n) / (2.0 * rms) if rms > 0.0 else math.nan
    return Moments(mean, math.sqrt(variance / n), rms, rms_error)


def rate_upper_limit(exceedances: NDArray[np.int64], runs: int) -> Array:
    """One-sided Clopper-Pearson upper limit on a rate after `exceedances` of `runs`; same shape."""
    counts = np.asarray(exceedances, dtype=np.float64)
    safe = np.minimum(counts, runs - 1.0)
    return np.where(counts >= runs, 1.0, betaincinv(safe + 1.0, runs - safe, CONFIDENCE))


def proportion_interval(successes: int, runs: int) -> tuple[float, float]:
    """Two-sided Clopper-Pearson interval of a probability after `successes` of `runs`."""
    tail = 0.5 * (1.0 - CONFIDENCE)
    lower = float(betaincinv(successes, runs - successes + 1, tail)) if successes else 0.0
    upper = float(betaincinv(successes + 1, runs - successes, 1.0 - tail)) if successes < runs else 1.0
    return lower, upper


@dataclass(frozen=True)
class Slope:
    """A fitted slope with its confidence limits, the smallest x of its points, and their number."""

    value: float
    lower: float
    upper: float
    first: float
    points: int


NO_SLOPE = Slope(math.nan, math.nan, math.nan, math.nan, 0)


def log_slope(x: Array, y: Array, standard_error: Array) -> Slope:
    """Least-squares slope of log y against log x, with errors propagated from each point.

    `y` with independent `standard_error`s, `(points,)` each. Every point weighs the same, so the
    slope is the average of the local slopes whatever the precision of single points. Points with
    y = 0 or an unknown error are left out; fewer than two points give `NO_SLOPE`.
    """
    usable = (y > 0.0) & np.isfinite(standard_error)
    if np.count_nonzero(usable) < 2:
        return NO_SLOPE
    log_x, log_y = np.log(x[usable]), np.log(y[usable])
    centred = log_x - log_x.mean()
    weight = centred / np.sum(centred**2)
    value = float(np.sum(weight * log_y))
    half = Z * float(np.sqrt(np.sum((weight * standard_error[usable] / y[usable]) ** 2)))
    return Slope(value, value - half, value + half, float(x[usable].min()), int(usable.sum()))


def local_slopes(x: Array, y: Array, standard_error: Array) -> tuple[Array, Array]:
    """Slope of log y against log x from each point's predecessor to it, and its half-width.

    `y` with independent `standard_error`s, `(points,)` each, like the results. NaN at the first point
    and where an end is not positive or has no error.
    """
    usable = (y > 0.0) & np.isfinite(standard_error)
    log_y = np.log(np.where(usable, y, np.nan))
    relative = np.where(usable, standard_error, np.nan) / np.where(usable, y, np.nan)
    step = np.diff(np.log(x))
    slopes = np.concatenate([[np.nan], np.diff(log_y) / step])
    half = np.concatenate([[np.nan], Z * np.hypot(relative[1:], relative[:-1]) / step])
    return slopes, half
