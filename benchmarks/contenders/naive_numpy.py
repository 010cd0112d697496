"""NumPy as a person writes it straight from the notes.

Fair because it is the baseline everybody starts from: one run at a time, all m×d weights, every
definition as it stands, sums by `einsum` and `sum`. It is no slower than it has to be in that
style: arrays throughout, no Python loop over neurons.
"""

from __future__ import annotations

import numpy as np

from ..point import Array, Point, Runner

PACKAGES = ("numpy",)


def prepare(point: Point, seed: int, cores: int) -> Runner:
    """One run after the other with NumPy's default generator; more cores change nothing."""
    rng = np.random.default_rng(seed)

    def runs(n: int) -> Array:
        return np.stack([one_run(rng, point) for _ in range(n)], axis=1)

    return runs


def one_run(rng: np.random.Generator, point: Point) -> Array:
    """The five quantities of a run with fresh weights; shape `(5,)`."""
    half = rng.standard_normal((point.m // 2, point.d))
    signs = rng.choice([-1.0, 1.0], point.m // 2)
    w0 = np.concatenate([half, half])
    c = np.concatenate([signs, -signs])
    u = displacement(rng, point, w0, c)
    return quantities(point, w0, c, u)


def displacement(rng: np.random.Generator, point: Point, w0: Array, c: Array) -> Array:
    """u under the point's law; shape `(m, d)`."""
    x, radius = point.x, point.radius
    if point.law == "sphere":
        u = rng.standard_normal(w0.shape)
        return radius * u / np.sqrt(np.sum(u**2, axis=1))[:, None]
    a = np.einsum("id,d->i", w0, x)
    if point.law == "adversarial":
        size = np.where((np.abs(a) <= radius) & (c > 0), np.where(a >= 0, -radius, radius), 0.0)
    else:
        size = radius * c * (a >= 0)
    return size[:, None] * x


def quantities(point: Point, w0: Array, c: Array, u: Array) -> Array:
    """[E, |S|/m, |Δ₁|, |Δ₂|, |B|/m] from all weights, by their definitions; shape `(5,)`."""
    x, m = point.x, point.m
    w = w0 + u
    before, after = np.einsum("id,d->i", w0, x), np.einsum("id,d->i", w, x)
    gradient_before = (c * (before >= 0))[:, None] * x
    gradient_after = (c * (after >= 0))[:, None] * x
    value = np.sum(c * np.maximum(after, 0.0)) / np.sqrt(m)
    linear = np.sum(gradient_before * u) / np.sqrt(m)
    delta1 = np.sum((gradient_after - gradient_before) * w0) / np.sqrt(m)
    delta2 = np.sum((gradient_after - gradient_before) * u) / np.sqrt(m)
    flipped = np.sum((before >= 0) != (after >= 0))
    in_band = np.sum(np.abs(before) <= point.radius)
    return np.array([abs(value - linear), flipped / m, abs(delta1), abs(delta2), in_band / m])
