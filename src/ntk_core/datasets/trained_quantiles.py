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
from ..quantities import QUANTITIES
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
    data = load(experiment, entropy)
    times = np.array(experiment.times)
    alpha = runs["alpha_hat"].values  # (m, seed, time)
    values = np.stack([runs[name].values for name in QUANTITIES])  # (5, m, seed, time, input)
    kept = np.isfinite(alpha)
    mean_alpha = np.ma.mean(np.ma.masked_invalid(alpha), axis=1).filled(np.nan)
    shape = (len(QUANTITIES), len(experiment.m), times.size)
    parts: dict[str, Array] = {
        name: np.full(shape, np.nan) for name in ("mean", "mean_standard_error", "rms", "rms_standard_error")
    }
    parts["quantile"] = np.full((*shape, len(delta)), np.nan)
    parts["law_rms"] = np.full((len(QUANTITIES), len(LAWS), *shape[1:]), np.nan)
    over = np.zeros((len(QUANTITIES), *shape[1:], len(UNIFORM), len(delta), len(x_norm)), np.int64)
    runs_over = np.zeros(over.shape, np.int64)
    limits = np.full((len(bounds.BOUNDS), *shape, len(delta), len(x_norm)), np.nan)
    levels = np.ix_(np.array(delta), np.array(x_norm))
    for q, at, time in np.ndindex(shape):
        name, m, a = tuple(QUANTITIES)[q], experiment.m[at], float(mean_alpha[at, time])
        there = kept[at, :, time]
        here = values[q, at, there, time]  # (runs, inputs)
        if not here.size or not a > 0.0:
            continue
        for key, value in _moments(here).items():
            parts[key][q, at, time] = value
        parts["quantile"][q, at, time] = np.quantile(here, 1.0 - np.array(delta), method="inverted_cdf")
        for law_index, law in enumerate(LAWS):
            parts["law_rms"][q, law_index, at, time] = moments.root_mean_square(law, name, m, experiment.d, a)
        scale = QUANTITIES[name].at_norm(np.array(x_norm))
        least = NOISE * QUANTITIES[name].unit(m, a)
        for b, bound in enumerate(bounds.BOUNDS):
            limits[b, q, at, time] = bounds.bound(bound, name, m, a, *levels)
        own = alpha[at, there, time][:, None, None]
        for b, bound in enumerate(UNIFORM):
            each = bounds.bound(bound, name, m, own, *levels) / scale * (1.0 + ROUNDING)
            exceeds = here[:, :, None, None] > np.maximum(each, least)[:, None]
            over[q, at, time, b] = exceeds.sum(axis=(0, 1))
            runs_over[q, at, time, b] = exceeds.any(axis=1).sum(axis=0)
    scales = np.stack([QUANTITIES[name].at_norm(np.array(x_norm)) for name in QUANTITIES])
    measured = parts["quantile"][..., None] * scales[:, None, None, None, :]
    ratio = limits / np.where(measured > 0.0, measured, np.nan)
    point = ("quantity", "m", "steps")
    variables: dict[str, Any] = {
        name: (point, parts[name]) for name in ("mean", "mean_standard_error", "rms", "rms_standard_error")
    }
    variables["quantile"] = ((*point, "delta"), parts["quantile"])
    variables["law_rms"] = (("quantity", "perturbation", "m", "steps"), parts["law_rms"])
    variables["position"] = (
        ("quantity", "perturbation", "m", "steps"),
        parts["rms"][:, None] / parts["law_rms"],
    )
    for b, bound in enumerate(bounds.BOUNDS):
        variables[f"bound_{bound}"] = ((*point, "delta", "x_norm"), limits[b])
    variables["bound_ratio"] = ((*point, "bound", "delta", "x_norm"), np.moveaxis(ratio, 0, 3))
    variables["exceedances"] = ((*point, "uniform_bound", "delta", "x_norm"), over)
    variables["runs_exceeding"] = ((*point, "uniform_bound", "delta", "x_norm"), runs_over)
    variables |= _numbers(runs, kept)
    variables["runs"] = (("m", "steps"), kept.sum(axis=1))
    variables["run_status"] = (
        ("m", "status"),
        np.stack([(runs["status"].values == status).sum(axis=1) for status in Status], axis=1),
    )
    ceiling = alpha_ceiling(experiment, data)
    variables["alpha_ceiling"] = ("steps", ceiling)
    loss = runs["training_loss"].values
    grew = np.zeros(loss.shape, bool)
    grew[..., 1:] = np.logical_or.accumulate(~(np.diff(loss) <= SLIP * loss[..., :-1]), axis=2)
    variables["loss_grew"] = (("m", "steps"), (grew & kept).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.ma.masked_invalid(np.where(grew, np.nan, alpha / ceiling))
    variables["alpha_hat_over_ceiling"] = (("m", "steps"), share.max(axis=1).filled(np.nan))
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
            "steps": times.astype(np.int64),
            "delta": np.array(delta),
            "x_norm": np.array(x_norm),
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
