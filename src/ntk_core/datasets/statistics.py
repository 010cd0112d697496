"""Estimates from finite runs, each with an interval; arrays in, arrays out.

Intervals of quantiles and probabilities hold at every number of runs, by the binomial law. Those of means and
root mean squares are Student's, with fewer degrees of freedom where the values are skewed, and NaN where the
runs are too few. `python -m benchmarks chance` shows how often they miss (docs/theory.md, "Chance of a false
verdict").
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from ..network import Array
from ..theory.binomial import binomial_quantile

CONFIDENCE = 0.99
"""Level of every interval and limit the project states."""

TAIL = 0.5 * (1.0 - CONFIDENCE)
"""Probability that a two-sided interval misses on one side."""

RATE_STATISTICS = ("mean", "rms")
"""Statistics whose slopes are fitted on all widths, of drawn and of trained runs."""

ENDS = ("", "_lower", "_upper")
"""Suffixes of a number and of its limits, in the names of variables."""

QUANTILES = tuple(f"quantile{end}" for end in ENDS)
"""Names of the quantiles and of their limits, in the order of `quantiles`."""

MIN_RUNS = 24
"""Fewest runs whose mean has an interval. With fewer, counts of a few neurons agree by luck too often."""

MIN_DEGREES = 12.0
"""Fewest degrees of freedom of an interval: below, too few of the values that matter were drawn."""

SKEWNESS_WEIGHT = 4.0
"""Degrees of freedom are (runs - 1)/(1 + this·skewness²).

