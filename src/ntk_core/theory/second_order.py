"""The (1-δ)-quantile of the suprema over the ball to second order in the width, and a proved interval for it.

The supremum is (α‖x‖/m) S, or (2/m) S for a fraction, with S the sum over the m/2 independent pairs of terms
in [0, 1]. S has mean I₁A and variance I₂A up to O(1), A = φ(0)α√m, where I₁ and I₂ are the integrals of the
term and its square over the band (`Step.moments`). Source: docs/theory.md, "The quantile to second order".
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy

from ..network import Array
from ..quantities import QUANTITIES, Step
from .bounds import from_band_fraction
from .gaussian import PHI0, band_integral

BERRY_ESSEEN = 0.4748
"""Constant of the Berry-Esseen inequality for identically distributed terms (Shevtsova 2011)."""


def second_order_quantile(quantity: str, m: Any, alpha: Any, delta: Any, x_norm: Any) -> Array:
    """The quantile without its terms of order 1/m; for E and |Δ₁|, with z the normal (1-δ)-quantile,

    ‖x‖[α²φ₀/(2√m) + z √(φ₀/3) α^{3/2} m^{-3/4}]. All arguments broadcast; no bound, and negative where the
    width is too small for it. NaN where no bound follows from one on the band.
    """
    first, second = _step(quantity).moments
    expected = PHI0 * alpha * np.sqrt(m)
    pairs = first * expected + scipy.special.ndtri(1.0 - np.asarray(delta)) * np.sqrt(second * expected)
    return from_band_fraction(quantity, 2.0 * pairs / np.asarray(m), alpha, x_norm)


def quantile_interval(quantity: str, m: int, alpha: float, delta: float) -> tuple[float, float]:
    """Limits between which the exact quantile at ‖x‖ = 1 lies for certain, by the Berry-Esseen inequality.

    From the exact moments of a pair at this width; 0 and infinity where the inequality says nothing.
    """
    n, radius = m // 2, alpha / math.sqrt(m)
    step = _step(quantity)
    first = band_integral(step, radius)
    second = band_integral(lambda s: step(s) ** 2, radius)
    third = band_integral(lambda s: step(s) ** 3, radius)
    deviation = math.sqrt(n * (second - first**2))
    # |X - EX| ≤ max(X, EX), so its third moment is at most E X³ + (E X)³.
    error = BERRY_ESSEEN * n * (third + first**3) / deviation**3
    levels = np.clip([1.0 - delta - error, 1.0 - delta + error], 0.0, 1.0)
    pairs = np.maximum(n * first + deviation * scipy.special.ndtri(levels), 0.0)
    lower, upper = from_band_fraction(quantity, 2.0 * pairs / m, alpha, 1.0)
    return float(lower), float(upper)


def _step(quantity: str) -> Step:
    """What a pair of the band adds to the supremum; to a fraction, 1."""
    return QUANTITIES[quantity].full_step or Step.CONSTANT
