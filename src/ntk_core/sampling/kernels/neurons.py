"""The definitions of the notes, neuron by neuron, in one pass over the weights.

`ntk_core.network` has the same with whole arrays; tests compare the two.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...compiling import inlined, kernel
from ...network import Array
from .words import Stream, next_words
from .ziggurat import Ziggurat, draw


@kernel
def symmetric_weights(shape: Ziggurat, stream: Stream, reserve: Stream, w0: Array) -> None:
    """Standard normal weights of half of the neurons, repeated in the other half; `w0` `(runs, m, d)`."""
    half = w0.shape[1] // 2
    for run in range(w0.shape[0]):
        values = w0[run, :half].reshape(-1)
        start = 0
        while start < values.size:
            words = next_words(stream, values.size - start)
            draw(shape, words, reserve, values[start : start + words.size])
            start += words.size
        for i in range(half):
            for k in range(w0.shape[2]):
                w0[run, half + i, k] = w0[run, i, k]


@kernel
def totals(x: Array, w0: Array, c: Array, u: Array, radius: Array) -> Array:
    """f(w), √m ∇F(w(0))ᵀu, √m Δ₁, √m Δ₂, |S| and |B| of each run, summed over its neurons; `(6, runs)`.

    `x` `(d,)`, `w0` and `u` `(runs, neurons, d)`, `c` `(runs, neurons)`, ‖x‖ = 1; `radius` `(runs,)` is
    that of the band.
    """
    out = np.zeros((6, w0.shape[0]))
    for run in range(w0.shape[0]):
        for i in range(w0.shape[1]):
            before, moved, after = _projections(x, w0[run, i], u[run, i])
            sign = c[run, i]
            was, now = np.float64(before >= 0.0), np.float64(after >= 0.0)
            out[0, run] += sign * now * after
            out[1, run] += sign * was * moved
            out[2, run] += sign * (now - was) * before
            out[3, run] += sign * (now - was) * moved
            out[4, run] += abs(now - was)
            out[5, run] += np.float64(abs(before) <= radius[run])
    return out


@inlined
def _projections(x: Array, w: Array, v: Array) -> tuple[Any, Any, Any]:
    """w·x, v·x and (w + v)·x, each as two sums in turn, because an addition waits for the one before it."""
    a0, b0, c0, a1, b1, c1 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(0, x.size - 1, 2):
        a0 += w[k] * x[k]
        b0 += v[k] * x[k]
        c0 += (w[k] + v[k]) * x[k]
        a1 += w[k + 1] * x[k + 1]
        b1 += v[k + 1] * x[k + 1]
        c1 += (w[k + 1] + v[k + 1]) * x[k + 1]
    if x.size % 2:
        a0 += w[-1] * x[-1]
        b0 += v[-1] * x[-1]
        c0 += (w[-1] + v[-1]) * x[-1]
    return a0 + a1, b0 + b1, c0 + c1
