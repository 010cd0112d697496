"""The worst displacement of the Frobenius ball ‖W - W(0)‖_F ≤ R, with α for R.

The k neurons with c = +1 that are nearest to their kinks cross them by the same length R/√k, the others stay;
k maximises R√k - Σ|a|. That is sup E over the ball (`theory/norm_ball.py`), which falls as m^{-1/6} only:
some m^{2/3} neurons move, each much farther than R/√m.
"""

from __future__ import annotations

import math

import numpy as np

from ..network import Array, preactivation
from ..quantities import FlipSums
from ..theory import norm_ball
from ..theory.norm_ball import FROBENIUS
from .law import Band, DisplacementLaw


def weights(rng: np.random.Generator, x: Array, w0: Array, c: Array, radius: float) -> Array:
    """u of shape `(..., m, d)` for whole networks; `rng` is not used, `radius` is R/√m."""
    m, x_norm = c.shape[-1], float(np.linalg.norm(x))
    a, limit = preactivation(x, w0), radius * math.sqrt(m)
    u = np.zeros_like(w0)
    for network in np.ndindex(a.shape[:-1]):
        movable = np.flatnonzero(c[network] > 0.0)
        size = np.abs(a[network][movable]) / x_norm
        order = np.argsort(size, kind="stable")
        k = norm_ball.flips_of_the_worst(FROBENIUS, limit, size[order])
        flipped = movable[order[:k]]
        length = norm_ball.worst_length(FROBENIUS, limit, k)
        u[network][flipped] = (np.where(a[network][flipped] >= 0.0, -length, length) / x_norm)[:, None] * x
    return u


def band_sums(block: Band) -> FlipSums:
    """The neurons nearest to their kinks, from the block's position on."""
    return block.nearest_sums(FROBENIUS)


frobenius = DisplacementLaw(
    name="frobenius",
    weights=weights,
    band=band_sums,
    pair_cost=lambda d: 5.0,
    run_cost=2e5,
    rate=lambda quantity, alpha: (
        norm_ball.exponent(FROBENIUS, quantity),
        float(norm_ball.limit(FROBENIUS, alpha, quantity)),
    ),
    norm=FROBENIUS,
    reach=lambda m, alpha: norm_ball.reach(FROBENIUS, m, alpha),
    label="frobenius: the worst in Frobenius norm",
    words="the worst displacement of bounded Frobenius norm",
    marker="v",
    dashes=":",
)
