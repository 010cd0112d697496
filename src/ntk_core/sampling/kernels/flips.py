"""Sums over the sign changes of each run, drawn chunk by chunk: no array is as long as the band.

Chunks continue across runs, in the order of the runs, so the first runs do not depend on later ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...compiling import kernel
from ...network import Array
from .direction import Directions, draw_directions
from .position import Positions, draw_positions
from .words import CHUNK, Stream


@kernel
def position_sums(counts: NDArray[np.int64], method: Positions, stream: Stream, reserve: Stream) -> Array:
    """Σ s over `counts[i]` positions s for every run i; shape of `counts`."""
    sums = np.zeros(counts.size)
    position = np.empty(CHUNK)
    used = CHUNK
    for run in range(counts.size):
        remaining = counts[run]
        while remaining > 0:
            if used == CHUNK:
                draw_positions(method, stream, reserve, position)
                used = 0
            stop = min(used + remaining, CHUNK)
            total = 0.0
            for i in range(used, stop):
                total += position[i]
            sums[run] += total
            remaining -= stop - used
            used = stop
    return sums


@kernel
def direction_sums(
    counts: NDArray[np.int64],
    method: Positions,
    direction: Directions,
    stream: Stream,
    reserve: Stream,
) -> Array:
    """Flips, Σ c s and Σ c t over the flips of `counts[i]` pairs in every run i; `(3, runs)`.

    Both neurons of a pair lie at s; the one with c = ±1 flips if its own projection t exceeds s.
    """
    sums = np.zeros((3, counts.size))
    position, ahead, behind = np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK)
    used = CHUNK
    for run in range(counts.size):
        remaining = counts[run]
        while remaining > 0:
            if used == CHUNK:
                draw_positions(method, stream, reserve, position)
                draw_directions(direction, stream, reserve, ahead)
                draw_directions(direction, stream, reserve, behind)
                used = 0
            stop = min(used + remaining, CHUNK)
            flips, places, steps = 0.0, 0.0, 0.0
            for i in range(used, stop):
                first = np.float64(ahead[i] > position[i])
                second = np.float64(behind[i] > position[i])
                flips += first + second
                places += (first - second) * position[i]
                steps += first * ahead[i] - second * behind[i]
            sums[0, run] += flips
            sums[1, run] += places
            sums[2, run] += steps
            remaining -= stop - used
            used = stop
    return sums


@kernel
def split(values: Array, limit: float, beyond: Array) -> tuple[int, float]:
    """How many values are at most `limit`, and their sum; the others come first in `beyond`, in order."""
    count, total, others = 0, 0.0, 0
    for value in values:
        if value <= limit:
            count += 1
            total += value
        else:
            beyond[others] = value
            others += 1
    return count, total


@kernel
def fill_positions(method: Positions, stream: Stream, reserve: Stream, out: Array) -> None:
    """As many positions as `out` has, a multiple of `CHUNK`."""
    for start in range(0, out.size, CHUNK):
        draw_positions(method, stream, reserve, out[start : start + CHUNK])
