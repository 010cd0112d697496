"""Results that somebody else may have written: used only if they agree with their own spec.

Everything is checked against the file's spec before a value is read, so that a truncated, renamed or forged
file gives one `ResultsError`. After the names of its variables its size comes first: nothing is built or
read before the file is as large as its spec needs. Nothing is read that the format does not name.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..experiments.config import parse_config
from ..experiments.drawn import DrawnExperiment
from ..experiments.experiment import Experiment
from ..experiments.section import ConfigError
from ..experiments.trained import TrainedExperiment
from ..laws.custom import MAX_SOURCE, CustomLaw
from ..sampling.streams import FORMAT_VERSIONS, FORMER_VERSIONS
from ..storage.metadata import LONG_NAMES
from ..storage.printable import printable
from ..storage.regular_file import FileError
from .file_reader import FileReader

if TYPE_CHECKING:
    import xarray as xr

MAX_PACKING = 1100
"""Largest ratio of the size of values to their packed size (deflate reaches 1032 with zeros)."""

Form = tuple[tuple[str, ...], tuple[int, ...], str]
"""Dimensions, shape and type of a variable."""

TYPES = {"i1", "i4", "i8", "f8", "S1"}
"""Types of variables; text is of single characters."""

LEVELS = ("delta", "x_norm")
"""Coordinates of every table but `rates.nc`."""

OPTIONAL = ("name", "laws", "first_seed", "keep", "delta", "x_norm", "version")
"""Fields of an experiment that a file has elsewhere, or only where they are not the default."""


class ResultsError(ValueError):
    """A file that is none of our results; the message, one line, names the file and says what is wrong."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class UnreadableError(ResultsError):
    """A file that the system does not open or has no memory for: what it holds is not known."""


@contextlib.contextmanager
def reading(path: Path, problem: str = "cannot be read") -> Iterator[None]:
    """Raise what the NetCDF library and xarray raise at a file as a `ResultsError`."""
    try:
        yield
    except ResultsError:
        raise
    except FileError as error:
        kind = ResultsError if error.errno is None else UnreadableError
        raise kind(str(error)) from None
    except MemoryError:
        raise UnreadableError(f"{path} needs more memory than there is") from None
    except (
        OSError, RuntimeError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError,
    ) as error:  # fmt: skip
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ResultsError(f"{path} {problem}: {reason}") from None


def read_spec(path: Path, attrs: Mapping[str, Any]) -> tuple[Experiment, int]:
    """Experiment and entropy that a file was made from, by its global attributes.

    Raises `ResultsError` where they are missing or no config allows them.
    """
    try:
        spec = json.loads(attrs["spec"])
        entropy, name = int(spec["entropy"]), str(spec["name"])
        kind = TrainedExperiment if spec.get("kind") == "trained" else DrawnExperiment
        keys = {field.name: spec[field.name] for field in fields(kind) if field.name not in OPTIONAL}
        keys |= {name: spec[name] for name in ("first_seed", "keep") if name in spec}
        levels = {name: list(spec[name]) for name in LEVELS} if "keep" in spec else {}
        laws = {law: _archived_law(path, law, record) for law, record in spec.get("laws", {}).items()}
        if kind is TrainedExperiment:
            keys = _as_config(keys)
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        raise ResultsError(f"{path} has no spec of an experiment") from None
    version = _format_version(path, attrs, str(keys.get("sampler", "trained")))
    without_runs = keys["seeds"] == 0 and path.name == "theory.nc"
    try:
        keys |= {"seeds": 1} if without_runs else {}
        config = parse_config(
            {"entropy": entropy, "experiments": {name: keys}, "laws": laws, "analysis": levels}
        )
        experiment = config.experiment(name)
    except ConfigError as error:
        raise ResultsError(f"{path} has a spec that no config allows: {str(error).splitlines()[0]}") from None
    if isinstance(experiment, DrawnExperiment):
        experiment = replace(experiment, version=version)
        experiment = experiment.without_runs() if without_runs else experiment
    return experiment, entropy


def _format_version(path: Path, attrs: Mapping[str, Any], sampler: str) -> int:
    """The format of a file's runs, 0 for the newest. Raises `ResultsError` for one that no run can have."""
    if sampler not in FORMAT_VERSIONS:
        raise ResultsError(f"{path} has a spec that no config allows: its sampler is {sampler}")
    version, versions = attrs.get("format_version"), (*FORMER_VERSIONS[sampler], FORMAT_VERSIONS[sampler])
    if not (isinstance(version, np.integer) and version in versions):
        allowed = " or ".join(map(str, versions))
        raise ResultsError(f"{path} does not have format {allowed}, which this version reads")
    return 0 if version == FORMAT_VERSIONS[sampler] else int(version)


def _archived_law(path: Path, name: str, record: Any) -> CustomLaw:
    """A custom law of a spec, as text that may not be run. Raises `ValueError` for a forged one."""
    law = CustomLaw(name, str(record["source"]), f"in {path}")
    if record["sha256"] != law.sha256 or len(law.source) > MAX_SOURCE:
        raise ValueError(name)
    return law


def _as_config(keys: dict[str, Any]) -> dict[str, Any]:
    """The keys of a trained experiment as in its config: those that its data do not use are None."""
    teacher = keys["data"] == "teacher"
    return keys | ({"classes": None} if teacher else {"d": None})


def load_table(path: Path, experiment: Experiment, entropy: int) -> xr.Dataset:
    """A `theory.nc`, `quantiles.nc` or `rates.nc` of an experiment, in memory.

    Raises `ResultsError` where it cannot be read, was made from other runs, lacks what the format requires,
    has what the format does not have, or is larger than its packed size allows.
    """
    import xarray as xr  # slow to import

    with reading(path), FileReader(path) as reader:
        attrs, layout = reader.header()
    expected = experiment
    if path.name == "theory.nc" and isinstance(experiment, DrawnExperiment):
        expected = experiment.without_runs()
    if read_spec(path, attrs) != (expected, entropy):
        raise ResultsError(f"{path} was not made from the runs beside it")
    require(path, attrs, "experiment", "source", "ntk_core_version", "numpy_version")
    for name, (_, _, kind) in layout.items():
        if name not in LONG_NAMES or kind not in TYPES:
            raise ResultsError(f"{path} has a variable {name} of type {kind}, which the format does not have")
    if path.name != "theory.nc" and not isinstance(attrs.get("confidence_level"), np.floating):
        raise ResultsError(f"{path} lacks the attribute confidence_level, a number")
    for name in LEVELS if path.name != "rates.nc" else ():
        if layout.get(name, ((), ..., ""))[0] != (name,):
            raise ResultsError(f"{path} lacks the coordinate {name}")
    size = sum(int(kind[1:]) * math.prod(shape) for _, shape, kind in layout.values())
    if size > MAX_PACKING * path.stat().st_size:
        raise ResultsError(f"{path} is truncated: its variables need {size:,} bytes")
    with reading(path), xr.open_dataset(path, engine="netcdf4", cache=False) as table:
        return table.load()


def require(path: Path, attrs: Mapping[str, Any], *names: str) -> None:
    """Raises `ResultsError` where one of these global attributes is missing or not a text."""
    for name in names:
        if not isinstance(attrs.get(name), str):
            raise ResultsError(f"{path} lacks the attribute {name}, a text")
