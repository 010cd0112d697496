"""Positions of pre-activations in the band: s = |z|/r for z ~ N(0, 1) given |z| < r.

Inverse CDF where r is small, so one word gives one draw. With h(s) = ∫₀ˢ exp(-t²/2) dt, the draw s solves
h(s) = v·h(r). The inverse is the odd series s = Σ e_k y^{2k+1}, y = v·h(r), cut where
the next term is below a quarter of a unit in the last place. For larger r,
normals are drawn until one is in the band.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...compiling import kernel
from ...network import Array
from .words import Stream, chunk, units
from .ziggurat import Ziggurat, draw, ziggurat

SERIES_RADIUS = 0.5
"""Largest r at which the series is used (13 terms there; at most four at the widths of interest)."""


class Positions(NamedTuple):
    """The method for one radius: `coefficients` of the series, none where normals are drawn."""

    coefficients: Array
    radius: float
    normal: Ziggurat


def _inverse_coefficients(terms: int) -> list[Fraction]:
    """e_k of the inverse of h: from s' = exp(s²/2), by the recurrence for erf⁻¹ (Carlitz 1963)."""
    c = [Fraction(1)]
    for k in range(1, terms):
        c.append(sum((c[j] * c[k - 1 - j] / ((j + 1) * (2 * j + 1)) for j in range(k)), Fraction(0)))
    # erf⁻¹(x) = Σ c_k/(2k+1) (√π x/2)^{2k+1}, and s = √2 erf⁻¹(√(2/π) y): (√π/2·√(2/π))^{2k+1}√2 = 2^{-k}
    return [c[k] / (2 * k + 1) / 2**k for k in range(terms)]


_COEFFICIENTS = [float(e) for e in _inverse_coefficients(24)]
_SHORT = 4


@lru_cache(maxsize=256)
def positions(radius: float) -> Positions:
    """The method for `radius` r > 0, in units of the standard deviation."""
    coefficients: list[float] = []
    if radius <= SERIES_RADIUS:
        half_mass = math.sqrt(math.pi / 2.0) * math.erf(radius / math.sqrt(2.0))
        coefficients = [e * half_mass ** (2 * k + 1) / radius for k, e in enumerate(_COEFFICIENTS)]
        while coefficients[-1] < 2.0**-55:
            coefficients.pop()
        coefficients += [0.0] * (_SHORT - len(coefficients))
    return Positions(np.array(coefficients), radius, ziggurat(math.inf))


@kernel
def draw_positions(method: Positions, stream: Stream, reserve: Stream, out: Array) -> None:
    """The next chunk of positions in [0, 1], to `out`."""
    if method.coefficients.size:
        units(chunk(stream), 0.0, out)
        invert(method.coefficients, out)
        return
    normals = np.empty(out.size)
    count = 0
    while count < out.size:
        draw(method.normal, chunk(stream), reserve, normals)
        for i in range(out.size):
            if count < out.size and abs(normals[i]) < method.radius:
                out[count] = abs(normals[i]) / method.radius
                count += 1


@kernel
def invert(coefficients: Array, values: Array) -> None:
    """From uniforms to positions by the series, in place."""
    if coefficients.size == _SHORT:
        c0, c1, c2, c3 = coefficients[0], coefficients[1], coefficients[2], coefficients[3]
        for i in range(values.size):
            square = values[i] * values[i]
            values[i] *= c0 + square * (c1 + square * (c2 + square * c3))
    else:
        for i in range(values.size):
            square = values[i] * values[i]
            polynomial = coefficients[-1]
            for k in range(coefficients.size - 2, -1, -1):
                polynomial = coefficients[k] + square * polynomial
            values[i] *= polynomial
