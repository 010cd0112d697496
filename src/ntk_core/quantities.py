"""What one run needs from the band, and the quantities that follow from it.

Only neurons of the band B = {|w_i(0)·x| ≤ r‖x‖} can change sign, so a run is determined by the
K ~ Binomial(m/2, p_r) pairs that lie in it, p_r = P(|z| ≤ r), z ~ N(0, 1). A pair has one neuron
with c = +1 and one with c = -1 at the same pre-activation a. Everything below is in units of the
radius: positions |a|/(r‖x‖) and projected displacements |u·x|/(r‖x‖), both in [0, 1].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .network import Array

QUANTITIES = (
    "linearization_error",
    "sign_change_fraction",
    "delta1",
    "delta2",
    "band_fraction",
)
"""The stored quantities of a run, in the order of every array that holds all five."""


@dataclass(frozen=True)
class FlipSums:
    """Sums over the sign changes S(x) of each run; every field has shape `(runs,)`.

    `count` is |S|, `position` is Σ_{i∈S} c_i |a_i|/(r‖x‖), `projection` is Σ_{i∈S} c_i |b_i|/(r‖x‖).
    """

    count: Array
    position: Array
    projection: Array


def quantum(quantity: str, m: Any, alpha: Any) -> Any:
    """What one neuron can add to a quantity at ‖x‖ = 1: 1/m to a fraction, α/m to E, Δ₁ and Δ₂."""
    return 1.0 / m if quantity.endswith("_fraction") else alpha / m


def flip_sums(a: Array, b: Array, c: Array, radius: float) -> FlipSums:
    """The sums from pre-activations a = w(0)·x, projections b = u·x and signs c, `(runs, m)` each.

    At ‖x‖ = 1 with `radius` r = α/√m. The definition; the laws' band draws are tested against it.
    """
    flipped = (a >= 0.0) != (a + b >= 0.0)
    signed = np.where(flipped, c, 0.0)
    return FlipSums(
        count=np.sum(flipped, axis=-1, dtype=np.float64),
        position=np.sum(signed * np.abs(a), axis=-1) / radius,
        projection=np.sum(signed * np.abs(b), axis=-1) / radius,
    )


def summed_quantities(m: int, sums: Array) -> Array:
    """The five quantities from sums over all m neurons, as the kernels give them; `(5, …)`.

    `sums` `(6, …)` are f(w), √m ∇F(w(0))ᵀu, √m Δ₁, √m Δ₂, |S| and |B|.
    """
    value, linear, delta1, delta2, flips, in_band = sums
    scale = 1.0 / math.sqrt(m)
    return np.stack(
        [
            np.abs(value - linear) * scale,
            flips / m,
            np.abs(delta1) * scale,
            np.abs(delta2) * scale,
            in_band / m,
        ]
    )


def run_quantities(m: int, alpha: float, pairs: NDArray[np.int64], flips: FlipSums) -> Array:
    """The five quantities of each run at ‖x‖ = 1; shape `(5, runs)`, in the order of `QUANTITIES`.

    From Δ₁ = -(1/√m) Σ_S c|a|, Δ₂ = (1/√m) Σ_S c|b| and E = |Δ₁ + Δ₂| (Lemmas 3 and 4); `pairs`
    is K, half the number of neurons in the band.
    """
    scale = quantum("linearization_error", m, alpha)
    return np.stack(
        [
            scale * np.abs(flips.projection - flips.position),
            flips.count / m,
            scale * np.abs(flips.position),
            scale * np.abs(flips.projection),
            2.0 * pairs / m,
        ]
    )
