r"""The limit of a trained run as m → ∞ at fixed steps: constants in front of m^{-1/2} and m^{-3/4}.

The tangent kernel tends to K(x, z) = x·z (π - θ)/(2π) with θ the angle between x and z (arc-cosine kernel of
order 0: Cho and Saul 2009), the outputs to those of kernel gradient descent, and √m u_i to c_i q(w_i(0)) with

    q(w) = -(η/n) Σ_k A_k 1{w·x_k ≥ 0} x_k,   A_k = Σ_{s<t} l'(F_k after s steps).

At a new input x, parallel to no x_k, p = q(w)·x does not jump where w·x changes sign, so of a pair at the
kink one neuron flips and the two sides of the kink cancel in the mean. That gives, with φ(0) the normal
density at 0 and the expectation over w given w·x = 0 (docs/theory.md, "Lazy training"):

    √m |S|/m → φ(0) E|p|,   m^{3/2} E[E²], m^{3/2} E[Δ₁²] → φ(0) E|p|³/3,   m^{3/2} E[Δ₂²] → φ(0) E|p|³.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..network import Array
from ..quantities import QUANTITIES
from .gaussian import PHI0
from .moments import CANCELLING_EXPONENT, EXPONENT

DIRECTIONS = 1 << 14
"""Number of directions w in the averages. Drawn ones have an error of half a per cent of E|p|³ on digits."""


def exponent(quantity: str, d: int) -> float:
    """k of the limiting rate m^{-k} at fixed held-out inputs and steps, for inputs in d dimensions.

    The terms of a pair cancel in the mean at inputs parallel to no training input, but not where they are
    counts. With d = 1 all inputs share one kink, so nothing cancels. At a training input k is 1/2 for all
    quantities.
    """
    return EXPONENT if QUANTITIES[quantity].fraction or d == 1 else CANCELLING_EXPONENT


@dataclass(frozen=True)
class Limit:
    """Constants at every recorded time: `rms` and `mean` by quantity `(times,)`, over held-out inputs.

    Both are empty for d = 1, where these limits do not hold.
    `displacement` is the limit of √m times the mean of ‖u_i‖, `ceiling` a bound on that of α̂:
    (η/n) Σ_k |A_k|. The band is not included, because it depends on α̂ itself.
    """

    rms: dict[str, Array]
    mean: dict[str, Array]
    displacement: Array
    ceiling: Array


def arc_cosine_kernel(x: Array, z: Array) -> Array:
    """K(x_a, z_k) = x_a·z_k (π - θ)/(2π) for rows of length 1; `(inputs of x, inputs of z)`."""
    cosine = np.einsum("ad,kd->ak", x, z)
    return cosine * (math.pi - np.arccos(np.clip(cosine, -1.0, 1.0))) / (2.0 * math.pi)


def loss_derivatives(x: Array, y: Array, loss: str, step_size: float, target: float) -> Iterator[Array]:
    """l'(F_k) before each step of gradient descent on the limiting kernel, `(n,)`; arguments as of `path`.

    It ends where the loss is at most `target`.
    """
    kernel = arc_cosine_kernel(x, x)
    outputs = np.zeros(y.size)
    while True:
        value, slope = loss_and_slopes(outputs, y, loss)
        if value <= target:
            return
        yield slope
        outputs = outputs - step_size / y.size * np.einsum("ak,k->a", kernel, slope)


def path(
    x: Array,
    y: Array,
    loss: str,
    step_size: float,
    times: Sequence[int],
    target: float,
    diverged: float = math.inf,
) -> Array:
    """η/n times A_k at every recorded time, `(times, n)`, by gradient descent on the limiting kernel.

    `x` `(n, d)` are the training inputs, `y` `(n,)` their targets, `step_size` η; `times` ascend. Descent
    stops where the loss is at most `target`. NaN once the squared loss is `diverged` times that of the start.
    """
    slopes = loss_derivatives(x, y, loss, step_size, target)
    sums = np.zeros(y.size)
    path_sums = []
    for step in range(times[-1] + 1):
        slope = next(slopes, np.zeros(y.size))
        if loss == "squared" and np.mean(slope**2) > diverged * np.mean(y**2):  # twice the losses
            break
        if step in times:
            path_sums.append(step_size / y.size * sums)
        sums = sums + slope
    path_sums += [np.full(y.size, np.nan)] * (len(times) - len(path_sums))
    return np.array(path_sums)


def _directions(d: int, rng: np.random.Generator) -> Array:
    """Directions `(DIRECTIONS, d)`: at equal angles in the plane, of both signs on the line, else drawn."""
    if d > 2:
        return rng.standard_normal((DIRECTIONS, d))
    angles = 2.0 * math.pi * (np.arange(DIRECTIONS) + 0.5) / DIRECTIONS
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)[:, :d]


def limit(x: Array, held_x: Array, sums: Array, rng: np.random.Generator) -> Limit:
    """The constants at the inputs `held_x`, from the `path` at `x`, by averages over `DIRECTIONS`."""
    w = _directions(x.shape[1], rng)
    projections = np.einsum("id,kd->ik", w, x)
    first, third = (np.empty((sums.shape[0], held_x.shape[0])) for _ in range(2))
    for index, z in enumerate(held_x):
        cosine = np.einsum("kd,d->k", x, z)
        active = (
            projections - np.einsum("id,d->i", w, z)[:, None] * cosine >= 0.0
        )  # w without its component along z
        p = np.abs(np.einsum("ik,tk->ti", active.astype(np.float64), sums * cosine))
        first[:, index], third[:, index] = np.mean(p, axis=1), np.mean(p**3, axis=1)
    active = (projections >= 0.0).astype(np.float64)
    lengths = [np.mean(np.linalg.norm(np.einsum("ik,kd->id", active * row, x), axis=1)) for row in sums]
    squares = (
        {}
        if x.shape[1] == 1
        else {
            "linearization_error": PHI0 * third / 3.0,
            "sign_change_fraction": (PHI0 * first) ** 2,
            "delta1": PHI0 * third / 3.0,
            "delta2": PHI0 * third,
        }
    )
    # Where the parts cancel in the mean their sum is Gaussian; |S|/m concentrates.
    mean_factor = {name: 1.0 if QUANTITIES[name].fraction else math.sqrt(2.0 / math.pi) for name in squares}
    return Limit(
        rms={name: np.sqrt(np.mean(value, axis=1)) for name, value in squares.items()},
        mean={name: mean_factor[name] * np.mean(np.sqrt(value), axis=1) for name, value in squares.items()},
        displacement=np.array(lengths),
        ceiling=np.sum(np.abs(sums), axis=1),
    )


def loss_and_slopes(outputs: Array, targets: Array, name: str) -> tuple[float, Array]:
    """Mean loss and its derivatives by outputs, `(n,)`."""
    if name == "squared":
        return float(np.mean(0.5 * (outputs - targets) ** 2)), outputs - targets
    margin = targets * outputs
    return float(np.mean(np.logaddexp(0.0, -margin))), -targets / (1.0 + np.exp(margin))
