"""Full-batch gradient descent on a two-layer ReLU network, and the definitions of the notes at its end.

Neurons are taken in pairs (i, i + m/2), which start at the same weights with opposite signs: a pair's
contributions to F cancel before they are added up, and the two share reads of the inputs.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...compiling import inlined, kernel
from ...network import Array

NOW, FIRST, EVER = np.uint8(1), np.uint8(2), np.uint8(4)
"""Bits of a neuron and an input: the sign indicator now and at the start, and whether it ever differed."""

LOGISTIC_TAIL = 30.0
"""|v| above which log(1 + exp(-v)) is exp(-v) or -v to 13 digits."""


class Problem(NamedTuple):
    """Data of the descent: inputs `(n, d)` and transposed, targets `(n,)`, loss, step size, loss to reach.

    `kernel` `(n + held out, n)` is the tangent kernel of the start, training inputs first.
    """

    x: Array
    x_t: Array
    y: Array
    logistic: bool
    step_size: float
    target: float
    kernel: Array


class State(NamedTuple):
    """The state of a run; changed in place.

    `w` `(m, d)`, `c` `(m,)`, `signs` `(m, n)` of the bits above, `outputs` `(n,)` of the network on the
    training inputs, `twin` `(n + held out,)` of the linearized model on all inputs.
    """

    w: Array
    c: Array
    signs: NDArray[np.uint8]
    outputs: Array
    twin: Array


@kernel
def preactivations(w: Array, x_t: Array) -> Array:
    """w_i·x_k for all neurons and inputs, `(m, inputs)`."""
    half = w.shape[0] // 2
    out = np.empty((w.shape[0], x_t.shape[1]))
    pair = np.empty((2, x_t.shape[1]))
    for i in range(half):
        _products(w[i], w[i + half], x_t, pair)
        for k in range(x_t.shape[1]):
            out[i, k] = pair[0, k]
            out[i + half, k] = pair[1, k]
    return out


@kernel
def begin(problem: Problem, state: State) -> None:
    """The sign indicators of the start, and F(x; w(0)) = 0."""
    pair = np.empty((2, problem.y.size))
    half = state.c.size // 2
    state.outputs[:] = 0.0
    for i in range(half):
        _products(state.w[i], state.w[i + half], problem.x_t, pair)
        for k in range(problem.y.size):
            for row in range(2):
                state.signs[i + row * half, k] = NOW | FIRST if pair[row, k] >= 0.0 else np.uint8(0)
            state.outputs[k] += state.c[i] * (_relu(pair[0, k]) - _relu(pair[1, k]))


@kernel
def descend(problem: Problem, state: State, steps: int, ceiling: float) -> int:
    """Up to `steps` steps w ← w - η ∇L, and as many of the linearized model; returns their number.

    It is smaller where the loss of the network reached the target before a step, or is not finite or above
    `ceiling`. The i-th row of ∇L is (c_i/√m) (1/n) Σ_k l'(F_k) 1{w_i·x_k ≥ 0} x_k.
    """
    n, d = problem.x.shape
    half = state.c.size // 2
    scale = 1.0 / math.sqrt(state.c.size)
    slopes, twin_slopes = np.empty(n), np.empty(n)
    masked, pair, moves = np.empty((2, n)), np.empty((2, n)), np.empty((2, d))
    for step in range(steps):
        total = 0.0
        for k in range(n):
            value, slopes[k] = loss(state.outputs[k], problem.y[k], problem.logistic)
            _, twin_slopes[k] = loss(state.twin[k], problem.y[k], problem.logistic)
            total += value
        if not total / n <= ceiling or total / n <= problem.target:
            return step
        for i in range(half):
            for row in range(2):
                bits = state.signs[i + row * half]
                for k in range(n):
                    masked[row, k] = slopes[k] * np.float64(bits[k] & NOW)
            _products(masked[0], masked[1], problem.x, moves)
            for row in range(2):
                w = state.w[i + row * half]
                rate = problem.step_size * state.c[i + row * half] * scale / n
                for j in range(d):
                    w[j] -= rate * moves[row, j]
        state.outputs[:] = 0.0
        for i in range(half):
            _products(state.w[i], state.w[i + half], problem.x_t, pair)
            for row in range(2):
                bits = state.signs[i + row * half]
                for k in range(n):
                    now = np.uint8(pair[row, k] >= 0.0)
                    differs = (now ^ (bits[k] >> np.uint8(1))) & NOW
                    bits[k] = (bits[k] & np.uint8(6)) | now | (differs << np.uint8(2))
            for k in range(n):
                state.outputs[k] += state.c[i] * (_relu(pair[0, k]) - _relu(pair[1, k]))
        for k in range(n):
            state.outputs[k] *= scale
        for a in range(state.twin.size):
            total = 0.0
            for k in range(n):
                total += problem.kernel[a, k] * twin_slopes[k]
            state.twin[a] -= problem.step_size / n * total
    return steps


@kernel
def loss(output: float, target: float, logistic: bool) -> tuple[float, float]:
    """Loss of one input and its derivative: (F - y)²/2, or log(1 + exp(-yF))."""
    if not logistic:
        return 0.5 * (output - target) ** 2, output - target
    v = target * output
    if v > LOGISTIC_TAIL:
        small = math.exp(-v)
        return small, -target * small
    if v < -LOGISTIC_TAIL:
        return -v, -target
    return math.log1p(math.exp(-v)), -target / (1.0 + math.exp(v))


@kernel
def mean_loss(outputs: Array, targets: Array, logistic: bool) -> float:
    """Mean over the inputs, added up in their order."""
    total = 0.0
    for k in range(targets.size):
        value, _ = loss(outputs[k], targets[k], logistic)
        total += value
    return total / targets.size


@kernel
def displacements(w0: Array, w: Array) -> Array:
    """‖w_i - w_i(0)‖ of every neuron, `(m,)`."""
    out = np.empty(w.shape[0])
    for i in range(w.shape[0]):
        total = 0.0
        for j in range(w.shape[1]):
            total += (w[i, j] - w0[i, j]) ** 2
        out[i] = math.sqrt(total)
    return out


@kernel
def measures(x_t: Array, w0: Array, w: Array, c: Array, radius: float) -> Array:
    """Sums over the neurons for every input: f(w), √m ∇F(w(0))ᵀu, √m Δ₁, √m Δ₂, |S| and |B|; `(6, inputs)`.

    As `neurons.totals`, for many inputs of one network: `x_t` `(d, inputs)` with columns of length 1.
    """
    half, d = c.size // 2, w.shape[1]
    inputs = x_t.shape[1]
    out = np.zeros((6, inputs))
    starts, after, moved = np.empty((2, inputs)), np.empty((2, inputs)), np.empty((2, inputs))
    u = np.empty((2, d))
    for i in range(half):
        for row in range(2):
            for j in range(d):
                u[row, j] = w[i + row * half, j] - w0[i + row * half, j]
        _products(w0[i], w0[i + half], x_t, starts)
        _products(w[i], w[i + half], x_t, after)
        _products(u[0], u[1], x_t, moved)
        for k in range(inputs):
            was_0, was_1 = np.float64(starts[0, k] >= 0.0), np.float64(starts[1, k] >= 0.0)
            now_0, now_1 = np.float64(after[0, k] >= 0.0), np.float64(after[1, k] >= 0.0)
            flip_0, flip_1 = now_0 - was_0, now_1 - was_1
            out[0, k] += c[i] * (now_0 * after[0, k] - now_1 * after[1, k])
            out[1, k] += c[i] * (was_0 * moved[0, k] - was_1 * moved[1, k])
            out[2, k] += c[i] * (flip_0 * starts[0, k] - flip_1 * starts[1, k])
            out[3, k] += c[i] * (flip_0 * moved[0, k] - flip_1 * moved[1, k])
            out[4, k] += abs(flip_0) + abs(flip_1)
            out[5, k] += np.float64(abs(starts[0, k]) <= radius) + np.float64(abs(starts[1, k]) <= radius)
    return out


@inlined
def _relu(z: Any) -> Any:
    return z if z > 0.0 else 0.0


@kernel
def _products(a: Array, b: Array, matrix: Array, out: Array) -> None:
    """a·matrix and b·matrix, `(2, columns)`: four rows of `matrix` at a time, added in their order."""
    rows, columns = matrix.shape
    first, second = out[0], out[1]
    for k in range(columns):
        first[k] = 0.0
        second[k] = 0.0
    whole = rows - rows % 4
    for j in range(0, whole, 4):
        a0, a1, a2, a3 = a[j], a[j + 1], a[j + 2], a[j + 3]
        b0, b1, b2, b3 = b[j], b[j + 1], b[j + 2], b[j + 3]
        r0, r1, r2, r3 = matrix[j], matrix[j + 1], matrix[j + 2], matrix[j + 3]
        for k in range(columns):
            first[k] = (((first[k] + a0 * r0[k]) + a1 * r1[k]) + a2 * r2[k]) + a3 * r3[k]
            second[k] = (((second[k] + b0 * r0[k]) + b1 * r1[k]) + b2 * r2[k]) + b3 * r3[k]
    for j in range(whole, rows):
        for k in range(columns):
            first[k] += a[j] * matrix[j, k]
            second[k] += b[j] * matrix[j, k]
