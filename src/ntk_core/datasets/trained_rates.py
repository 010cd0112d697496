"""`rates.nc` of a trained experiment, from its `quantiles.nc`: slopes against m, and constants."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr

from ..experiments.trained import TrainedExperiment
from ..network import Array
from ..quantities import QUANTITIES
from ..sampling.data import Data, load, step_size
from ..sampling.descent import DIVERGED
from ..sampling.streams import Streams
from ..sampling.training import RUN_VARIABLES, Training
from ..storage.metadata import DISTANCES, attributes, describe
from ..theory.moments import EXPONENT
from ..theory.training_limit import Limit, exponent, limit, path
from .comparisons import rounding_error
from .statistics import CONFIDENCE, ENDS, RATE_STATISTICS, local_slopes, log_slope

FEW_CROSSINGS, FEW_ARCS = 1 << 24, 1 << 10
"""Work in d ≤ 3 up to which the limits at the training inputs and the laws beside them are computed, a second
each: training inputs × all inputs × steps², and all inputs × arcs between the training inputs."""

RATES = tuple(f"{number}{end}" for number in ("slope", "local_slope_last", "constant") for end in ENDS)
"""Names of the numbers that `_rate` makes."""


def rate_dataset(table: xr.Dataset, experiment: TrainedExperiment, entropy: int) -> xr.Dataset:
    """Slopes against the width at every recorded time, and constants with their limits for m → ∞.

    They are of the mean and root mean square of each quantity, at held-out and at training inputs, of the
    systematic part of the signed error at both, and of the mean over runs of each variable. Beside them are
    the limits at training inputs and the laws of the signed error by the angle to them. A width counts at the
    times at which none of its runs has diverged: means over the runs that are left are not those of all.
    """
    times, whole = table["steps"].values, table["runs"] == experiment.seeds
    of_all = [name for name, variable in table.items() if {"m", "steps"} <= {*variable.dims}]
    table = table.assign({name: table[name].where(whole) for name in of_all})
    theory = training_limit(experiment, entropy)
    variables: dict[str, Any] = _over_quantities(
        table, "", [exponent(name, experiment.d) for name in QUANTITIES]
    )
    variables |= _over_quantities(table, "training_", [EXPONENT] * len(QUANTITIES))
    variables["constant_limit"] = (
        ("quantity", "statistic", "steps"),
        np.array([[_limit(theory, statistic, name) for statistic in RATE_STATISTICS] for name in QUANTITIES]),
    )
    variables |= _bias(table, "") | _bias(table, "training_") | _over_variables(table) | _distances(table)
    variables |= _crossing_limits(experiment, entropy) | _laws_beside(experiment, entropy)
    variables["displacement_limit"] = ("steps", theory.displacement)
    variables["alpha_hat_limit_ceiling"] = ("steps", theory.ceiling)
    variables["separation_width"] = (("steps", "input"), separation_width(table))
    dataset = xr.Dataset(
        variables,
        coords={
            "quantity": table["quantity"].values,
            "statistic": np.array(RATE_STATISTICS, dtype=object),
            "variable": table["variable"].values,
            "m": table["m"].values,
            "input": table["input"].values,
            "training_input": table["training_input"].values,
            "training_angle": ("input", table["training_angle"].values),
            "steps": times,
        },
    )
    attrs = attributes(
        "rates of",
        "Slopes against the width at every recorded time, and the constants in front beside their limits.",
        experiment,
        entropy,
    )
    return describe(dataset, attrs | {"confidence_level": CONFIDENCE}, experiment)


def training_limit(training: Training, entropy: int) -> Limit:
    """The limit of a run as m → ∞, at every recorded time."""
    data, eta = _problem(training, entropy)
    sums = path(data.x, data.y, training.loss, eta, training.times, training.target, DIVERGED)
    rng = Streams(entropy, training.data_key, 0).generator("limit")
    return limit(data.x, data.held_x, sums, rng)


def _crossing_limits(training: TrainedExperiment, entropy: int) -> dict[str, Any]:
    """Limits of √m times errors at training inputs and distances from the twin.

    NaN in d > 3, where they would be averages over drawn directions, with an error of some per cent, and
    where the work is more than `FEW_CROSSINGS`.
    """
    n, held_out, times = training.training_inputs, training.held_out_inputs, training.times
    error, distance = (np.full((len(times), count), np.nan) for count in (n, n + held_out))
    if training.d <= 3 and n * (n + held_out) * training.steps**2 <= FEW_CROSSINGS:
        from ..theory.crossing import deviation  # compiled: slow to import

        data, eta = _problem(training, entropy)
        with np.errstate(over="ignore", invalid="ignore"):  # of descent that diverges
            limits = deviation(
                data.x, data.y, training.loss, eta, times, training.target, data.held_x,
                np.random.default_rng(0),  # nothing is drawn in d ≤ 3
            )  # fmt: skip
        error, distance = limits.error[:, :n], limits.from_twin
    constants = np.full((len(QUANTITIES), len(RATE_STATISTICS), len(times)), np.nan)
    constants[tuple(QUANTITIES).index("linearization_error")] = np.mean(np.abs(error), axis=1), _rms(error)
    return {
        "training_signed_error_limit": (("steps", "training_input"), error),
        "training_constant_limit": (("quantity", "statistic", "steps"), constants),
        "training_bias_constant_limit": ("steps", _rms(error)),
        "twin_distance_constant_limit": ("steps", _rms(distance[:, n:])),
        "twin_training_distance_constant_limit": ("steps", _rms(distance[:, :n])),
    }


def _laws_beside(training: TrainedExperiment, entropy: int) -> dict[str, Any]:
    """Mean and root mean square of the signed error in wide networks by the angle to a training input.

    At every width and time and both kinds of input, `(m, steps, inputs)`; NaN in d > 3 and where the work is
    more than `FEW_ARCS`.
    """
    n, inputs = training.training_inputs, training.training_inputs + training.held_out_inputs
    arcs = 2 if training.d < 3 else 2 * (n + 1)
    mean, rms = np.full((2, len(training.m), len(training.times), inputs), np.nan)
    if training.d <= 3 and inputs * arcs <= FEW_ARCS:
        from ..theory.crossover import crossover  # compiled: slow to import

        data, eta = _problem(training, entropy)
        with np.errstate(over="ignore", invalid="ignore"):
            law = crossover(
                data.x, data.y, training.loss, eta, training.times, training.target, data.inputs, training.m
            )
            root = np.sqrt(np.array(training.m, dtype=np.float64))[:, None, None]
            mean, rms = law.mean / root, np.sqrt((law.mean**2 + law.variance / root) / root**2)
    kinds = {"": ("input", slice(n, None)), "training_": ("training_input", slice(n))}
    return {
        f"{prefix}wide_{name}": (("m", "steps", dim), values[..., part])
        for prefix, (dim, part) in kinds.items()
        for name, values in (("signed_error_mean", mean), ("signed_error_rms", rms))
    }


def _problem(training: Training, entropy: int) -> tuple[Data, float]:
    """The data of a training and its step size η."""
    data = load(training, entropy)
    return data, step_size(data, training.loss, training.step)


def _rms(values: Array) -> Array:
    """Root mean square over the inputs, the last axis; infinite where descent diverges so far."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.sqrt(np.mean(values**2, axis=-1))


