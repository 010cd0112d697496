"""Each neuron moves along its own gradient: u_i = r c_i 1{a_i ≥ 0} x̂.

A neuron with a_i ≥ 0 and c_i = -1 is pushed down by the full radius and flips if it lies in the
band; no other neuron changes sign. The direction of one gradient step on a single input.
"""

from __future__ import annotations

import numpy as np

from ..network import Array, preactivation, relu_derivative
from ..quantities import FlipSums
from ..theory.exact import full_step_law
from ..theory.moments import full_step_term
from .law import Band, DisplacementLaw


def weights(rng: np.random.Generator, x: Array, w0: Array, c: Array, radius: float) -> Array:
    """u of shape `(..., m, d)`; `rng` is not used, the law is a function of w(0) and c."""
    size = radius * c * relu_derivative(preactivation(x, w0))
    return size[..., None] * (x / np.linalg.norm(x))


def band_sums(block: Band) -> FlipSums:
    """Half of the band's pairs (those with a ≥ 0) flip their c = -1 neuron, by the full radius."""
    count = block.halves(block.pairs)[: block.runs]
    return FlipSums(count.astype(np.float64), -block.position_sums(count), -count.astype(np.float64))


def projection(rng: np.random.Generator, position: Array, sign: Array, d: int, radius: float) -> Array:
    """At a > 0 each neuron moves in the direction of its c; at a < 0 both stay."""
    moves = (sign > 0.0).astype(np.float64)
    return np.stack([moves, -moves])


aligned = DisplacementLaw(
    name="aligned",
    weights=weights,
    band=band_sums,
    pair_cost=lambda d: 1.5,
    projection=projection,
    pair_term=lambda quantity, d: full_step_term(quantity, share=0.5),
    exact=lambda quantity, m, d, alpha: full_step_law(quantity, m, alpha, share=0.5),
    label="aligned",
    words="one along the gradients",
    marker="s",
    dashes="--",
)
