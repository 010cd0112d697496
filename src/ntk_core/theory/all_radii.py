"""Bounds that hold for all radii at once, so also at a radius α̂ that depends on w(0).

In terms of a reference radius α₀ that is fixed before w(0) is drawn. Source: docs/theory.md, "All radii at
once". With L² = log(1/δ), φ₀ = 1/√(2π), and p₀ the probability that a neuron is in the band of α₀.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import erf

from ..network import Array
from .bounds import bernstein
from .gaussian import PHI0

REFERENCE = 1.0
"""The α₀ of the bounds: any value holds, and radii from it on lose nothing in the leading constant."""


def error_at_all_radii(m: Any, alpha: Any, delta: Any, x_norm: Any, reference: Any = REFERENCE) -> Array:
    """A bound on E that holds with probability at least 1-δ for all α > 0 at once, uniformly over each ball.

    With b Bernstein's bound at α₀ and level δ/2: b α/α₀ up to α₀, and b + φ₀‖x‖(1+η)(α²-α₀²)/(2√m) from there
    on, η as in `band_at_all_radii`. All arguments broadcast.
    """
    half = np.asarray(delta) / 2.0
    start = bernstein("linearization_error", m, reference, half, x_norm)
    excess = _relative_deviation(m, half, reference)
    beyond = np.maximum(np.square(alpha) - np.square(reference), 0.0)
    rise = PHI0 * x_norm * (1.0 + excess) * beyond / (2.0 * np.sqrt(m))
    return np.asarray(start * np.minimum(alpha / np.asarray(reference), 1.0) + rise)


def band_at_all_radii(m: Any, alpha: Any, delta: Any, reference: Any = REFERENCE) -> Array:
    """A bound on |B|/m, and with it on |S|/m, that holds with probability at least 1-δ for all α > 0 at once.

    2φ₀(1+η) max(α, α₀)/√m with η = L√(2/K) + L²/(3K), K = p₀m/2 the expected number of pairs in the band
    of α₀. All arguments broadcast.
    """
    excess = _relative_deviation(m, delta, reference)
    return np.asarray(2.0 * PHI0 * (1.0 + excess) * np.maximum(alpha, reference) / np.sqrt(m))


def _relative_deviation(m: Any, delta: Any, reference: Any) -> Array:
    """η: the pairs in the band are at most 1+η times their expected number, at α₀ and all larger radii."""
    pairs = np.asarray(m) / 2.0 * erf(reference / np.sqrt(2.0 * np.asarray(m)))
    square = -np.log(delta)
    return np.asarray(np.sqrt(2.0 * square / pairs) + square / (3.0 * pairs))
