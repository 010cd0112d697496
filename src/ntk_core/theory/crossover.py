r"""The error of training beside a training input: its mean and variance in wide networks, by the angle.

Let x be at the angle s/√m from a training input x_k, towards the unit vector v orthogonal to it, and let the
neurons near the kink of x_k move in z = √m w·x_k as `crossing` says. A neuron has √m w·x → z + q there,
q = s w·v, because u·v is of order 1/√m. A pair of neurons adds to m times the signed error at x

    D_q(z_0) = Σ_{c=±1} c [σ(z_T + q) - 1{z_0 + q ≥ 0} (z_T + q)],

so √m times that error has (docs/theory.md, "Beside a training input"), w as w(0) given w·x_k = 0,

    mean        → e_T(s, v) = φ(0)/2 E_w ∫ D_q(z_0) dz_0,
    variance √m → v_T(s, v) = φ(0)/2 E_w ∫ D_q(z_0)² dz_0.

s = 0 is the training input itself. As s → ∞ the mean falls as 1/s, and v_T tends to that of a new input,
φ(0)/3 E|p|³. At a finite angle the neuron moves along x as the pushes along x say, which differ from those
along x_k in the next order: so v_T is right at both ends. D is linear between some z_0, and both integrals
over z_0 are exact. In d ≤ 3 so is the law of w given w·v; the integral over w·v is by Gauss and Legendre's
rule.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import scipy

from ..compiling import kernel as compiled
from ..network import Array
from .crossing import PARALLEL
from .gaussian import PHI0
from .training_limit import loss_derivatives

NODES = 24
"""Nodes of the integral over w·v on either side of 0, within reach of the kink of x_k and again beyond."""

PIECES = 512
"""Most intervals of z_0 that are followed: where neurons go back and forth, each step may double them."""

FARTHEST = 8.0
"""Largest |w·v| that counts: beyond it the normal law has less than 1e-14."""


@dataclass(frozen=True)
class Crossover:
    """Constants of √m times the signed error: its `mean`, and √m times its `variance`."""

    mean: Array
    variance: Array


def crossover(
    x: Array,
    y: Array,
    loss: str,
    step_size: float,
    times: Sequence[int],
    target: float,
    near_x: Array,
    m: Sequence[int],
) -> Crossover:
    """Both constants at every width, recorded time and input of `near_x` `(inputs, d)`: `(m, times, inputs)`.

    Rows have length 1, in d ≤ 3; the other arguments are those of `training_limit.path`. Each input goes with
    the nearest of ±x_k; the error at -x is that at x. NaN from the time on at which z_0 is cut into more than
    `PIECES` intervals.
    """
    slopes = np.array(list(islice(loss_derivatives(x, y, loss, step_size, target), times[-1])))
    pushes = -step_size / y.size * slopes.reshape(-1, y.size)
    space, near = _in_space(x), _in_space(near_x)
    widths = np.sqrt(np.array(m, dtype=np.float64))
    result = np.zeros((2, widths.size, len(times), near_x.shape[0]))
    for index, z in enumerate(near):
        cosine = np.einsum("kd,d->k", space, z)
        k = int(np.argmax(np.abs(cosine)))
        if cosine[k] < 0.0:
            z, cosine = -z, -cosine
        across = z - cosine[k] * space[k]
        sine = math.sqrt(float(np.sum(across**2)))
        if sine < PARALLEL:
            across = np.cross(space[k], np.eye(3)[np.argmin(np.abs(space[k]))])
        across = across - np.sum(across * space[k]) * space[k]  # what rounding leaves at a small angle
        v = across / math.sqrt(float(np.sum(across**2)))
        s = widths * (0.0 if sine < PARALLEL else math.atan2(sine, cosine[k]))
        along = np.stack([pushes * np.einsum("jd,d->j", space, one) for one in (space[k], z)], axis=1)
        for arc in _arcs(space, k, along, v):
            result[..., index] += _over_arc(arc, s, times)
    return Crossover(*(0.5 * PHI0 * result))


def _in_space(x: Array) -> Array:
    """Inputs in d ≤ 3 with zeros as their further coordinates, `(inputs, 3)`."""
    space = np.zeros((x.shape[0], 3))
    space[:, : x.shape[1]] = x
    return space


@dataclass(frozen=True)
class _Arc:
    """Directions w, orthogonal to x_k, between two angles to `side` · v: there the same inputs push.

    `ends` are the tangents of the two angles, from -∞ to ∞; `below` and `above` `(steps, 2)` the pushes along
    x_k and along x on either side of the kink, for c = 1.
    """

    side: float
    ends: tuple[float, float]
    below: Array
    above: Array


def _arcs(space: Array, k: int, along: Array, v: Array) -> Iterator[_Arc]:
    """All arcs between which the training inputs `space` `(n, 3)` start or stop to push.

    `along` `(steps, 2, n)` are the pushes of all of them along x_k and along x.
    """
    cosine = np.einsum("jd,d->j", space, space[k])
    along_v, along_other = np.einsum("jd,ad->aj", space, np.stack([v, np.cross(space[k], v)]))
    parallel = np.hypot(along_v, along_other) < PARALLEL
    turning = ~parallel & (along_other != 0.0)
    turns = np.sort(np.arctan(-along_v[turning] / along_other[turning]))
    angles = np.array([-0.5 * math.pi, *turns, 0.5 * math.pi])
    tangents = np.array([-math.inf, *np.tan(turns), math.inf])
    below, above = (np.sum(along[..., parallel & (sign * cosine > 0.0)], axis=-1) for sign in (-1.0, 1.0))
    for index, middle in enumerate(0.5 * (angles[1:] + angles[:-1])):
        ends = float(tangents[index]), float(tangents[index + 1])
        for side in (1.0, -1.0):
            active = side * (along_v * math.cos(middle) + along_other * math.sin(middle)) >= 0.0
            common = np.sum(along[..., active & ~parallel], axis=-1)
            yield _Arc(side, ends, common + below, common + above)


def _over_arc(arc: _Arc, s: Array, times: Sequence[int]) -> Array:
    """E[∫ D] and E[∫ D²] over one arc at the scaled angles `s` `(angles,)`; `(2, angles, times)`."""
    farthest = np.sum(np.maximum(np.abs(arc.below), np.abs(arc.above)), axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Beyond it, a neuron that flips at x never comes to the kink of x_k.
        reach = np.minimum(FARTHEST, np.sum(farthest) / s)[:, None]
    unit, unit_weights = np.polynomial.legendre.leggauss(NODES)
    unit, unit_weights = 0.5 * (unit + 1.0), 0.5 * unit_weights
    along_v = np.concatenate([reach * unit, reach + (FARTHEST - reach) * unit], axis=1)
    weights = np.concatenate([reach * unit_weights, (FARTHEST - reach) * unit_weights], axis=1)
    lower, upper = (scipy.special.ndtr(along_v * end) for end in arc.ends)
    weights = weights * PHI0 * np.exp(-0.5 * along_v**2) * (upper - lower)
    q = arc.side * s[:, None] * along_v
    result = np.full((2, s.size, len(times)), np.nan)
    paths = [_Path(np.zeros(0), np.zeros((1, 2)))] * 2
    for step in range(times[-1] + 1):
        if max(path.edges.size for path in paths) > PIECES:
            break
        for index in np.flatnonzero(np.equal(times, step)):
            result[..., index] = np.einsum("iaq,aq->ia", _integrals(paths, q), weights)
        if step < len(arc.below):
            paths = [
                path.moved(c * arc.below[step], c * arc.above[step])
                for path, c in zip(paths, (1.0, -1.0), strict=True)
            ]
    return result


@dataclass(frozen=True)
class _Path:
    """How far neurons have moved along x_k and x, `shift` `(pieces, 2)`, by z_0 between the `edges`."""

    edges: Array
    shift: Array

    def at(self, starts: Array) -> Array:
        """The shifts `(starts, 2)` on the right of some z_0."""
        return self.shift[np.searchsorted(self.edges, starts, side="right")]

    def moved(self, below: Array, above: Array) -> _Path:
        """The path after one more step, which moves by `below` `(2,)` where z is below 0, else by `above`."""
        cuts = -self.shift[:, 0]
        inside = (np.append(-np.inf, self.edges) < cuts) & (cuts < np.append(self.edges, np.inf))
        edges = np.sort(np.append(self.edges, cuts[inside]))
        starts = np.append(-np.inf, edges)
        shift = self.at(starts)
        active = starts + shift[:, 0] >= 0.0
        return _Path(edges, shift + np.where(active[:, None], above, below))


def _integrals(paths: Sequence[_Path], q: Array) -> Array:
    """∫ D_q and ∫ D_q² over z_0, `(2, *q.shape)`, from the paths of the neurons with c = 1 and -1."""
    edges = np.unique(np.concatenate([path.edges for path in paths]))
    plus, minus = (path.at(np.append(-np.inf, edges))[:, 1] for path in paths)
    return _sums(edges, plus, minus, q.ravel()).reshape(2, *q.shape)


@compiled
def _sums(edges: Array, plus: Array, minus: Array, q: Array) -> Array:
    """What `_integrals` gives, `(2, q)`, where neurons move by `plus` and `minus` `(edges + 1,)` along x."""
    result = np.zeros((2, q.size))
    for a in range(q.size):
        for i in range(plus.size):
            p, r = plus[i], minus[i]
            for end, sign in ((i - 1, -1.0), (i, 1.0)):
                y = math.inf * sign if end < 0 or end == edges.size else q[a] + edges[end]
                result[0, a] += sign * (_first(y, p) - _first(y, r))
                result[1, a] += sign * (_second(y, p, p) + _second(y, r, r) - 2.0 * _second(y, p, r))
    return result


@compiled
def _first(y: float, p: float) -> float:
    """A primitive in y of what a neuron adds that starts at y and moves by p: |y + p| between -p and 0."""
    side = 1.0 if p > 0.0 else -1.0
    inside = min(max(side * y, -abs(p)), 0.0) + abs(p)
    return 0.5 * side * inside * inside


@compiled
def _second(y: float, p: float, r: float) -> float:
    """A primitive in y of the product of what two neurons add that move by p and r: 0 for opposite signs."""
    if p * r <= 0.0:
        return 0.0
    side, small = (1.0 if p > 0.0 else -1.0), min(abs(p), abs(r))
    inside = min(max(side * y, -small), 0.0) + small
    return side * inside * inside * (inside / 3.0 + 0.5 * abs(abs(p) - abs(r)))
