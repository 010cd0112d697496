"""A `runs.nc` that somebody else may have written: used only if it agrees with its own spec."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from ..experiments.drawn import DrawnExperiment
from ..experiments.experiment import Experiment
from ..experiments.trained import TrainedExperiment
from ..laws.queries import allowed_names
from ..network import Array
from ..quantities import QUANTITIES
from ..sampling.training import VARIABLES
from .file_reader import FileReader
from .runs import RUN_DIMS
from .validation import MAX_PACKING, Form, ResultsError, UnreadableError, read_spec, reading, require

PIECE = 1 << 16
"""Values that are compared at once."""


class ExperimentFile:
    """The runs or aggregates of one experiment, and its `entropy`. Opening and reading raise `ResultsError`.

    A shard is a runs file too. The spec of a trained shard does not contain its `first_seed`.
    """

    kind: ClassVar[str]
    keep: ClassVar[str] = "runs"
    entropy: int
    experiment: Experiment

    def __init__(self, path: str | Path, first_seed: int = 0) -> None:
        self.path = Path(path)
        self._first_seed = first_seed

    def __enter__(self) -> Self:
        with reading(self.path):
            self._reader = FileReader(self.path).__enter__()
        try:
            self._check()
        except BaseException:
            self._reader.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.__exit__()

    def read(self, quantity: str, index: tuple[int | slice, ...]) -> Array:
        """See `FileReader.read`."""
        with reading(self.path, f"is damaged in {quantity}"):
            return self._reader.read(quantity, index)

    def holds(self, key: str, m: int, seeds: range) -> bool:
        """Whether the file holds the runs of a shard with this content key, width and seeds."""
        numbers = self.experiment.numbers
        return (
            key == self.experiment.content_key(self.entropy)
            and m in self.experiment.m
            and numbers.start <= seeds.start < seeds.stop <= numbers.stop
        )

    def confirmations(self, shards: Mapping[Path, tuple[int, range]]) -> dict[Path, bool]:
        """Whether each file is a shard of these runs, equal to them in every bit; by path, width and seeds.

        A file that nothing can be said of is left out. Raises `UnreadableError` where the system does not
        give one: its content may be right.
        """
        return {path: self._has_shard(path, *place) for path, place in shards.items()}

    def _has_shard(self, path: Path, m: int, seeds: range) -> bool:
        spec = self.experiment.part(m, seeds), self.entropy
        try:
            with type(self)(path, seeds.start) as shard:
                return (shard.experiment, shard.entropy) == spec and self._has(shard, m, seeds)
        except UnreadableError:
            raise
        except ResultsError:
            return False

    def _has(self, shard: Self, m: int, seeds: range) -> bool:
        offsets = {"m": self.experiment.m.index(m), "seed": seeds.start - self.experiment.numbers.start}
        for name, (dims, shape, _) in shard._forms().items():
            shifts = [offsets.get(dim, 0) for dim in dims]
            for index in _pieces(dims, shape):
                shifted = tuple(slice(a.start + n, a.stop + n) for a, n in zip(index, shifts, strict=True))
                if shard.read(name, index).tobytes() != self.read(name, shifted).tobytes():
                    return False
        return True

    def fault(self, **run: Any) -> str | None:
        """Which values of a run are not archived, and which are, or None. A value of None is missing."""
        axes = {**self.experiment.axes, "seed": self.experiment.numbers}
        faults = [
            f"{name} is {_value_text(value, axes[name])}; {_axis_text(value, axes[name])}"
            for name, value in run.items()
            if value not in axes[name]
        ]
        return f"{self.path}: {'; '.join(faults)}" if faults else None

    def allow_code(self, allowed: bool) -> None:
        """Let custom laws of the file be run as code. Raises `ResultsError` if it has some without `allowed`.

        Trained runs have no laws.
        """

    def _check(self) -> None:
        with reading(self.path):
            attrs, layout = self._reader.header()
        self.experiment, self.entropy = read_spec(self.path, attrs)
        if self.experiment.kind != self.kind:
            raise ResultsError(f"{self.path} holds {self.experiment.kind} runs, not {self.kind} ones")
        if self.experiment.keep != self.keep:
            raise ResultsError(f"{self.path} holds {self.experiment.keep}, not {self.keep}")
        require(self.path, attrs, "ntk_core_version", "numpy_version")
        forms = self._forms()
        for name in forms:
            if name not in layout:
                raise ResultsError(f"{self.path} lacks the variable {name}, which this version stores")
        if self.path.stat().st_size < (size := self._minimum_size()):
            runs = self.experiment.runs
            raise ResultsError(f"{self.path} is truncated: {runs:,} runs need at least {size:,} bytes")
        for name, form in forms.items():
            if layout[name] != form:
                raise ResultsError(f"{self.path}: variable {name} is {layout[name]}, not {form}")
        if unknown := layout.keys() - forms.keys():
            raise ResultsError(f"{self.path} has a variable {min(unknown)}, which the format does not have")
        for name, values in self._coordinates().items():
            for low in range(0, len(values), PIECE):
                part = slice(low, low + PIECE)
                if not np.array_equal(self.read(name, (part,)), values[part]):
                    raise ResultsError(f"{self.path}: coordinate {name} is not what the spec says")

    def _minimum_size(self) -> int:
        """Bytes that a file of so many runs has at least."""
        raise NotImplementedError

    def _forms(self) -> dict[str, Form]:
        """The form of each variable."""
        raise NotImplementedError

    def _coordinates(self) -> dict[str, Sequence[Any]]:
        """The values of each coordinate by the spec; a range where they are many."""
        raise NotImplementedError


def _value_text(value: Any, values: Sequence[Any]) -> str:
    """A value that is not among others; where they are numbers, quotes show that it is text."""
    if value is None:
        return "missing"
    return repr(value) if isinstance(value, str) and not isinstance(values[0], str) else str(value)


def _axis_text(value: Any, values: Sequence[Any]) -> str:
    if isinstance(values, range):
        return f"archived: {values.start} to {values.stop - 1}"
    if isinstance(values[0], str):
        return allowed_names(value, values, "archived")
    return f"archived: {', '.join(map(str, values))}"


def _pieces(dims: tuple[str, ...], shape: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Indices of pieces of a variable, in order: each has about `PIECE` values, of one cell of a grid."""
    cut = dims.index("seed") if "seed" in dims else 0
    rest = tuple(slice(0, size) for size in shape[cut + 1 :])
    step = max(1, PIECE // math.prod(shape[cut + 1 :]))
    for index in np.ndindex(shape[:cut]):
        for low in range(0, shape[cut], step):
            yield *(slice(i, i + 1) for i in index), slice(low, min(low + step, shape[cut])), *rest


class DrawnFile(ExperimentFile):
    """The runs, or aggregates, of one grid of drawn displacements."""

    kind = "drawn"
    experiment: DrawnExperiment

    def run(self, index: tuple[int, ...], seed: int) -> dict[str, Array]:
        """The stored values of a run of the cell at `index` into (perturbation, m, d, alpha), by quantity."""
        raise NotImplementedError

    def allow_code(self, allowed: bool) -> None:
        """See `ExperimentFile.allow_code`."""
        laws = self.experiment.laws
        if laws and not allowed:
            names = ", ".join(law.name for law in laws)
            raise ResultsError(
                f"{self.path} has custom laws ({names}); to recompute their runs is to run code from the "
                "archive. Read it (it is in the attribute spec), then add --run-archived-code"
            )
        self.experiment = replace(self.experiment, laws=tuple(replace(law, may_run=True) for law in laws))

    def index(self, perturbation: str, m: int, d: int, alpha: float, seed: int) -> tuple[int, ...]:
        """Index of a run's cell, into (perturbation, m, d, alpha). Raises `ResultsError` without the run."""
        if fault := self.fault(perturbation=perturbation, m=m, d=d, alpha=alpha, seed=seed):
            raise ResultsError(fault)
        return self.experiment.place(perturbation, m, d, alpha)


class DrawnRunsFile(DrawnFile):
    """The runs of one grid of drawn displacements."""

    def run(self, index: tuple[int, ...], seed: int) -> dict[str, Array]:
        """See `DrawnFile.run`."""
        place = seed - self.experiment.first_seed
        return {name: self.read(name, (*index, place)) for name in self.experiment.variables}

    def blocks(self) -> list[tuple[tuple[int, ...], range]]:
        """Each cell, by its index into (perturbation, m, d, alpha), and the numbers of its blocks."""
        numbers, blocks = self.experiment.numbers, []
        for index in np.ndindex(self.experiment.shape):
            size = self.experiment.cell(index).block
            blocks.append((index, range(numbers.start // size, -(-numbers.stop // size))))
        return blocks

    def _minimum_size(self) -> int:
        fractions = sum(quantity.fraction for quantity in QUANTITIES.values())
        return 8 * (len(self.experiment.variables) - fractions) * self.experiment.runs

    def _forms(self) -> dict[str, Form]:
        shape = (*self.experiment.shape, self.experiment.seeds)
        forms: dict[str, Form] = dict.fromkeys(self.experiment.variables, (RUN_DIMS, shape, "f8"))
        for name, size in zip(RUN_DIMS, shape, strict=True):
            forms[name] = ((name,), (size,), "f8" if name == "alpha" else "i8")
        longest = max(map(len, self.experiment.perturbation))
        forms["perturbation"] = (("perturbation", f"string{longest}"), (shape[0], longest), "S1")
        return forms

    def _coordinates(self) -> dict[str, Sequence[Any]]:
        return {**self.experiment.axes, "seed": self.experiment.numbers}


class TrainedRunsFile(ExperimentFile):
    """The runs of one trained experiment."""

    kind = "trained"
    experiment: TrainedExperiment

    def blocks(self) -> list[tuple[tuple[int, ...], range]]:
        """Each width, by its index, and its seeds: every run is a block."""
        return [((index,), self.experiment.numbers) for index in range(len(self.experiment.m))]

    def index(self, m: int, seed: int) -> tuple[int]:
        """Index of a run's width, into (m,). Raises `ResultsError` without the run."""
        if fault := self.fault(m=m, seed=seed):
            raise ResultsError(fault)
        return (self.experiment.m.index(m),)

    def _minimum_size(self) -> int:
        return self.experiment.runs * self.experiment.run_bytes // MAX_PACKING

    def _forms(self) -> dict[str, Form]:
        sizes = {name: len(values) for name, values in self._coordinates().items()}
        forms: dict[str, Form] = {name: ((name,), (size,), "i8") for name, size in sizes.items()}

        def form(kind: str, *dims: str) -> Form:
            return dims, tuple(sizes[name] for name in dims), kind

        run = ("m", "seed")
        forms |= dict.fromkeys(("target", "training_angle"), form("f8", "input"))
        forms["training_target"] = form("f8", "training_input")
        for name, inputs in (("x", "input"), ("training_x", "training_input")):
            forms[name] = form("f8", inputs, "component")
        forms |= {name: form("f8", *dims) for name, dims in VARIABLES.items()}
        return forms | {"status": form("i1", *run), "steps_taken": form("i8", *run)}

    def _coordinates(self) -> dict[str, Sequence[Any]]:
        experiment = self.experiment
        return {
            "m": experiment.m,
            "seed": range(self._first_seed, self._first_seed + experiment.seeds),
            "steps": experiment.times,
            "input": range(experiment.held_out_inputs),
            "training_input": range(experiment.training_inputs),
            "component": range(experiment.d),
        }
