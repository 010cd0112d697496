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
from .runs import RunsReader
from .statistics import CONFIDENCE, Moments, quantiles, rate_upper_limit, sample_moments

Index = tuple[int, ...]

TASK_RUNS = 1 << 20
"""Runs that one analysis task reads and sorts: a tenth of a second."""

ROUNDING = 1e-12
"""Relative excess over a bound that is rounding: |Δ₂| attains its bound exactly."""

NOISE = 1e-9
"""Values below this, in units of what one neuron can add, are rounding of the dense sampler around 0."""

EXACT_ERROR = 1e-6
"""Relative error of exact quantiles: a value so near is neither above nor below."""

COUNTS = ("exact_exceedances", "exact_shortfalls")
"""Runs above and below the exact quantile, each with probability at most δ and 1 - δ, whatever the law."""

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
    exact = _exact_limits(experiment, quantities, theory["exact_quantile"].values)
    cells = iter(
        (index, (archived or experiment).place(cell.perturbation, cell.m, cell.d, cell.alpha), exact[index])
        for index, cell in zip(np.ndindex(shape), experiment.cells(), strict=True)
    )
    work = list(iter(lambda: list(islice(cells, size)), []))
    parts: dict[str, Array] = {}
    limits = {name: theory[f"bound_{name}"].values for name in bounds.BOUNDS}
    thresholds = _thresholds(experiment, quantities, limits, theory["x_norm"].values)
    path, delta = str(Path(runs).resolve()), theory["delta"].values
    task = partial(_cells, path, quantities, experiment.seeds, delta, thresholds)
    for cells_of_task, results in zip(work, compute(workers, task, work), strict=True):
        for (index, *_), statistics in zip(cells_of_task, results, strict=True):
            for name, value in statistics.items():
                full = parts.setdefault(
                    name, np.empty((len(quantities), *shape, *value.shape[1:]), value.dtype)
                )
                full[(slice(None), *index)] = value
    return _label(theory, experiment, entropy, parts)


def _thresholds(
    experiment: DrawnExperiment, quantities: tuple[str, ...], limits: dict[str, Array], x_norm: Array
) -> Array:
    """Values above which a run at ‖x‖ = 1 is over a bound: `(bound, quantity, m, alpha, delta, x_norm)`.

    A NaN bound has a NaN threshold, which nothing exceeds.
    """
    scale = np.stack([QUANTITIES[q].at_norm(x_norm) for q in quantities])[:, None, None, None, :]
    minimum = _noise(experiment, quantities)[..., None, None]
    return np.stack([np.maximum(limits[b] / scale * (1.0 + ROUNDING), minimum) for b in bounds.BOUNDS])


def _exact_limits(experiment: DrawnExperiment, quantities: tuple[str, ...], exact: Array) -> Array:
    """Values above and below which a run is off an exact quantile: `(*cell, 2, quantity, delta)`.

    A quantile that is NaN, or rounding, has nothing below it; one that is NaN nothing above it.
    """
    minimum = _noise(experiment, quantities)[:, None, :, None, :, None]
    above = np.maximum(exact * (1.0 + EXACT_ERROR), minimum)
    below = np.where(exact > minimum, exact * (1.0 - EXACT_ERROR), 0.0)
    return np.moveaxis(np.stack([above, below]), (0, 1), (-3, -2))


def _noise(experiment: DrawnExperiment, quantities: tuple[str, ...]) -> Array:
    """Values of each quantity up to which it is rounding, `(quantity, m, alpha)`."""
    m, alpha = np.array(experiment.m)[:, None], np.array(experiment.alpha)
    return np.stack([NOISE * (QUANTITIES[q].unit(m, alpha) + 0.0 * alpha) for q in quantities])


def _cells(
    path: str,
    quantities: tuple[str, ...],
    seeds: int,
    delta: Array,
    thresholds: Array,
    cells: list[tuple[Index, Index, Array]],
) -> list[dict[str, Any]]:
    """One task, on a worker: statistics of cells, each with index in grid and file, and `_exact_limits`."""
    with RunsReader(path) as runs:
        return [
            _cell(
                runs,
                (*place, slice(0, seeds)),
                quantities,
                delta,
                thresholds[:, :, index[1], index[3]],
                exact,
            )
            for index, place, exact in cells
        ]


def _cell(
    runs: RunsReader,
    place: tuple[int | slice, ...],
    quantities: tuple[str, ...],
    delta: Array,
    thresholds: Array,
    exact: Array,
) -> dict[str, Any]:
    """Statistics of one cell, quantity by quantity.

    `thresholds` `(bound, quantity, delta, x_norm)`; `exact` `(2, quantity, delta)`.
    """
    rows = []
    for number, quantity in enumerate(quantities):
        values = runs.read(quantity, place)
        values.sort()
        estimate, lower, upper = quantiles(values, delta)
        over = values.size - np.searchsorted(values, thresholds[:, number], side="right")
        rows.append(
            {
                "quantile": estimate,
                "quantile_lower": lower,
                "quantile_upper": upper,
                "exceedances": over,
                "exact_exceedances": values.size - np.searchsorted(values, exact[0, number], side="right"),
                "exact_shortfalls": np.searchsorted(values, exact[1, number], side="left"),
                **asdict(sample_moments(values)),
            }
        )
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _label(
    theory: xr.Dataset, experiment: DrawnExperiment, entropy: int, parts: dict[str, Array]
) -> xr.Dataset:
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
