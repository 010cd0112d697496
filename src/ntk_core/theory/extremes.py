"""Thresholds of ‖x‖ and extreme ratios of bounds, over all parameters at once.

The supremum of E or |Δ₁| over the ball is α‖x‖ Y/m, Y the sum of m/2 iid terms X in [0, 1], which depend on
r = α/√m alone. So with y = Y/m and ℓ = √(log(1/δ)/m) every bound is a function of r, y, ℓ and ‖x‖. Chernoff's
inequality, P(Y ≥ my) ≤ e^{-mI} with I = Λ*(2y)/2, holds for every m, and by Cramér's theorem its exponent is
attained as m → ∞. Hence an infimum over ℓ = √I is one over all (m, α, δ). At one m, ℓ² is -log P(Y > my)/m,
from the exact law. Source: docs/theory.md, "Exact thresholds".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy

from ..network import Array
from ..quantities import QUANTITIES, Step
from .exact import full_step_law
from .gaussian import PHI0, band_integral

Objective = Callable[[float, float, float], float]
"""What is minimised: a function of r, y and ℓ."""


@dataclass(frozen=True)
class Extreme:
    """An extreme value, and where it is: r = α/√m, y = Y/m, and log(1/δ)/m as `level`."""

    value: float
    radius: float
    share: float
    level: float


@cache
def largest_norm(m: int | None = None) -> Extreme:
    """The largest ‖x‖ at which the printed bound on |Δ₁| (Lemma 4) holds for every α and δ.

    At one even `m` up to 128, beyond which δ is below what a float holds, or by default for all m. The bound
    fails exactly where Y/m > r + ℓ/‖x‖ is likelier than δ.
    """
    return _least("delta1", lambda r, y, level: level / (y - r) if y > r else math.inf, m)


def least_norm(quantity: str) -> float:
    """The least ‖x‖ at which the printed bound on `band_fraction` or `delta2` holds for every m, α and δ.

    The bounds compare 2(‖x‖r + ℓ) in Lemma 4, ‖x‖r + ℓ in event A₁, with |B|/m, which is at most 2φ(0)r + ℓ.
    """
    return {"band_fraction": 2.0 * PHI0, "delta2": PHI0}[quantity]


@cache
def least_looseness(m: int | None = None) -> Extreme:
    """The least ratio of Theorem 1's bound to the exact (1-δ)-quantile of the supremum of E.

    Over all α, δ and ‖x‖, at one even `m` or by default over all m. The least over ‖x‖ is at √(ℓ/r):
    (√r + √ℓ)²/y.
    """
    return _least("linearization_error", lambda r, y, level: (math.sqrt(r) + math.sqrt(level)) ** 2 / y, m)


@cache
def largest_share_of_sharp(quantity: str) -> Extreme:
    """The largest ratio of the exact (1-δ)-quantile of sup E or sup |Δ₁| to the `sharp` bound.

    `quantity` is `linearization_error` or `delta1`. Over all m, α, δ and ‖x‖.
    """
    extreme = _least(quantity, lambda r, y, level: (2.0 * PHI0 * r + level) / (2.0 * y), None)
    return Extreme(1.0 / extreme.value, extreme.radius, extreme.share, extreme.level)


_LOG_RADII, _LOG_TILTS = np.linspace(-30.0, 2.0, 49), np.linspace(-4.0, 6.0, 31)
"""Where an extreme is looked for. Beyond the radii at both ends there is none (docs/theory.md)."""


def _least(quantity: str, objective: Objective, m: int | None) -> Extreme:
    """The least value of an objective over r and y, from the best of a grid by the simplex method."""
    start, _ = min(_grid(quantity), key=lambda node: objective(*node[1]))
    optimum = scipy.optimize.minimize(
        lambda point: objective(*_coordinates(quantity, point, m)),
        start,
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-14, "maxiter": 2000},
    )
    radius, share, level = _coordinates(quantity, optimum.x, m)
    return Extreme(float(optimum.fun), radius, share, level**2)


@cache
def _grid(quantity: str) -> list[tuple[Array, tuple[float, float, float]]]:
    """The points among which an extreme is looked for, with their coordinates in the limit of large m."""
    points = np.stack(np.meshgrid(_LOG_RADII, _LOG_TILTS), axis=-1).reshape(-1, 2)
    return [(point, _coordinates(quantity, point, None)) for point in points]


def _coordinates(quantity: str, point: Array, m: int | None) -> tuple[float, float, float]:
    """r, y and ℓ at (log r, log t): y is the mean of Y/m under the tilt e^{tY}, ℓ² as above or at one m."""
    radius, tilt = math.exp(point[0]), math.exp(point[1])
    falling = QUANTITIES[quantity].full_step is Step.FALLING

    def term(s: Array) -> Array:
        return 1.0 - s if falling else s

    excess = band_integral(lambda s: np.expm1(tilt * term(s)), radius)  # E e^{tX} - 1
    mean = band_integral(lambda s: term(s) * np.exp(tilt * term(s)), radius) / (1.0 + excess)
    rate = 0.5 * max(tilt * mean - math.log1p(excess), 0.0)
    if m is not None:
        alpha = radius * math.sqrt(m)
        law = full_step_law(quantity, m, alpha)
        chance = law.survival(QUANTITIES[quantity].unit(m, alpha) * m * 0.5 * mean) if law else 0.0
        rate = -math.log(chance) / m if chance > 0.0 else math.inf
    return radius, 0.5 * mean, math.sqrt(rate)
