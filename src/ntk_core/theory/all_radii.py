"""Bounds that hold for all radii at once, so also at a radius α̂ that depends on w(0).

Source: docs/theory.md, "All radii at once". Radii are cut into cells from 2^k to 2^(k+1), k any integer, and
the probability of failure into shares δ_k = 2δ/(3(|k|+1)(|k|+2)), which add up to δ. With φ₀ = 1/√(2π).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy

from ..network import Array
from ..quantities import QUANTITIES, Step
from .bernstein import bernstein_quantile
from .bounds import bernstein, from_band_fraction
from .gaussian import PHI0

NAME = "all_radii"
"""What this bound is called beside `bounds.BOUNDS`, each of which is for one radius."""


def all_radii(quantity: str, m: Any, alpha: Any, delta: Any, x_norm: Any) -> Array:
    """A bound that holds with probability at least 1-δ for all α ≥ 0 at once, uniformly over each ball.

    At every δ in (0, 1), with the optimal constant in front of m^(-1/2) for every quantity; all arguments
    broadcast. E from the number of pairs in the band, which E sums up over the radii; |S|/m and |B|/m by that
    number, and |Δ₂| ≤ ½α‖x‖|B|/m; |Δ₁|, which grows with the radius, by Bernstein's bound at the next of
    ⌈m^(1/4)⌉ radii an octave. NaN for a quantity without a bound of the kind.
    """
    alpha, delta = np.asarray(alpha, dtype=np.float64), np.asarray(delta, dtype=np.float64)
    radius = np.where(alpha > 0.0, alpha, 1.0)
    step = QUANTITIES[quantity].full_step
    if step is Step.FALLING:
        limit = _error(quantity, m, radius, delta, x_norm)
    elif step is Step.RISING:
        limit = _rising(quantity, m, radius, delta, x_norm)
    else:
        limit = from_band_fraction(quantity, _band_fraction(m, radius, delta), radius, x_norm)
    return np.asarray(np.where(alpha > 0.0, limit, 0.0))


def _error(quantity: str, m: Any, alpha: Array, delta: Array, x_norm: Any) -> Array:
    """b + φ₀‖x‖(1+η)(α²-α₀²)/(2√m), α₀ the largest power of two up to α, b Bernstein's bound at α₀, δ_k/2."""
    octave, start = _octave(alpha)
    half = _share(delta, octave) / 2.0
    rise = 1.0 + _relative_deviation(m, half, start)
    beyond = PHI0 * x_norm * rise * (np.square(alpha) - np.square(start)) / (2.0 * np.sqrt(m))
    return np.asarray(bernstein(quantity, m, start, half, x_norm) + beyond)


def _band_fraction(m: Any, alpha: Array, delta: Array) -> Array:
    """2φ₀(1+η)α/√m for |B|/m, and with it for |S|/m; η at the largest power of two up to α and level δ_k."""
    octave, start = _octave(alpha)
    excess = _relative_deviation(m, _share(delta, octave), start)
    return np.asarray(2.0 * PHI0 * (1.0 + excess) * alpha / np.sqrt(m))


def _rising(quantity: str, m: Any, alpha: Array, delta: Array, x_norm: Any) -> Array:
    """Bernstein's bound on |Δ₁| at level δ_j and the least 2^(j/n) from α on, n = ⌈m^(1/4)⌉."""
    in_octave = np.ceil(np.sqrt(np.sqrt(m)))
    number = np.ceil(in_octave * np.log2(alpha))
    next_radius = np.maximum(np.exp2(number / in_octave), alpha)  # the power may be rounded down
    return bernstein(quantity, m, next_radius, _share(delta, number), x_norm)


def _octave(alpha: Array) -> tuple[Array, Array]:
    """k and 2^k of the largest power of two up to α."""
    exponent = np.frexp(alpha)[1] - 1
    return exponent, np.ldexp(1.0, exponent)


def _share(delta: Array, number: Any) -> Array:
    """δ_k, the probability with which the bound may fail in cell k; over all integers k they add up to δ."""
    return np.asarray(2.0 * delta / (3.0 * (np.abs(number) + 1.0) * (np.abs(number) + 2.0)))


def _relative_deviation(m: Any, delta: Any, start: Any) -> Array:
    """η: with L² = log(1/δ) and K = p₀m/2 the expected number of pairs in the band of α₀, √(2/K)L + L²/(3K).

    The pairs in the band are at most 1+η times their expected number, at α₀ and all larger radii.
    """
    pairs = np.asarray(m) / 2.0 * scipy.special.erf(start / np.sqrt(2.0 * np.asarray(m)))
    return np.asarray(bernstein_quantile(0.0, pairs, np.sqrt(-np.log(delta))) / pairs)
