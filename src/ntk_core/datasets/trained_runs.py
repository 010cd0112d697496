"""`runs.nc` of a trained experiment, from its shards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from ..experiments.trained import TrainedExperiment
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
    widths = [
        xr.concat(files, "seed", data_vars="minimal", coords="minimal", compat="override", join="exact")
        for files in parts.values()
    ]
    runs = xr.concat(widths, "m", data_vars="minimal", coords="minimal", compat="override", join="exact")
    attrs = attributes(
        "runs of",
        "Gradient descent beside its linear twin: the linearization error, its two parts and the fraction of "
        "sign changes at held-out and at training inputs, the distance the weights have moved, and losses, "
        "along training.",
        experiment,
        entropy,
    )
    write(describe(runs, attrs, experiment), path)
