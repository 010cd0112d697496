"""Tools of the laws: a quantile with its error, and the exponential tilt e^{σY} that centres a sum on it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

Complex = NDArray[np.complexfloating]

TARGET = 1e-6
"""Required relative error bound of a quantile."""

MIN_TILT, MAX_TILT = 1e-8, 300.0
"""Range of the tilts, for terms of size up to 1."""

LOG_EXCESS = 14.0
"""log of the largest allowed ratio of a tilted sum to the tail that follows from it."""

NEAR_ONE = 0.75
"""δ above which a quantile follows from the small probability 1 - δ."""


@dataclass(frozen=True)
class Quantile:
    """A quantile and a bound on its relative error."""

    value: float
    error: float


def chernoff_tilt(
    log_moment: Callable[[float], float], mean: Callable[[float], float], delta: float
) -> float:
    """The σ at which Chernoff's bound at the tilted mean, log E[e^{σY}] - σ·mean, equals log δ."""
    return falling_zero(lambda tilt: log_moment(tilt) - tilt * mean(tilt) - math.log(delta))


def falling_zero(function: Callable[[float], float]) -> float:
    """A zero of a falling function on the tilts, to 1 %, or the nearer end of their range."""
    low, high = MIN_TILT, MAX_TILT
    if function(low) <= 0.0:
        return low
    if function(high) >= 0.0:
        return high
    while high > 1.01 * low:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if function(middle) > 0.0 else (low, middle)
    return high


def log1p(z: Complex) -> Complex:
    """log(1 + z) for |1 + z| ≤ 1 to full accuracy: `numpy.log1p` of a complex z rounds 1 + z first."""
    square = z.real * (2.0 + z.real) + z.imag**2
    near = square > -0.5
    modulus = np.where(near, 0.5 * np.log1p(np.where(near, square, 0.0)), np.log(np.abs(1.0 + z)))
    return np.asarray(modulus + 1j * np.arctan2(z.imag, 1.0 + z.real))


def moment_of_two_or_more(n: int, share: float, ratio: Complex) -> Complex:
    """E[ratio^K; K ≥ 2] for K ~ Binomial(n, share), |ratio| ≤ 1, without cancellation for large n."""
    full = np.exp(n * log1p(share * (ratio - 1.0)))
    if share == 1.0:
        return full - (ratio if n == 1 else 0.0)
    no_pairs = math.exp(n * math.log1p(-share))
    return full - no_pairs * (1.0 + n * share / (1.0 - share) * ratio)


def root(function: Callable[[float], float], low: float, high: float, **tolerances: float) -> float:
    """The zero of a function between `low` and `high`; `tolerances` are `xtol` and `rtol`."""
    return float(scipy.optimize.brentq(function, low, high, **tolerances))
