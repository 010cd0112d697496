"""Single runs and blocks of an archive, recomputed and compared bit for bit."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random

import numpy as np

from ..datasets.aggregates_file import AggregatesFile
from ..datasets.data_file import DataFile
from ..datasets.runs_file import DrawnFile, DrawnRunsFile, TrainedRunsFile
from ..network import Array
from ..quantities import QUANTITIES
from ..sampling import descent
from ..sampling.cell import Cell
from ..sampling.data import load
from ..sampling.definitions import definitions, trained_definitions
from ..sampling.samplers import simulate
from ..sampling.training import VARIABLES


@dataclass(frozen=True)
class Replay:
    """One run, archived and recomputed: values by quantity, of a drawn run at ‖x‖ = 1.

    Where aggregates are kept, only values among the largest are archived.
    Values of a trained run are arrays over times and inputs, or over times; its `definitions` are
    those of the last time. `definitions` is None where they were not evaluated.
    """

    title: str
    archived: dict[str, Array]
    recomputed: dict[str, Array]
    definitions: dict[str, Array] | None

    @property
    def same(self) -> bool:
        """Whether archived and recomputed agree in every bit, where a value is archived."""
        return all(same_bits(self.recomputed[name], values) for name, values in self.archived.items())

    @property
    def apart(self) -> float:
        """The largest distance between the recomputed quantities and the definitions; NaN without these."""
        distances = [
            np.ravel(np.abs(np.atleast_2d(self.recomputed[name])[-1] - value))
            for name, value in (self.definitions or {}).items()
        ]
        return float(np.fmax.reduce(np.concatenate([[], *distances]), initial=math.nan))


def replay(
    runs: DrawnFile,
    perturbation: str,
    m: int,
    d: int,
    alpha: float,
    seed: int,
    dense: bool,
    run_archived_code: bool,
) -> Replay:
    """Recompute a run of an open archive; with `dense` also evaluate the definitions.

    A custom law of the archive is code of whoever made it, and is run only with `run_archived_code`. Raises
    `ResultsError` without that or where there is no such run, `ValueError` for a network too large to hold.
    """
    index = runs.index(perturbation, m, d, alpha, seed)
    if runs.experiment.cell(index).custom is not None:
        runs.allow_code(run_archived_code)
    cell, entropy = runs.experiment.cell(index), runs.entropy
    block = f"block {seed // cell.block}, place {seed % cell.block}"
    archived = runs.run(index, seed)
    by_definition = definitions(entropy, cell, seed) if dense else None
    return Replay(
        f"{runs.experiment.name}: {cell.name}, seed {seed} ({block}), at |x| = 1",
        {name: np.asarray(value) for name, value in archived.items()},
        dict(zip(runs.experiment.variables, simulate(entropy, cell, seed, seed + 1)[:, 0], strict=True)),
        None if by_definition is None else dict(zip(QUANTITIES, by_definition, strict=True)),
    )


def replay_trained(runs: TrainedRunsFile, m: int, seed: int, dense: bool) -> Replay:
    """Retrain a run of an open archive; with `dense` also evaluate the definitions at its end."""
    experiment = runs.experiment
    run = TrainedRun(runs, runs.index(m, seed), seed)
    archived, recomputed = run.archived(), run.recomputed()
    by_definition = trained_definitions(experiment, runs.entropy, m, seed) if dense else None
    ending = f"{descent.Status(recomputed.status).name.lower().replace('_', ' ')}, {recomputed.steps} steps"
    return Replay(
        f"{experiment.name}: {experiment.method}, m = {m}, seed {seed}: {ending}",
        archived,
        recomputed.variables(),
        by_definition,
    )


@dataclass(frozen=True)
class Block:
    """A block of runs of an archive: they were drawn together, and are recomputed together."""

    runs: DrawnRunsFile
    index: tuple[int, ...]
    number: int

    @property
    def cell(self) -> Cell:
        """The cell at its index."""
        return self.runs.experiment.cell(self.index)

    @property
    def seeds(self) -> slice:
        """Its seeds; the first and the last block of a cell may be cut."""
        first, numbers = self.number * self.cell.block, self.runs.experiment.numbers
        return slice(max(first, numbers.start), min(first + self.cell.block, numbers.stop))

    def __str__(self) -> str:
        seeds = f"seeds {self.seeds.start} to {self.seeds.stop - 1}"
        return f"{self.runs.experiment.name} ({self.cell.name}, {seeds})"

    def differing(self) -> dict[str, int]:
        """Number of runs that differ in any bit from the archived ones, by variable; empty if none does."""
        recomputed = simulate(self.runs.entropy, self.cell, self.seeds.start, self.seeds.stop)
        first = self.runs.experiment.first_seed
        places = slice(self.seeds.start - first, self.seeds.stop - first)
        names = self.runs.experiment.variables
        archived = np.stack([self.runs.read(name, (*self.index, places)) for name in names])
        counts = np.count_nonzero(recomputed.view(np.uint64) != archived.view(np.uint64), axis=1)
        return {name: int(n) for name, n in zip(names, counts, strict=True) if n}


@dataclass(frozen=True)
class LargestValue:
    """One of the largest values of an archive of aggregates; `number` is that of `AggregatesFile.blocks`."""

    runs: AggregatesFile
    index: tuple[int, ...]
    number: int

    def __str__(self) -> str:
        cell, (quantity, seed, _) = self.runs.experiment.cell(self.index), self._value()
        return f"{self.runs.experiment.name} ({cell.name}, {quantity} of seed {seed})"

    def _value(self) -> tuple[str, int, float]:
        return self.runs.kept_value(self.index, self.number)

    def differing(self) -> dict[str, int]:
        """1 for the quantity if it differs in any bit from the archived one; empty if it does not."""
        quantity, seed, archived = self._value()
        recomputed = simulate(self.runs.entropy, self.runs.experiment.cell(self.index), seed, seed + 1)
        same = same_bits(recomputed[list(QUANTITIES).index(quantity)], np.array([archived]))
        return {} if same else {quantity: 1}


@dataclass(frozen=True)
class TrainedRun:
    """A trained run of an archive; `index` is into (m,), `number` is the seed."""

    runs: TrainedRunsFile
    index: tuple[int]
    number: int

    def __str__(self) -> str:
        experiment = self.runs.experiment
        return f"{experiment.name} (trained, m = {experiment.m[self.index[0]]}, seed {self.number})"

    def recomputed(self) -> descent.Trained:
        """The run, trained from its seed: always the same bits."""
        experiment, entropy = self.runs.experiment, self.runs.entropy
        data, m = load(experiment, entropy), experiment.m[self.index[0]]
        return descent.train(experiment, data, entropy, m, self.number)

    def archived(self) -> dict[str, Array]:
        """Its archived values, by variable: `(times, inputs)` or `(times,)`."""
        index = (*self.index, self.number)
        return {name: self.runs.read(name, index) for name in VARIABLES}

    def differing(self) -> dict[str, int]:
        """1 for each variable that differs in any bit from the archived one; empty if none does."""
        archived = self.archived()
        return {
            name: 1
            for name, recomputed in self.recomputed().variables().items()
            if not same_bits(recomputed, archived[name])
        }


def same_bits(a: Array, b: Array) -> bool:
    """Whether two arrays of float64 agree in every bit; every NaN equals every other."""
    nan = np.isnan(a)
    return np.array_equal(nan, np.isnan(b)) and np.array_equal(
        a[~nan].view(np.uint64), b[~nan].view(np.uint64)
    )


BLOCKS: dict[type[DataFile], Callable[..., Block | TrainedRun | LargestValue]] = {
    DrawnRunsFile: Block,
    TrainedRunsFile: TrainedRun,
    AggregatesFile: LargestValue,
}
"""What is recomputed at once, by kind of file."""


def random_blocks(
    files: Sequence[DataFile], count: int
) -> tuple[list[Block | TrainedRun | LargestValue], int]:
    """`count` different blocks at random, or all where there are fewer; and the number of all blocks."""
    cells = [(runs, *cell) for runs in files for cell in runs.blocks()]
    ends = list(accumulate(len(numbers) for _, _, numbers in cells))
    chosen = Random().sample(range(ends[-1]), min(count, ends[-1]))  # not seeded: others at each call
    blocks = []
    for place in chosen:
        cell = bisect_right(ends, place)
        runs, index, numbers = cells[cell]
        blocks.append(BLOCKS[type(runs)](runs, index, numbers[place - ends[cell]]))
    return blocks, ends[-1]
