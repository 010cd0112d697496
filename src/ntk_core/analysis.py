"""From `runs.nc` to `quantiles.nc`, and from that to `rates.nc`."""

from __future__ import annotations

from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from . import bounds, moments
from .band import QUANTITIES, quantum
from .datasets import attributes, describe
from .exact import exact_quantile
from .execution import compute
from .grid import Cell, Experiment
from .network import Array
from .statistics import CONFIDENCE, Z, log_slope, quantiles, rate_upper_limit

if TYPE_CHECKING:
    from distributed import Client

Index = tuple[int, ...]

TASK_RUNS = 1 << 17
"""Runs that one analysis task reads and sorts: some tenths of a second."""

ROUNDING = 1e-12
"""Relative excess that still counts as on a bound, not over it: |Δ₂| attains its bound exactly."""

NOISE = 1e-9
"""In units of what one neuron can add: less is rounding of the dense sampler around an exact zero."""

RATE_STATISTICS = ("mean", "rms")

FOLLOWS = 0.05
"""Relative distance from the limit within which a statistic counts as following it."""


def quantile_dataset(
    runs: str | Path,
    experiment: Experiment,
    entropy: int,
    delta: tuple[float, ...],
    x_norm: tuple[float, ...],
    client: Client,
) -> xr.Dataset:
    """Quantiles, moments, bounds and exceedances of every cell of a runs file.

    Tasks go over cells; a task reads and sorts each quantity of its cells once and looks up every δ
    and ‖x‖ in the sorted values, because sorting is what costs.
    """
    shape = experiment.shape
    limits = _bound_arrays(experiment, delta, x_norm)
    size = max(1, TASK_RUNS // experiment.seeds)
    indices = iter(np.ndindex(shape))
    work = list(iter(lambda: list(islice(indices, size)), []))
    parts: dict[str, Array] = {}
    task = partial(_cells, str(Path(runs).resolve()), np.array(delta), np.array(x_norm), limits)
    for number, cells in compute(client, task, work):
        for index, statistics in zip(work[number], cells, strict=True):
            for name, value in statistics.items():
                full = parts.setdefault(
                    name, np.empty((len(QUANTITIES), *shape, *value.shape[1:]), value.dtype)
                )
                full[(slice(None), *index)] = value
    points = list(experiment.cells())
    exact = np.empty((len(points), len(QUANTITIES), len(delta)))
    for number, value in compute(client, partial(_exact, delta), points):
        exact[number] = value
    parts["exact_quantile"] = np.moveaxis(exact, 0, 1).reshape(parts["quantile"].shape)
    return _label(experiment, entropy, delta, x_norm, parts, limits)


def _exact(delta: tuple[float, ...], cell: Cell) -> Array:
    """One task: the exact quantiles of a cell, `(5, delta)`. Runs on a worker."""
    return np.array(
        [
            [exact_quantile(cell.perturbation, q, cell.m, cell.d, cell.alpha, level) for level in delta]
            for q in QUANTITIES
        ]
    )


def _bound_arrays(
    experiment: Experiment, delta: tuple[float, ...], x_norm: tuple[float, ...]
) -> dict[str, Array]:
    """Each bound over (quantity, m, alpha, delta, x_norm)."""
    grid = np.ix_(np.array(experiment.m), np.array(experiment.alpha), np.array(delta), np.array(x_norm))
    return {
        name: np.stack(
            [np.broadcast_to(bounds.bound(name, q, *grid), [g.size for g in grid]) for q in QUANTITIES]
        )
        for name in bounds.BOUNDS
    }


def _cells(
    path: str, delta: Array, x_norm: Array, limits: dict[str, Array], indices: list[Index]
) -> list[dict[str, Any]]:
    """One task: the statistics of some cells. Runs on a worker."""
    with xr.open_dataset(path, cache=False) as dataset:
        return [
            _cell(
                np.stack([dataset[q][index].values for q in QUANTITIES]),
                delta,
                x_norm,
                np.stack([limits[name][:, index[1], index[3]] for name in bounds.BOUNDS]),
            )
            for index in indices
        ]


def _cell(values: Array, delta: Array, x_norm: Array, limits: Array) -> dict[str, Any]:
    """Statistics of one cell: `values` `(5, runs)`, `limits` `(bound, 5, delta, x_norm)`."""
    runs = values.shape[1]
    values = np.sort(values, axis=1)
    square = values**2
    rms = np.sqrt(square.mean(axis=1))
    # Δ-method: sd(√S) = sd(S)/(2√S); no spread is known from a single run.
    spread = values.std(axis=1, ddof=1) if runs > 1 else np.full(len(values), np.nan)
    square_spread = square.std(axis=1, ddof=1) if runs > 1 else np.full(len(values), np.nan)
    with np.errstate(invalid="ignore"):
        rms_error = square_spread / np.sqrt(runs) / (2.0 * rms)
    estimates = np.stack([quantiles(row, delta) for row in values])
    over = np.stack(
        [
            [
                runs - np.searchsorted(row, limit / _homogeneity(q, x_norm) * (1.0 + ROUNDING), side="right")
                for q, row, limit in zip(QUANTITIES, values, per_bound, strict=True)
            ]
            for per_bound in limits
        ],
        axis=1,
    )
    return {
        "quantile": estimates[:, 0],
        "quantile_lower": estimates[:, 1],
        "quantile_upper": estimates[:, 2],
        "mean": values.mean(axis=1),
        "mean_standard_error": spread / np.sqrt(runs),
        "rms": rms,
        "rms_standard_error": rms_error,
        "exceedances": over,
    }


def _homogeneity(quantity: str, x_norm: Array) -> Array:
    """What a quantity at ‖x‖ = 1 is multiplied by at `x_norm`: fractions do not depend on it."""
    return np.ones_like(x_norm) if quantity.endswith("_fraction") else x_norm


def _label(
    experiment: Experiment,
    entropy: int,
    delta: tuple[float, ...],
    x_norm: tuple[float, ...],
    parts: dict[str, Array],
    limits: dict[str, Array],
) -> xr.Dataset:
    cell = ("quantity", "perturbation", "m", "d", "alpha")
    dims = {
        **dict.fromkeys(("quantile", "quantile_lower", "quantile_upper", "exact_quantile"), (*cell, "delta")),
        **dict.fromkeys(("mean", "mean_standard_error", "rms", "rms_standard_error"), cell),
        "exceedances": (*cell, "bound", "delta", "x_norm"),
    }
    variables: dict[str, Any] = {name: (dims[name], value) for name, value in parts.items()}
    for name, value in limits.items():
        variables[f"bound_{name}"] = (("quantity", "m", "alpha", "delta", "x_norm"), value)
    over = parts["exceedances"].astype(np.int64)
    variables["exceedances"] = (dims["exceedances"], over)
    variables["exceedance_rate_upper"] = (dims["exceedances"], rate_upper_limit(over, experiment.seeds))
    for name, exact in (("exact_mean", moments.mean), ("exact_rms", moments.root_mean_square)):
        table = [
            [exact(c.perturbation, quantity, c.m, c.d, c.alpha) for c in experiment.cells()]
            for quantity in QUANTITIES
        ]
        variables[name] = (cell, np.reshape(table, parts["mean"].shape))
    variables["runs"] = (cell[1:], np.full(experiment.shape, experiment.seeds))
    dataset = xr.Dataset(
        variables,
        coords={
            "quantity": np.array(QUANTITIES, dtype=object),
            "perturbation": np.array(experiment.perturbation, dtype=object),
            "m": np.array(experiment.m, dtype=np.int64),
            "d": np.array(experiment.d, dtype=np.int64),
            "alpha": np.array(experiment.alpha),
            "bound": np.array(bounds.BOUNDS, dtype=object),
            "delta": np.array(delta),
            "x_norm": np.array(x_norm),
        },
    )
    attrs = attributes(
        f"Linearization error of two-layer ReLU networks: quantiles of {experiment.name}",
        "Quantiles with distribution-free confidence intervals, moments, bounds and runs over each "
        "bound, for every cell of the grid.",
        experiment,
        entropy,
        delta=delta,
        x_norm=x_norm,
    )
    return describe(dataset, attrs | {"confidence_level": CONFIDENCE})


def rate_dataset(table: xr.Dataset, experiment: Experiment, entropy: int) -> xr.Dataset:
    """Slopes against m and the constants in front, from a quantiles dataset.

    Means and root mean squares are fitted on all widths. Quantiles are fitted on the upper half of
    the widths, at least three where there are so many: their distance from the mean, of relative
    order m^{-1/4}, bends them at small m.
    """
    statistics = [*RATE_STATISTICS, *(repr(float(value)) for value in table["delta"].values)]
    axes = {name: table[name].values for name in ("quantity", "perturbation", "d", "alpha")}
    dims = (*axes, "statistic")
    shape = (*(len(axis) for axis in axes.values()), len(statistics))
    names = (
        "slope", "slope_lower", "slope_upper", "m_fit", "points", "exponent",
        "constant", "constant_lower", "constant_upper", "constant_limit", "follows_from",
    )  # fmt: skip
    arrays = {name: np.full(shape, np.nan) for name in names}
    m = table["m"].values.astype(np.float64)
    for index in np.ndindex(shape[:-1]):
        point = {name: axis[i] for (name, axis), i in zip(axes.items(), index, strict=True)}
        curves = table.sel(point)
        for number, statistic in enumerate(statistics):
            record = _rate(m, curves, point, statistic)
            for name in names:
                arrays[name][(*index, number)] = record[name]
    dataset = xr.Dataset(
        {name: (dims, array) for name, array in arrays.items()},
        coords={**axes, "statistic": np.array(statistics, dtype=object)},
    )
    attrs = attributes(
        f"Linearization error of two-layer ReLU networks: rates of {experiment.name}",
        "Fitted slopes of means, root mean squares and quantiles against the width, with confidence "
        "intervals, and the constants in front beside their limits.",
        experiment,
        entropy,
        delta=[float(value) for value in table["delta"].values],
    )
    return describe(dataset, attrs | {"confidence_level": CONFIDENCE})


def _rate(m: Array, curves: xr.Dataset, point: dict[str, Any], statistic: str) -> dict[str, float]:
    """The rate of one statistic along m, at one (quantity, perturbation, d, alpha)."""
    if statistic in RATE_STATISTICS:
        value = curves[statistic].values
        error = curves[f"{statistic}_standard_error"].values
        lower, upper = value - Z * error, value + Z * error
        first = 0
    else:
        at = curves.sel(delta=float(statistic))
        value, lower, upper = (at[name].values for name in ("quantile", "quantile_lower", "quantile_upper"))
        error = (upper - lower) / (2.0 * Z)
        first = min(m.size // 2, max(m.size - 3, 0))
    quantity, law = str(point["quantity"]), str(point["perturbation"])
    resolved = np.where(value > NOISE * quantum(quantity, m, float(point["alpha"])), value, 0.0)
    slope = log_slope(m[first:], resolved[first:], error[first:])
    k = moments.exponent(law, quantity)
    level = statistic if statistic in RATE_STATISTICS else float(statistic)
    limit = moments.limit(law, quantity, int(point["d"]), float(point["alpha"]), level)
    scaled = value * m**k
    near = np.abs(scaled / limit - 1.0) <= FOLLOWS if limit > 0.0 else np.zeros(m.size, bool)
    following = np.flatnonzero(np.logical_and.accumulate(near[::-1])[::-1])
    return {
        "slope": slope.value,
        "slope_lower": slope.lower,
        "slope_upper": slope.upper,
        "m_fit": slope.first,
        "points": slope.points,
        "exponent": k,
        "constant": scaled[-1],
        "constant_lower": lower[-1] * m[-1] ** k,
        "constant_upper": upper[-1] * m[-1] ** k,
        "constant_limit": limit,
        "follows_from": m[following[0]] if following.size else np.nan,
    }
