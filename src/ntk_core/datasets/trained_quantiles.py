"""`quantiles.nc` of a trained experiment, from its `runs.nc`.

The runs of a width are independent, the inputs of a run are not. So standard errors come from the means of
runs over the inputs. A diverged run is counted, and left out from the time at which it diverged. What is of
linear twins is NaN where the twin of a run that is left has diverged.
"""

from __future__ import annotations

import math
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from ..experiments.trained import TrainedExperiment
from ..laws import THEOREM_LAWS
from ..laws.moments import root_mean_square
from ..network import Array
from ..quantities import QUANTITIES, Quantity
from ..sampling.data import Data, load, nearest_angles, step_size
from ..sampling.descent import Status
from ..sampling.training import RUN_VARIABLES
from ..storage.metadata import attributes, describe
from ..theory import bounds
from ..theory.all_radii import NAME as ALL_RADII
from ..theory.all_radii import all_radii
from .comparisons import rounding_error, rounding_errors
from .statistics import (
    CONFIDENCE,
    QUANTILES,
    Mean,
    Moments,
    clustered_quantiles,
    half_width,
    moments,
    sample_mean,
)

RUNGS = (*bounds.BOUNDS, ALL_RADII)
"""Bounds at the mean of α̂; all but the last are for a radius that is fixed in advance."""

UNIFORM = ("printed", ALL_RADII)
"""Bounds that hold for all α at once, so also at an α̂ that depends on w(0).

`all_radii` bounds every quantity at every δ. `printed` is Theorem 1, a bound on E, at δ up to `MAX_DELTA`:
|B|/m is an empirical distribution function at r, and the Dvoretzky-Kiefer-Wolfowitz inequality with Massart's
constant gives for all r together what Hoeffding's gives for one (docs/theory.md, "Lazy training").
"""

MAX_DELTA = 0.5
"""Largest δ at which that inequality says so: beyond it, Theorem 1 is not judged at α̂."""

MOMENTS = tuple(field.name for field in fields(Moments))
COUNTS = ("exceedances", "runs_exceeding")
SHARE = "largest_share"

SLIP = 1e-9
"""Relative growth of a training loss below this is rounding."""


def quantile_dataset(
    runs: xr.Dataset,
    experiment: TrainedExperiment,
    entropy: int,
    delta: tuple[float, ...],
    x_norm: tuple[float, ...],
) -> xr.Dataset:
    """Moments, quantiles and exceedances at every width and time, with bounds and laws at the measured α̂.

    Bounds and displacement laws are at the mean of α̂ over the runs of a width. Exceedances and the largest
    share are of the bound at each run's own α̂. The quantiles are over runs and inputs together; their limits
    hold however the inputs of a run depend on each other.
    """
    alpha = runs["alpha_hat"].values  # (m, seed, time)
    finite = np.isfinite(alpha)
    levels = np.array(delta), np.array(x_norm)
    data = load(experiment, entropy)
    variables = _over_quantities(runs, experiment, finite, levels)
    variables |= _at_training_inputs(runs)
    variables |= _signed_errors(runs, "", "input") | _signed_errors(runs, "training_", "training_input")
    variables |= _numbers(runs)
    variables["runs"] = (("m", "steps"), finite.sum(axis=1))
    variables["run_status"] = (
        ("m", "status"),
        np.stack([(runs["status"].values == status).sum(axis=1) for status in Status], axis=1),
    )
    eta = step_size(data, experiment.loss, experiment.step)
    variables |= {"step_size": eta, **_ceilings(runs, experiment, data, eta)}
    dataset = xr.Dataset(
        variables,
        coords={
            "quantity": np.array(tuple(QUANTITIES), dtype=object),
            "perturbation": np.array(THEOREM_LAWS, dtype=object),
            "variable": np.array(RUN_VARIABLES, dtype=object),
            "status": np.array([status.name.lower() for status in Status], dtype=object),
            "bound": np.array(RUNGS, dtype=object),
            "uniform_bound": np.array(UNIFORM, dtype=object),
            "m": np.array(experiment.m, dtype=np.int64),
            "steps": np.array(experiment.times, dtype=np.int64),
            "input": np.arange(experiment.held_out_inputs, dtype=np.int64),
            "training_angle": ("input", nearest_angles(data)),
            "training_input": np.arange(experiment.training_inputs, dtype=np.int64),
            "delta": levels[0],
            "x_norm": levels[1],
        },
    )
    attrs = attributes(
        "moments and bounds of",
        "What training does to displacements and to the linearization error at held-out inputs, beside the "
        "bounds and the displacement laws at the radius that training reached.",
        experiment,
        entropy,
        delta=list(delta),
        x_norm=list(x_norm),
    )
    return describe(dataset, attrs | {"confidence_level": CONFIDENCE}, experiment)


