"""Random directions: every u_i is independent and uniform on the sphere of radius r in R^d.

The two neurons of a pair share the pre-activation a but move independently, so the signed error
has mean zero and the error decays as m^{-3/4}, not m^{-1/2}. With s = |a|/r and t = -sign(a) u·x/r, the first
coordinate of a uniform unit vector, a neuron flips iff t > s.
"""

from __future__ import annotations

import numpy as np

from ..network import Array
from ..quantities import FlipSums
from ..theory.exact import random_direction_law
from ..theory.moments import random_direction_term
from .law import Band, DisplacementLaw


def weights(rng: np.random.Generator, x: Array, w0: Array, c: Array, radius: float) -> Array:
    """u of shape `(..., m, d)`, drawn from `rng` independently of w(0) and c."""
    u = rng.standard_normal(w0.shape)
    u *= radius / np.linalg.norm(u, axis=-1, keepdims=True)
    return u


def band_sums(block: Band) -> FlipSums:
    """A position for each pair of the band, and a projection for each of its neurons."""
    return FlipSums(*block.direction_sums(block.pairs[: block.runs]))


def projection(rng: np.random.Generator, position: Array, sign: Array, d: int, radius: float) -> Array:
    """The first coordinate of a uniform unit vector for each neuron, from a normal and a χ² of d - 1."""
    normal = rng.standard_normal((2, position.size))
    return normal / np.sqrt(normal**2 + 2.0 * rng.standard_gamma(0.5 * (d - 1), normal.shape))


sphere = DisplacementLaw(
    name="sphere",
    weights=weights,
    band=band_sums,
    pair_cost=lambda d: 6.0 if d <= 3 else 8.0,
    projection=projection,
    pair_term=random_direction_term,
    exact=random_direction_law,
    label="sphere: random",
    words="a random one",
    marker="D",
    dashes="-.",
)
