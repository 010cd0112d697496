"""Runs for a user, without a workflow: a dataset like `runs.nc`, and single runs by the definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from ..experiments.drawn import DrawnExperiment
from ..experiments.models import ExperimentModel
from ..experiments.section import ConfigError, parse_section
from ..quantities import QUANTITIES
from ..sampling import definitions as sampled
from ..sampling import samplers
from ..storage.metadata import describe
from .runs import RUN_DIMS, run_coordinates, runs_attributes

NAME = "simulation"
"""Name of the experiment in the attributes of the dataset."""


def simulate(
    *,
    law: Any = "adversarial",
    m: Any = 1024,
    d: Any = 2,
    alpha: Any = 1.0,
    runs: int = 1000,
    sampler: str = "band",
    entropy: int = 0,
) -> xr.Dataset:
    """Runs of every cell of a grid, at ‖x‖ = 1: one value a run of each quantity, `(law, m, d, alpha, seed)`.

    `law`, `m` (even), `d` and `alpha` are one value or several, `runs` the number of runs of each cell. The
    sampler is `band` (m to 2^40) or `dense` (by the definitions on all weights, m to 2^26). A run has the
    bits that the workflow gives for the same entropy, cell and seed. Runs are drawn one after another in
    this process. The dimension `law` is called `perturbation`, as in `runs.nc`. Raises `ValueError` naming
    argument, value and what is allowed.
    """
    experiment = _experiment(law, m, d, alpha, runs, sampler)
    cells = [samplers.simulate(entropy, cell, 0, runs) for cell in experiment.cells()]
    values = np.stack(cells, axis=1).reshape(len(QUANTITIES), *experiment.shape, runs)
    dataset = xr.Dataset(
        {name: (RUN_DIMS, row) for name, row in zip(QUANTITIES, values, strict=True)},
        coords=run_coordinates(experiment, experiment.m, experiment.numbers),
    )
    return describe(dataset, runs_attributes(experiment, entropy))


def definitions(
    *,
    seed: int,
    law: str = "adversarial",
    m: int = 1024,
    d: int = 2,
    alpha: float = 1.0,
    sampler: str = "band",
    entropy: int = 0,
) -> dict[str, float]:
    """The quantities of one run of `simulate` by the definitions, on a whole network, at ‖x‖ = 1.

    A band run has no weights: the network is one that matches it. They agree with the run up to rounding.
    Raises `ValueError` for an argument that is not allowed, or a network of more than 2^24 weights.
    """
    experiment = _experiment(law, m, d, alpha, seed + 1, sampler)
    values = sampled.definitions(entropy, next(experiment.cells()), seed)
    return dict(zip(QUANTITIES, values.tolist(), strict=True))


def _experiment(law: Any, m: Any, d: Any, alpha: Any, runs: int, sampler: str) -> DrawnExperiment:
    """The grid of these values. Raises `ValueError` in the words of the arguments."""
    axes = {"perturbation": law, "m": m, "d": d, "alpha": alpha}
    grid: dict[str, Any] = {name: np.atleast_1d(values).tolist() for name, values in axes.items()}
    try:
        model = parse_section(ExperimentModel, grid | {"sampler": sampler, "seeds": runs})
    except ConfigError as error:
        message = str(error).replace("perturbation", "law", 1).replace("seeds", "runs", 1)
        raise ValueError(message) from None
    return model.experiment(NAME, {})