def _over_quantities(
    runs: xr.Dataset, experiment: TrainedExperiment, finite: Array, levels: tuple[Array, Array]
) -> dict[str, Any]:
    """Variables over (quantity, m, steps); NaN, or 0 exceedances, where no run is `finite`.

    Bounds and laws are NaN too where nothing has moved.
    """
    alpha = runs["alpha_hat"].values
    values = np.stack([runs[name].values for name in QUANTITIES])  # (quantity, m, seed, time, input)
    mean_alpha = np.ma.mean(np.ma.masked_invalid(alpha), axis=1).filled(np.nan)
    shape = (len(QUANTITIES), len(experiment.m), len(experiment.times))
    parts = _empty(shape, levels)
    for q, width, time in np.ndindex(shape):
        radius, usable = float(mean_alpha[width, time]), finite[width, :, time]
        if not usable.any():
            continue
        quantity = tuple(QUANTITIES.values())[q]
        cell = experiment.m[width], experiment.d, radius
        finite_values = values[q, width, usable, time]
        point = _statistics(finite_values, levels[0])
        if radius > 0.0:  # else nothing has moved
            point |= _beside_theory(finite_values, alpha[width, usable, time], quantity, cell, levels)
        for name, value in point.items():
            parts[name][q, width, time] = value
    scales = np.stack([quantity.at_norm(levels[1]) for quantity in QUANTITIES.values()])
    m = np.array(experiment.m)[:, None]
    noise = rounding_errors("trained", tuple(QUANTITIES), m, mean_alpha)
    resolved = np.where(parts["quantile"] > noise[..., None], parts["quantile"], np.nan)
    measured = (resolved[..., None] * scales[:, None, None, None, :])[:, :, :, None]
    dims = ("quantity", "m", "steps")
    law_rms = np.moveaxis(parts["law_rms"], 3, 1)
    variables: dict[str, Any] = {name: (dims, parts[name]) for name in MOMENTS}
    for name in QUANTILES:
        variables[name] = ((*dims, "delta"), parts[name])
    variables["law_rms"] = (("quantity", "perturbation", "m", "steps"), law_rms)
    variables["position"] = (variables["law_rms"][0], parts["rms"][:, None] / law_rms)
    for b, bound in enumerate(RUNGS):
        variables[f"bound_{bound}"] = ((*dims, "delta", "x_norm"), parts["bounds"][:, :, :, b])
    variables["bound_ratio"] = ((*dims, "bound", "delta", "x_norm"), parts["bounds"] / measured)
    for name in (*COUNTS, SHARE):
        variables[name] = ((*dims, "uniform_bound", "delta", "x_norm"), parts[name])
    return variables


def _at_training_inputs(runs: xr.Dataset) -> dict[str, Any]:
    """The moments of each quantity at the training inputs, over (quantity, m, steps)."""
    values = np.stack([runs[f"training_{name}"].values for name in QUANTITIES])
    parts = {name: np.full((*values.shape[:2], values.shape[3]), np.nan) for name in MOMENTS}
    for q, width, time in np.ndindex(parts["mean"].shape):
        usable = values[q, width, :, time]
        usable = usable[np.isfinite(usable).all(axis=1)]
        if usable.size:
            for name, value in _moments(usable).items():
                parts[name][q, width, time] = value
    return {f"training_{name}": (("quantity", "m", "steps"), part) for name, part in parts.items()}


