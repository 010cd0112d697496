"""The network of the lecture notes (docs/notes.md) and every definition on it, literally as there.

Shapes: inputs `x` are `(d,)`; weights `w`, initial weights `w0` and displacements `u` are
`(..., m, d)`; output signs `c` are `(..., m)`. Leading axes are independent networks. All float64.
Derivative convention: σ'(0) = 1, so the sign indicator is 1{z ≥ 0}.

Sums over neurons are unscaled where the notes write f, and carry 1/√m where they write F.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def relu(z: Array) -> Array:
    """σ(z) = max(0, z), elementwise."""
    return np.maximum(z, 0.0)


def relu_derivative(z: Array) -> Array:
    """σ'(z) = 1{z ≥ 0} as 0.0 or 1.0, elementwise (the notes' choice at the kink: σ'(0) = 1)."""
    return (z >= 0.0).astype(np.float64)


def preactivation(x: Array, w: Array) -> Array:
    """w_i·x; shape `(..., m)`. Not by BLAS, whose rounding may depend on threads and processor."""
    return np.einsum("...d,d->...", w, x)


def f(x: Array, w: Array, c: Array) -> Array:
    """Unscaled network f(x; w, c) = Σ_i c_i σ(w_i·x); shape `(...)`."""
    return np.sum(c * relu(preactivation(x, w)), axis=-1)


def gradient_f(x: Array, w: Array, c: Array) -> Array:
    """∇_w f(x; w, c): row i is c_i x 1{w_i·x ≥ 0}; shape `(..., m, d)` (Lemma 1)."""
    return (c * relu_derivative(preactivation(x, w)))[..., None] * x


def scaled_network(x: Array, w: Array, c: Array) -> Array:
    """F(x; w, c) = f(x; w, c)/√m, with m the length of the neuron axis; shape `(...)`."""
    return f(x, w, c) / np.sqrt(c.shape[-1])


def linearization(x: Array, w0: Array, c: Array, u: Array) -> Array:
    """∇F(x; w(0))ᵀ u = (1/√m) Σ_i c_i 1{w_i(0)·x ≥ 0} u_i·x; shape `(...)` (Lemma 3)."""
    return _inner(gradient_f(x, w0, c), u) / np.sqrt(c.shape[-1])


def linearization_error(x: Array, w0: Array, c: Array, u: Array) -> Array:
    """E = |F(x; w(0)+u) - ∇F(x; w(0))ᵀ u|; shape `(...)` (Theorem 1)."""
    return np.abs(scaled_network(x, w0 + u, c) - linearization(x, w0, c, u))


def sign_changes(x: Array, w0: Array, u: Array) -> NDArray[np.bool_]:
    """S(x) as a mask: 1{w_i(0)·x ≥ 0} ≠ 1{(w_i(0)+u_i)·x ≥ 0}; shape `(..., m)`."""
    return (preactivation(x, w0) >= 0.0) != (preactivation(x, w0 + u) >= 0.0)


def band(x: Array, w0: Array, radius: float) -> NDArray[np.bool_]:
    """The band B as a mask: |w_i(0)·x| ≤ r‖x‖ with r = α/√m; shape `(..., m)`. S(x) ⊆ B."""
    return np.abs(preactivation(x, w0)) <= radius * np.linalg.norm(x)


def signed_delta1(x: Array, w0: Array, c: Array, u: Array) -> Array:
    """Δ₁ = [∇F(w) - ∇F(w(0))]ᵀ w(0), with its sign; shape `(...)` (Lemma 4)."""
    return _inner(_gradient_change(x, w0, c, u), w0) / np.sqrt(c.shape[-1])


def signed_delta2(x: Array, w0: Array, c: Array, u: Array) -> Array:
    """Δ₂ = [∇F(w) - ∇F(w(0))]ᵀ u, with its sign; shape `(...)` (Lemma 4)."""
    return _inner(_gradient_change(x, w0, c, u), u) / np.sqrt(c.shape[-1])


def symmetric_initialization(pair_weights: Array, pair_signs: Array) -> tuple[Array, Array]:
    """Symmetric initialization from m/2 drawn neurons (Lemma 2).

    `pair_weights` `(..., m/2, d)` are iid N(0, I_d), `pair_signs` `(..., m/2)` iid uniform on ±1.
    Returns `(w0, c)`, `(..., m, d)` and `(..., m)`: the second half repeats the weights and
    negates the signs, so F(x; w(0), c) = 0 for every x.
    """
    return (
        np.concatenate([pair_weights, pair_weights], axis=-2),
        np.concatenate([pair_signs, -pair_signs], axis=-1),
    )


def _gradient_change(x: Array, w0: Array, c: Array, u: Array) -> Array:
    return gradient_f(x, w0 + u, c) - gradient_f(x, w0, c)


def _inner(v: Array, w: Array) -> Array:
    """vᵀw over neurons and coordinates, as the notes' stacked vectors in R^{md}."""
    product = v * w  # `einsum` over both axes would round a network differently beside others
    return np.sum(product.reshape(*product.shape[:-2], -1), axis=-1)
