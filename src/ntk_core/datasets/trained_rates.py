"""`rates.nc` of a trained experiment, from its `quantiles.nc`: slopes against m, and constants."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from ..experiments.trained import TrainedExperiment
from ..network import Array
from ..quantities import QUANTITIES
from ..sampling.data import load, step_size
from ..sampling.streams import Streams
from ..sampling.training import RUN_VARIABLES, Training
from ..storage.metadata import attributes, describe
from ..theory.training_limit import Limit, exponent, limit, path
from .quantiles import NOISE
from .statistics import CONFIDENCE, log_slope
from .trained_shard import TITLE


def rate_dataset(table: xr.Dataset, experiment: TrainedExperiment, entropy: int) -> xr.Dataset:
    """Slopes against the width at every recorded time, and constants with their limits for m → ∞.

    They are of the mean and root mean square of each quantity, and of the mean over runs of each variable.
    """
    m = table["m"].values.astype(np.float64)
    times = table["steps"].values
    theory = training_limit(experiment, entropy)
    names = ("slope", "slope_lower", "slope_upper", "local_slope_last", "constant", "constant_lower",
             "constant_upper", "constant_limit")  # fmt: skip
    arrays = {name: np.full((len(QUANTITIES), 2, times.size), np.nan) for name in names}
    numbers = {name: np.full((len(RUN_VARIABLES), times.size), np.nan) for name in names[:3]}
    for q, s, time in np.ndindex(len(QUANTITIES), 2, times.size):
        name, statistic = tuple(QUANTITIES)[q], ("mean", "rms")[s]
        row = table.isel(quantity=q, steps=time)
        alpha = table["run_mean"].sel(variable="alpha_hat").isel(steps=time).values
        lower, upper = (row[f"{statistic}_{end}"].values for end in ("lower", "upper"))
        resolved = row[statistic].values > NOISE * QUANTITIES[name].unit(m, alpha)
        rate = _rate(m, np.where(resolved, row[statistic].values, 0.0), lower, upper, exponent(name))
        rate["constant_limit"] = float(_limit(theory, statistic, name)[time])
        for key, value in rate.items():
            arrays[key][q, s, time] = value
    for v, time in np.ndindex(len(RUN_VARIABLES), times.size):
        row = table.isel(variable=v, steps=time)
        slope = log_slope(m, *(row[f"run_mean{end}"].values for end in ("", "_lower", "_upper")))
        for key, value in zip(names[:3], (slope.value, slope.lower, slope.upper), strict=True):
            numbers[key][v, time] = value
    dims = ("quantity", "statistic", "steps")
    variables: dict[str, Any] = {name: (dims, value) for name, value in arrays.items()}
    variables |= {f"run_{name}": (("variable", "steps"), value) for name, value in numbers.items()}
    variables["exponent"] = ("quantity", np.array([exponent(name) for name in QUANTITIES]))
    variables["displacement_limit"] = ("steps", theory.displacement)
    variables["alpha_hat_limit_ceiling"] = ("steps", theory.ceiling)
    dataset = xr.Dataset(
        variables,
        coords={
            "quantity": table["quantity"].values,
            "statistic": np.array(("mean", "rms"), dtype=object),
            "variable": table["variable"].values,
            "steps": times,
        },
    )
    attrs = attributes(
        f"{TITLE}: rates of {experiment.name}",
        "Slopes against the width at every recorded time, and the constants in front beside their limits.",
        experiment,
        entropy,
    )
    return describe(dataset, attrs | {"confidence_level": CONFIDENCE})


def training_limit(training: Training, entropy: int) -> Limit:
    """The limit of a run as m → ∞, at every recorded time."""
    data = load(training, entropy)
    eta = step_size(data, training.loss, training.step)
    sums = path(data.x, data.y, training.loss, eta, training.times, training.target)
    rng = Streams(entropy, training.data_key, 0).generator("limit")
    return limit(data.x, data.held_x, sums, rng)


def _rate(m: Array, value: Array, lower: Array, upper: Array, k: float) -> dict[str, float]:
    """Slope and constant of a statistic along m; a value of 0 is rounding and left out of the slope."""
    slope = log_slope(m, value, lower, upper)
    finite = np.flatnonzero(np.isfinite(value))
    if not finite.size:
        return {}
    last = finite[-1]
    scale = m[last] ** k
    rate = {
        "slope": slope.value,
        "slope_lower": slope.lower,
        "slope_upper": slope.upper,
        "constant": scale * value[last],
        "constant_lower": scale * lower[last],
        "constant_upper": scale * upper[last],
    }
    if finite.size > 1:
        ends = finite[-2:]
        rate["local_slope_last"] = log_slope(m[ends], value[ends], lower[ends], upper[ends]).value
    return rate


def _limit(theory: Limit, statistic: str, quantity: str) -> Array:
    limits = theory.rms if statistic == "rms" else theory.mean
    return limits.get(quantity, np.full_like(theory.ceiling, np.nan))
