"""From the `runs.nc` of a trained experiment to its `quantiles.nc`.

The runs of a width are independent, the inputs of a run are not: standard errors come from the runs, each
of which counts with its mean over the held-out inputs. A run that diverged is left out from there on, and
counted.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr

from ..experiments.trained import TrainedExperiment
from ..laws import LAWS, moments
from ..network import Array
from ..quantities import QUANTITIES, Quantity
from ..sampling.data import Data, load, step_size
from ..sampling.descent import Status
from ..sampling.training import RUN_VARIABLES
from ..storage.metadata import attributes, describe
from ..theory import bounds
from .quantiles import NOISE, ROUNDING
from .statistics import CONFIDENCE, sample_moments
from .trained_shard import TITLE

UNIFORM = ("printed", "sharp")
"""Bounds that hold for all α at once at δ ≤ 1/2, so also at an α̂ that depends on w(0).

|B|/m is an empirical distribution function at r, and the Dvoretzky-Kiefer-Wolfowitz inequality with Massart's
constant gives for all r together what Hoeffding's gives for one (docs/theory.md, "Lazy training").
"""


MOMENTS = ("mean", "mean_standard_error", "rms", "rms_standard_error")
COUNTS = ("exceedances", "runs_exceeding")

SLIP = 1e-9
"""Relative growth of a training loss that is rounding."""


def table_dataset(
    runs: xr.Dataset,
    experiment: TrainedExperiment,
    entropy: int,
    delta: tuple[float, ...],
    x_norm: tuple[float, ...],
) -> xr.Dataset:
    """Moments, quantiles and exceedances at every width and time, beside bounds and laws at the α̂ measured.

    Bounds and displacement laws are taken at the mean of α̂ over the runs of a width; exceedances are counted
    against the bound at each run's own α̂. The quantiles are over runs and inputs together.
    """
    alpha = runs["alpha_hat"].values  # (m, seed, time)
    kept = np.isfinite(alpha)
    levels = np.array(delta), np.array(x_norm)
    variables = _over_quantities(runs, experiment, kept, levels)
    variables |= _numbers(runs, kept)
    variables["runs"] = (("m", "steps"), kept.sum(axis=1))
    variables["run_status"] = (
        ("m", "status"),
        np.stack([(runs["status"].values == status).sum(axis=1) for status in Status], axis=1),
    )
    variables |= _ceilings(runs, kept, alpha_ceiling(experiment, load(experiment, entropy)))
    dataset = xr.Dataset(
        variables,
        coords={
            "quantity": np.array(tuple(QUANTITIES), dtype=object),
            "perturbation": np.array(tuple(LAWS), dtype=object),
            "variable": np.array(RUN_VARIABLES, dtype=object),
            "status": np.array([status.name.lower() for status in Status], dtype=object),
            "bound": np.array(bounds.BOUNDS, dtype=object),
            "uniform_bound": np.array(UNIFORM, dtype=object),
            "m": np.array(experiment.m, dtype=np.int64),
            "steps": np.array(experiment.times, dtype=np.int64),
            "delta": levels[0],
            "x_norm": levels[1],
        },
    )
    attrs = attributes(
        f"{TITLE}: moments and bounds of {experiment.name}",
        "What training does to displacements and to the linearization error at held-out inputs, beside the "
        "bounds and the displacement laws at the radius that training reached.",
        experiment,
        entropy,
        delta=list(delta),
        x_norm=list(x_norm),
    )
    return describe(dataset, attrs | {"confidence_level": CONFIDENCE})


def _over_quantities(
    runs: xr.Dataset, experiment: TrainedExperiment, kept: Array, levels: tuple[Array, Array]
) -> dict[str, Any]:
    """Variables over (quantity, m, steps); NaN, or 0 runs over a bound, where no run is `kept`."""
    alpha = runs["alpha_hat"].values
    values = np.stack([runs[name].values for name in QUANTITIES])  # (quantity, m, seed, time, input)
    mean_alpha = np.ma.mean(np.ma.masked_invalid(alpha), axis=1).filled(np.nan)
    shape = (len(QUANTITIES), len(experiment.m), len(experiment.times))
    parts = _empty(shape, levels)
    for q, at, time in np.ndindex(shape):
        radius, runs_left = float(mean_alpha[at, time]), kept[at, :, time]
        if not runs_left.any() or not radius > 0.0:
            continue
        quantity = tuple(QUANTITIES.values())[q]
        m, own = experiment.m[at], alpha[at, runs_left, time]
        point = _point(values[q, at, runs_left, time], own, quantity, (m, experiment.d, radius), levels)
        for name, value in point.items():
            parts[name][q, at, time] = value
    scales = np.stack([quantity.at_norm(levels[1]) for quantity in QUANTITIES.values()])
    measured = (parts["quantile"][..., None] * scales[:, None, None, None, :])[:, :, :, None]
    cell = ("quantity", "m", "steps")
    law_rms = np.moveaxis(parts["law_rms"], 3, 1)
    variables: dict[str, Any] = {name: (cell, parts[name]) for name in MOMENTS}
    variables["quantile"] = ((*cell, "delta"), parts["quantile"])
    variables["law_rms"] = (("quantity", "perturbation", "m", "steps"), law_rms)
    variables["position"] = (variables["law_rms"][0], parts["rms"][:, None] / law_rms)
    for b, bound in enumerate(bounds.BOUNDS):
        variables[f"bound_{bound}"] = ((*cell, "delta", "x_norm"), parts["bounds"][:, :, :, b])
    ratio = parts["bounds"] / np.where(measured > 0.0, measured, np.nan)
    variables["bound_ratio"] = ((*cell, "bound", "delta", "x_norm"), ratio)
    for name in ("exceedances", "runs_exceeding"):
        variables[name] = ((*cell, "uniform_bound", "delta", "x_norm"), parts[name])
    return variables


def _empty(shape: tuple[int, ...], levels: tuple[Array, Array]) -> dict[str, Array]:
    """What `_point` fills in, for points of this shape."""
    grid = levels[0].size, levels[1].size
    parts = {name: np.full(shape, np.nan) for name in MOMENTS}
    parts["quantile"] = np.full((*shape, grid[0]), np.nan)
    parts["law_rms"] = np.full((*shape, len(LAWS)), np.nan)
    parts["bounds"] = np.full((*shape, len(bounds.BOUNDS), *grid), np.nan)
    counts = {name: np.zeros((*shape, len(UNIFORM), *grid), np.int64) for name in COUNTS}
    return parts | counts


def _point(
    values: Array,
    alpha: Array,
    quantity: Quantity,
    cell: tuple[int, int, float],
    levels: tuple[Array, Array],
) -> dict[str, Any]:
    """Statistics of a quantity at one width and time, from its `values` `(runs, inputs)` and each run's α̂.

    `cell` is (m, d, mean of α̂), where laws and bounds are taken.
    """
    m, d, radius = cell
    name, (delta, x_norm) = quantity.name, levels
    grid = np.ix_(delta, x_norm)
    each = [
        bounds.bound(bound, name, m, alpha[:, None, None], *grid)
        / quantity.at_norm(x_norm)
        * (1.0 + ROUNDING)
        for bound in UNIFORM
    ]
    least = NOISE * quantity.unit(m, radius)
    exceeds = [values[:, :, None, None] > np.maximum(limit, least)[:, None] for limit in each]
    return {
        **_moments(values),
        "quantile": np.quantile(values, 1.0 - delta, method="inverted_cdf"),
        "law_rms": [moments.root_mean_square(law, name, m, d, radius) for law in LAWS],
        "bounds": [bounds.bound(bound, name, m, radius, *grid) for bound in bounds.BOUNDS],
        "exceedances": [over.sum(axis=(0, 1)) for over in exceeds],
        "runs_exceeding": [over.any(axis=1).sum(axis=0) for over in exceeds],
    }


def _ceilings(runs: xr.Dataset, kept: Array, ceiling: Array) -> dict[str, Any]:
    """The bound on α̂, how near runs come to it whose loss never grew, and how many others there are."""
    loss = runs["training_loss"].values
    grew = np.zeros(loss.shape, bool)
    grew[..., 1:] = np.logical_or.accumulate(~(np.diff(loss) <= SLIP * loss[..., :-1]), axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.ma.masked_invalid(np.where(grew, np.nan, runs["alpha_hat"].values / ceiling))
    return {
        "alpha_ceiling": ("steps", ceiling),
        "loss_grew": (("m", "steps"), (grew & kept).sum(axis=1)),
        "alpha_hat_over_ceiling": (("m", "steps"), share.max(axis=1).filled(np.nan)),
    }


def _moments(values: Array) -> dict[str, float]:
    """Mean and root mean square over runs and inputs `(runs, inputs)`, with errors from the runs."""
    first, second = sample_moments(values.mean(axis=1)), sample_moments((values**2).mean(axis=1))
    rms = math.sqrt(second.mean)
    return {
        "mean": first.mean,
        "mean_standard_error": first.mean_standard_error,
        "rms": rms,
        "rms_standard_error": second.mean_standard_error / (2.0 * rms) if rms > 0.0 else math.nan,
    }


def _numbers(runs: xr.Dataset, kept: Array) -> dict[str, Any]:
    """Mean with standard error, least and largest over the runs of what a run has one number of."""
    values = np.stack([runs[name].values for name in RUN_VARIABLES])  # (variable, m, seed, time)
    count = kept.sum(axis=1)
    masked = np.ma.masked_invalid(values)
    error = masked.std(axis=2, ddof=1).filled(np.nan) if values.shape[2] > 1 else np.nan * values[:, :, 0]
    dims = ("variable", "m", "steps")
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "run_mean": (dims, masked.mean(axis=2).filled(np.nan)),
            "run_mean_standard_error": (dims, np.where(count > 1, error / np.sqrt(count), np.nan)),
            "run_min": (dims, masked.min(axis=2).filled(np.nan)),
            "run_max": (dims, masked.max(axis=2).filled(np.nan)),
        }


def alpha_ceiling(experiment: TrainedExperiment, data: Data) -> Array:
    """A bound on α̂ at every recorded time and width that holds while the loss does not grow; `(times,)`.

    √m‖u_i‖ ≤ (η/n) Σ_s Σ_k |l'(F_k)| ‖x_k‖ ≤ η t g, where g = √(2 L(0)) for the squared loss, by Cauchy and
    Schwarz, and 1 for the logistic one.
    """
    largest = math.sqrt(float(np.mean(data.y**2))) if experiment.loss == "squared" else 1.0
    return step_size(data, experiment.loss, experiment.step) * largest * np.array(experiment.times, float)