def separation_width(table: xr.Dataset) -> Array:
    """(α̂/θ)² for each held-out input at an angle θ to its nearest training input; `(times, inputs)`.

    Far below that width, by a thousand, the neurons that change sign at both inputs are the same, and E falls
    as at a training input; near and above it E falls as at a new one. α̂ is the mean at the largest width with
    runs; infinite where θ = 0.
    """
    alpha = table["run_mean"].sel(variable="alpha_hat").values  # (m, time)
    widest = np.array([([np.nan, *values[np.isfinite(values)]])[-1] for values in alpha.T])
    with np.errstate(divide="ignore", invalid="ignore"):
        return (widest[:, None] / table["training_angle"].values) ** 2


def _over_quantities(table: xr.Dataset, prefix: str, exponents: list[float]) -> dict[str, Any]:
    """Rates of the quantities at one kind of input; a value that is rounding is left out of slopes."""
    m, alpha = table["m"].values.astype(np.float64), table["run_mean"].sel(variable="alpha_hat").values
    shape = (len(QUANTITIES), len(RATE_STATISTICS), table.sizes["steps"])
    arrays = {name: np.full(shape, np.nan) for name in RATES}
    for q, s, time in np.ndindex(shape):
        row = table.isel(quantity=q, steps=time)
        value, lower, upper = (row[f"{prefix}{RATE_STATISTICS[s]}{end}"].values for end in ENDS)
        rounding = value <= rounding_error("trained", tuple(QUANTITIES)[q], m, alpha[:, time])
        for name, number in _rate(m, np.where(rounding, 0.0, value), lower, upper, exponents[q]).items():
            arrays[name][q, s, time] = number
    dims = ("quantity", "statistic", "steps")
    variables: dict[str, Any] = {f"{prefix}{name}": (dims, array) for name, array in arrays.items()}
    return variables | {f"{prefix}exponent": ("quantity", np.array(exponents))}