At 99 % the Edgeworth expansion of Student's statistic gives 1.6 as runs grow (Hall 1992, section 2.6). More
is needed because a small sample understates its skewness.
"""

_PART = 1 << 16
"""Number of values that are summed at once."""

_MANY = 1 << 16
"""Fewer values than this are sorted by NumPy, before compiled code would be loaded."""


def ascending(values: Array) -> Array:
    """The values `(runs,)` in ascending order."""
    if values.size < _MANY:
        return np.sort(values)
    from ..sampling.kernels import sorting  # Numba takes a third of a second to load

    return sorting.ascending(values)


def quantile_ranks(runs: int, delta: Array) -> tuple[NDArray[np.int64], ...]:
    """Order statistics for the (1-δ)-quantile of `runs` iid values: estimate, lower, upper.

    1-based ranks, `(len(delta),)`. The estimate is ⌈runs·(1-δ)⌉. The interval [X_lower, X_upper]
    covers the quantile with probability at least `CONFIDENCE` whatever the law (from the binomial
    law of how many values lie below it). Rank 0 stands for the lower end of the range, rank
    `runs + 1` for +∞: too few runs for a limit on that side.
    """
    return _quantile_ranks(runs, tuple(np.asarray(delta, dtype=np.float64).tolist()))


@lru_cache(maxsize=64)
def _quantile_ranks(runs: int, delta: tuple[float, ...]) -> tuple[NDArray[np.int64], ...]:
    """Cached, because all cells of a grid share them."""
    level = 1.0 - np.array(delta)
    estimate = np.clip(np.ceil(runs * level - 1e-9), 1, runs)
    # P(X_(l) > q) = P(Binomial(runs, level) < l) ≤ TAIL, and P(X_(u) < q) = P(Binomial ≥ u) ≤ TAIL.
    lower = binomial_quantile(1.0 - TAIL, runs, level)
    upper = binomial_quantile(TAIL, runs, level) + 1.0
    return tuple(rank.astype(np.int64) for rank in (estimate, lower, upper))


def runs_for_upper_limit(delta: float) -> int:
    """Fewest runs whose (1-δ)-quantile has an upper limit, by the ranks above; about 5.3/δ."""
    return math.ceil(math.log(TAIL) / math.log1p(-delta))


def quantiles(values: Array, delta: Array) -> Array:
    """(1-δ)-quantile, its lower and its upper limit; shape `(3, len(delta))`.

    `values` `(runs,)`, sorted, non-negative; ranks as in `quantile_ranks`, so the lower limit is 0 and
    the upper +∞ where the runs are too few.
    """
    return np.stack([_ordered(values, rank) for rank in quantile_ranks(values.size, delta)])


def clustered_quantiles(values: Array, delta: Array) -> Array:
    """As `quantiles`, of `values` `(runs, inputs)` that may depend on each other within a run; any order.

    The limits hold at every number of runs: for the share of a run's inputs at which it is over the
    (1-δ)-quantile, a number in [0, 1] with mean δ, the mean over runs is as far from δ with probability
    at most exp(-runs·KL(share, δ)) (Hoeffding 1963, theorem 1).
    """
    runs, size = values.shape[0], values.size
    exponent = -math.log(TAIL) / runs
    most, least = _share(delta, 1.0, exponent), _share(delta, 0.0, exponent)
    # Fewer than size·most values are over the quantile, and more than size·least at or over it.
    ranks = (
        np.clip(np.ceil(size * (1.0 - delta) - 1e-9), 1, size),
        np.where(np.isnan(most), 0, size + 1 - np.ceil(size * most - 1e-9)),
        np.where(np.isnan(least), size + 1, size - np.floor(size * least + 1e-9)),
    )
    ordered = ascending(values.ravel())
    return np.stack([_ordered(ordered, rank.astype(np.int64)) for rank in ranks])


def _ordered(values: Array, rank: NDArray[np.int64]) -> Array:
    """The order statistic of each 1-based rank; 0 and +∞ for ranks below and above those of `values`."""
    ordered = values[np.clip(rank, 1, values.size) - 1]
    return np.where(rank < 1, 0.0, np.where(rank > values.size, np.inf, ordered))


def _share(delta: Array, end: float, exponent: float) -> Array:
    """The share between δ and `end` (0 or 1) with KL(share, δ) = `exponent`; NaN where `end` is too near."""

    def divergence(share: Array) -> Array:
        return np.asarray(
            scipy.special.rel_entr(share, delta) + scipy.special.rel_entr(1.0 - share, 1.0 - delta)
        )

    inner, outer = delta, np.full_like(delta, end)
    possible = divergence(outer) > exponent
    for _ in range(60):
        middle = 0.5 * (inner + outer)
        far = divergence(middle) > exponent
        inner, outer = np.where(far, inner, middle), np.where(far, middle, outer)
    return np.where(possible, outer, np.nan)


@dataclass(frozen=True)
class Mean:
    """A mean over runs, its standard error and its limits; NaN for what the runs are too few for."""

    value: float
    standard_error: float
    lower: float
    upper: float


def sample_mean(values: Array, transform: Callable[[Array], Array] = np.positive) -> Mean:
    """The mean of `transform` of `values` `(runs,)`, in memory that does not grow with them."""
    n = values.size

    def average(of: Callable[[Array], Array]) -> float:
        parts = (of(transform(values[start : start + _PART])) for start in range(0, n, _PART))
        return math.fsum(float(part.sum()) for part in parts) / n

    mean = average(np.positive)
    deviation = math.sqrt(average(lambda x: (x - mean) ** 2))
    if deviation == 0.0:
        return mean_with_limits(n, mean, 0.0, 0.0)
    skewness = average(lambda x: _cube((x - mean) / deviation))
    return mean_with_limits(n, mean, deviation, skewness)


def _cube(values: Array) -> Array:
    """By two products, because NumPy takes far longer for `values**3`."""
    return values * values * values


def mean_with_limits(n: int, mean: float, deviation: float, skewness: float) -> Mean:
    """The mean of a sample of size `n` from its average, standard deviation (by n) and skewness."""
    if n == 1 or deviation == 0.0:
        return Mean(mean, math.nan if n == 1 else 0.0, math.nan, math.nan)
    error = deviation / math.sqrt(n - 1)
    half = float(half_width(n, error, skewness))
    return Mean(mean, error, mean - half, mean + half)


def half_width(runs: int, standard_error: Any, skewness: Any) -> Array:
    """Half-width of the interval of a mean over `runs`; NaN where they are too few; broadcasts.

    Student's, with the degrees of freedom that `SKEWNESS_WEIGHT` leaves. The interval is given and wrong with
    probability about 1 - `CONFIDENCE`: no theorem, but measured for every law and quantity (docs/theory.md,
    "Intervals").
    """
    degrees = (runs - 1) / (1.0 + SKEWNESS_WEIGHT * np.square(skewness))
    enough = (runs >= MIN_RUNS) & (degrees >= MIN_DEGREES)
    return np.where(enough, scipy.special.stdtrit(degrees, 1.0 - TAIL) * standard_error, np.nan)


@dataclass(frozen=True)
class Moments:
    """Mean and root mean square of a sample, with standard errors and limits as in `Mean`."""

    mean: float
    mean_standard_error: float
    mean_lower: float
    mean_upper: float
    rms: float
    rms_standard_error: float
    rms_lower: float
    rms_upper: float


def sample_moments(values: Array) -> Moments:
    """The moments of `values` `(runs,)`, in memory that does not grow with them."""
    return moments(sample_mean(values), sample_mean(values, np.square))


def moments(mean: Mean, square: Mean) -> Moments:
    """Moments from the mean of values and the mean of their squares, whose limits give those of the rms."""
    rms = math.sqrt(square.value)
    # Δ-method: sd(√S) = sd(S)/(2√S).
    error = square.standard_error / (2.0 * rms) if rms > 0.0 else math.nan
    lower, upper = map(float, np.sqrt(np.maximum((square.lower, square.upper), 0.0)))
    return Moments(mean.value, mean.standard_error, mean.lower, mean.upper, rms, error, lower, upper)


def why_no_interval(runs: int) -> str:
    """Why a mean over so many runs of a cell has no interval, for people."""
    undecided = f"undecided: {runs:,} {'run' if runs == 1 else 'runs'} a cell"
    if runs < MIN_RUNS:
        return f"{undecided}; at least {MIN_RUNS} are needed"
    return f"{undecided} are too few for values so skewed"


def rate_upper_limit(exceedances: NDArray[np.int64], runs: int) -> Array:
    """One-sided Clopper-Pearson upper limit on a rate after `exceedances` of `runs`; same shape."""
    counts = np.asarray(exceedances, dtype=np.float64)
    safe = np.minimum(counts, runs - 1.0)
    return np.where(counts >= runs, 1.0, scipy.special.betaincinv(safe + 1.0, runs - safe, CONFIDENCE))


def proportion_interval(successes: int, runs: int) -> tuple[float, float]:
    """Two-sided Clopper-Pearson interval of a probability after `successes` of `runs`."""
    lower = float(scipy.special.betaincinv(successes, runs - successes + 1, TAIL)) if successes else 0.0
    upper = (
        float(scipy.special.betaincinv(successes + 1, runs - successes, 1.0 - TAIL))
        if successes < runs
        else 1.0
    )
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


def log_slope(x: Array, y: Array, lower: Array, upper: Array, spacing: Array | float = 0.0) -> Slope:
    """Least-squares slope of log y against log x, with limits from those of each point.

    `y` independent, with limits, `(points,)` each. Every point weighs the same, so the slope is the
    average of the local slopes whatever the precision of single points. Points with y = 0 or an infinite
    limit are left out; fewer than two points give `NO_SLOPE`. Distances to the limits add in quadrature
    (Zou and Donner, Statistics in Medicine 27, 2008); the limits are NaN where a point has none.

    `spacing` is that of the values that y can have, if they are few, as for a quantile of counts. An error is
    then often as large as the whole interval, so what is within one spacing adds up.
    """
    usable = (y > 0.0) & ~np.isinf(upper)
    if np.count_nonzero(usable) < 2:
        return NO_SLOPE
    log_x = np.log(x[usable])
    log_y, below, above = _log_distances(y[usable], lower[usable], upper[usable])
    one_below, one_above = _log_spacing(y, spacing)
    centred = log_x - log_x.mean()
    weight = centred / np.sum(centred**2)
    value = float(np.sum(weight * log_y))
    below, above = (
        _parts(*distance) for distance in ((below, one_below[usable]), (above, one_above[usable]))
    )
    down, up = (
        float(np.sqrt(np.sum((weight * rest) ** 2)) + np.sum(np.abs(weight) * within))
        for within, rest in (
            np.where(weight > 0.0, below, above),
            np.where(weight > 0.0, above, below),
        )
    )
    return Slope(value, value - down, value + up, float(x[usable].min()), int(usable.sum()))


def local_slopes(
    x: Array, y: Array, lower: Array, upper: Array, spacing: Array | float = 0.0
) -> tuple[Array, Array, Array]:
    """Slope of log y against log x from each point's predecessor to it, and its limits as in `log_slope`.

    `y` independent, with limits, `(points,)` each, like the results. NaN at the first point and where an
    end is left out.
    """
    usable = (y > 0.0) & ~np.isinf(upper)
    log_y, below, above = _log_distances(np.where(usable, y, np.nan), lower, upper)
    step = np.diff(np.log(x))
    slope = np.diff(log_y) / step
    one_below, one_above = _log_spacing(y, spacing)
    below, above = _parts(below, one_below), _parts(above, one_above)
    down, up = (
        (np.hypot(last[1, 1:], first[1, :-1]) + last[0, 1:] + first[0, :-1]) / step
        for last, first in ((below, above), (above, below))
    )
    value, low, high = (np.concatenate([[np.nan], part]) for part in (slope, slope - down, slope + up))
    return value, low, high


def _log_distances(y: Array, lower: Array, upper: Array) -> tuple[Array, Array, Array]:
    """log y, and how far the logarithms of its limits are below and above; both NaN without two limits."""
    limited = (lower > 0.0) & (upper > 0.0)
    log_y = np.log(np.where(y > 0.0, y, np.nan))
    log_lower, log_upper = (np.log(np.where(limited, limit, np.nan)) for limit in (lower, upper))
    return log_y, log_y - log_lower, log_upper - log_y


def _log_spacing(y: Array, spacing: Array | float) -> tuple[Array, Array]:
    """How far below and above log y the logarithms of the next values are; infinite without one above 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(y > 0.0, spacing / y, 0.0)
        return -np.log1p(-np.minimum(relative, 1.0)), np.log1p(relative)


def _parts(distance: Array, one: Array) -> Array:
    """What of a distance is within one spacing, and the rest; `(2, points)`."""
    within = np.minimum(distance, one)
    return np.stack([within, distance - within])
