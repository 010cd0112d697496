"""Single runs and blocks of an archive, computed again and compared bit for bit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from ..datasets.runs_file import DrawnRunsFile, TrainedRunsFile
from ..network import Array
from ..quantities import QUANTITIES
from ..sampling import descent
from ..sampling.cell import Cell
from ..sampling.data import load
from ..sampling.definitions import definitions, trained_definitions
from ..sampling.samplers import simulate
from ..sampling.training import RUN_VARIABLES


@dataclass(frozen=True)
class Replayed:
    """One run, archived and computed again: values by quantity, at ‖x‖ = 1 if it was drawn.

    Of a run that was trained they are arrays over times and held-out inputs, or over times, and `definitions`
    is of its end. It is None where the definitions were not asked for.
    """

    title: str
    archived: dict[str, Array]
    recomputed: dict[str, Array]
    definitions: dict[str, Array] | None

    @property
    def same(self) -> bool:
        """Whether archived and recomputed agree in every bit."""
        return all(same_bits(self.recomputed[name], old) for name, old in self.archived.items())

    @property
    def apart(self) -> float:
        """The largest distance between the recomputed quantities and the definitions; NaN without these."""
        pairs = [
            np.abs(np.atleast_2d(self.recomputed[name])[-1] - value)
            for name, value in (self.definitions or {}).items()
        ]
        return float(np.nanmax(pairs)) if pairs else math.nan


def replay(
    runs: DrawnRunsFile,
    perturbation: str,
    m: int,
    d: int,
    alpha: float,
    seed: int,
    dense: bool,
    run_archived_code: bool,
) -> Replayed:
    """A run of an open archive, computed again; with `dense` also by the definitions.

    A law that came with the archive is code of whoever made it, and is run only if that is allowed. Raises
    `ResultsError` where it is not or there is no such run, `ValueError` for a network too large to hold.
    """
    index = runs.index(perturbation, m, d, alpha, seed)
    if runs.experiment.cell(index).custom is not None:
        runs.allow_code(run_archived_code)
    cell, entropy = runs.experiment.cell(index), runs.entropy
    block = f"block {seed // cell.block}, place {seed % cell.block}"
    place = seed - runs.experiment.first_seed
    old = [runs.read(quantity, (*index, place)) for quantity in QUANTITIES]
    by_definition = definitions(entropy, cell, seed) if dense else None
    return Replayed(
        f"{runs.experiment.name}: {cell.name}, seed {seed} ({block}), at |x| = 1",
        dict(zip(QUANTITIES, map(np.asarray, old), strict=True)),
        dict(zip(QUANTITIES, simulate(entropy, cell, seed, seed + 1)[:, 0], strict=True)),
        None if by_definition is None else dict(zip(QUANTITIES, by_definition, strict=True)),
    )


def replay_trained(runs: TrainedRunsFile, m: int, seed: int, dense: bool) -> Replayed:
    """As `replay`, of a run that was trained."""
    experiment = runs.experiment
    one = TrainedRun(runs, runs.index(m, seed))
    archived, recomputed = one.archived(), one.recomputed()
    at_end = trained_definitions(experiment, runs.entropy, m, seed) if dense else None
    ended = f"{descent.Status(recomputed.status).name.lower().replace('_', ' ')}, {recomputed.steps} steps"
    return Replayed(
        f"{experiment.name}: {experiment.method}, m = {m}, seed {seed}: {ended}",
        archived,
        recomputed.variables(),
        None if at_end is None else dict(zip(QUANTITIES, at_end, strict=True)),
    )


@dataclass(frozen=True)
class Block:
    """A block of runs of an archive, drawn together: they can only be recomputed together."""

    runs: DrawnRunsFile
    index: tuple[int, ...]
    cell: Cell
    number: int

    @property
    def seeds(self) -> slice:
        """Its seeds; the first and the last block of a cell may be cut."""
        first, numbers = self.number * self.cell.block, self.runs.experiment.numbers
        return slice(max(first, numbers.start), min(first + self.cell.block, numbers.stop))

    def __str__(self) -> str:
        seeds = f"seeds {self.seeds.start} to {self.seeds.stop - 1}"
        return f"{self.runs.experiment.name} ({self.cell.name}, {seeds})"

    def differing(self) -> dict[str, int]:
        """How many runs differ in any bit from what is archived, by quantity; empty if none does."""
        recomputed = simulate(self.runs.entropy, self.cell, self.seeds.start, self.seeds.stop)
        first = self.runs.experiment.first_seed
        places = slice(self.seeds.start - first, self.seeds.stop - first)
        archived = np.stack([self.runs.read(quantity, (*self.index, places)) for quantity in QUANTITIES])
        counts = np.count_nonzero(recomputed.view(np.uint64) != archived.view(np.uint64), axis=1)
        return {quantity: int(n) for quantity, n in zip(QUANTITIES, counts, strict=True) if n}


@dataclass(frozen=True)
class TrainedRun:
    """A trained run of an archive, which is a block of its own; `index` is into (m, seed)."""

    runs: TrainedRunsFile
    index: tuple[int, int]

    def __str__(self) -> str:
        at, seed = self.index
        return f"{self.runs.experiment.name} (trained, m = {self.runs.experiment.m[at]}, seed {seed})"

    def recomputed(self) -> descent.Trained:
        """The run, computed again; its bits are the same each time."""
        experiment, entropy = self.runs.experiment, self.runs.entropy
        at, seed = self.index
        return descent.train(experiment, load(experiment, entropy), entropy, experiment.m[at], seed)

    def archived(self) -> dict[str, Array]:
        """What is archived of it, by variable: `(times, inputs)` or `(times,)`."""
        return {name: self.runs.read(name, self.index) for name in (*QUANTITIES, *RUN_VARIABLES)}

    def differing(self) -> dict[str, int]:
        """1 for each variable that differs in any bit from what is archived; empty if none does."""
        archived = self.archived()
        return {
            name: 1
            for name, recomputed in self.recomputed().variables().items()
            if not same_bits(recomputed, archived[name])
        }


def same_bits(a: Array, b: Array) -> bool:
    """Whether two arrays of float64 agree in every bit; any NaN is like any other."""
    nan = np.isnan(a)
    return np.array_equal(nan, np.isnan(b)) and np.array_equal(
        a[~nan].view(np.uint64), b[~nan].view(np.uint64)
    )


def random_blocks(
    archives: Sequence[DrawnRunsFile | TrainedRunsFile], count: int
) -> Iterator[Block | TrainedRun]:
    """`count` blocks at random, each block of the archives as likely as any other."""
    if count == 0:
        return
    random = Random()  # not seeded: other blocks every time
    cells: list[tuple[DrawnRunsFile | TrainedRunsFile, tuple[int, ...], range]] = []
    for runs in archives:
        if isinstance(runs, TrainedRunsFile):
            cells += [(runs, (at,), runs.experiment.numbers) for at in range(len(runs.experiment.m))]
        else:
            size, numbers = next(runs.experiment.cells()).block, runs.experiment.numbers
            blocks = range(numbers.start // size, -(-numbers.stop // size))
            cells += [(runs, index, blocks) for index in np.ndindex(runs.experiment.shape)]
    for runs, index, blocks in random.choices(cells, weights=[len(cell[2]) for cell in cells], k=count):
        number = random.choice(blocks)
        if isinstance(runs, TrainedRunsFile):
            yield TrainedRun(runs, (index[0], number))
        else:
            yield Block(runs, index, runs.experiment.cell(index), number)
