r"""Deviations of order m^{-1/2} of a trained network: errors at training inputs, and from its twin.

A neuron feels the gradient of x_k where w·x_k ≥ 0. One that starts within O(1/√m) of this kink may cross
it while it is trained, and feels or stops feeling that gradient from then on. In z = √m w·x_k the limit of
descent is, for a neuron with output sign c,

    z_{t+1} = z_t + c g_t(z_t),   g_t = g₋,t for z < 0,   g_t = g₋,t + g_k,t for z ≥ 0,

g_k,t = -(η/n) l'_{k,t} ‖x_k‖² and g₋,t the push of the other inputs. That depends, through their indicators,
on the direction of w, which has the law of w(0) given w·x_k = 0. The residuals are those of descent on the
arc-cosine kernel (`training_limit`). For each x_k then (docs/theory.md, "At the training inputs")

    e_T(x_k) := lim √m (F(x_k; w) - ∇F(x_k; w(0))ᵀ u)
              = φ(0)/(2‖x_k‖) E_w ∫ Σ_{c=±1} c [σ(z_T) - 1{z_0 ≥ 0} z_T] dz_0.

Crossings change the tangent kernel as well: the share of neurons active at x and x_k by κ_t(x, x_k)/√m,

    κ_t(x, x_k) = φ(0)/(2‖x_k‖) E_w ∫ Σ_{c=±1} 1{w·x ≥ 0} [1{z_t ≥ 0} - 1{z_0 ≥ 0}] dz_0

(for x parallel to x_k the first indicator is that of z_0 ≥ 0, or z_0 ≤ 0 for -x_k),

and h_t = lim √m (F - twin) follows, at any input x, with h = e + H, H_0 = 0 and e = 0 at new inputs,

    H_{t+1}(x) = H_t(x) - (η/n) Σ_k [x·x_k κ_t(x, x_k) l'_{k,t} + K(x, x_k) l''_{k,t} h_t(x_k)].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ..compiling import kernel as compiled
from ..network import Array
from .gaussian import PHI0
from .training_limit import arc_cosine_kernel, loss_derivatives

DRAWS = 1 << 11
"""Number of directions w for each input in d > 3: a standard error of 2 to 3 per cent on digits."""

LONGEST = 256
"""Most steps that are followed: the work grows with their square."""

PARALLEL = 1e-12
"""Length of the part of an input orthogonal to another below which they are parallel, up to rounding."""


@dataclass(frozen=True)
class Deviation:
    """Limits of √m (F - ∇F(w(0))ᵀu), `error`, and of √m (F - twin), `from_twin`; `(times, inputs)`."""

    error: Array
    from_twin: Array


def deviation(
    x: Array,
    y: Array,
    loss: str,
    step_size: float,
    times: Sequence[int],
    target: float,
    held_x: Array,
    rng: np.random.Generator,
) -> Deviation:
    """Both limits at every recorded time, at the training inputs `x` `(n, d)` and then at `held_x`.

    Rows have length 1; the other arguments are those of `training_limit.path`. The error is 0 at a new input,
    unless it is parallel to a training input: parallel inputs share one kink, at which x_k again pushes where
    x_k does, and -x_k on the other side. NaN at times with more than `LONGEST` steps before.

    The integral over z_0 is exact. So is the average over w in d ≤ 3; in higher d it is over `DRAWS`
    directions from `rng`. Fluctuations are O(m^{-3/4}), so √m times an absolute value or a root mean square
    over inputs tends to that of these constants.
    """
    n = y.size
    slopes = list(islice(loss_derivatives(x, y, loss, step_size, target), min(times[-1], LONGEST + 1)))
    ends = np.minimum(times, len(slopes))
    slope = np.array(slopes[:LONGEST]).reshape(-1, n)
    pushes = -step_size / n * slope
    inputs = np.concatenate([x, held_x])
    gram = np.einsum("pd,kd->pk", inputs, x)
    error = np.zeros((slope.shape[0] + 1, inputs.shape[0]))
    source = np.zeros((slope.shape[0], inputs.shape[0]))
    for k in range(n):
        kink = _kink(inputs, k, pushes * gram[:n, k], rng)
        error[:, kink.parallel] = kink.error[:, None]
        source += pushes[:, k, None] * gram[:, k] * kink.change[:-1]
    curvature = np.ones_like(slope) if loss == "squared" else np.abs(slope) * (1.0 - np.abs(slope))
    kernel = step_size / n * arc_cosine_kernel(inputs, x)
    from_twin = error.copy()
    linear = np.zeros(inputs.shape[0])
    for t in range(slope.shape[0]):
        linear = linear + source[t] - np.einsum("pk,k->p", kernel, curvature[t] * from_twin[t, :n])
        from_twin[t + 1] += linear
    rows = np.minimum(ends, LONGEST)
    followed = (ends <= LONGEST)[:, None]
    return Deviation(np.where(followed, error[rows], np.nan), np.where(followed, from_twin[rows], np.nan))


@dataclass(frozen=True)
class _Kink:
    """Inputs `parallel` to a kink, their `error` `(steps + 1,)`, and κ as `change` `(steps + 1, inputs)`."""

    parallel: NDArray[np.bool_]
    error: Array
    change: Array


def _kink(inputs: Array, k: int, along: Array, rng: np.random.Generator) -> _Kink:
    """The kink of `inputs[k]`, where the training inputs, the first of them, push by `along` `(steps, n)`."""
    z, n = inputs[k], along.shape[1]
    cosine = np.einsum("pd,d->p", inputs, z)
    tangent = inputs - cosine[:, None] * z
    parallel = np.sqrt(np.einsum("pd,pd->p", tangent, tangent)) < PARALLEL
    same, opposite = parallel & (cosine > 0.0), parallel & (cosine < 0.0)
    patterns, weights = _arcs(z, tangent) if z.size <= 3 else _draws(tangent, rng)
    patterns[:, parallel] = False
    error, up, down, change = _averages(
        np.sum(along[:, opposite[:n]], axis=1),
        np.sum(along[:, same[:n]], axis=1),
        np.ascontiguousarray(along.T),
        patterns,
        weights,
    )
    change[same], change[opposite] = -down, up
    return _Kink(parallel, 0.5 * PHI0 * error, 0.5 * PHI0 * change.T)


def _draws(tangent: Array, rng: np.random.Generator) -> tuple[NDArray[np.bool_], Array]:
    """Patterns of 1{w·x ≥ 0} given w·z = 0, `(DRAWS, inputs)`, and their weights, of sum 1.

    `tangent` `(inputs, d)` are the inputs without their component along z, so w need not be orthogonal to z.
    """
    w = rng.standard_normal((DRAWS, tangent.shape[1]))
    return np.einsum("id,jd->ij", w, tangent) >= 0.0, np.full(DRAWS, 1.0 / DRAWS)


def _arcs(z: Array, tangent: Array) -> tuple[NDArray[np.bool_], Array]:
    """All patterns, as of `_draws`, in d ≤ 3: of the arcs into which they cut the circle orthogonal to z."""
    space = np.zeros((tangent.shape[0] + 1, 3))
    space[:, : z.size] = np.concatenate([z[None], tangent])
    first = np.cross(space[0], np.eye(3)[np.argmin(np.abs(space[0]))])
    first /= math.sqrt(np.sum(first**2))
    flat = np.einsum("jd,pd->jp", space[1:], np.stack([first, np.cross(space[0], first)]))
    kinks = np.arctan2(flat[:, 1], flat[:, 0]) + 0.5 * math.pi
    ends = np.sort(np.concatenate([kinks, kinks + math.pi]) % (2.0 * math.pi))
    arcs = np.diff(ends, append=ends[0] + 2.0 * math.pi)
    middle = ends + 0.5 * arcs
    w = np.stack([np.cos(middle), np.sin(middle)], axis=1)
    return np.einsum("ip,jp->ij", w, flat) >= 0.0, arcs / (2.0 * math.pi)


@compiled
def _averages(
    below: Array, above: Array, along: Array, active: NDArray[np.bool_], weights: Array
) -> tuple[Array, Array, Array, Array]:
    """E_w Σ_c of what `_follow` gives, `(steps + 1,)`: c times the error, up, down; up less down by input.

    `below` and `above` `(steps,)` push on one side of the kink only, `along` `(n, steps)` on both where
    `active` `(patterns, inputs)`, training inputs first. The last result, `(inputs, steps + 1)`, is the mean
    over w of up less down where `active`.
    """
    steps, inputs = below.size, active.shape[1]
    error, up, down = np.zeros(steps + 1), np.zeros(steps + 1), np.zeros(steps + 1)
    net, change = np.empty(steps + 1), np.zeros((inputs, steps + 1))
    left, right = np.empty(steps), np.empty(steps)
    jumps, out = np.empty((3, 2 * steps + 1)), np.empty((3, steps + 1))
    for index in range(weights.size):
        for t in range(steps):
            left[t], right[t] = below[t], above[t]
        for j in range(along.shape[0]):
            if active[index, j]:
                for t in range(steps):
                    left[t] += along[j, t]
                    right[t] += along[j, t]
        for t in range(steps + 1):
            net[t] = 0.0
        for c in (1.0, -1.0):
            _follow(left, right, jumps, out)
            for t in range(steps + 1):
                error[t] += c * weights[index] * out[0, t]
                up[t] += weights[index] * out[1, t]
                down[t] += weights[index] * out[2, t]
                net[t] += weights[index] * (out[1, t] - out[2, t])
            for t in range(steps):
                left[t], right[t] = -left[t], -right[t]
        for j in range(inputs):
            if active[index, j]:
                for t in range(steps + 1):
                    change[j, t] += net[t]
    return error, up, down, change


@compiled
def _follow(left: Array, right: Array, jumps: Array, out: Array) -> None:
    """∫ [σ(z_t) - 1{z_0 ≥ 0} z_t] dz_0, and the measures of z_0 < 0 ≤ z_t (up) and of z_t < 0 ≤ z_0 (down).

    z moves by `left` below 0, else by `right`. The density of z_t is the sum of two step functions: of
    neurons that started below 0, which count by z where z ≥ 0, and of those that started above, which count
    by -z where z < 0. A step cuts both at 0 and moves the two sides, so it adds at most two places where they
    jump. By parts, the integrals are sums over these places of ½z² or z and the jump. Places that cannot meet
    0 again are kept by their sums only. `jumps` `(3, 2 steps + 1)` is overwritten by places and the jumps
    there of both densities, `out` `(3, steps + 1)` by the results after every step.
    """
    steps = left.size
    reach_below, reach_above = np.zeros(steps + 1), np.zeros(steps + 1)
    for t in range(steps - 1, -1, -1):
        reach_below[t] = reach_below[t + 1] + max(left[t], 0.0)
        reach_above[t] = reach_above[t + 1] + max(-right[t], 0.0)
    z, first, second = jumps[0], jumps[1], jumps[2]
    z[0], first[0], second[0] = 0.0, -1.0, 1.0
    count = 1
    end_first, end_second = 1.0, 0.0  # the densities on the far left of the places that are left
    above, above_z, below, below_z, far = 0.0, 0.0, 0.0, 0.0, 0.0  # sums of jumps, jumps · z, ½z² · jumps
    for t in range(steps + 1):
        out[0, t], out[1, t], out[2, t] = far, above_z, -below_z
        for i in range(count):
            moment = z[i] * (second[i] if z[i] < 0.0 else -first[i])
            out[0, t] += 0.5 * z[i] * moment
            if z[i] < 0.0:
                out[2, t] -= moment
            else:
                out[1, t] += moment
        if t == steps:
            break
        far += right[t] * (above_z + 0.5 * right[t] * above) + left[t] * (below_z + 0.5 * left[t] * below)
        above_z += right[t] * above
        below_z += left[t] * below
        at_first, at_second = end_first, end_second
        for i in range(count):
            if z[i] < 0.0:
                at_first += first[i]
                at_second += second[i]
                z[i] += left[t]
            else:
                z[i] += right[t]
        z[count], first[count], second[count] = left[t], -at_first, -at_second
        z[count + 1], first[count + 1], second[count + 1] = right[t], at_first, at_second
        moved, count = count + 2, 0
        for i in range(moved):
            if z[i] <= -reach_below[t + 1]:
                end_first += first[i]
                end_second += second[i]
                below += second[i]
                below_z += second[i] * z[i]
                far += 0.5 * z[i] ** 2 * second[i]
            elif z[i] >= reach_above[t + 1]:
                above -= first[i]
                above_z -= first[i] * z[i]
                far -= 0.5 * z[i] ** 2 * first[i]
            elif first[i] != 0.0 or second[i] != 0.0:
                z[count], first[count], second[count] = z[i], first[i], second[i]
                count += 1
