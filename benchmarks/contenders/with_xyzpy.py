"""xyzpy: its `Runner` over a grid of seeds, with the naive NumPy function underneath.

Fair as a measure of the harness: the function is the one raced by itself, so the difference is what
xyzpy adds to a run (calling it with every parameter, and a labelled dataset at the end). Serial:
on one core its process pool only costs.
"""

from __future__ import annotations

import itertools

import numpy as np
import xyzpy

from .. import point as race
from ..point import Array, Point
from .naive_numpy import one_run

PACKAGES = ("xyzpy", "numpy", "xarray")


def prepare(point: Point, seed: int, cores: int) -> race.Runner:
    """A grid of one law, width, dimension and radius, and as many fresh seeds as runs."""
    seeds = itertools.count(seed << 32)
    runner = xyzpy.Runner(_run, var_names=list(race.QUANTITIES))

    def runs(n: int) -> Array:
        combos = {
            "m": [point.m],
            "d": [point.d],
            "alpha": [point.alpha],
            "seed": list(itertools.islice(seeds, n)),
        }
        table = runner.run_combos(combos, constants={"law": point.law}, verbosity=0)
        return np.stack([table[name].to_numpy().ravel() for name in race.QUANTITIES])

    return runs


def _run(law: str, m: int, d: int, alpha: float, seed: int) -> tuple[float, ...]:
    return tuple(one_run(np.random.default_rng(seed), Point(law, m, d, alpha)).tolist())
