"""Quantiles and moments of a cell from runs with weights, as `run_statistics.py` has them without.

P(E ≥ v) is the mean over runs of weight·1{E ≥ v}, with the interval of a mean (`statistics.half_width`). The
interval of a quantile is of the values v at which that of P(E ≥ v) holds δ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import numpy as np

from ..network import Array
from .runs import RunsReader
from .statistics import half_width, moments, sample_mean


def cell(
    runs: RunsReader, place: tuple[int | slice, ...], quantities: tuple[str, ...], delta: Array, _: object
) -> dict[str, Array]:
    """Statistics of one cell, quantity by quantity."""
    weights = runs.read("weight", place)
    rows = []
    for quantity in quantities:
        values = runs.read(quantity, place)
        names = ("quantile", "quantile_lower", "quantile_upper", "effective_runs")
        mean, square = (sample_mean(weights * power) for power in (values, values**2))
        quantiles = dict(zip(names, weighted_quantiles(values, weights, delta), strict=True))
        rows.append(quantiles | asdict(moments(mean, square)))
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def weighted_quantiles(values: Array, weights: Array, delta: Array) -> Array:
    """(1-δ)-quantile, its lower and upper limit, and the effective number of runs; `(4, len(delta))`.

    `values` and `weights` `(runs,)`, in any order. The effective number is (Σ w)²/Σ w² over the runs at or
    above the quantile: so many equal weights would give as good an estimate of δ. Where it is too small for
    an interval the upper limit is +∞, and the lower one that of a larger δ.
    """
    order = np.argsort(-values, kind="stable")
    ordered, weights = values[order], weights[order]
    last = np.append(np.flatnonzero(np.diff(ordered)), values.size - 1)  # of equal values
    sums = np.stack([np.cumsum(weights**power)[last] for power in (1, 2, 3)])
    tails, distinct = sums / values.size, ordered[last]

    def limits(place: int) -> tuple[float, float]:
        """The interval of P(E ≥ v) at a distinct value v; NaN where it has none."""
        first, second, third = tails[:, place]
        deviation = np.sqrt(max(second - first**2, 0.0))
        skewness = (third - 3.0 * first * second + 2.0 * first**3) / max(deviation, 1e-300) ** 3
        half = half_width(values.size, deviation / np.sqrt(max(values.size - 1, 1)), skewness)
        return first - float(half), first + float(half)

    columns = []
    start = _first(last.size, lambda place: not np.isnan(limits(place)[0]))
    for level in map(float, delta):

        def is_lower(place: int, level: float = level) -> bool:
            return limits(place)[0] > level

        def is_beyond_upper(place: int, level: float = level) -> bool:
            return place >= start and not limits(place)[1] < level  # also where it is NaN

        place = min(int(np.searchsorted(tails[0], level, side="right")), last.size - 1)
        above, below = _first(last.size, is_lower), _first(last.size, is_beyond_upper)
        lower = float(distinct[above]) if above < last.size else 0.0
        upper = float(distinct[below - 1]) if below > start else np.inf
        columns.append((distinct[place], lower, upper, sums[0, place] ** 2 / sums[1, place]))
    return np.array(columns).T


def _first(size: int, holds: Callable[[int], bool]) -> int:
    """The first of so many places from which on something holds; `size` if nowhere."""
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
