"""Quantiles and moments of a cell from runs with weights, as `run_statistics.py` has them without.

P(E ≥ v) is the mean over runs of weight·1{E ≥ v}, with the interval of a mean (`statistics.half_width`). The
interval of a quantile is of the values v at which that of P(E ≥ v) or of P(E > v) holds δ.
"""

from __future__ import annotations

from dataclasses import asdict
from itertools import pairwise

import numpy as np

from ..network import Array
from .file_reader import FileReader
from .statistics import QUANTILES, half_width, moments, sample_mean

REACH = 4.0
"""Most limits of a quantile have P(E ≥ v) up to this factor from δ; there they are sought most densely."""

PLACES = 4096
"""Values v, at most, at which they are looked for there, and on either side of it."""


def cell(
    runs: FileReader, place: tuple[int | slice, ...], quantities: tuple[str, ...], delta: Array, _: object
) -> dict[str, Array]:
    """Statistics of one cell, quantity by quantity."""
    weights = runs.read("weight", place)
    rows = []
    for quantity in quantities:
        values = runs.read(quantity, place)
        names = (*QUANTILES, "effective_runs")
        mean, square = (sample_mean(weights * power) for power in (values, values**2))
        quantiles = dict(zip(names, weighted_quantiles(values, weights, delta), strict=True))
        rows.append(quantiles | asdict(moments(mean, square)))
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def weighted_quantiles(values: Array, weights: Array, delta: Array) -> Array:
    """(1-δ)-quantile, its lower and upper limit, and the effective number of runs; `(4, len(delta))`.

    `values` and `weights` `(runs,)`, in any order. The effective number is (Σ w)²/Σ w² over the runs at or
    above the quantile: so many equal weights would give as good an estimate of δ. Where runs are too few for
    a limit, or their weights too skewed, the lower one is 0 and the upper one +∞.
    """
    order = np.argsort(-values, kind="stable")
    ordered, weights = values[order], weights[order]
    last = np.append(np.flatnonzero(np.diff(ordered)), values.size - 1)  # of equal values
    sums = np.stack([np.cumsum(weights**power)[last] for power in (1, 2, 3)])
    tails, distinct = sums / values.size, ordered[last]
    columns = []
    for level in delta:
        place = min(int(np.searchsorted(tails[0], level, side="right")), last.size - 1)
        effective = sums[0, place] ** 2 / sums[1, place]
        columns.append((distinct[place], *_limits(values.size, distinct, tails, level), effective))
    return np.array(columns).T


def _limits(runs: int, values: Array, tails: Array, level: float) -> tuple[float, float]:
    """The limits of the value v at which P(E ≥ v) is `level`, from those of P(E ≥ v) at some of the values.

    `values` descend, and `tails` `(3, values)` are the means over the runs of w, w² and w³ of E ≥ v.
    """
    parts = [0, *np.searchsorted(tails[0], [level / REACH, REACH * level]), values.size]
    places = np.unique(
        np.concatenate([np.linspace(a, b - 1, PLACES).astype(np.int64) for a, b in pairwise(parts) if a < b])
    )
    tail, square, cube = tails[:, places]
    deviation = np.sqrt(np.maximum(square - tail**2, 0.0))
    skewness = (cube - 3.0 * tail * square + 2.0 * tail**3) / np.maximum(deviation, 1e-100) ** 3
    half = half_width(runs, deviation / np.sqrt(max(runs - 1, 1)), skewness)
    below = np.flatnonzero(tail - half > level)
    beyond = np.append(np.flatnonzero(tail + half >= level), places.size)[0]
    above = np.flatnonzero(tail[:beyond] + half[:beyond] < level)
    lower = float(values[places[below[0]]]) if below.size else 0.0
    if not above.size:
        return lower, np.inf
    # What is at or above one value is all that is above the next one.
    return lower, float(values[min(places[above[-1]] + 1, values.size - 1)])
