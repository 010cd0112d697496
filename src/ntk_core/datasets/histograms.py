"""A histogram of the runs of a cell, in at most `BARS` bars of one width that fit the quantity."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network import Array
from .comparisons import NOISE

BARS = 40
"""Largest number of bars of a histogram."""

SAMPLE = 1 << 10
"""Values that are looked at before all of them."""


def histogram(values: Array, unit: float, runs: NDArray[np.int64] | None = None) -> dict[str, Any]:
    """`bar_runs` `(BARS,)`, runs in each bar; `first_bar`, where the first begins; `bar_width`, of each.

    `values` ascend. Each is of as many `runs`, or of one; `unit` is what one neuron can add. If all values
    are integer multiples of the unit, bars are centred on them, with equally many in each. A value between
    two bars is in the upper one, and the largest value is in the last bar; bars after that one have no runs.
    """
    low, high = (0.0 if value <= NOISE * unit else float(value) for value in values[[0, -1]])
    spacing = _spacing(values, unit)
    if spacing:
        places = round((high - low) / spacing) + 1
        per_bar = math.ceil(places / BARS)
        start, width, bars = low - spacing / 2, per_bar * spacing, math.ceil(places / per_bar)
        stop = start + bars * width
    elif low < high:
        start, stop, width, bars = low, high, (high - low) / BARS, BARS
    else:
        start, stop, width, bars = low - unit / 2, low + unit / 2, unit, 1
    inner = np.searchsorted(values, np.linspace(start, stop, bars + 1)[1:-1], side="left")
    ends = np.concatenate([[0], inner, [values.size]])
    if runs is not None:
        ends = np.append(0, np.cumsum(runs))[ends]
    counts = np.zeros(BARS, np.int64)
    counts[:bars] = np.diff(ends)
    return {"bar_runs": counts, "first_bar": start, "bar_width": width}


def _spacing(values: Array, unit: float) -> float:
    """Greatest common divisor of all differences, if all values are integer multiples of the unit; else 0.

    A sample settles most cases: what is no multiple in it is none among all.
    """
    sample = _multiples(values[:: math.ceil(values.size / SAMPLE)], unit)
    if sample is None or (multiples := _multiples(values, unit)) is None:
        return 0.0
    return unit if _divisor(sample) == 1 else unit * max(1, _divisor(multiples))


def _multiples(values: Array, unit: float) -> Array | None:
    """Values in units, if all are whole numbers of them."""
    units = values / unit
    integers = np.rint(units)
    return integers if np.abs(units - integers).max() <= 1e-6 else None


def _divisor(integers: Array) -> int:
    return int(np.gcd.reduce((integers - integers[0]).astype(np.int64)))
