"""How far simulated runs are from an exact law."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from ntk_core.laws.exact import exact_quantile
from ntk_core.quantities import QUANTITIES
from ntk_core.sampling.cell import Cell
from ntk_core.sampling.samplers import simulate

RUNS, LEVELS = 65536, (0.5, 0.1, 0.01, 0.001)


def exceedance_scores(
    seed: int, cases: Iterable[tuple[Cell, Sequence[str]]], shifts: Sequence[float]
) -> np.ndarray:
    """Runs over the exact quantiles less their expectation, in standard errors; `(shifts, scores)`.

    Each case is a cell with quantities. Each shift plants a relative error in the law.
    """
    scores = []
    for cell, quantities in cases:
        runs = simulate(seed, cell, 0, RUNS)
        for quantity in quantities:
            values = runs[list(QUANTITIES).index(quantity)]
            for delta in LEVELS:
                quantile = exact_quantile(cell.perturbation, quantity, cell.m, cell.d, cell.alpha, delta)
                if quantile > 0:
                    over = [np.count_nonzero(values > quantile * (1 + shift)) for shift in shifts]
                    error = math.sqrt(RUNS * delta * (1 - delta))
                    scores.append((np.array(over) - RUNS * delta) / error)
    return np.abs(scores).T
