"""A run by the definitions of the notes: on its own network, or on one that matches it.

A band run draws no weights. A network that matches it has the run's pre-activations and projections in the
band, and anything outside it, because that changes no quantity. The definitions on it must give the run's
quantities, up to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from .. import network
from ..laws.law import PAIRS, Projection
from ..network import Array
from ..quantities import FLIP_SUMS, defined_quantities
from ..theory.training_limit import loss_and_slopes
from . import descent
from .band import BandBlock, band_pairs
from .cell import Cell
from .data import Data, load, step_size
from .dense import dense_networks
from .streams import Streams
from .tilted import chosen_pairs, tilted_pairs
from .training import INPUT_VARIABLES, TRAINING_INPUT_VARIABLES, Training

MAX_WEIGHTS = 1 << 24
"""Most weights m·d of a whole network in memory: the definitions take some ten such arrays, 1 GB."""


def definitions(entropy: int, cell: Cell, seed: int) -> Array:
    """The quantities of one run by the definitions, on a network that matches it; `(quantities,)`.

    Raises `ValueError` for a network of more than `MAX_WEIGHTS` weights.
    """
    _check_size(cell.m * cell.d)
    block, place = divmod(seed, cell.block)
    streams = cell.streams(entropy, block)
    band_network = _matching_network if math.isinf(cell.law.norm) else _nearest_network
    draw = _dense_network if cell.sampler == "dense" else band_network
    x, w0, c, u = draw(cell, place, streams)
    radius = cell.law.band_radius(u, cell.radius)
    return defined_quantities(x, w0, c, u, float(radius))


def _check_size(weights: int) -> None:
    if weights > MAX_WEIGHTS:
        raise ValueError(f"m·d is {weights:,}; allowed: at most {MAX_WEIGHTS:,} weights")


def trained_definitions(training: Training, entropy: int, m: int, seed: int) -> dict[str, Array]:
    """The variables of a trained run at its end by the definitions, by name; `(inputs,)` each.

    The linear twin descends anew, in the space of the weights. Raises `ValueError` for a network of more
    than `MAX_WEIGHTS` weights.
    """
    _check_size(m * training.d)
    data = load(training, entropy)
    w0, c = descent.start(training, entropy, m, seed)
    run, w = descent.trace(training, data, w0, c)
    u, twin = w - w0, _twin_displacement(training, data, w0, c, run.steps)
    radius = float(np.max(np.linalg.norm(u, axis=1)))
    variables: dict[str, Array] = {}
    for names, inputs in ((INPUT_VARIABLES, data.held_x), (TRAINING_INPUT_VARIABLES, data.x)):
        columns = [
            [
                *defined_quantities(x, w0, c, u, radius),
                network.scaled_network(x, w, c) - network.linearization(x, w0, c, u),
                network.scaled_network(x, w, c),
                network.linearization(x, w0, c, twin),
            ]
            for x in inputs
        ]
        variables |= dict(zip(names, np.array(columns).T, strict=True))
    return variables


def _twin_displacement(training: Training, data: Data, w0: Array, c: Array, steps: int) -> Array:
    """u after so many steps of descent on the loss of ∇F(x; w(0))ᵀu, from u = 0; `(m, d)`."""
    n, eta = data.y.size, step_size(data, training.loss, training.step)
    active = [network.relu_derivative(network.preactivation(x, w0)) for x in data.x]
    features = c[:, None] * np.stack(active, axis=1) / math.sqrt(c.size)
    u = np.zeros_like(w0)
    with np.errstate(over="ignore", invalid="ignore"):  # the twin may diverge
        for _ in range(steps):
            outputs = np.sum(features * (u @ data.x.T), axis=0)
            _, slopes = loss_and_slopes(outputs, data.y, training.loss)
            u -= eta / n * (features * slopes) @ data.x
    return u


def _dense_network(cell: Cell, place: int, streams: Streams) -> tuple[Array, Array, Array, Array]:
    """The network of a dense run; the block is redrawn up to the run's place in it."""
    parts = [
        (part.x, *(values[place - part.runs.start] for values in (part.w0, part.c, part.u)))
        for part in dense_networks(cell, place + 1, streams)
        if part.runs.start <= place < part.runs.stop
    ]
    x = parts[0][0]
    w0, c, u = (np.concatenate([part[k] for part in parts]) for k in (1, 2, 3))
    return x, w0, c, u


