"""A run by the definitions of the notes: on the network it was drawn from, or on one that matches it.

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
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from ..laws import sphere
from ..laws.law import PAIRS, Projection
from ..network import Array
from ..quantities import defined_quantities
from ..theory.gaussian import band_probability
from . import descent
from .band import BandBlock
from .cell import Cell
from .data import load
from .dense import dense_networks
from .streams import Streams
from .training import Training

MOST_WEIGHTS = 1 << 24
"""Most weights m·d of a network that is held whole: the definitions take some ten arrays of them, 1 GB."""


def definitions(entropy: int, cell: Cell, seed: int) -> Array:
    """The quantities of one run by the definitions, on a network that matches it; `(quantities,)`.

    Raises `ValueError` for a network of more than `MOST_WEIGHTS` weights.
    """
    if cell.m * cell.d > MOST_WEIGHTS:
        raise ValueError(f"m·d is {cell.m * cell.d:,}; allowed: at most {MOST_WEIGHTS:,} weights")
    block, place = divmod(seed, cell.block)
    streams = Streams(entropy, cell.key, block)
    draw = _drawn if cell.sampler == "dense" else _matching
    return defined_quantities(*draw(cell, place, streams), cell.alpha / math.sqrt(cell.m))


def trained_definitions(training: Training, entropy: int, m: int, seed: int) -> Array:
    """The quantities of a trained run at its end by the definitions; `(quantities, held-out inputs)`.

    Raises `ValueError` for a network of more than `MOST_WEIGHTS` weights.
    """
    if m * training.d > MOST_WEIGHTS:
        raise ValueError(f"m·d is {m * training.d:,}; allowed: at most {MOST_WEIGHTS:,} weights")
    data = load(training, entropy)
    w0, c = descent.start(training, entropy, m, seed)
    u = descent.trace(training, data, w0, c)[1] - w0
    radius = float(np.max(np.linalg.norm(u, axis=1)))
    return np.stack([defined_quantities(x, w0, c, u, radius) for x in data.held_x], axis=1)


def _drawn(cell: Cell, place: int, streams: Streams) -> tuple[Array, Array, Array, Array]:
    """The network of a dense run: its place in the block, and those before it, drawn as they were."""
    parts = [
        (part.x, *(values[place - part.runs.start] for values in (part.w0, part.c, part.u)))
        for part in dense_networks(cell, place + 1, streams)
        if part.runs.start <= place < part.runs.stop
    ]
    x = parts[0][0]
    w0, c, u = (np.concatenate([part[k] for part in parts]) for k in (1, 2, 3))
    return x, w0, c, u


def _matching(cell: Cell, place: int, streams: Streams) -> tuple[Array, Array, Array, Array]:
    """A network whose band is that of a band run.

    Neurons with c = +1 come first, those with c = -1 after them in the same order: pairs that the law drew
    a position for, at a > 0; the band's other pairs, at a < 0 (`aligned` alone has some); the rest. A custom
    law has drawn all pairs of the band, at either sign; the rest then moves at random.
    """
    rng = streams.generator("replay")
    radius, half = cell.alpha / math.sqrt(cell.m), cell.m // 2
    pairs = streams.generator("pairs").binomial(half, band_probability(radius), size=cell.block)
    traced = _Traced(pairs, place + 1, radius, cell.d, streams)
    cell.law.band(traced)
    position, *projections = traced.last
    others = int(pairs[place]) - position.size
    a = np.concatenate(
        [radius * position, -_inside(rng, others, radius), _outside(rng, half - pairs[place], radius)]
    )
    x = np.full(cell.d, 1.0 / math.sqrt(cell.d))
    w0 = a[:, None] * x + _across(rng.standard_normal((half, cell.d)), x)
    w0, c = np.concatenate([w0, w0]), np.repeat([1.0, -1.0], half)
    u = (sphere if cell.custom else cell.law).weights(rng, x, w0, c, radius)
    for first, projection in zip((0, half), projections, strict=False):
        moved = u[first : first + position.size]
        across = _across(moved, x)
        length = np.linalg.norm(across, axis=-1)
        size = radius * np.sqrt(np.maximum(1.0 - projection**2, 0.0)) / np.where(length > 0.0, length, 1.0)
        moved[:] = -radius * projection[:, None] * x + size[:, None] * across
    return x, w0, c, u


@dataclass(frozen=True)
class _Traced(BandBlock):
    """A block whose laws' draws are kept for its last run instead of summed.

    `last` is then the positions of that run and, for random directions, the projections of the neurons
    with c = +1 and of those with c = -1, as `_matching` takes them: positive is towards a < 0.
    """

    last: list[Array] = field(default_factory=list)

    def position_sums(self, counts: NDArray[np.int64]) -> Array:
        from .kernels.position import draw_positions, positions

        self._keep(counts, [(draw_positions, positions(self.radius))])
        return np.zeros(counts.shape)

    def direction_sums(self, counts: NDArray[np.int64]) -> Array:
        from .kernels.direction import directions, draw_directions
        from .kernels.position import draw_positions, positions

        along = (draw_directions, directions(self.d))
        self._keep(counts, [(draw_positions, positions(self.radius)), along, along])
        return np.zeros((3, *counts.shape))

    def projection_sums(self, counts: NDArray[np.int64], project: Projection) -> Array:
        before, stop = int(np.sum(counts[:-1])), int(np.sum(counts))
        kept = [np.empty((3, 0))]
        for number, (a, t) in enumerate(self.projected(stop, project)):
            start = number * PAIRS
            kept.append(np.stack([a, *-t])[:, max(before - start, 0) : stop - start])
        self.last.extend(np.concatenate(kept, axis=1))
        return np.zeros((3, *counts.shape))

    def _keep(self, counts: NDArray[np.int64], draws: list[tuple[Callable[..., None], Any]]) -> None:
        """Chunk by chunk as `kernels.flips` draws them, skipping what belongs to the runs before."""
        from .kernels.words import CHUNK

        stream, reserve = self._streams()
        before, stop = int(np.sum(counts[:-1])), int(np.sum(counts))
        kept: list[list[Array]] = [[] for _ in draws]
        for start in range(0, stop, CHUNK):
            for parts, (draw, how) in zip(kept, draws, strict=True):
                values = np.empty(CHUNK)
                draw(how, stream, reserve, values)
                parts.append(values[max(before - start, 0) : stop - start])
        self.last.extend(np.concatenate([np.empty(0), *parts]) for parts in kept)


def _inside(rng: np.random.Generator, count: int, radius: float) -> Array:
    """|z| for `count` normals z given |z| < r."""
    return ndtri(0.5 + rng.uniform(0.0, 1.0, count) * (ndtr(radius) - 0.5))


def _outside(rng: np.random.Generator, count: int, radius: float) -> Array:
    """`count` normals z given |z| > r."""
    return rng.choice([-1.0, 1.0], count) * -ndtri((1.0 - rng.uniform(0.0, 1.0, count)) * ndtr(-radius))


def _across(vectors: Array, x: Array) -> Array:
    """The part of each vector orthogonal to x."""
    return vectors - (vectors @ x)[:, None] * x
