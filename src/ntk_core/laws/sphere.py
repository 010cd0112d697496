"""Random directions: every u_i is independent and uniform on the sphere of radius r in R^d.

The two neurons of a pair share the pre-activation a but move independently, so the signed error
has mean zero and the error decays as m^{-3/4}, not m^{-1/2}. With s = |a|/r and t = -sign(a) u·x/r, the first
coordinate of a uniform unit vector, a neuron flips iff t > s.
"""

from __future__ import annotations

import numpy as np

from ..network import Array
from ..quantities import FlipSums
from .law import BandBlock, DisplacementLaw


def weights(rng: np.random.Generator, x: Array, w0: Array, c: Array, radius: float) -> Array:
    """u of shape `(..., m, d)`, drawn from `rng` independently of w(0) and c."""
    u = rng.standard_normal(w0.shape)
    u *= radius / np.linalg.norm(u, axis=-1, keepdims=True)
    return u


def band_sums(block: BandBlock) -> FlipSums:
    """A position for each pair of the band, and a projection for each of its neurons."""
    return FlipSums(*block.direction_sums(block.pairs[: block.drawn]))


sphere = DisplacementLaw("sphere", weights, band_sums, lambda d: 6.0 if d <= 3 else 8.0)
