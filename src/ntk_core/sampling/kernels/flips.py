"""Sums over the sign changes of each run, drawn chunk by chunk: no array is as long as the band.

Chunks go on across runs, in the order of the runs, so the first runs do not depend on how many follow.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...network import Array
from .compiling import kernel
from .direction import Directions, draw_directions
from .position import Positions, draw_positions
from .words import CHUNK, Stream


@kernel
def position_sums(counts: NDArray[np.int64], at: Positions, stream: Stream, reserve: Stream) -> Array:
    """Σ s over `counts[i]` positions s for every run i; shape of `counts`."""
    sums = np.zeros(counts.size)
    position = np.empty(CHUNK)
    used = CHUNK
    for run in range(counts.size):
        left = counts[run]
        while left > 0:
            if used == CHUNK:
                draw_positions(at, stream, reserve, position)
                used = 0
            stop = min(used + left, CHUNK)
            total = 0.0
            for i in range(used, stop):
                total += position[i]
            sums[run] += total
            left -= stop - used
            used = stop
    return sums


@kernel
def direction_sums(
    counts: NDArray[np.int64],
    at: Positions,
    along: Directions,
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
        left = counts[run]
        while left > 0:
            if used == CHUNK:
                draw_positions(at, stream, reserve, position)
                draw_directions(along, stream, reserve, ahead)
                draw_directions(along, stream, reserve, behind)
                used = 0
            stop = min(used + left, CHUNK)
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
            left -= stop - used
            used = stop
    return sums
