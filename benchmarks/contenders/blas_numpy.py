"""NumPy as a person writes it who has thought about it, but still draws the weights.

Fair because nothing dense in NumPy is faster. The m/2 drawn neurons are written into one buffer by
NumPy's fastest generator and multiplied once, by BLAS, for both halves; every definition then works
on the projections a = w(0)·x and b = u·x alone. Under the laws along x, u·x is known without u.
What is left is the drawing itself, so the band sampler's lead over this is what it does not draw.
"""

from __future__ import annotations

import numpy as np

from ..point import Array, Point, Runner

PACKAGES = ("numpy",)


def prepare(point: Point, seed: int, cores: int) -> Runner:
    """One run at a time (a run fills the cache already); BLAS has as many threads as `cores`."""
    rng = np.random.Generator(np.random.SFC64(seed))
    weights = np.empty((point.m // 2, point.d))
    x = point.x

    def one_run() -> Array:
        rng.standard_normal(out=weights)
        signs = 2.0 * rng.integers(0, 2, point.m // 2, dtype=np.int8) - 1.0
        a = np.tile(weights @ x, 2)
        c = np.concatenate([signs, -signs])
        return quantities(point, a, projections(rng, point, a, c), c)

    return lambda n: np.stack([one_run() for _ in range(n)], axis=1)


def projections(rng: np.random.Generator, point: Point, a: Array, c: Array) -> Array:
    """b = u·x under the point's law; shape `(m,)`."""
    radius = point.radius
    if point.law == "sphere":
        u = rng.standard_normal((point.m, point.d))
        return radius * (u @ point.x) / np.sqrt(np.vecdot(u, u))
    if point.law == "adversarial":
        return np.where((np.abs(a) <= radius) & (c > 0), np.copysign(radius, -a), 0.0)
    return radius * c * (a >= 0)


def quantities(point: Point, a: Array, b: Array, c: Array) -> Array:
    """[E, |S|/m, |Δ₁|, |Δ₂|, |B|/m] from projections and signs, `(m,)` each; shape `(5,)`."""
    before, after = a >= 0, a + b >= 0
    error = c @ np.maximum(a + b, 0.0) - c @ (before * b)
    change = c * (after.astype(np.float64) - before)
    sums = np.abs([error, change @ a, change @ b]) / np.sqrt(point.m)
    flipped, in_band = np.count_nonzero(before != after), np.count_nonzero(np.abs(a) <= point.radius)
    return np.array([sums[0], flipped / point.m, sums[1], sums[2], in_band / point.m])
