"""Whether shards hold the runs of an experiment: each of them once, and no others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ..experiments.experiment import Experiment
from ..storage.metadata import full_spec
from .validation import ResultsError

OWN_KEYS = {"name", "m", "seeds", "first_seed"}
"""Keys of the spec in which a shard differs from its experiment."""


def check_experiment(
    path: str | Path, spec: str, version: int, m: int, experiment: Experiment, entropy: int
) -> None:
    """Raises `ResultsError` unless a shard with this spec, format and width has runs of the experiment."""
    actual, expected = json.loads(spec), json.loads(json.dumps(full_spec(experiment, entropy)))
    for key in sorted({*actual, *expected} - OWN_KEYS, key=lambda key: (key != "keep", key == "laws", key)):
        if actual.get(key) != expected.get(key):
            if key == "laws":
                raise ResultsError(f"{path} was made with other laws of the same names")
            raise ResultsError(f"{path} holds {key} {actual.get(key)}, not {expected.get(key)}")
    if version != experiment.format_version:
        raise ResultsError(f"{path} has format {version}, not {experiment.format_version}")
    if m not in experiment.m:
        raise ResultsError(f"{path} holds m = {m}, not one of {', '.join(map(str, experiment.m))}")


def check_seeds_cover(place: str, parts: Sequence[range], numbers: range) -> None:
    """Raises `ResultsError`, with the place's name, unless the ascending parts join to these numbers."""
    edges = [numbers.start, *(seeds.stop for seeds in parts)]
    if [seeds.start for seeds in parts] != edges[:-1] or edges[-1] != numbers.stop:
        text = ", ".join(f"{seeds.start} to {seeds.stop - 1}" for seeds in parts) or "none"
        raise ResultsError(
            f"{place}: the seeds are {text}; needed: {numbers.start} to {numbers.stop - 1}, each once"
        )
