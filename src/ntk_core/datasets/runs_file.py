"""A `runs.nc` that somebody else may have written: used only if it is what it says it is."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..experiments.drawn import DrawnExperiment
from ..experiments.experiment import Experiment
from ..experiments.trained import TrainedExperiment
from ..network import Array
from ..quantities import QUANTITIES
from ..sampling.training import RUN_VARIABLES
from .runs import RUN_DIMS, RunsReader
from .validation import MOST_PACKED, Form, ResultsError, read_spec, reading, require

PIECE = 1 << 16
"""Values that are compared at once."""


class RunsFile:
    """A `runs.nc` of one experiment: its `entropy` and values. Opening and reading raise `ResultsError`.

    A shard is one too; of a trained one the spec does not say its `first_seed`.
    """

    entropy: int
    experiment: Experiment

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
        numbers = self.experiment.numbers
        return (
            key == self.experiment.content_key(self.entropy)
            and m in self.experiment.m
            and numbers.start <= seeds.start < seeds.stop <= numbers.stop
        )

    def has_shard(self, path: Path, m: int, seeds: range) -> bool:
        """Whether the file at `path` is a shard of runs that these hold, and is like them in every bit."""
        spec = self.experiment.part(m, seeds), self.entropy
        try:
            with type(self)(path, seeds.start) as shard:
                return (shard.experiment, shard.entropy) == spec and self._has(shard, m, seeds)
        except ResultsError:
            return False

    def _has(self, shard: Self, m: int, seeds: range) -> bool:
        first = {"m": self.experiment.m.index(m), "seed": seeds.start - self.experiment.numbers.start}
        for name, (dims, shape, _) in shard._forms().items():
            shifts = [first.get(dim, 0) for dim in dims]
            for place in _pieces(dims, shape):
                own_place = tuple(slice(a.start + n, a.stop + n) for a, n in zip(place, shifts, strict=True))
                if shard.read(name, place).tobytes() != self.read(name, own_place).tobytes():
                    return False
        return True

    def allow_code(self, given: bool) -> None:
        """Let custom laws of the archive be run as code, if that is `given`.

        Raises `ResultsError` where there are some and it is not.
        """

    def _check(self) -> None:
        with reading(self.path):
            attrs, layout = self._reader.header()
        experiment, self.entropy = read_spec(self.path, attrs)
        self._accept(experiment)
        require(self.path, attrs, "ntk_core_version", "numpy_version")
        if self.path.stat().st_size < (least := self._least_size()):
            raise ResultsError(f"{self.path} is cut: {experiment.runs:,} runs need {least:,} bytes and more")
        forms = self._forms()
        for name, form in forms.items():
            if layout.get(name) != form:
                raise ResultsError(f"{self.path}: variable {name} is {layout.get(name)}, not {form}")
        if unknown := layout.keys() - forms.keys():
            raise ResultsError(f"{self.path} has a variable {min(unknown)}, which the format does not have")
        for name, values in self._coordinates().items():
            for low in range(0, len(values), PIECE):
                part = slice(low, low + PIECE)
                if not np.array_equal(self.read(name, (part,)), values[part]):
                    raise ResultsError(f"{self.path}: coordinate {name} is not what the spec says")

    def _accept(self, experiment: Experiment) -> None:
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


def _pieces(dims: tuple[str, ...], shape: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Places of a variable, in order, that hold some `PIECE` values each, of one cell of a grid."""
    cut = dims.index("seed") if "seed" in dims else 0
    rest = tuple(slice(0, size) for size in shape[cut + 1 :])
    step = max(1, PIECE // math.prod(shape[cut + 1 :]))
    for index in np.ndindex(shape[:cut]):
        for low in range(0, shape[cut], step):
            yield *(slice(i, i + 1) for i in index), slice(low, min(low + step, shape[cut])), *rest


class DrawnRunsFile(RunsFile):
    """The runs of one grid of drawn displacements."""

    experiment: DrawnExperiment

    def index(self, perturbation: str, m: int, d: int, alpha: float, seed: int) -> tuple[int, ...]:
        """Where a cell is in the file, by (perturbation, m, d, alpha). Raises `ResultsError` if nowhere."""
        grid = self.experiment
        try:
            place = grid.place(perturbation, m, d, alpha)
        except ValueError as error:
            raise ResultsError(f"{self.path}: {error}") from None
        if seed not in grid.numbers:
            archived_seeds = f"{grid.numbers.start} to {grid.numbers.stop - 1}"
            raise ResultsError(f"{self.path}: seed is {seed}; archived: {archived_seeds}")
        return place

    def allow_code(self, given: bool) -> None:
        """As for any archive; trained runs have no laws."""
        laws = self.experiment.laws
        if laws and not given:
            names = ", ".join(law.name for law in laws)
            raise ResultsError(
                f"{self.path} has laws of its own ({names}), and to draw under them is to run code from the "
                "archive. Read it (it is in the attribute spec), then add --run-archived-code"
            )
        allowed = tuple(replace(law, may_run=True) for law in laws)
        self.experiment = replace(self.experiment, laws=allowed)

    def _accept(self, experiment: Experiment) -> None:
        if not isinstance(experiment, DrawnExperiment):
            raise ResultsError(f"{self.path} holds trained runs, not drawn ones")
        self.experiment = experiment

    def _least_size(self) -> int:
        return 8 * sum(not quantity.fraction for quantity in QUANTITIES.values()) * self.experiment.runs

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


class TrainedRunsFile(RunsFile):
    """The runs of one trained experiment."""

    experiment: TrainedExperiment

    def index(self, m: int, seed: int) -> tuple[int, int]:
        """Where a run is in the file, by (m, seed). Raises `ResultsError` if nowhere."""
        if m not in self.experiment.m:
            raise ResultsError(f"{self.path}: m is {m}; archived: {', '.join(map(str, self.experiment.m))}")
        if seed >= self.experiment.seeds:
            raise ResultsError(f"{self.path}: seed is {seed}; archived: 0 to {self.experiment.seeds - 1}")
        return self.experiment.m.index(m), seed

    def _accept(self, experiment: Experiment) -> None:
        if not isinstance(experiment, TrainedExperiment):
            raise ResultsError(f"{self.path} holds drawn runs, not trained ones")
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


def open_runs(path: str | Path) -> DrawnRunsFile | TrainedRunsFile:
    """The runs file at `path`, of whichever kind it says it is; nothing is checked before it is entered."""
    kind = None
    with contextlib.suppress(ResultsError), reading(Path(path)), RunsReader(path) as reader:
        kind = json.loads(reader.header()[0]["spec"]).get("kind")
    return TrainedRunsFile(path) if kind == "trained" else DrawnRunsFile(path)
