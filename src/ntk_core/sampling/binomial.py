"""The law of K, the number of a run's pairs in the band, as a table of integers.

K ~ Binomial(n, p) for n = m/2 pairs and p = P(|z| ≤ r), z ~ N(0, 1). A uniform integer U of 128 bits gives K
as the number of thresholds T_k = 2^128 P(K ≤ k), rounded, that are at most U. All arithmetic is of integers,
so a table has the same bits everywhere. docs/randomness.md says how far it is from the law.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .kernels.counts import CountTable

THRESHOLD_BITS = 128
"""Bits of a threshold: one word, and a second where the first does not decide."""

PRECISION = 192
"""Bits after the point of the probabilities from which thresholds are made."""

LARGEST_VARIANCE = 1 << 20
"""Of the law of one table. That of a larger number of pairs is a sum of independent parts."""

CERTAIN_RADIUS = 24.0
"""P(|z| > r) is below 2^-400 from here on."""


class CountPart(NamedTuple):
    """K is a sum of `repeats` independent draws from each of its parts' tables."""

    repeats: int
    table: CountTable


@lru_cache(maxsize=64)
def count_parts(pairs: int, radius: float) -> tuple[CountPart, ...]:
    """The parts of K for n = `pairs` and a radius r > 0: one table where the variance is at most
    `LARGEST_VARIANCE`.
    """
    return count_parts_of(pairs, probability(radius))


@lru_cache(maxsize=256)
def count_parts_of(pairs: int, p: int) -> tuple[CountPart, ...]:
    """The same for a probability p in units of 2^-PRECISION."""
    from .kernels.counts import count_table  # compiled: slow to import

    unit = 1 << PRECISION
    most = pairs if p == unit else (LARGEST_VARIANCE << 2 * PRECISION) // (p * (unit - p))
    sizes = [(pairs // most, most), (1, pairs % most)] if pairs > most else [(1, pairs)]
    return tuple(CountPart(repeats, count_table(*thresholds(n, p))) for repeats, n in sizes if n)


def thresholds(n: int, p: int) -> tuple[int, list[int]]:
    """The smallest value of Binomial(n, p/2^PRECISION), and 2^128 P(K ≤ k) for it and those after it.

    The probabilities are of whole units of 2^-128. Values of less than half a unit are left out, and the
    last value has no threshold.
    """
    first, weights = _weights(n, p)
    scale = (1 << THRESHOLD_BITS + 2 * PRECISION) // sum(weights)
    half = 1 << 2 * PRECISION - 1
    values = [below * scale + half >> 2 * PRECISION for below in accumulate(weights)]
    skipped = sum(value == 0 for value in values)
    return first + skipped, [value for value in values if 0 < value < 1 << THRESHOLD_BITS]


def _weights(n: int, p: int) -> tuple[int, list[int]]:
    """The smallest value that is not left out, and the probability of it and those after it over the largest.

    In units of 2^-PRECISION, by the ratio of neighbours from the likeliest value on. What is below a unit is
    left out.
    """
    if p == 1 << PRECISION:
        return n, [p]
    up, down = (p << PRECISION) // ((1 << PRECISION) - p), (((1 << PRECISION) - p) << PRECISION) // p
    mode = min((n + 1) * p >> PRECISION, n)
    above, weight = [1 << PRECISION], 1 << PRECISION
    for k in range(mode, n):
        weight = weight * (n - k) // (k + 1) * up >> PRECISION
        if not weight:
            break
        above.append(weight)
    under, weight = [], 1 << PRECISION
    for k in range(mode, 0, -1):
        weight = weight * k // (n - k + 1) * down >> PRECISION
        if not weight:
            break
        under.append(weight)
    return mode - len(under), under[::-1] + above


def probability(radius: float) -> int:
    """P(|z| ≤ r) of a standard normal z in units of 2^-PRECISION, to a unit; 2^PRECISION from 24 on.

    From √(2/π) Σ (-1)^k r^{2k+1} / (2^k k! (2k+1)). Its terms reach e^{r²/2}, for which there are more bits.
    """
    if radius >= CERTAIN_RADIUS:
        return 1 << PRECISION
    bits = PRECISION + 32 + int(radius * radius)
    numerator, denominator = radius.as_integer_ratio()
    r = (numerator << bits) // denominator
    square, power, total, k = r * r >> bits, r, r, 0
    while power:
        k += 1
        power = (power * square >> bits) // (2 * k)
        total += -power // (2 * k + 1) if k % 2 else power // (2 * k + 1)
    root = math.isqrt((2 << 3 * bits) // _pi(bits))  # √(2/π)
    return total * root >> 2 * bits - PRECISION


def _pi(bits: int) -> int:
    """π in units of 2^-bits, by Machin's formula (1706): 16 arctan(1/5) - 4 arctan(1/239)."""
    guard = 16
    return 4 * (4 * _arctangent(5, bits + guard) - _arctangent(239, bits + guard)) >> guard


def _arctangent(x: int, bits: int) -> int:
    """arctan(1/x) in units of 2^-bits."""
    power = total = (1 << bits) // x
    k = 1
    while power:
        power //= -x * x
        k += 2
        total += power // k
    return total
