"""Exact laws of the stored quantities at ‖x‖ = 1: survival functions and quantiles without simulation.

| pairs | E, |Δ₁| | |Δ₂| | |S|/m | |B|/m |
| --- | --- | --- | --- | --- |
| one neuron crosses by the full radius | `compound.py` | binomial | binomial | binomial |
| both move in random directions | `signed_sum.py` | `signed_sum.py` | `counts.py` | binomial |
"""

from __future__ import annotations

import math
from functools import lru_cache

from ..quantities import QUANTITIES, Step
from .compound import CompoundBinomial
from .counts import Binomial, CountSum
from .gaussian import band_integral, band_probability
from .moments import random_direction_term
from .signed_sum import SignedSum
from .unit_vector import upper_tail

ExactLaw = Binomial | CountSum | CompoundBinomial | SignedSum

MAX_RADIUS = 8.0
"""Largest r of a law with a density: beyond it the band is everything, and no grid of interest goes there."""

# Laws are cached, because a law caches what its quantiles share.


@lru_cache(maxsize=256)
def band_fraction_law(m: int, alpha: float) -> ExactLaw:
    """The exact law of |B|/m, which no displacement changes."""
    probability = band_probability(alpha / math.sqrt(m))
    return Binomial(m // 2, probability, 2.0 * QUANTITIES["band_fraction"].unit(m, alpha))


@lru_cache(maxsize=256)
def full_step_law(quantity: str, m: int, alpha: float, share: float = 1.0) -> ExactLaw | None:
    """The exact law where, with probability `share`, one neuron of a pair crosses by the full radius.

    With `share` 1 it is that of the supremum over the ball. None beyond `MAX_RADIUS`, or
    where a quantity is no sum of such terms.
    """
    if quantity == "band_fraction":
        return band_fraction_law(m, alpha)
    radius = alpha / math.sqrt(m)
    probability, unit = band_probability(radius), QUANTITIES[quantity].unit(m, alpha)
    step = QUANTITIES[quantity].full_step
    if step is Step.CONSTANT:
        return Binomial(m // 2, share * probability, unit)
    if step is None or radius > MAX_RADIUS:
        return None
    return CompoundBinomial(m // 2, share * probability, radius, step is Step.FALLING, unit)


@lru_cache(maxsize=256)
def random_direction_law(quantity: str, m: int, d: int, alpha: float) -> ExactLaw | None:
    """The exact law where both neurons of a pair move in independent uniform directions of R^d.

    None beyond `MAX_RADIUS`, or where a quantity is no sum of such terms.
    """
    n, radius, unit = m // 2, alpha / math.sqrt(m), QUANTITIES[quantity].unit(m, alpha)
    if quantity == "sign_change_fraction":
        one_flip = band_integral(lambda s: 2.0 * upper_tail(s, d) * (1.0 - upper_tail(s, d)), radius)
        two_flips = band_integral(lambda s: upper_tail(s, d) ** 2, radius)
        return CountSum(n, ((1, one_flip), (2, two_flips)), unit)
    if quantity == "delta2" and d == 1:
        one_flip = 0.25 * band_probability(radius)  # t = ±1, and X = 0 if both neurons flip
        return CountSum(n, ((1, one_flip), (-1, one_flip)), unit)
    term = random_direction_term(quantity, d)
    if term is None or radius > MAX_RADIUS:
        return None
    return SignedSum(quantity, n, d, radius, unit)


def law_quantile(law: ExactLaw | None, delta: float) -> float:
    """The (1-δ)-quantile of an exact law; NaN for None."""
    return math.nan if law is None else _quantile(law, delta)


@lru_cache(maxsize=4096)
def _quantile(law: ExactLaw, delta: float) -> float:
    """Cached by law, because cells that differ only in d often share one."""
    return law.quantile(delta).value