def _matching_network(cell: Cell, place: int, streams: Streams) -> tuple[Array, Array, Array, Array]:
    """A network whose band is that of a band run.

    Neurons with c = +1 come first, those with c = -1 after them in the same order: pairs with a position from
    the law, the other pairs of the band, pairs outside it. Where the law draws projections, the first move
    along x by them, and all others stay. Where it draws positions alone, they are at a > 0, the other pairs
    of the band at a < 0, and the law's `weights` move all (`Band.position_sums`).
    """
    rng = streams.generator("replay")
    radius, half = cell.radius, cell.m // 2
    if cell.sampler == "tilted":
        component, pairs = (of_block[: place + 1] for of_block in tilted_pairs(cell, streams))
        parts = [
            np.stack([chosen.a, *-chosen.t])[:, chosen.run == place]
            for chosen in chosen_pairs(cell, component, pairs, streams)
        ]
        position, *projections = np.concatenate([np.empty((3, 0)), *parts], axis=1)
    else:
        pairs = band_pairs(cell, streams)
        recorded_band = _RecordedBand.of(cell, pairs, place + 1, streams)
        cell.law.band_sums(recorded_band)
        position, *projections = recorded_band.last
    others = int(pairs[place]) - position.size
    a = np.concatenate(
        [radius * position, -_inner(rng, others, radius), _outer(rng, half - pairs[place], radius)]
    )
    x = np.full(cell.d, 1.0 / math.sqrt(cell.d))
    w0 = a[:, None] * x + _orthogonal(rng.standard_normal((half, cell.d)), x)
    w0, c = np.concatenate([w0, w0]), np.repeat([1.0, -1.0], half)
    if not projections:
        return x, w0, c, cell.law.weights(rng, x, w0, c, radius)
    u = np.zeros_like(w0)
    for first, projection in zip((0, half), projections, strict=True):
        u[first : first + position.size] = -radius * projection[:, None] * x
    return x, w0, c, u


def _nearest_network(cell: Cell, place: int, streams: Streams) -> tuple[Array, Array, Array, Array]:
    """A network with the pre-activations of a band run of another ball; neurons with c = +1 come first.

    The worst displacement follows from them. Those that the run has only counted lie anywhere in the band.
    """
    rng, half, law = streams.generator("replay"), cell.m // 2, cell.law
    block = BandBlock.of(cell, band_pairs(cell, streams), place + 1, streams)
    *_, run = block.nearest(law.norm)
    edge, counted = max(run.length, run.radius), max(run.pairs - run.sizes.size, 0)
    tails = 2.0 * scipy.special.ndtr(-run.radius), 2.0 * scipy.special.ndtr(-edge)
    between = -scipy.special.ndtri(0.5 * rng.uniform(tails[1], tails[0], counted))
    a = np.concatenate([run.sizes, between, np.abs(_outer(rng, half - run.sizes.size - counted, edge))])
    x = np.full(cell.d, 1.0 / math.sqrt(cell.d))
    signs = rng.choice([-1.0, 1.0], half)
    w0 = (signs * a)[:, None] * x + _orthogonal(rng.standard_normal((half, cell.d)), x)
    w0, c = np.concatenate([w0, w0]), np.repeat([1.0, -1.0], half)
    return x, w0, c, law.weights(rng, x, w0, c, cell.radius)


@dataclass(frozen=True)
class _RecordedBand(BandBlock):
    """A block that stores the law's draws for its last run instead of their sums.

    `last` has the positions of that run and, for random directions, the projections of the neurons with
    c = +1 and of those with c = -1, as `_matching_network` needs them: positive is towards a < 0.
    """

    last: list[Array] = field(default_factory=list)

    def position_sums(self, counts: NDArray[np.int64]) -> Array:
        from .kernels.position import draw_positions, positions

        self._record(counts, [(draw_positions, positions(self.radius))])
        return np.zeros(counts.shape)

    def direction_sums(self, counts: NDArray[np.int64]) -> Array:
        from .kernels.direction import directions, draw_directions
        from .kernels.position import draw_positions, positions

        direction = (draw_directions, directions(self.d))
        self._record(counts, [(draw_positions, positions(self.radius)), direction, direction])
        return np.zeros((FLIP_SUMS, *counts.shape))

    def projection_sums(self, counts: NDArray[np.int64], project: Projection) -> Array:
        before, stop = int(np.sum(counts[:-1])), int(np.sum(counts))
        parts = [np.empty((3, 0))]
        for number, (a, t) in enumerate(self.projected(stop, project)):
            start = number * PAIRS
            parts.append(np.stack([a, *-t])[:, max(before - start, 0) : stop - start])
        self.last.extend(np.concatenate(parts, axis=1))
        return np.zeros((FLIP_SUMS, *counts.shape))

    def _record(self, counts: NDArray[np.int64], draws: list[tuple[Callable[..., None], Any]]) -> None:
        """Draw chunk by chunk as `kernels.flips` does, and skip the draws of earlier runs."""
        from .kernels.words import CHUNK

        stream, reserve = self._streams()
        before, stop = int(np.sum(counts[:-1])), int(np.sum(counts))
        chunks: list[list[Array]] = [[] for _ in draws]
        for start in range(0, stop, CHUNK):
            for parts, (draw, method) in zip(chunks, draws, strict=True):
                values = np.empty(CHUNK)
                draw(method, stream, reserve, values)
                parts.append(values[max(before - start, 0) : stop - start])
        self.last.extend(np.concatenate([np.empty(0), *parts]) for parts in chunks)


def _inner(rng: np.random.Generator, count: int, radius: float) -> Array:
    """|z| for `count` normals z given |z| < r."""
    return scipy.special.ndtri(0.5 + rng.uniform(0.0, 1.0, count) * (scipy.special.ndtr(radius) - 0.5))


def _outer(rng: np.random.Generator, count: int, radius: float) -> Array:
    """`count` normals z given |z| > r."""
    return rng.choice([-1.0, 1.0], count) * -scipy.special.ndtri(
        (1.0 - rng.uniform(0.0, 1.0, count)) * scipy.special.ndtr(-radius)
    )


def _orthogonal(vectors: Array, x: Array) -> Array:
    """The part of each vector orthogonal to x."""
    return vectors - (vectors @ x)[:, None] * x
