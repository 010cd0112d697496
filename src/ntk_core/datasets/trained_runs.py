"""`runs.nc` of a trained experiment, from its shards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from ..experiments.trained import TrainedExperiment
from ..storage.metadata import attributes, describe, spec_of
from ..storage.netcdf import write
from .trained_shard import TITLE
from .validation import ResultsError


def collect_trained(
    experiment: TrainedExperiment, entropy: int, shards: Sequence[str | Path], path: str | Path
) -> None:
    """Join the shards of a trained experiment into one runs file; its bytes do not depend on their sizes.

    Raises `ResultsError` if the shards are of other runs or do not cover the experiment exactly.
    """
    parts: dict[int, list[xr.Dataset]] = {m: [] for m in experiment.m}
    for shard in shards:
        with xr.open_dataset(shard, engine="netcdf4") as file:
            _check(file, shard, experiment, entropy)
            m = int(file["m"][0])
            if m not in parts:
                raise ResultsError(f"{shard} holds m = {m}, not one of {', '.join(map(str, experiment.m))}")
            parts[m].append(file.load())
    for m, files in parts.items():
        files.sort(key=lambda file: int(file["seed"][0]))
        seeds = np.concatenate([file["seed"].values for file in files]) if files else np.empty(0)
        if not np.array_equal(seeds, np.arange(experiment.seeds)):
            raise ResultsError(f"shards of m = {m} hold {seeds.size} seeds, not 0 to {experiment.seeds}")
    widths = [
        xr.concat(files, "seed", data_vars="minimal", coords="minimal", compat="override", join="exact")
        for files in parts.values()
    ]
    runs = xr.concat(widths, "m", data_vars="minimal", coords="minimal", compat="override", join="exact")
    attrs = attributes(
        f"{TITLE}: runs of {experiment.name}",
        "Gradient descent beside its linear twin: the linearization error, its two parts and the fraction of "
        "sign changes at held-out and at training inputs, the distance the weights have moved, and losses, "
        "along training.",
        experiment,
        entropy,
    )
    write(describe(runs, attrs, experiment), path)


def _check(file: xr.Dataset, path: str | Path, experiment: TrainedExperiment, entropy: int) -> None:
    actual = spec_of(file)
    expected = json.loads(json.dumps({**experiment.spec(), "entropy": str(entropy)}))
    for key, value in expected.items():
        if key not in ("name", "m", "seeds") and actual.get(key) != value:
            raise ResultsError(f"{path} holds {key} {actual.get(key)}, not {value}")
    version = file.attrs["format_version"]
    if version != experiment.format_version:
        raise ResultsError(f"{path} has format {version}, not {experiment.format_version}")
