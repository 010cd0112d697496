"""Exact moments of the stored quantities at finite m, and their limits as m → ∞.

Every quantity is a constant times |Σ X_j| over the m/2 independent pairs,
where X_j is zero outside the band. So the mean and variance of Σ X_j need only E[X] and E[X²], one
integral over the band each. Where X ≥ 0 the absolute value has no effect and the mean is exact. Where the
terms cancel (`sphere`: E, |Δ₁| and |Δ₂|) the root mean square is exact.

Units as in `quantities.py`: s = |a|/(r‖x‖), t the first coordinate of a uniform unit vector.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import scipy

from ..network import Array
from ..quantities import QUANTITIES
from .gaussian import PHI0, band_integral
from .unit_vector import upper_mean, upper_second_moment, upper_tail

Integrand = Callable[[Array], Array]


@dataclass(frozen=True)
class PairTerm:
    """The term X of one pair at position s in the band, averaged over all else.

    `first` and `second` are E[X | s] and E[X² | s]; `cancels` says that X has mean zero by symmetry
    (and its sum Gaussian limits), otherwise X ≥ 0.
    """

    first: Integrand
    second: Integrand
    cancels: bool = False

    @property
    def exponent(self) -> float:
        """k for which the quantity decays as m^{-k}: 3/4 where the terms cancel in the mean, else 1/2."""
        return CANCELLING_EXPONENT if self.cancels else EXPONENT


EXPONENT, CANCELLING_EXPONENT = 0.5, 0.75
"""k of the rate m^{-k}: of Theorem 1, and where the terms of a pair cancel in the mean."""


BAND_TERM = PairTerm(lambda s: 2.0 + 0.0 * s, lambda s: 4.0 + 0.0 * s)
"""The term of |B|/m: both neurons of a pair count, however they move."""


def full_step_term(quantity: str, share: float = 1.0) -> PairTerm | None:
    """The term where, with probability `share`, one neuron of a pair crosses its kink by the full radius."""
    value = QUANTITIES[quantity].full_step
    if value is None:
        return None
    return PairTerm(lambda s: share * value(s), lambda s: share * value(s) ** 2)


def random_direction_term(quantity: str, d: int) -> PairTerm | None:
    """The term of two neurons at the same s that move in independent uniform directions of R^d.

    X = v(t₊) - v(t₋) for E, Δ₁ and Δ₂, and the sum for the count; None for other quantities.
    """

    def tail(s: Array) -> Array:
        return upper_tail(s, d)

    def mean(s: Array) -> Array:
        return upper_mean(s, d)

    def second(s: Array) -> Array:
        return upper_second_moment(s, d)

    if quantity == "sign_change_fraction":
        return PairTerm(lambda s: 2.0 * tail(s), lambda s: 2.0 * (tail(s) + tail(s) ** 2))
    integrands: dict[str, tuple[Integrand, Integrand]] = {
        "linearization_error": (
            lambda s: mean(s) - s * tail(s),
            lambda s: second(s) - 2.0 * s * mean(s) + s**2 * tail(s),
        ),
        "delta1": (lambda s: s * tail(s), lambda s: s**2 * tail(s)),
        "delta2": (mean, second),
    }
    if quantity not in integrands:
        return None
    one, two = integrands[quantity]
    return PairTerm(lambda s: 0.0 * s, lambda s: 2.0 * (two(s) - one(s) ** 2), cancels=True)


def mean(term: PairTerm, quantity: str, m: int, alpha: float) -> float:
    """Exact mean of a quantity at ‖x‖ = 1; NaN where the terms cancel.

    For the worst displacement and E this is (√m/2)[r p_r - 2(φ(0) - φ(r))], r = α/√m.
    """
    if term.cancels:
        return math.nan
    unit = QUANTITIES[quantity].unit(m, alpha)
    return unit * 0.5 * m * band_integral(term.first, alpha / math.sqrt(m))


def root_mean_square(term: PairTerm, quantity: str, m: int, alpha: float) -> float:
    """Exact root mean square of a quantity at ‖x‖ = 1."""
    radius = alpha / math.sqrt(m)
    first = 0.0 if term.cancels else band_integral(term.first, radius)
    second = band_integral(term.second, radius)
    square = 0.5 * m * (second - first**2) + (0.5 * m * first) ** 2
    return QUANTITIES[quantity].unit(m, alpha) * math.sqrt(square)


def limit(term: PairTerm, quantity: str, alpha: float, statistic: float | str) -> float:
    """lim m^k·(statistic of the quantity) as m → ∞ at ‖x‖ = 1, k the exponent of the term.

    `statistic` is "mean", "rms" or a δ in (0, 1) for the (1-δ)-quantile. Where k = 1/2 the law
    concentrates and all of them agree; where k = 3/4 the signed sum is Gaussian in the limit.
    """
    # As r → 0 the density in the band is flat, so an integral over it is 2 r φ(0) ∫₀¹.
    unit = QUANTITIES[quantity].unit(1, alpha)
    if not term.cancels:
        return unit * alpha * PHI0 * _flat_integral(term.first)
    rms = unit * math.sqrt(alpha * PHI0 * _flat_integral(term.second))
    if statistic == "rms":
        return rms
    if statistic == "mean":
        return rms * math.sqrt(2.0 / math.pi)
    return rms * float(scipy.special.ndtri(1.0 - 0.5 * float(statistic)))


def _flat_integral(function: Integrand) -> float:
    return band_integral(function, 1e-12) / (2e-12 * PHI0)
