"""Exact laws of the stored quantities at ‖x‖ = 1: survival functions and quantiles without simulation.

| law | E, |Δ₁| | |Δ₂| | |S|/m | |B|/m |
| --- | --- | --- | --- | --- |
| along x | `compound.py` | binomial | binomial | binomial |
| `sphere` | `signed.py` | `signed.py` | `counts.py` | binomial |
"""

from __future__ import annotations

import math
from functools import lru_cache

from ..quantities import quantum
from .compound import CompoundBinomial
from .counts import Binomial, CountSum
from .gaussian import band_integral, band_probability
from .signed import SignedSum
from .tilt import TARGET, Quantile
from .unit_vector import upper_tail

__all__ = [
    "MAX_RADIUS", "TARGET", "Binomial", "CompoundBinomial", "CountSum", "Quantile", "SignedSum",
    "exact_law", "exact_quantile",
]  # fmt: skip

Law = Binomial | CountSum | CompoundBinomial | SignedSum

MAX_RADIUS = 8.0
"""Largest r of a law with a density: beyond it the band is everything, and no grid of interest goes there."""


@lru_cache(maxsize=256)
def exact_law(perturbation: str, quantity: str, m: int, d: int, alpha: float) -> Law | None:
    """The exact law of a quantity at ‖x‖ = 1, or None where none is known (see the module).

    Remembered, because a law remembers what its quantiles have in common.
    """
    radius = alpha / math.sqrt(m)
    p = band_probability(radius)
    unit = quantum(quantity, m, alpha)
    if quantity == "band_fraction":
        return Binomial(m // 2, p, 2.0 * unit)
    if perturbation == "sphere":
        return _sphere(quantity, m // 2, d, radius, unit)
    share = {"adversarial": 1.0, "aligned": 0.5}.get(perturbation)
    if share is None:
        return None
    if quantity in ("delta2", "sign_change_fraction"):
        return Binomial(m // 2, share * p, unit)
    if radius > MAX_RADIUS:
        return None
    return CompoundBinomial(m // 2, share * p, radius, quantity == "linearization_error", unit)


def _sphere(quantity: str, n: int, d: int, radius: float, unit: float) -> CountSum | SignedSum | None:
    if quantity == "sign_change_fraction":
        one = band_integral(lambda s: 2.0 * upper_tail(s, d) * (1.0 - upper_tail(s, d)), radius)
        two = band_integral(lambda s: upper_tail(s, d) ** 2, radius)
        return CountSum(n, ((1, one), (2, two)), unit)
    if quantity == "delta2" and d == 1:
        alone = 0.25 * band_probability(radius)  # t = ±1, and X = 0 if both neurons flip
        return CountSum(n, ((1, alone), (-1, alone)), unit)
    return SignedSum(quantity, n, d, radius, unit) if radius <= MAX_RADIUS else None


def exact_quantile(perturbation: str, quantity: str, m: int, d: int, alpha: float, delta: float) -> float:
    """The exact (1-δ)-quantile of a quantity at ‖x‖ = 1; NaN where no exact law is known."""
    law = exact_law(perturbation, quantity, m, d, alpha)
    return math.nan if law is None else _quantile_value(law, delta)


@lru_cache(maxsize=4096)
def _quantile_value(law: Law, delta: float) -> float:
    """Remembered by law, because cells that differ in d alone often share one."""
    return law.quantile(delta).value
