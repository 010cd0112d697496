"""The linearization error over other balls: (Σ_i ‖u_i‖^q)^{1/q} ≤ R m^{1/q-1/2}, q ≥ 1.

q = ∞ is max_i ‖u_i‖ ≤ R/√m, the ball of Theorem 1. q = 2 is the Frobenius ball ‖W - W(0)‖_F ≤ R. At
‖x‖ = 1 and with |a|_(1) ≤ |a|_(2) ≤ … the pre-activations of the m/2 neurons with c = +1,

    sup E = max_{0≤k≤m/2} (ρ k^{1-1/q} - Σ_{j≤k} |a|_(j))/√m,  ρ = R m^{1/q-1/2},

attained where the k neurons nearest to their kinks cross by the same length ρ k^{-1/q}. Proofs:
docs/theory.md, "All norms".
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..network import Array
from ..quantities import QUANTITIES
from .bernstein import bernstein_quantile
from .gaussian import PHI0

FROBENIUS = 2.0
"""q of the Frobenius norm."""

REACH = 4.0
"""How far above τ the |a| of a run are drawn at first, in units of τ/√k*: some ten standard deviations."""


def budget(q: float, m: Any, radius: Any) -> Any:
    """ρ = R m^{1/q-1/2}, the largest ℓ_q norm of the lengths ‖u_i‖; broadcasts over `m` and `radius` (R)."""
    return radius * np.asarray(m, dtype=np.float64) ** (1.0 / q - 0.5)


def marginal_gain(q: float, rho: float, k: Any) -> Any:
    """ρ (k^{1-1/q} - (k-1)^{1-1/q}): what the k-th neuron adds to Σ|b|; falls with k ≥ 1; broadcasts over k.

    It pays to flip the k-th neuron while its |a| is below this.
    """
    k, p = np.asarray(k, dtype=np.float64), 1.0 - 1.0 / q
    with np.errstate(divide="ignore"):  # k^p (1 - (1-1/k)^p) loses no digits for large k
        return -rho * k**p * np.expm1(p * np.log1p(-1.0 / k)) if p > 0.0 else rho * (k == 1.0)


def flips_of_the_worst(q: float, rho: float, sizes: Array) -> int:
    """k*: how many neurons the worst displacement flips; `sizes` are the |a| with c = +1, ascending."""
    order = np.arange(1, sizes.size + 1)
    return int(np.searchsorted(sizes - marginal_gain(q, rho, order), 0.0, side="left"))


def worst_length(q: float, rho: Any, k: Any) -> Any:
    """ρ k^{-1/q}, the length by which each of the k flipped neurons moves; 0 for k = 0; broadcasts."""
    k = np.asarray(k, dtype=np.float64)
    return np.where(k > 0.0, rho * np.maximum(k, 1.0) ** (-1.0 / q), 0.0)


def threshold(q: float, m: Any, radius: Any) -> Any:
    """τ, to which the largest flipped |a| tends: ((1-1/q)^q ρ^q/(φ₀m))^{1/(q+1)}; broadcasts."""
    if math.isinf(q):
        return radius / np.sqrt(m)
    power = ((1.0 - 1.0 / q) * budget(q, m, radius)) ** (q / (q + 1.0))
    return power * (PHI0 * np.asarray(m, dtype=np.float64)) ** (-1.0 / (q + 1.0))


def exponent(q: float, quantity: str = "linearization_error") -> float:
    """k for which the quantity under the worst displacement decays as m^{-k}; 1/2 at q = ∞.

    (q-1)/(2(q+1)) for E, |Δ₁| and |Δ₂|, q/(2(q+1)) for |S|/m and |B|/m.
    """
    return 0.5 if math.isinf(q) else 0.5 * (q if QUANTITIES[quantity].fraction else q - 1.0) / (q + 1.0)


def limit(q: float, radius: Any, quantity: str = "linearization_error") -> Any:
    """lim m^k·quantity under the worst displacement at ‖x‖ = 1, k its `exponent`; q > 1; broadcasts over R.

    For E it is (q+1)/(2q) ((q-1)φ₀/q)^{(q-1)/(q+1)} R^{2q/(q+1)}. The band is that of max_i ‖u_i‖. NaN for a
    quantity whose limit is not known.
    """
    p = 1.0 - 1.0 / q
    tau = threshold(q, 1, radius)  # m^{q/(2(q+1))} times the threshold is the same at every m
    return {
        "linearization_error": PHI0 * tau**2 * (1.0 / p - 0.5),
        "delta1": PHI0 * tau**2 * 0.5,
        "delta2": PHI0 * tau**2 / p,
        "sign_change_fraction": PHI0 * tau,
        "band_fraction": 2.0 * PHI0 * tau / p,
    }.get(quantity, np.nan * tau)


def bound(q: float, m: Any, radius: Any, delta: Any) -> Any:
    """With probability at least 1-δ, sup E over the ball at ‖x‖ = 1 is at most this; q > 1; broadcasts.

    m^{-k} limit + (τ^{3/2} √(2φ₀m/3) L + τL²/3)/√m with L² = log(1/δ) and τ the `threshold`. By duality with
    the fixed multiplier τ, and Bernstein's inequality.
    """
    tau, level, m = threshold(q, m, radius), np.sqrt(-np.log(delta)), np.asarray(m, dtype=np.float64)
    mean = limit(q, radius) * m ** -exponent(q)
    return bernstein_quantile(mean, PHI0 * tau**3 / 3.0, level, tau / np.sqrt(m))


def reach(q: float, m: int, radius: float) -> float:
    """A |a| beyond which the worst displacement hardly ever flips a neuron, somewhat above τ."""
    tau = float(threshold(q, m, radius))
    return tau * (1.0 + REACH / math.sqrt(max(PHI0 * m * tau, 1.0)))