def _bias(table: xr.Dataset, prefix: str) -> dict[str, Any]:
    """Rates of the root mean square over inputs of the mean signed error; constants are with √m."""
    m = table["m"].values.astype(np.float64)
    arrays = {name: np.full(table.sizes["steps"], np.nan) for name in RATES}
    for time in range(table.sizes["steps"]):
        value, lower, upper = (table[f"{prefix}bias{end}"].values[:, time] for end in ENDS)
        for name, number in _rate(m, value, lower, upper, EXPONENT).items():
            arrays[name][time] = number
    return {f"{prefix}bias_{name}": ("steps", array) for name, array in arrays.items()}


def _over_variables(table: xr.Dataset) -> dict[str, Any]:
    """Fitted and local slopes of the means over runs, `(variable, steps)` and `(variable, m, steps)`."""
    m = table["m"].values.astype(np.float64)
    names = ("slope", "slope_lower", "slope_upper")
    fitted = {name: np.full((len(RUN_VARIABLES), table.sizes["steps"]), np.nan) for name in names}
    local = {name: np.full(table["run_mean"].shape, np.nan) for name in names}
    for v, time in np.ndindex(fitted["slope"].shape):
        row = table.isel(variable=v, steps=time)
        limits = [row[f"run_mean{end}"].values for end in ENDS]
        slope = log_slope(m, *limits)
        for name, number in zip(names, (slope.value, slope.lower, slope.upper), strict=True):
            fitted[name][v, time] = number
        for name, numbers in zip(names, local_slopes(m, *limits), strict=True):
            local[name][v, :, time] = numbers
    variables: dict[str, Any] = {f"run_{name}": (("variable", "steps"), fitted[name]) for name in names}
    return variables | {f"run_local_{name}": (("variable", "m", "steps"), local[name]) for name in names}


def _distances(table: xr.Dataset) -> dict[str, Any]:
    """√m times the mean over runs of the distances from the twin, at the largest width that has it."""
    variables = {}
    for name in DISTANCES:
        rows = [table[f"run_mean{end}"].sel(variable=name).values for end in ENDS]  # (m, steps)
        scaled = np.stack(rows) * np.sqrt(table["m"].values)[:, None]
        widest = [np.flatnonzero(np.isfinite(column)) for column in scaled[0].T]
        for end, values in zip(ENDS, scaled, strict=True):
            constants = [
                column[index[-1]] if index.size else math.nan
                for column, index in zip(values.T, widest, strict=True)
            ]
            variables[f"{name}_constant{end}"] = ("steps", np.array(constants))
    return variables


def _rate(m: Array, value: Array, lower: Array, upper: Array, k: float) -> dict[str, float]:
    """Slope and constant of a statistic along m; a value of 0 is rounding and left out of the slope."""
    finite = np.flatnonzero(np.isfinite(value))
    if not finite.size:
        return {}
    last, widest = finite[-1], finite[-2:]
    every, local = (log_slope(m[part], value[part], lower[part], upper[part]) for part in (finite, widest))
    numbers = (
        *(every.value, every.lower, every.upper),
        *(local.value, local.lower, local.upper),
        *(m[last] ** k * limits[last] for limits in (value, lower, upper)),
    )
    return dict(zip(RATES, numbers, strict=True))


def _limit(theory: Limit, statistic: str, quantity: str) -> Array:
    limits = theory.rms if statistic == "rms" else theory.mean
    return limits.get(quantity, np.full_like(theory.ceiling, np.nan))
