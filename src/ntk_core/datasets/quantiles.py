"""`quantiles.nc` from `runs.nc` and `theory.nc`: cell by cell, spread over workers."""

from __future__ import annotations

from dataclasses import asdict, fields
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ..execution.compute import Workers, compute
from ..experiments.drawn import DrawnExperiment
from ..network import Array
from ..quantities import QUANTITIES
from ..storage.metadata import attributes, describe
from ..theory import bounds
from ..theory.binomial import binomial_tail
from .comparisons import COUNTS, Comparisons, comparisons
from .runs import RunsReader
from .statistics import CONFIDENCE, Moments, quantiles, rate_upper_limit, sample_moments

Index = tuple[int, ...]

TASK_RUNS = 1 << 20
"""Runs that one analysis task reads and sorts: a tenth of a second."""

CHANCE = 1e-4
"""Largest probability that any comparison of a family is called beyond chance, if nothing but chance is."""


def quantile_dataset(
    runs: str | Path,
    theory: xr.Dataset,
    experiment: DrawnExperiment,
    entropy: int,
    workers: Workers | None,
    archived: DrawnExperiment | None = None,
) -> xr.Dataset:
    """Quantiles, moments and exceedances of every cell, added to `theory`, a dataset of the same grid.

    `runs` is a runs file of the experiment, or of a larger one, `archived`, of which only the cells and runs
    of the experiment are read. A task has some cells. It sorts each quantity of a cell once and looks up
    every δ and ‖x‖ in the sorted values, because sorting takes the time.
    """
    shape = experiment.shape
    quantities = tuple(map(str, theory["quantity"].values))
    size = max(1, TASK_RUNS // experiment.seeds)
    cells = (
        (index, (archived or experiment).place(cell.perturbation, cell.m, cell.d, cell.alpha), limits)
        for index, cell, limits in zip(
            np.ndindex(shape), experiment.cells(), comparisons(experiment, theory), strict=True
        )
    )
    work = list(iter(lambda: list(islice(cells, size)), []))
    parts: dict[str, Array] = {}
    task = partial(
        _cells, str(Path(runs).resolve()), quantities, experiment.seeds, theory["delta"].values
    )
    for cells_of_task, results in zip(work, compute(workers, task, work), strict=True):
        for (index, *_), statistics in zip(cells_of_task, results, strict=True):
            put(parts, index, statistics, shape)
    return quantile_table(theory, experiment, entropy, parts)


def put(
    parts: dict[str, Array], index: Index, statistics: dict[str, Array], shape: tuple[int, ...]
) -> None:
    """Put the statistics of a cell, `(quantities, …)` each, into arrays of all cells of a grid of a shape."""
    for name, value in statistics.items():
        full = parts.setdefault(name, np.empty((value.shape[0], *shape, *value.shape[1:]), value.dtype))
        full[(slice(None), *index)] = value


def _cells(
    path: str,
    quantities: tuple[str, ...],
    seeds: int,
    delta: Array,
    cells: list[tuple[Index, Index, Comparisons]],
) -> list[dict[str, Array]]:
    """One task, on a worker: statistics of cells, each with its index in grid and file."""
    with RunsReader(path) as runs:
        return [
            _cell(runs, (*place, slice(0, seeds)), quantities, delta, limits) for _, place, limits in cells
        ]


def _cell(
    runs: RunsReader,
    place: tuple[int | slice, ...],
    quantities: tuple[str, ...],
    delta: Array,
    limits: Comparisons,
) -> dict[str, Array]:
    """Statistics of one cell, quantity by quantity."""
    rows = []
    for number, quantity in enumerate(quantities):
        values = runs.read(quantity, place)
        values.sort()
        estimate, lower, upper = quantiles(values, delta)
        over = partial(np.searchsorted, values, side="right")
        rows.append(
            {
                "quantile": estimate,
                "quantile_lower": lower,
                "quantile_upper": upper,
                "exceedances": values.size - over(limits.bounds[:, number]),
                "exact_exceedances": values.size - over(limits.above[number]),
                "exact_shortfalls": np.searchsorted(values, limits.below[number], side="left"),
                **asdict(sample_moments(values)),
            }
        )
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def quantile_table(
    theory: xr.Dataset, experiment: DrawnExperiment, entropy: int, parts: dict[str, Array]
) -> xr.Dataset:
    """`quantiles.nc` of an experiment: `theory` with the statistics of all its cells."""
    cell = ("quantity", "perturbation", "m", "d", "alpha")
    dims = {
        **dict.fromkeys(("quantile", "quantile_lower", "quantile_upper", *COUNTS), (*cell, "delta")),
        **dict.fromkeys((field.name for field in fields(Moments)), cell),
        "exceedances": (*cell, "bound", "delta", "x_norm"),
    }
    variables: dict[str, Any] = {name: (dims[name], value) for name, value in parts.items()}
    for name in ("exceedances", *COUNTS):
        variables[name] = (dims[name], parts[name].astype(np.int64))
    variables["runs"] = (cell[1:], np.full(experiment.shape, experiment.seeds))
    dataset = theory.assign(variables).assign_coords(bound=np.array(bounds.BOUNDS, dtype=object))
    dataset = _judge(dataset, experiment.seeds)
    attrs = attributes(
        f"Linearization error of two-layer ReLU networks: quantiles of {experiment.name}",
        "Quantiles with distribution-free confidence intervals, moments, bounds and runs over each "
        "bound, for every cell of the grid.",
        experiment,
        entropy,
        delta=theory["delta"].values.tolist(),
        x_norm=theory["x_norm"].values.tolist(),
    )
    return describe(dataset, attrs | {"confidence_level": CONFIDENCE})


def _judge(dataset: xr.Dataset, seeds: int) -> xr.Dataset:
    """Add the ratio of each bound to the measured quantile, and the upper limit on each exceedance rate.

    Both are NaN where the bound is NaN; the ratio also where the quantile is 0.
    """
    ladder = xr.concat([dataset[f"bound_{name}"] for name in bounds.BOUNDS], dataset["bound"])
    scale = [
        QUANTITIES[str(quantity)].at_norm(dataset["x_norm"].values) for quantity in dataset["quantity"].values
    ]
    measured = dataset["quantile"] * xr.DataArray(np.stack(scale), dims=("quantity", "x_norm"))
    over = dataset["exceedances"]
    upper = xr.DataArray(rate_upper_limit(over.values, seeds), dims=over.dims)
    return dataset.assign(
        exceedance_rate_upper=upper.where(ladder.notnull()).transpose(*over.dims),
        bound_ratio=(ladder / measured.where(measured > 0.0)).transpose(*over.dims),
    )


def beyond_chance(over: xr.DataArray, runs: Any, delta: Any, comparisons: int | None = None) -> xr.DataArray:
    """Where a count of runs is above what chance explains, if each has probability at most δ.

    True where P(Binomial(runs, δ) ≥ over) < `CHANCE` / `comparisons`, shape of `over`. So the probability
    that any of a family of so many counts, all of `over` by default, is called so wrongly is at most
    `CHANCE`, at every number of runs and however the counts depend on each other (Bonferroni).
    """
    share = CHANCE / max(over.size if comparisons is None else comparisons, 1)

    def excess(over: Array, runs: Array, delta: Array) -> Any:
        return binomial_tail(over - 1, runs, delta) < share

    return xr.apply_ufunc(excess, over, runs, delta)
