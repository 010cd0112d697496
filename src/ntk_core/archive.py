"""A runs file somebody else wrote: opened only if it is what it says it is.

Everything is checked against the file's own spec before a value is read, so that a file that is cut,
renamed or made up gives one `ArchiveError`, and never takes more memory than it has bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from .band import QUANTITIES
from .config import ConfigError, parse_config
from .datasets import RUN_DIMS, RunsReader, run_coordinates
from .displacement.own import MAX_SOURCE, OwnLaw
from .grid import Experiment, Work
from .network import Array
from .seeding import FORMAT_VERSION
from .training.spec import RUN_VARIABLES, Training

if TYPE_CHECKING:
    import xarray as xr

PLAIN_QUANTITIES = 3
"""Quantities that `runs.nc` holds unpacked, 8 bytes a run each: the least a file of so many runs is."""

MOST_PACKED = 1100
"""Zeros take at most so many times as much space as when packed (deflate: 1032)."""


OPTIONAL = ("name", "laws", "first_seed")
"""Fields of an experiment that a spec has elsewhere, or only where they say something."""


class ArchiveError(ValueError):
    """A file that is no archive of ours; the message names the file and what is wrong with it."""


def read_spec(path: Path, attrs: Mapping[str, Any]) -> tuple[Work, int]:
    """Experiment and entropy a file was made from, out of its global attributes.

    Raises `ArchiveError` where they are missing or not what a config allows.
    """
    version = attrs.get("format_version")
    if not (isinstance(version, np.integer) and version == FORMAT_VERSION):
        raise ArchiveError(f"{path} does not have format {FORMAT_VERSION}, which this version reads")
    try:
        spec = json.loads(attrs["spec"])
        entropy, name = int(spec["entropy"]), str(spec["name"])
        kind = Training if spec.get("kind") == "trained" else Experiment
        keys = {field.name: spec[field.name] for field in fields(kind) if field.name not in OPTIONAL}
        keys |= {"first_seed": spec["first_seed"]} if "first_seed" in spec else {}
        laws = {law: _archived_law(path, law, told) for law, told in spec.get("laws", {}).items()}
        if kind is Training:
            keys = _as_config(keys)
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        raise ArchiveError(f"{path} has no spec of an experiment") from None
    without_runs = keys["seeds"] == 0  # of theory.nc
    try:
        keys |= {"seeds": 1} if without_runs else {}
        config = parse_config({"entropy": entropy, "experiments": {name: keys}, "laws": laws})
        experiment = config.experiment(name)
    except ConfigError as error:
        raise ArchiveError(f"{path} has a spec that no config allows: {str(error).splitlines()[0]}") from None
    if without_runs and isinstance(experiment, Experiment):
        experiment = experiment.without_runs()
    return experiment, entropy


def _archived_law(path: Path, name: str, told: Any) -> OwnLaw:
    """A law of the archiver's own out of a spec, as text that may not be run. Raises `ValueError`."""
    law = OwnLaw(name, str(told["source"]), f"in {path}")
    if told["sha256"] != law.sha256 or len(law.source) > MAX_SOURCE:
        raise ValueError(name)
    return law


def _as_config(keys: dict[str, Any]) -> dict[str, Any]:
    """The keys of a trained experiment as its config has them: without what its data do not have."""
    teacher = keys["data"] == "teacher"
    return keys | ({"classes": None} if teacher else {"d": None})


class _Archived:
    """A `runs.nc` of one experiment: its `entropy` and values. Opening and reading raise `ArchiveError`."""

    entropy: int

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __enter__(self) -> Self:
        if not self.path.is_file():
            raise ArchiveError(f"{self.path} is not there, or no file")
        self._reader = RunsReader(self.path)
        try:
            self._reader.__enter__()
        except (OSError, RuntimeError, ValueError, AttributeError) as error:
            raise ArchiveError(f"{self.path} cannot be opened as NetCDF: {_reason(error)}") from None
        try:
            self._check()
        except BaseException:
            self._reader.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.__exit__()

    def read(self, quantity: str, index: tuple[int | slice, ...]) -> Array:
        """See `RunsReader.read`."""
        try:
            return self._reader.read(quantity, index)
        except (OSError, RuntimeError, ValueError, IndexError) as error:
            raise ArchiveError(f"{self.path} is damaged in {quantity}: {_reason(error)}") from None

    def allow_code(self, given: bool) -> None:
        """Let laws that the archive has of its own be run as code, if that is `given`.

        Raises `ArchiveError` where there are some and it is not.
        """

    def _check(self) -> None:
        try:
            attrs, layout = self._reader.header()
        except (OSError, RuntimeError, ValueError, AttributeError) as error:
            raise ArchiveError(f"{self.path} cannot be read: {_reason(error)}") from None
        experiment, self.entropy = read_spec(self.path, attrs)
        self._accept(experiment)
        least, expected, coords = self._form()
        if self.path.stat().st_size < least:
            raise ArchiveError(f"{self.path} is cut: {experiment.runs:,} runs need {least:,} bytes and more")
        for name, form in expected.items():
            if layout.get(name) != form:
                raise ArchiveError(f"{self.path}: variable {name} is {layout.get(name)}, not {form}")
        for name, values in coords.items():
            if not np.array_equal(self.read(name, (slice(None),)), values):
                raise ArchiveError(f"{self.path}: coordinate {name} is not what the spec says")

    def _accept(self, experiment: Work) -> None:
        """Keep the experiment, if it is of the right kind."""
        raise NotImplementedError

    def _form(self) -> tuple[int, dict[str, Any], dict[str, Any]]:
        """Least size in bytes, form of each variable, values of each coordinate."""
        raise NotImplementedError


