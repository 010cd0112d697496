r"""The limit of the linearization error at the training inputs, where it falls as m^{-1/2} only.

A neuron feels the gradient of x_k where w·x_k ≥ 0. One that starts within O(1/√m) of this kink may cross it
while it is trained, and feels or stops feeling that gradient from then on. In z = √m w·x_k the limit of
descent is, for a neuron with output sign c,

    z_{t+1} = z_t + c g_t(z_t),   g_t = g₋,t for z < 0,   g₊,t = g₋,t + g_k,t for z ≥ 0,

g_k,t = -(η/n) l'_{k,t} ‖x_k‖² and g₋,t the push of the other inputs, which depends on the direction of w, with
the law of w(0) given w·x_k = 0, through their indicators. With the residuals those of descent on the
arc-cosine kernel (`training_limit`), for each x_k (docs/theory.md, "At the training inputs"):

    √m (F(x_k; w) - ∇F(x_k; w(0))ᵀ u) → φ(0)/(2‖x_k‖) E_w ∫ Σ_{c=±1} c [σ(z_T) - 1{z_0 ≥ 0} z_T] dz_0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice

import numba
import numpy as np
from numpy.typing import NDArray

from ..network import Array
from .gaussian import PHI0
from .training_limit import loss_derivatives

DRAWS = 1 << 11
"""Number of directions w for each input in d > 3: a standard error of 2 to 3 per cent on digits."""

LONGEST = 256
"""Most steps that are followed: the work grows with their square."""

PARALLEL = 1e-12
"""Length of the part of an input orthogonal to another below which they are parallel, up to rounding."""


def signed_error(
    x: Array,
    y: Array,
    loss: str,
    step_size: float,
    times: Sequence[int],
    target: float,
    inputs: Array,
    rng: np.random.Generator,
) -> Array:
    """The limit of √m (F - ∇F(w(0))ᵀu) at every recorded time and every one of `inputs`, `(times, inputs)`.

    The first arguments are those of `training_limit.path`: training inputs `x` `(n, d)`, rows of length 1 as
    those of `inputs`, targets `y` `(n,)`, `step_size` η, ascending `times`. `inputs` are `x` or some of them;
    the constant is 0 at an input parallel to none of `x`. Inputs that are parallel share one kink: x_k again
    pushes where x_k does, -x_k on the other side. NaN at times with more than `LONGEST` steps before.

    The integral over z_0 is exact. So is the average over w in d ≤ 3; in higher d it is over `DRAWS` directions
    from `rng`. √m E tends to the absolute value, as fluctuations are O(m^{-3/4}), and √m times the root mean
    square of E over inputs to that of the constants.
    """
    n, d = x.shape
    slopes = list(islice(loss_derivatives(x, y, loss, step_size, target), min(times[-1], LONGEST + 1)))
    pushes = -step_size / n * np.array(slopes[:LONGEST]).reshape(-1, n)
    ends = np.minimum(times, len(slopes))
    followed = ends <= LONGEST
    constants = np.full((len(times), inputs.shape[0]), np.nan)
    for index, z in enumerate(inputs):
        cosine = np.einsum("jd,d->j", x, z)
        tangent = x - cosine[:, None] * z
        parallel = np.sqrt(np.einsum("jd,jd->j", tangent, tangent)) < PARALLEL
        others = tangent[~parallel]
        active, weights = _arcs(z, others) if d <= 3 else _draws(others, rng)
        along = pushes * cosine
        constants[followed, index] = (0.5 * PHI0) * _mean_integral(
            np.sum(along[:, parallel & (cosine < 0.0)], axis=1),
            np.sum(along[:, parallel & (cosine > 0.0)], axis=1),
            np.ascontiguousarray(along[:, ~parallel].T),
            active,
            weights,
            ends[followed],
        )
    return constants


def _draws(tangent: Array, rng: np.random.Generator) -> tuple[NDArray[np.bool_], Array]:
    """Patterns of 1{w·x_j ≥ 0} given w·z = 0, `(DRAWS, inputs)`, and their weights, of sum 1.

    `tangent` `(inputs, d)` are the inputs without their component along z, so w need not be orthogonal to z.
    """
    w = rng.standard_normal((DRAWS, tangent.shape[1]))
    return np.einsum("id,jd->ij", w, tangent) >= 0.0, np.full(DRAWS, 1.0 / DRAWS)


def _arcs(z: Array, tangent: Array) -> tuple[NDArray[np.bool_], Array]:
    """All patterns, as of `_draws`, in d ≤ 3: those of the arcs into which they cut the circle orthogonal to z."""
    space = np.zeros((tangent.shape[0] + 1, 3))
    space[:, : z.size] = np.concatenate([z[None], tangent])
    first = np.cross(space[0], np.eye(3)[np.argmin(np.abs(space[0]))])
    first /= math.sqrt(np.sum(first**2))
    flat = np.einsum("jd,pd->jp", space[1:], np.stack([first, np.cross(space[0], first)]))
    kinks = np.arctan2(flat[:, 1], flat[:, 0]) + 0.5 * math.pi
    ends = np.sort(np.concatenate([kinks, kinks + math.pi, [0.0]]) % (2.0 * math.pi))
    arcs = np.diff(ends, append=ends[0] + 2.0 * math.pi)
    middle = ends + 0.5 * arcs
    w = np.stack([np.cos(middle), np.sin(middle)], axis=1)
    return np.einsum("ip,jp->ij", w, flat) >= 0.0, arcs / (2.0 * math.pi)


@numba.njit(nogil=True)
def _mean_integral(
    below: Array,
    above: Array,
    along: Array,
    active: NDArray[np.bool_],
    weights: Array,
    times: NDArray[np.int64],
) -> Array:
    """E_w ∫ Σ_c c [σ(z_T) - 1{z_0 ≥ 0} z_T] dz_0 for every T in `times`.

    `below` and `above` `(steps,)` push on one side of the kink only, `along` `(inputs, steps)` on both where
    `active` `(patterns, inputs)`.
    """
    steps = below.size
    out = np.zeros(times.size)
    left, right = np.empty(steps), np.empty(steps)
    jumps = np.empty((3, 2 * steps + 1))
    for index in range(weights.size):
        for t in range(steps):
            left[t], right[t] = below[t], above[t]
        for j in range(along.shape[0]):
            if active[index, j]:
                for t in range(steps):
                    left[t] += along[j, t]
                    right[t] += along[j, t]
        for c in (1.0, -1.0):
            _add_integral(left, right, times, c * weights[index], jumps, out)
            for t in range(steps):
                left[t], right[t] = -left[t], -right[t]
    return out


@numba.njit(nogil=True)
def _add_integral(
    left: Array, right: Array, times: NDArray[np.int64], weight: float, jumps: Array, out: Array
) -> None:
    """Adds weight · ∫ [σ(z_T) - 1{z_0 ≥ 0} z_T] dz_0 to `out`, where z moves by `left` below 0, else `right`.

    The density of z_t is the sum of two step functions: of neurons that started below 0, which count by z
    where z > 0, and of those that started above, which count by -z where z < 0. A step cuts both at 0 and
    moves the two sides, so it adds at most two places where they jump. By parts, ∫ is a sum over these places
    of ½z² and the jump. Places that cannot meet 0 again are kept by their sums only.

    `jumps` `(3, 2 steps + 1)` is overwritten by the places, and the jumps there of the first and second density.
    """
    steps = left.size
    reach_below, reach_above = np.zeros(steps + 1), np.zeros(steps + 1)
    for t in range(steps - 1, -1, -1):
        reach_below[t] = reach_below[t + 1] + max(left[t], 0.0)
        reach_above[t] = reach_above[t + 1] + max(-right[t], 0.0)
    z, first, second = jumps[0], jumps[1], jumps[2]
    z[0], first[0], second[0] = 0.0, -1.0, 1.0
    count = 1
    end_first, end_second = 1.0, 0.0  # the densities on the far left, which no more jumps than these separate
    above, above_z, below, below_z, far = 0.0, 0.0, 0.0, 0.0, 0.0  # sums of jumps, jumps · z, ½z² · jumps
    position = 0
    for t in range(steps + 1):
        while position < times.size and times[position] == t:
            total = far
            for i in range(count):
                total += 0.5 * z[i] ** 2 * (second[i] if z[i] < 0.0 else -first[i])
            out[position] += weight * total
            position += 1
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
