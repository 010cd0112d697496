"""The worst displacement of the ball: one u attains sup E, sup |Δ₁| and sup |Δ₂| at once.

Every c = +1 neuron of the band is pushed across its kink by the full radius, the others stay:
u_i = -sign(a_i) r x̂. Per neuron the nonlinearity is at most (r‖x‖ - |a_i|)₊ and pairs have
opposite signs, so sup_u E = (1/√m) Σ_{c_i=+1} (r‖x‖ - |a_i|)₊ (Theorem 1 holds uniformly).
"""

from __future__ import annotations

import numpy as np

from ..network import Array, preactivation
from ..quantities import FlipSums
from ..theory.exact import full_step_law
from ..theory.moments import full_step_term
from .law import Band, DisplacementLaw


def weights(rng: np.random.Generator, x: Array, w0: Array, c: Array, radius: float) -> Array:
    """u of shape `(..., m, d)`; `rng` is not used, the law is a function of w(0) and c."""
    a = preactivation(x, w0)
    pushed = (np.abs(a) <= radius * np.linalg.norm(x)) & (c > 0.0)
    size = np.where(pushed, np.where(a >= 0.0, -radius, radius), 0.0)
    return size[..., None] * (x / np.linalg.norm(x))


def band_sums(block: Band) -> FlipSums:
    """Each pair of the band flips its c = +1 neuron, by the full radius."""
    count = block.pairs[: block.runs]
    return FlipSums(count.astype(np.float64), block.position_sums(count), count.astype(np.float64))


def projection(rng: np.random.Generator, position: Array, sign: Array, d: int, radius: float) -> Array:
    """The neuron with c = +1 moves across its kink, the other one stays."""
    return np.stack([-sign, np.zeros_like(sign)])


adversarial = DisplacementLaw(
    name="adversarial",
    weights=weights,
    band=band_sums,
    pair_cost=lambda d: 2.5,
    projection=projection,
    pair_term=lambda quantity, d: full_step_term(quantity),
    exact=lambda quantity, m, d, alpha: full_step_law(quantity, m, alpha),
    label="adversarial: the worst",
    words="the worst displacement",
    marker="o",
    dashes="-",
)
