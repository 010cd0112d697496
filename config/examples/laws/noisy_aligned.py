"""Each neuron moves along its own gradient by three quarters of the radius, and by the rest at random.

u_i = r ((1 - ε) c_i 1{a_i ≥ 0} x̂ + ε v_i) with ε = 1/4 and v_i uniform on the unit sphere: ‖u_i‖ ≤ r.
"""

import numpy as np

NOISE = 0.25


def weights(rng, x, w0, c, radius):
    """The law on dense weights: x (d,), w0 (..., m, d), c (..., m); returns u, shaped like w0."""
    gradient = (c * (w0 @ x >= 0))[..., None] * x / np.linalg.norm(x)
    v = rng.standard_normal(w0.shape)
    v /= np.linalg.norm(v, axis=-1, keepdims=True)
    return radius * ((1 - NOISE) * gradient + NOISE * v)


def band(rng, position, sign, c, d, radius):
    """The same law, seen along x: all arrays (2, pairs); returns u_i·x/(r‖x‖), of that shape."""
    g = rng.standard_normal(position.shape)
    v = g / np.sqrt(g**2 + 2 * rng.standard_gamma((d - 1) / 2, position.shape))
    return (1 - NOISE) * c * (sign > 0) + NOISE * v
