"""Ours: `ntk_core.sampling.samplers.simulate` with the band sampler, in whole blocks of seeds."""

from __future__ import annotations

import itertools

from ntk_core.sampling.cell import LARGE_BLOCK, Cell
from ntk_core.sampling.samplers import simulate

from ..point import Array, Point, Runner

PACKAGES = ("numpy", "numba")

UNIT = LARGE_BLOCK


def prepare(point: Point, seed: int, cores: int) -> Runner:
    """A fresh entropy each call, so that no run is drawn twice; always one thread."""
    cell = Cell("band", point.law, point.m, point.d, point.alpha)
    entropy = itertools.count(seed << 32)

    def runs(n: int) -> Array:
        return simulate(next(entropy), cell, 0, n)

    return runs
