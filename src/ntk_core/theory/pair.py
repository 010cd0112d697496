"""The density of X > 0, the signed term of one pair under `sphere`, from quantity, d and r.

X = v(t₊) - v(t₋) is symmetric; t± are independent first coordinates of uniform unit vectors, with
density g and upper tail T, and v is t - s, s or t where t > s, else 0, for E, Δ₁ and Δ₂. With w(s) the
density of the position s in the band, 2rφ(rs), and W(s) its integral from 0, X > 0 has the density

    E:   ∫ q(u) g(u + y) du,  q = (W·(1 - T))′     (one neuron flips: w·(1 - T); both: W·g)
    Δ₁:  w(y) T(y) (1 - T(y))                      (if both flip, X = 0)
    Δ₂:  g(y) ∫₀^y w·(1 - T) + ∫ W(u) g(u) g(u + y) du

In the angle θ = arcsin y they are smooth up to θ = π/2; towards 0 they may have a kink or, at
d = 2, a logarithm, so they are stored as Legendre series on panels that shrink towards 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import scipy

from ..network import Array
from .gaussian import PHI0, weighted_sums
from .unit_vector import upper_tail

_HALVINGS = 32
_ORDER = 20
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(_ORDER)
_TO_SERIES = (np.polynomial.legendre.legvander(_NODES, _ORDER - 1) * _WEIGHTS[:, None]).T
_TO_SERIES *= np.arange(0.5, _ORDER)[:, None]
_PHASE = 24.0
"""Radians of oscillation that one panel of `_ORDER` nodes integrates to rounding."""

_STEPS = np.linspace(-3.4, 3.4, 200)
_FROM_LOW, _FROM_HIGH = (1.0 / (1.0 + np.exp(sign * math.pi * np.sinh(_STEPS))) for sign in (-1.0, 1.0))
_SHARES = (_STEPS[1] - _STEPS[0]) * math.pi * np.cosh(_STEPS) * _FROM_LOW * _FROM_HIGH
"""Double exponential quadrature on (0, 1): distances from both ends, and weights."""


@dataclass(frozen=True)
class PairDensity:
    """The density of X = sin θ > 0 in θ: values at the Gauss-Legendre nodes of panels, `(panels, nodes)`."""

    edges: Array
    values: Array

    @cached_property
    def nodes(self) -> tuple[Array, Array]:
        """Values of X and the probability at each, as a quadrature of its density; `(k,)` each."""
        angle = angles(self.edges)
        mass = 0.5 * np.diff(self.edges)[:, None] * _WEIGHTS * self.values
        return np.sin(angle).ravel(), mass.ravel()

    def finer_nodes(self, tilt: float, frequency: float) -> tuple[Array, Array]:
        """As `nodes`, times e^{σX}, with room for oscillations up to a frequency."""
        tilted = self.values * np.exp(tilt * np.sin(angles(self.edges)))
        parts = np.ceil(frequency * np.diff(self.edges) / _PHASE).astype(np.int64)
        unsplit = parts <= 1
        half = 0.5 * np.diff(self.edges)
        values = [np.sin(angles(self.edges)[unsplit]).ravel()]
        masses = [(half[unsplit, None] * _WEIGHTS * tilted[unsplit]).ravel()]
        for panel in np.flatnonzero(~unsplit):
            nodes = angles(np.linspace(-1.0, 1.0, parts[panel] + 1)).ravel()
            values.append(np.sin(0.5 * (self.edges[panel] + self.edges[panel + 1]) + half[panel] * nodes))
            weights = np.tile(half[panel] / parts[panel] * _WEIGHTS, parts[panel])
            masses.append(
                weights * np.polynomial.legendre.legval(nodes, weighted_sums(_TO_SERIES, tilted[panel]))
            )
        return np.concatenate(values), np.concatenate(masses)

    def tail(self, y: float) -> float:
        """P(X > y) for y ≥ 0."""
        angle = math.asin(min(y, 1.0))
        if angle >= self.edges[-1]:
            return 0.0
        panel = int(np.searchsorted(self.edges, angle, side="right")) - 1
        low, high = self.edges[panel : panel + 2]
        nodes = (2.0 * angles(np.array([angle, high]))[0] - low - high) / (high - low)
        density = np.polynomial.legendre.legval(nodes, weighted_sums(_TO_SERIES, self.values[panel]))
        later_panels = float(self.nodes[1][(panel + 1) * _ORDER :].sum())
        return 0.5 * (high - angle) * float(weighted_sums(_WEIGHTS, density)) + later_panels


def angles(edges: Array) -> Array:
    """Gauss-Legendre nodes of the panels between the edges; `(panels, nodes)`."""
    low, high = edges[:-1, None], edges[1:, None]
    return 0.5 * (low + high) + 0.5 * (high - low) * _NODES


def largest_angle(d: int) -> float:
    """θ beyond which the first coordinate sin θ has probability below e^{-200}."""
    return math.acos(math.exp(-200.0 / (d - 1))) if d > 1 else 0.5 * math.pi


@lru_cache(maxsize=32)
def pair_density(quantity: str, d: int, radius: float) -> PairDensity:
    """The density of X > 0, to about 1e-12 relative. For d = 1, Δ₂ has none: X is -1, 0 or 1."""
    edges = _edges(d)
    angle = angles(edges)
    y = np.sin(angle)
    if quantity == "delta1":
        tail = upper_tail(y, d)
        return PairDensity(edges, np.cos(angle) * _position(y, radius) * tail * (1.0 - tail))
    if quantity == "linearization_error":
        if d == 1:  # one neuron flips, X = 1 - s
            return PairDensity(edges, np.cos(angle) * 0.25 * _position(1.0 - y, radius))
        u, coordinate, stays, weight = _lags(d)
        inner = _position(u, radius) * stays + _positions_below(u, radius) * coordinate
        return PairDensity(edges, np.cos(angle) * np.sum(inner * weight, axis=-1))
    assert quantity == "delta2"
    u, coordinate, _, weight = _lags(d)
    both_flip = np.cos(angle) * np.sum(_positions_below(u, radius) * coordinate * weight, axis=-1)
    below, weight = _below(d)
    partner = _positions_below(y, radius) * (1.0 - upper_tail(y, d))
    partner -= np.sum(_positions_below(below, radius) * weight, axis=-1)
    return PairDensity(edges, both_flip + _constant(d) * np.cos(angle) ** (d - 2) * partner)


def _position(s: Array, radius: float) -> Array:
    """w(s): density of |w(0)·x|/r at s."""
    return 2.0 * radius * PHI0 * np.exp(-0.5 * (radius * s) ** 2)


def _positions_below(s: Array, radius: float) -> Array:
    """W(s) = P(|w(0)·x| < r s)."""
    return scipy.special.erf(radius / math.sqrt(2.0) * s)


def _edges(d: int) -> Array:
    """Panels halve towards 0, where the density may be rough, and a little towards 1, for large tilts."""
    low, high = 2.0 ** np.arange(-_HALVINGS, 0.0), 1.0 - 2.0 ** np.arange(-2.0, -6.0, -1.0)
    return largest_angle(d) * np.concatenate([[0.0], low, high, [1.0]])


@lru_cache(maxsize=16)
def _constant(d: int) -> float:
    """g(0), for d ≥ 2; as a quotient of Gamma functions it would lose digits for large d."""
    top = largest_angle(d)
    return 0.5 / (top * float(np.sum(_SHARES * np.cos(top * _FROM_LOW) ** (d - 2))))


@lru_cache(maxsize=4)
def _lags(d: int) -> tuple[Array, Array, Array, Array]:
    """u, g(u), 1 - T(u) and weights for ∫ … g(u + y) du at each node y; `(panels, nodes, 200)` each.

    With u + y = sin ψ the density of u + y is smooth; at d = 2 that of u is nearly singular at the
    upper end, for small y, which double exponential quadrature tolerates.
    """
    top, theta = largest_angle(d), angles(_edges(d))[..., None]
    above, short = (top - theta) * _FROM_LOW, (top - theta) * _FROM_HIGH + (0.5 * math.pi - top)
    u = 2.0 * np.cos(theta + 0.5 * above) * np.sin(0.5 * above)
    one_less_u = 2.0 * np.sin(0.5 * short) ** 2 + np.sin(theta)
    coordinate = _constant(d) * (one_less_u * (1.0 + u)) ** (0.5 * (d - 3))
    weight = _constant(d) * np.sin(short) ** (d - 2) * (top - theta) * _SHARES
    return u, coordinate, 1.0 - upper_tail(u, d), weight


@lru_cache(maxsize=4)
def _below(d: int) -> tuple[Array, Array]:
    """u and weights for ∫₀^y … g(u) du at each node y; `(panels, nodes, 200)` each."""
    theta = angles(_edges(d))[..., None]
    angle = theta * _FROM_LOW
    return np.sin(angle), _constant(d) * np.cos(angle) ** (d - 2) * theta * _SHARES
