"""The floor: as many uniforms as a run has neurons in its band, drawn and thrown away.

|B| = 2K, K ~ Binomial(m/2, 2Φ(r) - 1). NumPy's SFC64 fills a chunk that stays in the cache, over
and over, across runs: no run pays for a call of its own. A sampler that draws a position for every
neuron of the band with NumPy is above this.
"""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..point import QUANTITIES, Array, Point, Runner

PACKAGES = ("numpy",)

CHUNK = 1 << 14
"""Numbers a chunk: 128 KiB, where filling is fastest; larger ones leave the second-level cache."""

PLACES = 8
"""Generators and chunks tried, of which the fastest pair is kept."""


def prepare(point: Point, seed: int, cores: int) -> Runner:
    """E|B| uniforms a run; on several cores a thread a core, each with its share of the runs."""
    fillers = [filler(band_neurons(point), 1024 * seed + core) for core in range(cores)]
    if cores == 1:
        return fillers[0]
    pool = ThreadPoolExecutor(cores)

    def runs(n: int) -> Array:
        shares = [n * (i + 1) // cores - n * i // cores for i in range(cores)]
        parts = pool.map(lambda fill, share: fill(share), fillers, shares)
        return np.concatenate([part[:, :1] for part in parts], axis=1)

    return runs


def band_neurons(point: Point) -> float:
    """E|B| = m (2Φ(r) - 1)."""
    return point.m * math.erf(point.radius / math.sqrt(2.0))


def filler(numbers: float, seed: int) -> Runner:
    """Draws `numbers` uniforms a run, rounded over all runs of a call; there is no result, so NaN."""
    rng, chunk = _fastest_place(seed)

    def runs(n: int) -> Array:
        whole, rest = divmod(round(n * numbers), CHUNK)
        for _ in range(whole):
            rng.random(out=chunk)
        rng.random(out=chunk[:rest])
        return np.broadcast_to(np.nan, (len(QUANTITIES), n))

    return runs


def _fastest_place(seed: int) -> tuple[np.random.Generator, Array]:
    """A generator and a chunk. Where the allocator puts them can make filling several times slower."""
    places = [(np.random.Generator(np.random.SFC64([seed, i])), np.empty(CHUNK)) for i in range(PLACES)]

    def seconds(place: tuple[np.random.Generator, Array]) -> float:
        rng, chunk = place
        taken = []
        for _ in range(20):
            start = time.perf_counter()
            rng.random(out=chunk)
            taken.append(time.perf_counter() - start)
        return min(taken)

    return min(places, key=seconds)
