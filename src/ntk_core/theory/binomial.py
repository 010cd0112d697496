"""Tail and quantile of the binomial law, by the beta function: `scipy.stats` takes half a second to load."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy

from ..network import Array


def binomial_tail(k: Any, n: Any, p: Any) -> Array:
    """P(Binomial(n, p) > k) for whole k ≥ -1; broadcasts."""
    k, n = np.asarray(k, dtype=np.float64), np.asarray(n, dtype=np.float64)
    inside = (k >= 0.0) & (k < n)
    return np.where(
        inside,
        scipy.special.betainc(np.where(inside, k, 0.0) + 1.0, np.where(inside, n - k, 1.0), p),
        k < 0.0,
    )


def binomial_quantile(delta: Any, n: Any, p: Any) -> Array:
    """The least whole k with P(Binomial(n, p) > k) ≤ δ, for δ in (0, 1), as float64; broadcasts."""
    delta, n, p = np.broadcast_arrays(delta, n, p)
    low, high = np.full(n.shape, -1.0), n.astype(np.float64)
    while (high - low > 1.0).any():
        middle = np.floor(0.5 * (low + high))
        small = binomial_tail(middle, n, p) <= delta
        low, high = np.where(small, low, middle), np.where(small, middle, high)
    return high
