"""JAX: the linearization by `jax.linearize`, compiled, in float64.

Fair because of what was tried and was slower: drawing and evaluating in one compiled function (1.3
times: the compiler draws some normals twice), `w @ x` instead of a sum that the compiler fuses with
what surrounds it (2 times), stacking the two halves by a copy instead of a broadcast, `jax.jvp`
(the same), the `rbg` generator (slower than the default one on a CPU). Compiled before timing. One
run at a time: its arrays are larger than the cache, and those of a batch larger still.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from ..point import Array, Point, Runner

PACKAGES = ("jax", "jaxlib")

jax.config.update("jax_enable_x64", True)

Linearize = Callable[[Callable[[jax.Array], jax.Array], jax.Array], Callable[[jax.Array], jax.Array]]
"""A function and a place to the function's derivative there, a linear map."""


def prepare(point: Point, seed: int, cores: int) -> Runner:
    """The compiler uses the cores the process is pinned to."""
    return runner(point, seed, lambda function, w: jax.linearize(function, w)[1])


def runner(point: Point, seed: int, linearize: Linearize) -> Runner:
    """Runs with a linearization of one's choice."""
    draw = jax.jit(lambda key: _draw(point, key))
    evaluate = jax.jit(lambda key, half, signs: _evaluate(point, linearize, key, half, signs))
    key = jax.random.key(seed)

    def runs(n: int) -> Array:
        nonlocal key
        results = []
        for _ in range(n):
            key, weights, displacement = jax.random.split(key, 3)
            results.append(evaluate(displacement, *draw(weights)))
        return np.stack([np.asarray(result) for result in results], axis=1)

    return runs


def _draw(point: Point, key: jax.Array) -> tuple[jax.Array, jax.Array]:
    weights, signs = jax.random.split(key)
    return (
        jax.random.normal(weights, (point.m // 2, point.d)),
        jax.random.rademacher(signs, (point.m // 2,), dtype=jnp.float64),
    )


def _evaluate(
    point: Point, linearize: Linearize, key: jax.Array, half: jax.Array, signs: jax.Array
) -> jax.Array:
    """The five quantities; weights are `(2, m/2, d)`, the halves of symmetric initialization."""
    m, x = point.m, jnp.asarray(point.x)
    w0 = jnp.broadcast_to(half, (2, *half.shape))
    c = jnp.stack([signs, -signs])

    def preactivation(w: jax.Array) -> jax.Array:
        return jnp.sum(w * x, axis=-1)

    def network(w: jax.Array) -> jax.Array:
        return jnp.sum(c * jax.nn.relu(preactivation(w))) / jnp.sqrt(m)

    u = _displacement(point, key, w0, c, preactivation(w0))
    w = w0 + u
    before, after = linearize(network, w0), linearize(network, w)
    flipped = (preactivation(w0) >= 0) != (preactivation(w) >= 0)
    return jnp.stack(
        [
            jnp.abs(network(w) - before(u)),
            jnp.sum(flipped) / m,
            jnp.abs(after(w0) - before(w0)),
            jnp.abs(after(u) - before(u)),
            jnp.sum(jnp.abs(preactivation(w0)) <= point.radius) / m,
        ]
    )


def _displacement(point: Point, key: jax.Array, w0: jax.Array, c: jax.Array, a: jax.Array) -> jax.Array:
    radius = point.radius
    if point.law == "sphere":
        u = jax.random.normal(key, w0.shape)
        return radius * u / jnp.linalg.norm(u, axis=-1, keepdims=True)
    if point.law == "adversarial":
        size = jnp.where((jnp.abs(a) <= radius) & (c > 0), jnp.where(a >= 0, -radius, radius), 0.0)
    else:
        size = radius * c * (a >= 0)
    return size[..., None] * jnp.asarray(point.x)
