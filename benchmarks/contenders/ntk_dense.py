"""Our oracle: `ntk_core.sampling.samplers.simulate` with the dense sampler.

Every call has an entropy of its own and starts at seed 0, so that no run is drawn in vain. On
several cores the runs are split over threads.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ntk_core.sampling.cell import Cell
from ntk_core.sampling.samplers import simulate

from ..point import Array, Point, Runner

PACKAGES = ("numpy", "numba")


def prepare(point: Point, seed: int, cores: int) -> Runner:
    """A thread a core; each takes its share of the runs under a fresh entropy."""
    cell = Cell("dense", point.law, point.m, point.d, point.alpha)
    entropy = itertools.count(seed << 32)
    pool = ThreadPoolExecutor(cores) if cores > 1 else None

    def runs(n: int) -> Array:
        if pool is None:
            return simulate(next(entropy), cell, 0, n)
        shares = [n * (i + 1) // cores - n * i // cores for i in range(cores)]
        parts = pool.map(lambda share: simulate(next(entropy), cell, 0, share), filter(None, shares))
        return np.concatenate(list(parts), axis=1)

    return runs
