"""Runs into bins, exact sums of powers, and counts over thresholds, in one pass over the values.

A bin is the exponent and the first `FRACTION` bits of the fraction of a float64, so that no logarithm is
taken and edges are exact. Sums are exact: the 53 bits of each power are added as integers, in two halves, to
the bucket of its exponent. So nothing depends on the order of the runs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...compiling import kernel
from ...network import Array
from .bins import EXPONENTS, FRACTION, LOW, POWERS

CHUNK = 512
"""Values that are added at once."""

_FRACTION_BITS = 52
_IMPLICIT = np.int64(1 << _FRACTION_BITS)
_MASK = np.int64((1 << LOW) - 1)


@kernel
def bin_index(bits: int, base: int, bins: int) -> int:
    """The bin of a value ≥ 0 from its bits: 0 for zero, 1 below the first edge, the last from its edge on."""
    if bits == 0:
        return 0
    return min(max((bits >> (_FRACTION_BITS - FRACTION)) - base + 2, 1), bins - 1)


@kernel
def accumulate(
    values: Array,
    base: int,
    histogram: NDArray[np.int64],
    buckets: NDArray[np.int64],
    thresholds: Array,
    first: NDArray[np.int64],
    over: NDArray[np.int64],
) -> None:
    """Add `values` `(runs,)`, all ≥ 0, to `histogram` `(bins,)` and `buckets` `(POWERS, 2, EXPONENTS)`.

    `base` is the first edge's bits without those that bins ignore. `thresholds` ascend; `first[j]` is the
    number of the first one in bin j or later, `(bins + 1,)`. A value adds to `over` only for thresholds of
    its own bin: bins above a threshold are added by the caller.
    """
    bits = values.view(np.int64)
    for i in range(values.size):
        j = bin_index(bits[i], base, histogram.size)
        histogram[j] += 1
        for k in range(first[j], first[j + 1]):
            if values[i] > thresholds[k]:
                over[k] += 1
    power = np.empty(CHUNK)
    power_bits = power.view(np.int64)
    sums = np.zeros(EXPONENTS, np.int64)
    for start in range(0, values.size, CHUNK):
        part = values[start : start + CHUNK]
        for i in range(part.size):
            power[i] = 1.0
        for p in range(POWERS):
            for i in range(part.size):
                power[i] *= part[i]
            _add(power_bits[: part.size], sums, buckets[p])


@kernel
def _add(bits: NDArray[np.int64], sums: NDArray[np.int64], halves: NDArray[np.int64]) -> None:
    """Add at most `CHUNK` floats ≥ 0, by their bits, to the `halves` `(2, EXPONENTS)`; `sums` are 0.

    So many mantissas of 53 bits add up in an int64.
    """
    least, most = EXPONENTS, 0
    for i in range(bits.size):
        exponent = bits[i] >> _FRACTION_BITS
        if exponent > 0:
            sums[exponent] += (bits[i] & (_IMPLICIT - 1)) | _IMPLICIT
            least, most = min(least, exponent), max(most, exponent)
        elif bits[i] > 0:
            sums[1] += bits[i]
            least, most = 1, max(most, 1)
    for exponent in range(least, most + 1):
        halves[0, exponent] += sums[exponent] & _MASK
        halves[1, exponent] += sums[exponent] >> LOW
        sums[exponent] = 0
