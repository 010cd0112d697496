"""A runs file somebody else wrote: opened only if it is what it says it is.

Everything is checked against the file's own spec before a value is read, so that a file that is cut,
renamed or made up gives one `ArchiveError`. Its size comes first: nothing is built or read before the file is
as large as its spec needs. Nothing is read that the format does not name.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..experiments.config import ConfigError, parse_config
from ..experiments.drawn import Experiment, Work
from ..experiments.trained import RUN_VARIABLES, Training
from ..laws.own import MAX_SOURCE, OwnLaw
from ..network import Array
from ..quantities import QUANTITIES
from ..sampling.streams import FORMAT_VERSION
from ..storage.netcdf import LONG_NAMES, RUN_DIMS, RunsReader
from ..storage.printable import printable
from ..storage.regular_file import FileError

if TYPE_CHECKING:
    import xarray as xr

PLAIN_QUANTITIES = 3
"""Quantities that `runs.nc` holds unpacked, 8 bytes a run each: the least a file of so many runs is."""

MOST_PACKED = 1100
"""Zeros take at most so many times as much space as when packed (deflate: 1032)."""

PIECE = 1 << 16
"""Values that are compared at once."""

Form = tuple[tuple[str, ...], tuple[int, ...], str]
"""Dimensions, shape and type of a variable."""

TYPES = {"i1", "i4", "i8", "f8", "S1"}
"""Types of variables; text is of single characters."""

LEVELS = ("delta", "x_norm")
"""Coordinates of every table but `rates.nc`."""

OPTIONAL = ("name", "laws", "first_seed")
"""Fields of an experiment that a spec has elsewhere, or only where they say something."""


class ArchiveError(ValueError):
    """A file that is no archive of ours; the message, one line, names the file and what is wrong with it."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


@contextlib.contextmanager
def reading(path: Path, problem: str = "cannot be read") -> Iterator[None]:
    """What the NetCDF library and xarray raise at a file, as an `ArchiveError`."""
    try:
        yield
    except ArchiveError:
        raise
    except FileError as error:
        raise ArchiveError(str(error)) from None
    except MemoryError:
        raise ArchiveError(f"{path} needs more memory than there is") from None
    except (
        OSError, RuntimeError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError,
    ) as error:  # fmt: skip
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ArchiveError(f"{path} {problem}: {reason}") from None


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
    """A `runs.nc` of one experiment: its `entropy` and values. Opening and reading raise `ArchiveError`.

    A shard is one too; of a trained one the spec does not say its `first_seed`.
    """

    entropy: int
    experiment: Work

    def __init__(self, path: str | Path, first_seed: int = 0) -> None:
        self.path = Path(path)
        self._first_seed = first_seed

    def __enter__(self) -> Self:
        with reading(self.path):
            self._reader = RunsReader(self.path).__enter__()
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
        with reading(self.path, f"is damaged in {quantity}"):
            return self._reader.read(quantity, index)

    def holds(self, key: str, m: int, seeds: range) -> bool:
        """Whether the runs of a shard, by its content key, width and seeds, are among these."""
        held = self.experiment.numbers
        return (
            key == self.experiment.content_key(self.entropy)
            and m in self.experiment.m
            and held.start <= seeds.start < seeds.stop <= held.stop
        )

    def has_shard(self, path: Path, m: int, seeds: range) -> bool:
        """Whether the file at `path` is a shard of runs that these hold, and is like them in every bit."""
        spec = self._shard_spec(m, seeds), self.entropy
        try:
            with type(self)(path, seeds.start) as shard:
                return (shard.experiment, shard.entropy) == spec and self._has(shard, m, seeds)
        except ArchiveError:
            return False

    def _has(self, shard: Self, m: int, seeds: range) -> bool:
        first = {"m": self.experiment.m.index(m), "seed": seeds.start - self.experiment.numbers.start}
        for name, (dims, shape, _) in shard._forms().items():
            shifts = [first.get(dim, 0) for dim in dims]
            for place in _pieces(dims, shape):
                here = tuple(slice(a.start + n, a.stop + n) for a, n in zip(place, shifts, strict=True))
                if shard.read(name, place).tobytes() != self.read(name, here).tobytes():
                    return False
        return True

    def allow_code(self, given: bool) -> None:
        """Let laws that the archive has of its own be run as code, if that is `given`.

        Raises `ArchiveError` where there are some and it is not.
        """

    def _check(self) -> None:
        with reading(self.path):
            attrs, layout = self._reader.header()
        experiment, self.entropy = read_spec(self.path, attrs)
        self._accept(experiment)
        require(self.path, attrs, "ntk_core_version", "numpy_version")
        if self.path.stat().st_size < (least := self._least_size()):
            raise ArchiveError(f"{self.path} is cut: {experiment.runs:,} runs need {least:,} bytes and more")
        forms = self._forms()
        for name, form in forms.items():
            if layout.get(name) != form:
                raise ArchiveError(f"{self.path}: variable {name} is {layout.get(name)}, not {form}")
        if unknown := layout.keys() - forms.keys():
            raise ArchiveError(f"{self.path} has a variable {min(unknown)}, which the format does not have")
        for name, values in self._coordinates().items():
            for low in range(0, len(values), PIECE):
                part = slice(low, low + PIECE)
                if not np.array_equal(self.read(name, (part,)), values[part]):
                    raise ArchiveError(f"{self.path}: coordinate {name} is not what the spec says")

    def _accept(self, experiment: Work) -> None:
        """Keep the experiment, if it is of the right kind."""
        raise NotImplementedError

    def _least_size(self) -> int:
        """Bytes that a file of so many runs has at least."""
        raise NotImplementedError

    def _forms(self) -> dict[str, Form]:
        """The form of each variable."""
        raise NotImplementedError

    def _coordinates(self) -> dict[str, Sequence[Any]]:
        """The values of each coordinate that the spec says; a range where they are many."""
        raise NotImplementedError

    def _shard_spec(self, m: int, seeds: range) -> Work:
        """The experiment that a shard of these runs is made from."""
        raise NotImplementedError