class ArchivedRuns(_Archived):
    """The runs of one grid of drawn displacements."""

    experiment: Experiment

    def index(self, perturbation: str, m: int, d: int, alpha: float, seed: int) -> tuple[int, ...]:
        """Where a cell is in the file, by (perturbation, m, d, alpha). Raises `ArchiveError` if nowhere."""
        grid = self.experiment
        try:
            found = grid.place(perturbation, m, d, alpha)
        except ValueError as error:
            raise ArchiveError(f"{self.path}: {error}") from None
        if seed not in grid.numbers:
            held = f"{grid.numbers.start} to {grid.numbers.stop - 1}"
            raise ArchiveError(f"{self.path}: seed is {seed}; archived: {held}")
        return found

    def allow_code(self, given: bool) -> None:
        """As for any archive; trained runs have no laws."""
        laws = self.experiment.laws
        if laws and not given:
            names = ", ".join(law.name for law in laws)
            raise ArchiveError(
                f"{self.path} has laws of its own ({names}), and to draw under them is to run code from the "
                "archive. Read it (it is in the attribute spec), then add --run-archived-code"
            )
        allowed = tuple(replace(law, may_run=True) for law in laws)
        self.experiment = replace(self.experiment, laws=allowed)

    def _accept(self, experiment: Work) -> None:
        if not isinstance(experiment, Experiment):
            raise ArchiveError(f"{self.path} holds trained runs, not drawn ones")
        self.experiment = experiment

    def _form(self) -> tuple[int, dict[str, Any], dict[str, Any]]:
        shape = (*self.experiment.shape, self.experiment.seeds)
        expected: dict[str, Any] = dict.fromkeys(QUANTITIES, (RUN_DIMS, shape, "f8"))
        for name, size in zip(RUN_DIMS, shape, strict=True):
            expected[name] = ((name,), (size,), "f8" if name == "alpha" else "i8")
        longest = max(map(len, self.experiment.perturbation))
        expected["perturbation"] = (("perturbation", f"string{longest}"), (shape[0], longest), "S1")
        coords = run_coordinates(self.experiment, self.experiment.m, self.experiment.numbers)
        return 8 * PLAIN_QUANTITIES * self.experiment.runs, expected, coords


class ArchivedTraining(_Archived):
    """The runs of one trained experiment."""

    experiment: Training

    def index(self, m: int, seed: int) -> tuple[int, int]:
        """Where a run is in the file, by (m, seed). Raises `ArchiveError` if nowhere."""
        if m not in self.experiment.m:
            raise ArchiveError(f"{self.path}: m is {m}; archived: {', '.join(map(str, self.experiment.m))}")
        if seed >= self.experiment.seeds:
            raise ArchiveError(f"{self.path}: seed is {seed}; archived: 0 to {self.experiment.seeds - 1}")
        return self.experiment.m.index(m), seed

    def _accept(self, experiment: Work) -> None:
        if not isinstance(experiment, Training):
            raise ArchiveError(f"{self.path} holds drawn runs, not trained ones")
        self.experiment = experiment

    def _form(self) -> tuple[int, dict[str, Any], dict[str, Any]]:
        grid = self.experiment
        coords: dict[str, Any] = {
            "m": np.array(grid.m),
            "seed": np.arange(grid.seeds),
            "steps": np.array(grid.times),
            "input": np.arange(grid.held_out_inputs),
        }
        dims = tuple(coords)
        shape = tuple(values.size for values in coords.values())
        expected: dict[str, Any] = {name: ((name,), (values.size,), "i8") for name, values in coords.items()}
        expected |= dict.fromkeys(QUANTITIES, (dims, shape, "f8"))
        expected |= dict.fromkeys(RUN_VARIABLES, (dims[:3], shape[:3], "f8"))
        coords["training_input"] = np.arange(grid.training_inputs)
        expected["training_input"] = (("training_input",), (grid.training_inputs,), "i8")
        expected |= {"status": (dims[:2], shape[:2], "i1"), "steps_taken": (dims[:2], shape[:2], "i8")}
        return grid.runs * grid.run_bytes // MOST_PACKED, expected, coords


def archived(path: str | Path) -> ArchivedRuns | ArchivedTraining:
    """The runs file at `path`, of whichever kind it says it is; nothing is checked before it is entered."""
    if not Path(path).is_file():  # a pipe would be waited for
        return ArchivedRuns(path)
    try:
        with RunsReader(path) as reader:
            kind = json.loads(reader.header()[0]["spec"]).get("kind")
    except (OSError, RuntimeError, ValueError, AttributeError, KeyError, TypeError, RecursionError):
        kind = None
    return ArchivedTraining(path) if kind == "trained" else ArchivedRuns(path)


def load_table(path: Path, experiment: Work, entropy: int) -> xr.Dataset:
    """A `theory.nc`, `quantiles.nc` or `rates.nc` made from the runs of an experiment, in memory.

    Raises `ArchiveError` where it cannot be read, was made from other runs, or would fill the memory.
    """
    import xarray as xr  # slow to import, and wanted here alone

    if not path.is_file():
        raise ArchiveError(f"{path} is not there, or no file")
    expected = experiment
    if path.name == "theory.nc" and isinstance(experiment, Experiment):
        expected = experiment.without_runs()
    try:
        with xr.open_dataset(path, engine="netcdf4", cache=False) as table:
            if read_spec(path, table.attrs) != (expected, entropy):
                raise ArchiveError(f"{path} was not made from the runs beside it")
            if table.nbytes > MOST_PACKED * path.stat().st_size:
                raise ArchiveError(f"{path} is cut: it says it holds {table.nbytes:,} bytes")
            return table.load()
    except ArchiveError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArchiveError(f"{path} cannot be read: {_reason(error)}") from None


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
