"""`runs.nc` of a trained experiment, from its shards, and the dataset that a shard holds of its runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ..experiments.trained import TrainedExperiment
from ..sampling.data import DIGITS_LICENCE, DIGITS_SOURCE, load, nearest_angles
from ..sampling.descent import Status, Trained
from ..sampling.training import VARIABLES
from ..storage.metadata import attributes, describe
from ..storage.netcdf import write
from .shard_checks import check_experiment, check_seeds_cover


def collect_trained(
    experiment: TrainedExperiment, entropy: int, shards: Sequence[str | Path], path: str | Path
) -> None:
    """Join the shards of a trained experiment into one runs file; its bytes do not depend on their sizes.

    Raises `ResultsError` if the shards are of other runs or do not cover the experiment exactly.
    """
    parts: dict[int, list[xr.Dataset]] = {m: [] for m in experiment.m}
    for shard in shards:
        with xr.open_dataset(shard, engine="netcdf4") as file:
            m = int(file["m"][0])
            check_experiment(shard, file.attrs["spec"], file.attrs["format_version"], m, experiment, entropy)
            parts[m].append(file.load())
    for m, files in parts.items():
        files.sort(key=lambda file: int(file["seed"][0]))
        seeds = [range(int(file["seed"][0]), int(file["seed"][-1]) + 1) for file in files]
        check_seeds_cover(f"shards of m = {m}", seeds, experiment.numbers)
    write(joined(experiment, entropy, parts.values()), path)


def runs_dataset(
    experiment: TrainedExperiment, entropy: int, m: int, seeds: range, runs: Sequence[Trained]
) -> xr.Dataset:
    """Runs of one width, with the inputs and targets that all have."""
    arrays = [run.variables() for run in runs]
    variables: dict[str, Any] = {
        name: (dims, np.stack([run[name] for run in arrays])[None]) for name, dims in VARIABLES.items()
    }
    status = np.array([[run.status for run in runs]], dtype=np.int8)
    meanings = " ".join(status.name.lower() for status in Status)
    flags = {"flag_values": np.array(Status, dtype=np.int8), "flag_meanings": meanings}
    variables["status"] = (("m", "seed"), status, flags)
    variables["steps_taken"] = (("m", "seed"), np.array([[run.steps for run in runs]], dtype=np.int64))
    data = load(experiment, entropy)
    coords = {
        "m": np.array([m], dtype=np.int64),
        "seed": np.arange(seeds.start, seeds.stop, dtype=np.int64),
        "steps": np.array(experiment.times, dtype=np.int64),
        "input": np.arange(experiment.held_out_inputs, dtype=np.int64),
        "component": np.arange(experiment.d, dtype=np.int64),
        "x": (("input", "component"), data.held_x),
        "target": ("input", data.held_y),
        "training_angle": ("input", nearest_angles(data)),
        "training_input": np.arange(experiment.training_inputs, dtype=np.int64),
        "training_x": (("training_input", "component"), data.x),
        "training_target": ("training_input", data.y),
    }
    return xr.Dataset(variables, coords)


def joined(experiment: TrainedExperiment, entropy: int, widths: Iterable[Sequence[xr.Dataset]]) -> xr.Dataset:
    """All runs of an experiment, described, from those of each width in ascending parts."""

    def join(parts: Iterable[xr.Dataset], dim: str) -> xr.Dataset:
        return xr.concat(parts, dim, data_vars="minimal", coords="minimal", compat="override", join="exact")

    attrs = attributes(
        "runs of",
        "Gradient descent beside its linear twin: the linearization error, its two parts and the fraction of "
        "sign changes at held-out and at training inputs, the distance the weights have moved, and losses, "
        "along training.",
        experiment,
        entropy,
    )
    if experiment.data == "digits":
        attrs["license"] += f"; the images x and training_x, scaled to length 1: {DIGITS_LICENCE}"
        attrs["references"] += f"; images: {DIGITS_SOURCE}"
    return describe(join([join(parts, "seed") for parts in widths], "m"), attrs, experiment)
