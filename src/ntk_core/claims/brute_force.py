"""Two searches for a displacement worse than the adversarial one, independent of its formula.

In: networks and the radius of the ball. Out: the largest E, |Δ₁| and |Δ₂|, by the definitions. A brute force
tries all patterns of steps of full size; an optimiser varies all of u ∈ R^{md} in direction and size. Neither
may exceed the closed-form supremum.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import scipy

from .. import network
from ..network import Array

MEASURES: dict[str, Callable[[Array, Array, Array, Array], Array]] = {
    "linearization_error": network.linearization_error,
    "delta1": lambda x, w0, c, u: np.abs(network.signed_delta1(x, w0, c, u)),
    "delta2": lambda x, w0, c, u: np.abs(network.signed_delta2(x, w0, c, u)),
}
"""What the searches maximise over u, each a function of (x, w0, c, u)."""


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


def best_optimum(x: Array, w0: Array, c: Array, radius: float, measure: str, seed: int) -> float:
    """The largest value of a measure that differential evolution finds over the ball max_i ‖u_i‖ ≤ r.

    `w0` `(m, d)` and `c` `(m,)`; the same `seed` gives the same value.
    """

    def negative(points: Array) -> Array:
        u = points.T.reshape(-1, *w0.shape)
        norm = np.linalg.norm(u, axis=-1, keepdims=True)
        u = u * np.minimum(1.0, radius / np.maximum(norm, 1e-300))
        return -MEASURES[measure](x, w0, c, u)

    optimum = scipy.optimize.differential_evolution(
        negative,
        [(-1.5 * radius, 1.5 * radius)] * w0.size,
        rng=seed,
        maxiter=300,
        popsize=6,
        tol=1e-11,
        polish=False,
        vectorized=True,
        updating="deferred",
    )
    return -float(optimum.fun)