def _pieces(dims: tuple[str, ...], shape: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Places of a variable, in order, that hold some `PIECE` values each, of one cell of a grid."""
    cut = dims.index("seed") if "seed" in dims else 0
    rest = tuple(slice(0, size) for size in shape[cut + 1 :])
    step = max(1, PIECE // math.prod(shape[cut + 1 :]))
    for index in np.ndindex(shape[:cut]):
        for low in range(0, shape[cut], step):
            yield *(slice(i, i + 1) for i in index), slice(low, min(low + step, shape[cut])), *rest


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

    def _least_size(self) -> int:
        return 8 * PLAIN_QUANTITIES * self.experiment.runs

    def _forms(self) -> dict[str, Form]:
        shape = (*self.experiment.shape, self.experiment.seeds)
        forms: dict[str, Form] = dict.fromkeys(QUANTITIES, (RUN_DIMS, shape, "f8"))
        for name, size in zip(RUN_DIMS, shape, strict=True):
            forms[name] = ((name,), (size,), "f8" if name == "alpha" else "i8")
        longest = max(map(len, self.experiment.perturbation))
        forms["perturbation"] = (("perturbation", f"string{longest}"), (shape[0], longest), "S1")
        return forms

    def _coordinates(self) -> dict[str, Sequence[Any]]:
        return {**self.experiment.axes, "seed": self.experiment.numbers}

    def _shard_spec(self, m: int, seeds: range) -> Work:
        return replace(self.experiment, m=(m,), first_seed=seeds.start, seeds=len(seeds))


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

    def _least_size(self) -> int:
        return self.experiment.runs * self.experiment.run_bytes // MOST_PACKED

    def _forms(self) -> dict[str, Form]:
        sizes = {name: len(values) for name, values in self._coordinates().items()}
        forms: dict[str, Form] = {name: ((name,), (size,), "i8") for name, size in sizes.items()}
        trained, inputs = sizes.popitem()
        forms["training_target"] = ((trained,), (inputs,), "f8")
        dims, shape = tuple(sizes), tuple(sizes.values())
        forms["target"] = (dims[3:], shape[3:], "f8")
        forms |= dict.fromkeys(QUANTITIES, (dims, shape, "f8"))
        forms |= dict.fromkeys(RUN_VARIABLES, (dims[:3], shape[:3], "f8"))
        return forms | {"status": (dims[:2], shape[:2], "i1"), "steps_taken": (dims[:2], shape[:2], "i8")}

    def _coordinates(self) -> dict[str, Sequence[Any]]:
        grid = self.experiment
        return {
            "m": grid.m,
            "seed": range(self._first_seed, self._first_seed + grid.seeds),
            "steps": grid.times,
            "input": range(grid.held_out_inputs),
            "training_input": range(grid.training_inputs),
        }

    def _shard_spec(self, m: int, seeds: range) -> Work:
        return replace(self.experiment, m=(m,), seeds=len(seeds))


def archived(path: str | Path) -> ArchivedRuns | ArchivedTraining:
    """The runs file at `path`, of whichever kind it says it is; nothing is checked before it is entered."""
    kind = None
    with contextlib.suppress(ArchiveError), reading(Path(path)), RunsReader(path) as reader:
        kind = json.loads(reader.header()[0]["spec"]).get("kind")
    return ArchivedTraining(path) if kind == "trained" else ArchivedRuns(path)


def load_table(path: Path, experiment: Work, entropy: int) -> xr.Dataset:
    """A `theory.nc`, `quantiles.nc` or `rates.nc` made from the runs of an experiment, in memory.

    Raises `ArchiveError` where it cannot be read, was made from other runs, lacks what is always there, has
    what never is, or would fill the memory.
    """
    import xarray as xr  # slow to import, and wanted here alone

    with reading(path), RunsReader(path) as reader:
        attrs, layout = reader.header()
    expected = experiment
    if path.name == "theory.nc" and isinstance(experiment, Experiment):
        expected = experiment.without_runs()
    if read_spec(path, attrs) != (expected, entropy):
        raise ArchiveError(f"{path} was not made from the runs beside it")
    require(path, attrs, "experiment", "source", "ntk_core_version", "numpy_version")
    for name, (_, _, kind) in layout.items():
        if name not in LONG_NAMES or kind not in TYPES:
            raise ArchiveError(f"{path} has a variable {name} of type {kind}, which the format does not have")
    if path.name != "theory.nc" and not isinstance(attrs.get("confidence_level"), np.floating):
        raise ArchiveError(f"{path} lacks the attribute confidence_level, a number")
    for name in LEVELS if path.name != "rates.nc" else ():
        if layout.get(name, ((), ..., ""))[0] != (name,):
            raise ArchiveError(f"{path} lacks the coordinate {name}")
    size = sum(int(kind[1:]) * math.prod(shape) for _, shape, kind in layout.values())
    if size > MOST_PACKED * path.stat().st_size:
        raise ArchiveError(f"{path} is cut: it says it holds {size:,} bytes")
    with reading(path), xr.open_dataset(path, engine="netcdf4", cache=False) as table:
        return table.load()


def require(path: Path, attrs: Mapping[str, Any], *names: str) -> None:
    """Raises `ArchiveError` where one of these global attributes is missing or no text."""
    for name in names:
        if not isinstance(attrs.get(name), str):
            raise ArchiveError(f"{path} lacks the attribute {name}, a text")
