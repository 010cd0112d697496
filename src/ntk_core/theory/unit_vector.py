"""The first coordinate t of a uniform unit vector in R^d: its partial moments.

Its density is g(t) ∝ (1 - t²)^{(d-3)/2} on [-1, 1]; d = 1 is the fair sign. Partial moments over
t > s are incomplete beta functions of 1 - s².
"""

from __future__ import annotations

import math

import numpy as np
import scipy

from ..network import Array


def mean_absolute_coordinate(d: int) -> float:
    """E|t| = Γ(d/2)/(√π Γ((d+1)/2))."""
    return math.exp(math.lgamma(0.5 * d) - math.lgamma(0.5 * (d + 1))) / math.sqrt(math.pi)


def upper_tail(s: Array, d: int) -> Array:
    """P(t > s) for s in (0, 1), elementwise."""
    if d == 1:
        return np.full_like(s, 0.5)
    return 0.5 * scipy.special.betainc(0.5 * (d - 1), 0.5, 1.0 - s * s)


def upper_mean(s: Array, d: int) -> Array:
    """E[t 1{t > s}] for s in (0, 1), elementwise."""
    return 0.5 * mean_absolute_coordinate(d) * (1.0 - s * s) ** (0.5 * (d - 1))


def upper_second_moment(s: Array, d: int) -> Array:
    """E[t² 1{t > s}] for s in (0, 1), elementwise."""
    if d == 1:
        return np.full_like(s, 0.5)
    return scipy.special.betainc(0.5 * (d - 1), 1.5, 1.0 - s * s) / (2.0 * d)
