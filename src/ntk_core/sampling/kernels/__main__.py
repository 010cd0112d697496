"""`python -m ntk_core.sampling.kernels` compiles all kernels, so that no run waits for it."""

from __future__ import annotations

import math

import numpy as np

from ...laws import LAWS
from ...quantities import QUANTITIES
from ...theory.crossing import deviation
from ...theory.crossover import crossover
from ..aggregate import aggregate_cell
from ..cell import Cell
from ..data import load
from ..descent import train
from ..samplers import simulate
from ..training import Training
from .sorting import ascending


def main() -> None:
    """Draw one run of every law by both samplers, aggregate one, train one, take its limits, and sort."""
    for sampler in ("band", "dense"):
        for law in LAWS:
            simulate(0, Cell(sampler, law, 2, 1, 1.0), 0, 1)
    aggregate_cell(0, Cell("band", "aligned", 2, 1, 1.0), 0, 1, np.ones((len(QUANTITIES), 1)))
    smallest = Training("teacher", (), 1, 1, 1, "squared", 1.0, 1, None)
    data = load(smallest, 0)
    train(smallest, data, 0, 2, 0)
    deviation(data.x, data.y, "squared", 1.0, (1,), -math.inf, data.held_x, np.random.default_rng(0))
    crossover(data.x, data.y, "squared", 1.0, (1,), -math.inf, data.held_x, [2])
    ascending(np.ones(1))


if __name__ == "__main__":
    main()
