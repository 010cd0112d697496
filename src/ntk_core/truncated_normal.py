"""Where in the band a pre-activation lies: |z|/r for z ~ N(0, 1) given |z| < r.

Inverse CDF, so one uniform gives one draw. With h(s) = ∫₀ˢ exp(-t²/2) dt, the draw s solves
h(s) = v·h(r). For small r the inverse is the odd series s = Σ e_k y^{2k+1}, y = v·h(r), cut where
the next term is below a quarter of a unit in the last place; beyond it, scipy's `erfinv`.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from scipy.special import erf, erfinv

from .network import Array

SERIES_RADIUS = 0.5
"""Largest r at which the series is used (13 terms there; two or three at the widths of interest)."""


def _inverse_coefficients(terms: int) -> list[Fraction]:
    """e_k of the inverse of h: from s' = exp(s²/2), by the recurrence for erf⁻¹ (Carlitz 1963)."""
    c = [Fraction(1)]
    for k in range(1, terms):
        c.append(sum((c[j] * c[k - 1 - j] / ((j + 1) * (2 * j + 1)) for j in range(k)), Fraction(0)))
    # erf⁻¹(x) = Σ c_k/(2k+1) (√π x/2)^{2k+1}, and s = √2 erf⁻¹(√(2/π) y): (√π/2·√(2/π))^{2k+1}√2 = 2^{-k}
    return [c[k] / (2 * k + 1) / 2**k for k in range(terms)]


_COEFFICIENTS = [float(e) for e in _inverse_coefficients(24)]


def relative_position(uniform: Array, radius: float) -> Array:
    """|z|/r in [0, 1) for uniforms in [0, 1), in place; shape as given.

    `radius` r > 0 in units of the standard deviation. Returns `uniform`, overwritten.
    """
    if radius > SERIES_RADIUS:
        uniform *= erf(radius / math.sqrt(2.0))
        erfinv(uniform, out=uniform)
        uniform *= math.sqrt(2.0) / radius
        return np.minimum(uniform, 1.0, out=uniform)
    half_mass = math.sqrt(math.pi / 2.0) * math.erf(radius / math.sqrt(2.0))
    coefficients = [e * half_mass ** (2 * k + 1) / radius for k, e in enumerate(_COEFFICIENTS)]
    while len(coefficients) > 1 and coefficients[-1] < 2.0**-55:
        coefficients.pop()
    if len(coefficients) == 1:
        uniform *= coefficients[0]
        return uniform
    square = uniform * uniform
    polynomial = square * coefficients[-1]
    for coefficient in coefficients[-2:0:-1]:
        polynomial += coefficient
        polynomial *= square
    polynomial += coefficients[0]
    uniform *= polynomial
    return uniform
