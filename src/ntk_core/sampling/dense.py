"""The sampler `dense`: evaluates the definitions on all weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..network import Array
from ..quantities import NEURON_SUMS, summed_quantities
from .cell import Cell
from .streams import Streams

FORMAT_WEIGHTS = 1 << 17
"""Weights m·d drawn at once; each takes a few dozen bytes of memory. Part of the format, as a block is.

A network of more is cut into parts, each drawn and added up for itself. A custom law receives as many whole
networks as have these weights.
"""


def dense_block(cell: Cell, runs: int, streams: Streams) -> Array:
    """The first `runs` runs of a block, from all m·d weights by the definitions of the notes.

    Sums over neurons are added up in parts, so memory grows neither with m nor with runs.
    """
    from .kernels.neurons import totals  # compiled: slow to import

    sums, law = np.zeros((NEURON_SUMS, runs)), cell.law
    radius = cell.radius
    for part in dense_networks(cell, runs, streams):
        sums[:, part.runs] += totals(part.x, part.w0, part.c, part.u, law.band_radius(part.u, radius))
    return summed_quantities(cell.m, sums)


class Networks(NamedTuple):
    """Some neurons of some runs of a block: slice of the runs, x, w(0), c and u, with ‖x‖ = 1.

    Shapes `(d,)`, `(runs, neurons, d)`, `(runs, neurons)` and `(runs, neurons, d)`.
    """

    runs: slice
    x: Array
    w0: Array
    c: Array
    u: Array


def dense_networks(cell: Cell, runs: int, streams: Streams) -> Iterator[Networks]:
    """The networks of the first `runs` runs of a dense block, weights and all.

    The input is x = (1, …, 1)/√d. As many runs come together as have `FORMAT_WEIGHTS` weights. A network of
    more comes in parts. A law of another ball reads a whole network. A custom law may do so too and draw
    in any order, so it receives whole networks, always as many together as in a whole block.
    """
    from .kernels.neurons import symmetric_weights  # compiled: slow to import
    from .kernels.ziggurat import ziggurat

    weights, reserve = streams.words("weights"), streams.words("again")
    signs, displacement = streams.generator("signs"), streams.generator("displacement")
    law, normal, radius = cell.law, ziggurat(math.inf), cell.radius
    x = np.full(cell.d, 1.0 / math.sqrt(cell.d))
    half = cell.m // 2
    pairs_at_once = half if cell.whole else max(1, min(half, FORMAT_WEIGHTS // (2 * cell.d)))
    runs_at_once = max(1, FORMAT_WEIGHTS // (2 * pairs_at_once * cell.d))
    for first in range(0, runs, runs_at_once):
        run_slice = slice(first, min(first + runs_at_once, runs))
        run_count = min(first + runs_at_once, cell.block) - first if cell.custom else run_slice.stop - first
        for low in range(0, half, pairs_at_once):
            shape = (run_count, min(pairs_at_once, half - low))
            w0 = np.empty((shape[0], 2 * shape[1], cell.d))
            symmetric_weights(normal, weights, reserve, w0)
            sign = 2.0 * signs.integers(0, 2, shape).astype(np.float64) - 1.0
            c = np.concatenate([sign, -sign], axis=-1)
            u = law.weights(displacement, x, w0, c, radius)
            selection = slice(0, run_slice.stop - first)
            yield Networks(run_slice, x, w0[selection], c[selection], u[selection])
