"""Searching for a worse displacement than the adversarial one, in two ways that know nothing of it.

In: one network and the ball's radius. Out: the largest E, |Δ₁| and |Δ₂| found, by the definitions. A
brute force over sign patterns is complete up to sizes of steps; an optimiser over all of u ∈ R^{md} is
free in direction and size. Neither may beat the closed-form supremum.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from .. import network
from ..network import Array

MEASURES: dict[str, Callable[[Array, Array, Array, Array], Array]] = {
    "linearization_error": network.linearization_error,
    "delta1": lambda x, w0, c, u: np.abs(network.signed_delta1(x, w0, c, u)),
    "delta2": lambda x, w0, c, u: np.abs(network.signed_delta2(x, w0, c, u)),
}
"""What a displacement can make large, each as a function of (x, w0, c, u)."""


def best_pattern(x: Array, w0: Array, c: Array, radius: float) -> dict[str, Array]:
    """The largest of each measure when every neuron stays or moves by ±r along x: 3^m patterns.

    `w0` `(..., m, d)` and `c` `(..., m)`, m small; results `(...)`.
    """
    direction = x / np.linalg.norm(x)
    best = {name: np.zeros(c.shape[:-1]) for name in MEASURES}
    for pattern in itertools.product((-radius, 0.0, radius), repeat=c.shape[-1]):
        u = np.array(pattern)[:, None] * direction
        for name, measure in MEASURES.items():
            best[name] = np.maximum(best[name], measure(x, w0, c, u))
    return best


def best_found(x: Array, w0: Array, c: Array, radius: float, measure: str, seed: int) -> float:
    """The largest value of a measure that differential evolution finds over the ball max_i ‖u_i‖ ≤ r.

    `w0` `(m, d)` and `c` `(m,)`; the same `seed` finds the same value.
    """
    from scipy.optimize import differential_evolution  # slow to import

    def negative(points: Array) -> Array:
        u = points.T.reshape(-1, *w0.shape)
        norm = np.linalg.norm(u, axis=-1, keepdims=True)
        u = u * np.minimum(1.0, radius / np.maximum(norm, 1e-300))
        return -MEASURES[measure](x, w0, c, u)

    optimum = differential_evolution(
        negative,
        [(-1.5 * radius, 1.5 * radius)] * w0.size,
        rng=seed,
        maxiter=300,
        popsize=12,
        tol=1e-11,
        polish=False,
        vectorized=True,
        updating="deferred",
    )
    return -float(optimum.fun)
