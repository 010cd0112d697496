"""Integrals over the band of a standard normal pre-activation (A1 and AC of the notes)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..network import Array

PHI0 = 1.0 / math.sqrt(2.0 * math.pi)
"""φ(0), the standard normal density at zero."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)
_PANELS = np.arcsin(np.concatenate([[0.0], 2.0 ** np.arange(-24.0, 1.0)]))


def band_probability(radius: float) -> float:
    """p_r = P(|z| ≤ r) = 2Φ(r) - 1 for z ~ N(0, 1) and r ≥ 0, to full relative accuracy."""
    return math.erf(radius / math.sqrt(2.0))


def weighted_sums(values: Array, weights: Array) -> Array:
    """Σ_k values[…, k] weights[k]. Not by BLAS, whose rounding depends on the processor."""
    return np.einsum("...k,k->...", values, weights)


def band_integral(function: Callable[[Array], Array], radius: float) -> float:
    """∫_{|z|<r} g(|z|/r) φ(z) dz for a function g on (0, 1), smooth there or with kinks at powers of 1/2.

    In the angle θ = arcsin(|z|/r), because tails of a unit vector's coordinate are smooth in it and end
    like a root at |z| = r otherwise. Gauss-Legendre with 32 nodes on panels halving towards zero, so
    that functions living on any scale (small r, large d) are resolved to about 1e-14 relative.
    """
    low, high = _PANELS[:-1, None], _PANELS[1:, None]
    angle = 0.5 * (high - low) * _NODES + 0.5 * (high + low)
    s = np.sin(angle)
    weight = (high - low) * _WEIGHTS * np.cos(angle) * PHI0 * np.exp(-0.5 * (radius * s) ** 2)
    return float(radius * np.sum(weight * function(s)))