def _signed_errors(runs: xr.Dataset, prefix: str, inputs: str) -> dict[str, Any]:
    """The mean of the signed error at each input over the runs, and its root mean square over the inputs.

    What chance adds to the latter is taken off: its square is the mean over the inputs of the product of the
    signed errors of two different runs, 0 where that is negative. Errors and limits of the square are by the
    jackknife over the runs.
    """
    values = np.moveaxis(runs[f"{prefix}signed_error"].values, 1, 0)  # (seed, m, time, input)
    usable = np.isfinite(values)
    count = usable.sum(axis=0)
    safe = np.where(usable, values, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(count > 0, safe.sum(axis=0) / count, np.nan)
        spread = (np.where(usable, values - mean, 0.0) ** 2).sum(axis=0)
        error = np.where(count > 1, np.sqrt(spread / (count * (count - 1.0))), np.nan)
    dims = ("m", "steps", inputs)
    parts = _bias(safe, usable)
    return {
        f"{prefix}signed_error_mean": (dims, mean),
        f"{prefix}signed_error_standard_error": (dims, error),
        **{f"{prefix}{name}": (dims[:2], value) for name, value in parts.items()},
    }


def _bias(values: Array, usable: Array) -> dict[str, Array]:
    """The rms over inputs of the mean of `values` `(runs, m, times, inputs)`, which are 0 if not `usable`."""
    n = usable[..., 0].sum(axis=0).astype(np.float64)
    total, sum_of_squares = values.sum(axis=0), (values**2).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        whole = np.where(n > 1.0, np.mean(total**2 - sum_of_squares, axis=-1) / (n * (n - 1.0)), np.nan)
        rest = np.mean((total - values) ** 2 - (sum_of_squares - values**2), axis=-1) / (
            (n - 1.0) * (n - 2.0)
        )
        deviation = np.where(usable[..., 0], rest - whole, 0.0)
        variance = np.where(n > 2.0, (n - 1.0) / n * np.sum(deviation**2, axis=0), np.nan)
        second, third = (np.sum(deviation**k, axis=0) / n for k in (2, 3))
        skewness = third / second**1.5
        half = half_width(n, np.sqrt(variance), skewness)
        bias, lower, upper = (
            np.sqrt(np.maximum(limit, 0.0)) for limit in (whole, whole - half, whole + half)
        )
        error = np.where(bias > 0.0, np.sqrt(variance) / (2.0 * bias), np.nan)
    return {"bias": bias, "bias_standard_error": error, "bias_lower": lower, "bias_upper": upper}


def _empty(shape: tuple[int, ...], levels: tuple[Array, Array]) -> dict[str, Array]:
    """Arrays for the results at each point, for points of this shape."""
    grid = levels[0].size, levels[1].size
    parts = {name: np.full(shape, np.nan) for name in MOMENTS}
    parts |= {name: np.full((*shape, grid[0]), np.nan) for name in QUANTILES}
    parts["law_rms"] = np.full((*shape, len(THEOREM_LAWS)), np.nan)
    parts["bounds"] = np.full((*shape, len(RUNGS), *grid), np.nan)
    parts[SHARE] = np.full((*shape, len(UNIFORM), *grid), np.nan)
    counts = {name: np.zeros((*shape, len(UNIFORM), *grid), np.int64) for name in COUNTS}
    return parts | counts


def _statistics(values: Array, delta: Array) -> dict[str, Any]:
    """Moments and quantiles of a quantity at one width and time, from its `values` `(runs, inputs)`."""
    return {**_moments(values), **dict(zip(QUANTILES, clustered_quantiles(values, delta), strict=True))}


def _beside_theory(
    values: Array,
    alpha: Array,
    quantity: Quantity,
    cell: tuple[int, int, float],
    levels: tuple[Array, Array],
) -> dict[str, Any]:
    """Laws, bounds and what is above them at one width and time, for `values` `(runs, inputs)` and each α̂.

    `cell` is (m, d, mean of α̂), the point of the laws and bounds.
    """
    m, d, radius = cell
    name, (delta, x_norm) = quantity.name, levels
    grid = np.ix_(delta, x_norm)
    own = alpha[:, None, None]
    minimum = rounding_error("trained", name, m, radius)
    limits = [
        np.maximum(
            _bound(bound, name, m, own, *grid) / quantity.at_norm(x_norm) * (1.0 + bounds.ROUNDING), minimum
        )
        for bound in UNIFORM
    ]
    largest = values.max(axis=1)[:, None, None]
    exceeds = [values[:, :, None, None] > limit[:, None] for limit in limits]
    return {
        "law_rms": [root_mean_square(law, name, m, d, radius) for law in THEOREM_LAWS],
        "bounds": [_bound(bound, name, m, radius, *grid) for bound in RUNGS],
        "exceedances": [over.sum(axis=(0, 1)) for over in exceeds],
        "runs_exceeding": [over.any(axis=1).sum(axis=0) for over in exceeds],
        SHARE: [(largest / limit).max(axis=0) for limit in limits],
    }


def _bound(name: str, quantity: str, *place: Any) -> Array:
    """The bound of this name, one of `RUNGS`, at `place`: m, α, δ and ‖x‖."""
    return all_radii(quantity, *place) if name == ALL_RADII else bounds.bound(name, quantity, *place)


def _ceilings(runs: xr.Dataset, experiment: TrainedExperiment, data: Data, eta: float) -> dict[str, Any]:
    """The bounds on α̂, the largest α̂ over them of runs that they hold for, and the runs whose loss grew.

    A bound of all runs is for the most steps that one has taken, a share of it for the steps of its run.
    """
    taken = np.minimum(experiment.times, runs["steps_taken"].values[..., None])  # (m, seed, times)
    ceiling, always = (bound(experiment, data, eta, taken) for bound in (alpha_ceiling, alpha_ceiling_always))
    loss = runs["training_loss"].values
    grew = np.zeros(loss.shape, bool)
    grew[..., 1:] = np.logical_or.accumulate(~(np.diff(loss) <= SLIP * loss[..., :-1]), axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        alpha = runs["alpha_hat"].values
        share = np.ma.masked_invalid(np.where(grew, np.nan, alpha / ceiling))
        share_always = np.ma.masked_invalid(alpha / always)
    return {
        "alpha_ceiling": ("steps", ceiling.max(axis=(0, 1))),
        "alpha_ceiling_always": ("steps", always.max(axis=(0, 1))),
        "alpha_hat_over_ceiling_always": (("m", "steps"), share_always.max(axis=1).filled(np.nan)),
        "loss_grew": (("m", "steps"), grew.sum(axis=1)),
        "alpha_hat_over_ceiling": (("m", "steps"), share.max(axis=1).filled(np.nan)),
    }


def _moments(values: Array) -> dict[str, float]:
    """Mean and root mean square over runs and inputs `(runs, inputs)`, with limits from the runs."""
    return asdict(moments(sample_mean(values.mean(axis=1)), sample_mean((values**2).mean(axis=1))))


def _numbers(runs: xr.Dataset) -> dict[str, Any]:
    """Mean with error and limits, minimum and maximum over the runs, of variables with one number a run."""
    values = np.stack([runs[name].values for name in RUN_VARIABLES])  # (variable, m, seed, time)
    left = np.isfinite(runs["alpha_hat"].values)
    known = (np.isfinite(values) | ~left).all(axis=2, keepdims=True)
    masked = np.ma.masked_invalid(np.where(known, values, np.nan))
    shape = (*values.shape[:2], values.shape[3])
    parts = {field.name: np.full(shape, np.nan) for field in fields(Mean)}
    for variable, width, time in np.ndindex(shape):
        usable = masked[variable, width, :, time].compressed()
        if usable.size:
            for name, value in asdict(sample_mean(usable)).items():
                parts[name][variable, width, time] = value
    dims = ("variable", "m", "steps")
    return {
        "run_mean": (dims, parts["value"]),
        "run_mean_standard_error": (dims, parts["standard_error"]),
        "run_mean_lower": (dims, parts["lower"]),
        "run_mean_upper": (dims, parts["upper"]),
        "run_min": (dims, masked.min(axis=2).filled(np.nan)),
        "run_max": (dims, masked.max(axis=2).filled(np.nan)),
    }


def alpha_ceiling(experiment: TrainedExperiment, data: Data, eta: float, steps: ArrayLike) -> Array:
    """A bound on α̂ after so many steps of size η at every width, which holds while the loss does not grow.

    √m‖u_i‖ ≤ (η/n) Σ_s Σ_k |l'(F_k)| ‖x_k‖ ≤ η t g, where g = √(2 L(0)) for the squared loss, by Cauchy and
    Schwarz, and 1 for the logistic one.
    """
    largest = math.sqrt(float(np.mean(data.y**2))) if experiment.loss == "squared" else 1.0
    return eta * largest * np.asarray(steps, float)


def alpha_ceiling_always(experiment: TrainedExperiment, data: Data, eta: float, steps: ArrayLike) -> Array:
    """A bound on α̂ after so many steps of size η at every width, also where the loss grows.

    For the squared loss |F_k| ≤ α̂, because F starts at 0 and ‖x_k‖ = 1, so a step adds at most
    η (mean|y| + α̂): α̂ ≤ mean|y| ((1 + η)^t - 1). For the logistic loss |l'| ≤ 1, so α̂ ≤ η t.
    """
    count = np.asarray(steps, float)
    if experiment.loss == "logistic":
        return eta * count
    with np.errstate(over="ignore"):
        return float(np.mean(np.abs(data.y))) * np.expm1(count * math.log1p(eta))
