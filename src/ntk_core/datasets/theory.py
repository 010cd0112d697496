"""`theory.nc`: exact quantiles, moments and bounds on the grid of an experiment, from no run.

The file is apart from `quantiles.nc` because it takes as long as some million runs, and stays valid when the
number of runs grows.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from ..execution.compute import Workers, compute
from ..experiments.drawn import GRID_AXES, DrawnExperiment
from ..laws import moments
from ..laws.exact import exact_quantile
from ..network import Array
from ..quantities import QUANTITIES
from ..sampling.cell import Cell
from ..storage.metadata import attributes, describe
from ..theory import bounds
from .runs import grid_coordinates


def theory_dataset(
    experiment: DrawnExperiment,
    entropy: int,
    delta: tuple[float, ...],
    x_norm: tuple[float, ...],
    workers: Workers | None,
    quantities: tuple[str, ...] = tuple(QUANTITIES),
) -> xr.Dataset:
    """Exact quantiles, means and root mean squares of every cell, and every bound, on the experiment's grid.

    `entropy` is only written into the attributes.
    """
    variables: dict[str, Any] = exact_arrays(experiment, delta, workers, quantities)
    for name, value in bound_arrays(experiment, delta, x_norm, quantities).items():
        variables[f"bound_{name}"] = (("quantity", "m", "alpha", "delta", "x_norm"), value)
    dataset = xr.Dataset(
        variables,
        coords={
            "quantity": np.array(quantities, dtype=object),
            **grid_coordinates(experiment),
            "delta": np.array(delta),
            "x_norm": np.array(x_norm),
        },
    )
    attrs = attributes(
        "theory for",
        "Exact quantiles and moments of every cell of the grid, and the bounds of the notes, as printed and "
        "sharpened. No run enters.",
        experiment.without_runs(),
        entropy,
        delta=delta,
        x_norm=x_norm,
    )
    return describe(dataset, attrs, experiment)


def exact_arrays(
    experiment: DrawnExperiment,
    delta: tuple[float, ...],
    workers: Workers | None,
    quantities: tuple[str, ...] = tuple(QUANTITIES),
) -> dict[str, tuple[tuple[str, ...], Array]]:
    """Exact quantiles and moments of every cell: dimensions and values, by variable."""
    shape = (len(quantities), *experiment.shape)
    cells = list(experiment.cells())
    exact = np.array(compute(workers, partial(_exact, quantities, delta), cells))
    cell: tuple[str, ...] = ("quantity", *GRID_AXES)
    variables = {"exact_quantile": ((*cell, "delta"), np.moveaxis(exact, 0, 1).reshape(*shape, len(delta)))}
    for name, moment in (("exact_mean", moments.mean), ("exact_rms", moments.root_mean_square)):
        table = [
            [moment(c.perturbation, quantity, c.m, c.d, c.alpha) for c in cells] for quantity in quantities
        ]
        variables[name] = (cell, np.reshape(table, shape))
    return variables


def _exact(quantities: tuple[str, ...], delta: tuple[float, ...], cell: Cell) -> Array:
    """One task, on a worker: the exact quantiles of a cell, `(quantities, delta)`."""
    return np.array(
        [
            [exact_quantile(cell.perturbation, q, cell.m, cell.d, cell.alpha, level) for level in delta]
            for q in quantities
        ]
    )


def bound_arrays(
    experiment: DrawnExperiment,
    delta: tuple[float, ...],
    x_norm: tuple[float, ...],
    quantities: tuple[str, ...] = tuple(QUANTITIES),
) -> dict[str, Array]:
    """Each bound over (quantity, m, alpha, delta, x_norm); NaN in another ball than that of Theorem 1."""
    grid = np.ix_(np.array(experiment.m), np.array(experiment.alpha), np.array(delta), np.array(x_norm))
    if math.isfinite(experiment.norm):
        shape = len(quantities), *(axis.size for axis in grid)
        return {name: np.full(shape, np.nan) for name in bounds.BOUNDS}
    return {
        name: np.stack(
            [np.broadcast_to(bounds.bound(name, q, *grid), [g.size for g in grid]) for q in quantities]
        )
        for name in bounds.BOUNDS
    }
