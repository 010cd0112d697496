"""The largest change of the tangent kernel over the ball max_i ‖u_i‖ ≤ r = α/√m: its law is that of a count.

K_w(x, x') = ∇F(x; w)·∇F(x'; w) = (x·x'/m) #{i : w_i·x ≥ 0 and w_i·x' ≥ 0}, as c_i² = 1. In the plane of x
and x', at an angle θ in [0, π), a neuron is counted if it lies in the wedge between two rays at the angle
π - θ. It can enter from a distance of at most r, and leave from a depth of less than r. Each neuron moves by
itself and the two of a pair start at one point, so with |x·x'| = 1 the supremum of the rise is (2/m) N with
N ~ Binomial(m/2, p), that of the fall likewise, and sup_u |K_w - K_{w(0)}| is the larger of the two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

from ..network import Array
from .bernstein import bernstein_quantile
from .binomial import binomial_quantile, binomial_tail
from .gaussian import PHI0, band_probability
from .tilt import log1p

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)
_PANELS = math.pi * np.concatenate([[0.0], 2.0 ** np.arange(-40.0, 1.0)])


def entry_probability(angle: float, radius: float) -> float:
    """P(a neuron outside the wedge is within r of it) = p_r/2 + θ/(2π)·(1 - e^{-r²/2}), θ in [0, π)."""
    return 0.5 * band_probability(radius) - angle / (2.0 * math.pi) * math.expm1(-0.5 * radius**2)


def exit_probability(angle: float, radius: float) -> float:
    """P(a neuron of the wedge is within r of its edges) = p_r/2 - 2[T(0, t) - T(r, t)], t = tan(θ/2).

    T is Owen's function, so that P(z₁ ≥ r, z₂ ≥ r) = Φ(-r) - 2T(r, t) for normal z with correlation cos θ.
    """
    overlap = angle / (2.0 * math.pi) - 2.0 * float(scipy.special.owens_t(radius, math.tan(0.5 * angle)))
    return 0.5 * band_probability(radius) - overlap


@dataclass(frozen=True)
class KernelChange:
    """The law of sup_u |K_w(x, x') - K_{w(0)}(x, x')| / |x·x'|: (2/m) max(rise, fall).

    Of `pairs` = m/2 independent pairs, each may enter (probability `entry`), leave (`exit`), or neither.
    """

    pairs: int
    entry: float
    exit: float

    def survival(self, value: float) -> float:
        """P(supremum > value)."""
        return self._tail(math.floor(value * self.pairs * (1.0 + 1e-12)))

    def quantile(self, delta: float) -> float:
        """The least value with P(supremum > value) ≤ δ, for δ in (0, 1).

        More pairs can enter than leave, so that it lies between the quantiles of the rise at δ and at δ/2.
        """
        low = int(binomial_quantile(delta, self.pairs, self.entry)) - 1
        high = int(binomial_quantile(0.5 * delta, self.pairs, self.entry))
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._tail(middle) <= delta else (middle, high)
        return high / self.pairs

    def mean(self) -> float:
        """The mean of the supremum: half the means of rise, fall and |rise - fall|.

        E|D| = (1/π) ∫₀^π (1 - Re φ_D(t)) / (1 - cos t) dt for a whole D with characteristic function φ_D.
        """
        low, high = _PANELS[:-1, None], _PANELS[1:, None]
        t = 0.5 * (high - low) * _NODES + 0.5 * (high + low)
        turn = self.entry * np.expm1(1j * t) + self.exit * np.expm1(-1j * t)
        rise = -np.expm1(self.pairs * log1p(turn)).real
        difference = float(np.sum(0.5 * (high - low) * _WEIGHTS * rise / (2.0 * np.sin(0.5 * t) ** 2)))
        return 0.5 * (self.entry + self.exit + difference / (math.pi * self.pairs))

    def _tail(self, count: int) -> float:
        """P(max(rise, fall) > count), the fall given the rise being binomial."""
        if count < 0:
            return 1.0
        mean = self.pairs * self.entry
        reach = 9.0 * math.sqrt(mean) + 40.0
        rises = np.arange(max(0, math.floor(mean - reach)), min(count, math.ceil(mean + reach)) + 1)
        chances = -np.diff(binomial_tail(np.append(rises[0] - 1, rises), self.pairs, self.entry))
        falls = binomial_tail(count, self.pairs - rises, self.exit / (1.0 - self.entry))
        return float(binomial_tail(count, self.pairs, self.entry) + np.sum(chances * falls))


def kernel_change(m: int, alpha: float, angle: float) -> KernelChange:
    """The exact law at an even width m, radius α and angle θ in [0, π). Raises `ValueError` elsewhere."""
    if not 0.0 <= angle < math.pi:
        raise ValueError(f"the angle between the inputs is {angle:g}; allowed: from 0 to below π")
    radius = alpha / math.sqrt(m)
    return KernelChange(m // 2, entry_probability(angle, radius), exit_probability(angle, radius))


def kernel_change_bound(m: Any, alpha: Any, delta: Any, angle: Any) -> Array:
    """Bernstein's inequality: what sup_u |K_w - K_{w(0)}| / |x·x'| exceeds with probability at most δ.

    p + 2√(p ℓ/m) + 2ℓ/(3m) with ℓ = log(2/δ) and p = φ(0) r + θ r²/(4π); broadcasts.
    """
    radius = np.asarray(alpha) / np.sqrt(m)
    chance = PHI0 * radius + np.asarray(angle) * radius**2 / (4.0 * math.pi)
    level, share = np.sqrt(np.log(2.0 / np.asarray(delta))), 2.0 / np.asarray(m)  # share: one pair of m/2
    return np.asarray(bernstein_quantile(chance, share * chance, level, share))


def kernel_change_limit(alpha: float) -> float:
    """The limit of √m sup_u |K_w - K_{w(0)}| / |x·x'| for m → ∞, at every angle below π: αφ(0)."""
    return alpha * PHI0


def movable(along: Array, across: Array, angle: float, radius: float) -> tuple[Array, Array]:
    """Which neurons can enter and which can leave the wedge of x and x' by a step of at most r, as 0 or 1.

    `along` and `across` are w(0)·e with e in the direction of x, and orthogonal to it on the side of x', any
    shape. By the distance to the nearer of the two rays that bound the wedge.
    """
    toward = along * math.cos(angle) + across * math.sin(angle)
    inside = (along >= 0.0) & (toward >= 0.0)
    rays = ((across, along), (along * math.sin(angle) - across * math.cos(angle), toward))
    near = np.minimum(*(np.hypot(np.minimum(on, 0.0), off) for on, off in rays))
    return (~inside & (near <= radius)).astype(np.float64), (inside & (near < radius)).astype(np.float64)
