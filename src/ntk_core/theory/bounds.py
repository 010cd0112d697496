"""Bounds on every stored quantity at level 1-δ, as printed in the notes (docs/notes.md) and sharpened.

All functions broadcast over `m`, `alpha`, `delta` and `x_norm` (‖x‖) and return float64 arrays.
They hold uniformly over the ball max_i ‖u_i‖ ≤ α/√m, so the displacement may depend on w(0).
With L = √log(1/δ).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy

from ..network import Array
from ..quantities import QUANTITIES, Step
from .bernstein import bernstein_quantile
from .binomial import binomial_quantile
from .exact import full_step_law, law_quantile
from .gaussian import PHI0

BOUNDS = ("printed", "sharp", "binomial", "bernstein", "exact")
"""From the bound of the notes to the tightest on E of a wide network, in the order of every array of all."""

ROUNDING = 1e-12
"""Relative excess over a bound that is rounding: |Δ₂| attains its bound exactly."""


def printed(quantity: str, m: Any, alpha: Any, delta: Any, x_norm: Any) -> Array:
    """The notes' bounds. Not all are true off ‖x‖ = 1.

    E: (α/√m)(1+‖x‖)(α‖x‖+L) (Theorem 1). |Δ₁|: (α/√m)(α‖x‖+L), |Δ₂|: (α‖x‖/√m)(α‖x‖+L)
    (Lemma 4). Band fraction, and with it |S|/m: (1/√m)(α‖x‖+L) (event A₁).
    """
    common = (alpha * x_norm + _level(delta)) / np.sqrt(m)
    factor = QUANTITIES[quantity].printed
    if factor is None:
        return np.full_like(common, np.nan)
    return np.asarray(factor(alpha, x_norm) * common)


def sharp(quantity: str, m: Any, alpha: Any, delta: Any, x_norm: Any) -> Array:
    """Hoeffding on the m/2 independent pairs: |B|/m ≤ (1/√m)(√(2/π) α + L), and its consequences."""
    fraction = (math.sqrt(2.0 / math.pi) * alpha + _level(delta)) / np.sqrt(m)
    return from_band_fraction(quantity, fraction, alpha, x_norm)


def binomial(quantity: str, m: Any, alpha: Any, delta: Any, x_norm: Any) -> Array:
    """As `sharp`, with the exact (1-δ)-quantile of |B|/m = (2/m) Binomial(m/2, p_r)."""
    half = np.asarray(m) // 2
    pairs = binomial_quantile(delta, half, scipy.special.erf(alpha / np.sqrt(2.0 * np.asarray(m))))
    return from_band_fraction(quantity, pairs / half, alpha, x_norm)


def bernstein(quantity: str, m: Any, alpha: Any, delta: Any, x_norm: Any) -> Array:
    """Bernstein's inequality for the sum over the m/2 independent pairs: the theorem with optimal constant.

    E, |Δ₁| ≤ ‖x‖[α²φ₀/(2√m) + α^{3/2} √(2φ₀/3) L m^{-3/4} + αL²/(3m)] with φ₀ = 1/√(2π), and |B|/m the same
    with the moments of an indicator. A formula without special functions; docs/theory.md, "The theorem with
    the optimal constant".
    """
    first, second = (QUANTITIES[quantity].full_step or Step.CONSTANT).moments
    expected = PHI0 * alpha * np.sqrt(m)  # the expected number of pairs in the band is at most this
    pairs = bernstein_quantile(first * expected, second * expected, _level(delta))
    return from_band_fraction(quantity, 2.0 * pairs / np.asarray(m), alpha, x_norm)


def exact(quantity: str, m: Any, alpha: Any, delta: Any, x_norm: Any) -> Array:
    """The exact (1-δ)-quantile of the supremum over the ball: nothing below it holds uniformly.

    The supremum of E, |Δ₁| and |Δ₂| is their value under the adversarial law, that of |S|/m is the
    band fraction. NaN where the law is not computed (r > `exact.MAX_RADIUS`).
    """
    supremum = QUANTITIES[quantity].supremum

    def one(m: int, alpha: float, delta: float) -> float:
        law = None if supremum is None else full_step_law(supremum, int(m), float(alpha))
        return law_quantile(law, float(delta))

    quantile = np.vectorize(one, otypes=[np.float64])(m, alpha, delta)
    return np.asarray(quantile * QUANTITIES[quantity].at_norm(np.asarray(x_norm, dtype=np.float64)))


def from_band_fraction(quantity: str, fraction: Array, alpha: Any, x_norm: Any) -> Array:
    """The bound on a quantity from one on |B|/m; NaN where none follows."""
    bound = QUANTITIES[quantity].from_band_fraction
    if bound is None:
        return np.full_like(fraction * x_norm, np.nan)
    return np.asarray(bound(fraction, alpha, x_norm))


def _level(delta: Any) -> Array:
    return np.sqrt(-np.log(delta))


def bound(name: str, quantity: str, m: Any, alpha: Any, delta: Any, x_norm: Any) -> Array:
    """The bound called `name`, one of `BOUNDS`."""
    bounds = {
        "printed": printed,
        "sharp": sharp,
        "binomial": binomial,
        "bernstein": bernstein,
        "exact": exact,
    }
    return bounds[name](quantity, m, alpha, delta, x_norm)
