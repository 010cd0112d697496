"""Exact moments of the quantities and their limits under a displacement law, by its name.

NaN for a custom law, which has no theory. The band fraction is the same under every law of Theorem 1's ball.
"""

from __future__ import annotations

import math

from ..theory import moments
from ..theory.moments import BAND_TERM, EXPONENT, PairTerm
from . import LAWS, ball_norm


def pair_term(law: str, quantity: str, d: int) -> PairTerm | None:
    """The term of a pair of neurons; None where unknown."""
    if quantity == "band_fraction" and math.isinf(ball_norm(law)):
        return BAND_TERM
    return LAWS[law].pair_term(quantity, d) if law in LAWS else None


def mean(law: str, quantity: str, m: int, d: int, alpha: float) -> float:
    """See `theory.moments.mean`."""
    term = pair_term(law, quantity, d)
    return math.nan if term is None else moments.mean(term, quantity, m, alpha)


def root_mean_square(law: str, quantity: str, m: int, d: int, alpha: float) -> float:
    """See `theory.moments.root_mean_square`."""
    term = pair_term(law, quantity, d)
    return math.nan if term is None else moments.root_mean_square(term, quantity, m, alpha)


def limit(law: str, quantity: str, d: int, alpha: float, statistic: float | str) -> float:
    """See `theory.moments.limit`; where a law's `rate` is known, all statistics have the same limit."""
    rate = LAWS[law].rate if law in LAWS else None
    if rate is not None:
        return rate(quantity, alpha)[1]
    term = pair_term(law, quantity, d)
    return math.nan if term is None else moments.limit(term, quantity, alpha, statistic)


def exponent(law: str, quantity: str) -> float:
    """k for which the quantity decays as m^{-k}; that of Theorem 1 where unknown."""
    rate = LAWS[law].rate if law in LAWS else None
    if rate is not None:
        return rate(quantity, 1.0)[0]
    term = pair_term(law, quantity, 2)
    return EXPONENT if term is None else term.exponent


def cancels(law: str, quantity: str = "linearization_error") -> bool:
    """Whether the terms of a pair are known to cancel in the mean."""
    term = pair_term(law, quantity, 2)
    return term is not None and term.cancels


def typical_statistic(law: str) -> str:
    """The statistic of E that shows the rate at every width: the mean, or the rms where the mean cancels."""
    return "rms" if cancels(law) else "mean"
