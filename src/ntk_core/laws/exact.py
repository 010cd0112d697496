"""Exact laws and quantiles of the quantities under a displacement law, by its name."""

from __future__ import annotations

import math

from ..theory.exact import ExactLaw, band_fraction_law, law_quantile
from . import LAWS, ball_norm


def exact_law(law: str, quantity: str, m: int, d: int, alpha: float) -> ExactLaw | None:
    """The exact law of a quantity at ‖x‖ = 1, or None where unknown, as for a custom law."""
    if quantity == "band_fraction" and math.isinf(ball_norm(law)):
        return band_fraction_law(m, alpha)
    return LAWS[law].exact(quantity, m, d, alpha) if law in LAWS else None


def exact_quantile(law: str, quantity: str, m: int, d: int, alpha: float, delta: float) -> float:
    """The exact (1-δ)-quantile of a quantity at ‖x‖ = 1; NaN where the exact law is unknown."""
    return law_quantile(exact_law(law, quantity, m, d, alpha), delta)
