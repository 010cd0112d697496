"""`quantiles.nc` from `theory.nc` and what is stored of the runs, `runs.nc` or `aggregates.nc`."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ..execution.compute import Workers
from ..experiments.drawn import GRID_AXES, DrawnExperiment
from ..network import Array
from ..quantities import QUANTITIES
from ..storage.metadata import attributes, describe
from ..theory import bounds
from . import aggregate_statistics, run_statistics
from .comparisons import COUNTS, rounding_errors
from .histograms import BARS
from .statistics import CONFIDENCE, QUANTILES, Moments, rate_upper_limit


def quantile_dataset(
    data: str | Path,
    theory: xr.Dataset,
    experiment: DrawnExperiment,
    entropy: int,
    workers: Workers | None,
    archived: DrawnExperiment | None = None,
) -> xr.Dataset:
    """Quantiles, moments, exceedances and a histogram of every cell, added to `theory` of the same grid.

    `data` is the file of runs, or of aggregates, of the experiment, or of a larger one, `archived`, of which
    only the cells and runs of the experiment are read.
    """
    statistics = aggregate_statistics if experiment.keep == "aggregates" else run_statistics
    parts: dict[str, Array] = {}
    for index, values in statistics.cells(data, theory, experiment, archived or experiment, workers):
        for name, value in values.items():
            shape = (value.shape[0], *experiment.shape, *value.shape[1:])
            full = parts.setdefault(name, np.empty(shape, value.dtype))
            full[(slice(None), *index)] = value
    return _table(theory, experiment, entropy, parts)


def _table(
    theory: xr.Dataset, experiment: DrawnExperiment, entropy: int, parts: dict[str, Array]
) -> xr.Dataset:
    """`quantiles.nc` of an experiment: `theory` with the statistics of all its cells."""
    cell = ("quantity", *GRID_AXES)
    dims = {
        **dict.fromkeys((*QUANTILES, "effective_runs", *COUNTS), (*cell, "delta")),
        **dict.fromkeys((field.name for field in fields(Moments)), cell),
        "exceedances": (*cell, "bound", "delta", "x_norm"),
        "bar_runs": (*cell, "bar"),
        "first_bar": cell,
        "bar_width": cell,
    }
    variables: dict[str, Any] = {name: (dims[name], value) for name, value in parts.items()}
    variables["runs"] = (cell[1:], np.full(experiment.shape, experiment.seeds))
    if "bar_runs" in parts:
        variables["bar"] = np.arange(BARS)
    dataset = theory.assign(variables).assign_coords(bound=np.array(bounds.BOUNDS, dtype=object))
    dataset = _judge(dataset, experiment)
    attrs = attributes(
        "quantiles of",
        "Quantiles with confidence intervals, by the weights of the runs, moments and bounds, for every cell "
        "of the grid."
        if experiment.weighted
        else "Quantiles with distribution-free confidence intervals, moments, bounds, runs over each bound "
        "and a histogram, for every cell of the grid.",
        experiment,
        entropy,
        delta=theory["delta"].values.tolist(),
        x_norm=theory["x_norm"].values.tolist(),
    )
    return describe(dataset, attrs | {"confidence_level": CONFIDENCE}, experiment)


def _judge(dataset: xr.Dataset, experiment: DrawnExperiment) -> xr.Dataset:
    """Add the ratio of each bound to the measured quantile, and the upper limit on each exceedance rate.

    Both are NaN where the bound is NaN; the ratio also where the quantile is 0 or rounding. Runs with weights
    are not counted, so there are no exceedances.
    """
    ladder = xr.concat([dataset[f"bound_{name}"] for name in bounds.BOUNDS], dataset["bound"])
    scale = [
        QUANTITIES[str(quantity)].at_norm(dataset["x_norm"].values) for quantity in dataset["quantity"].values
    ]
    m, alpha = dataset["m"].values[:, None], dataset["alpha"].values
    noise = rounding_errors(experiment.sampler, dataset["quantity"].values.tolist(), m, alpha)
    quantile = dataset["quantile"]
    resolved = quantile.where(quantile > xr.DataArray(noise, dims=("quantity", "m", "alpha")))
    measured = resolved * xr.DataArray(np.stack(scale), dims=("quantity", "x_norm"))
    dims = ("quantity", *GRID_AXES, "bound", "delta", "x_norm")
    dataset = dataset.assign(bound_ratio=(ladder / measured).transpose(*dims))
    if "exceedances" not in dataset:
        return dataset
    upper = xr.DataArray(rate_upper_limit(dataset["exceedances"].values, experiment.seeds), dims=dims)
    return dataset.assign(exceedance_rate_upper=upper.where(ladder.notnull()).transpose(*dims))
