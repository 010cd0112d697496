"""One run again: from its name alone, and as a whole network that the definitions are evaluated on.

`dense` runs have a network; it is drawn again. `band` runs have only a band. Whatever else their network
may be changes no quantity, so one that matches is drawn around the band: the same positions
|w(0)·x|/r in the band, the same projections of u on x, and the rest of every weight at random. The
definitions of the notes on it must give the run's five numbers, up to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from ..datasets.runs_file import DrawnRunsFile, TrainedRunsFile
from ..experiments.trained import TrainedExperiment
from ..laws import sphere
from ..laws.law import PAIRS, Projection
from ..network import Array
from ..quantities import QUANTITIES, defined_quantities
from ..sampling import descent
from ..sampling.band import BandBlock
from ..sampling.cell import Cell
from ..sampling.data import load
from ..sampling.dense import dense_networks
from ..sampling.samplers import simulate
from ..sampling.streams import Streams
from ..sampling.training import RUN_VARIABLES
from ..theory.gaussian import band_probability

MOST_WEIGHTS = 1 << 24
"""Most weights m·d of a network that is held whole: the definitions take some ten arrays of them, 1 GB."""


def run(entropy: int, cell: Cell, seed: int) -> Array:
    """The quantities of one run, `(5,)`, computed anew; the same bits as ever."""
    return simulate(entropy, cell, seed, seed + 1)[:, 0]


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
    if runs.experiment.cell(index).own is not None:
        runs.allow_code(run_archived_code)
    cell, entropy = runs.experiment.cell(index), runs.entropy
    block = f"block {seed // cell.block}, place {seed % cell.block}"
    place = seed - runs.experiment.first_seed
    old = [runs.read(quantity, (*index, place)) for quantity in QUANTITIES]
    by_definition = definitions(entropy, cell, seed) if dense else None
    return Replayed(
        f"{runs.experiment.name}: {cell.name}, seed {seed} ({block}), at |x| = 1",
        dict(zip(QUANTITIES, map(np.asarray, old), strict=True)),
        dict(zip(QUANTITIES, run(entropy, cell, seed), strict=True)),
        None if by_definition is None else dict(zip(QUANTITIES, by_definition, strict=True)),
    )


def replay_trained(runs: TrainedRunsFile, m: int, seed: int, dense: bool) -> Replayed:
    """As `replay`, of a run that was trained."""
    experiment = runs.experiment
    one = TrainedRun(runs, runs.index(m, seed))
    old, anew = one.archived(), one.anew()
    at_end = trained_definitions(experiment, runs.entropy, m, seed) if dense else None
    ended = f"{descent.Status(anew.status).name.lower().replace('_', ' ')}, {anew.steps} steps"
    return Replayed(
        f"{experiment.name}: {experiment.method}, m = {m}, seed {seed}: {ended}",
        old,
        anew.variables(),
        None if at_end is None else dict(zip(QUANTITIES, at_end, strict=True)),
    )


@dataclass(frozen=True)
class Block:
    """A block of runs of an archive, drawn together: all of them are computed anew at once."""

    runs: DrawnRunsFile
    index: tuple[int, ...]
    cell: Cell
    number: int

    @property
    def seeds(self) -> slice:
        """Its seeds; the first and the last block of a cell may be cut."""
        first, held = self.number * self.cell.block, self.runs.experiment.numbers
        return slice(max(first, held.start), min(first + self.cell.block, held.stop))

    def __str__(self) -> str:
        seeds = f"seeds {self.seeds.start} to {self.seeds.stop - 1}"
        return f"{self.runs.experiment.name} ({self.cell.name}, {seeds})"

    def differing(self) -> dict[str, int]:
        """How many runs differ in any bit from what is archived, by quantity; empty if none does."""
        anew = simulate(self.runs.entropy, self.cell, self.seeds.start, self.seeds.stop)
        first = self.runs.experiment.first_seed
        places = slice(self.seeds.start - first, self.seeds.stop - first)
        old = np.stack([self.runs.read(quantity, (*self.index, places)) for quantity in QUANTITIES])
        counts = np.count_nonzero(anew.view(np.uint64) != old.view(np.uint64), axis=1)
        return {quantity: int(n) for quantity, n in zip(QUANTITIES, counts, strict=True) if n}


@dataclass(frozen=True)
class TrainedRun:
    """A trained run of an archive, which is a block of its own; `index` is into (m, seed)."""

    runs: TrainedRunsFile
    index: tuple[int, int]

    def __str__(self) -> str:
        at, seed = self.index
        return f"{self.runs.experiment.name} (trained, m = {self.runs.experiment.m[at]}, seed {seed})"

    def anew(self) -> descent.Trained:
        """The run, computed anew; the same bits as ever."""
        experiment, entropy = self.runs.experiment, self.runs.entropy
        at, seed = self.index
        return descent.train(experiment, load(experiment, entropy), entropy, experiment.m[at], seed)

    def archived(self) -> dict[str, Array]:
        """What is archived of it, by variable: `(times, inputs)` or `(times,)`."""
        return {name: self.runs.read(name, self.index) for name in (*QUANTITIES, *RUN_VARIABLES)}

    def differing(self) -> dict[str, int]:
        """1 for each variable that differs in any bit from what is archived; empty if none does."""
        old = self.archived()
        return {name: 1 for name, new in self.anew().variables().items() if not same_bits(new, old[name])}


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
            size, held = next(runs.experiment.cells()).block, runs.experiment.numbers
            blocks = range(held.start // size, -(-held.stop // size))
            cells += [(runs, index, blocks) for index in np.ndindex(runs.experiment.shape)]
    for runs, index, blocks in random.choices(cells, weights=[len(cell[2]) for cell in cells], k=count):
        number = random.choice(blocks)
        if isinstance(runs, TrainedRunsFile):
            yield TrainedRun(runs, (index[0], number))
        else:
            yield Block(runs, index, runs.experiment.cell(index), number)


def definitions(entropy: int, cell: Cell, seed: int) -> Array:
    """The quantities of one run by the definitions, on a network that matches it; `(5,)`.

    Raises `ValueError` for a network of more than `MOST_WEIGHTS` weights.
    """
    if cell.m * cell.d > MOST_WEIGHTS:
        raise ValueError(f"m·d is {cell.m * cell.d:,}; allowed: at most {MOST_WEIGHTS:,} weights")
    block, place = divmod(seed, cell.block)
    streams = Streams(entropy, cell.key, block)
    draw = _drawn if cell.sampler == "dense" else _matching
    return defined_quantities(*draw(cell, place, streams), cell.alpha / math.sqrt(cell.m))


def trained_definitions(experiment: TrainedExperiment, entropy: int, m: int, seed: int) -> Array:
    """The quantities of a trained run at its end by the definitions; `(5, held-out inputs)`.

    Raises `ValueError` for a network of more than `MOST_WEIGHTS` weights.
    """
    if m * experiment.d > MOST_WEIGHTS:
        raise ValueError(f"m·d is {m * experiment.d:,}; allowed: at most {MOST_WEIGHTS:,} weights")
    data = load(experiment, entropy)
    w0, c = descent.start(experiment, entropy, m, seed)
    u = descent.trace(experiment, data, w0, c)[1] - w0
    radius = float(np.max(np.linalg.norm(u, axis=1)))
    return np.stack([defined_quantities(x, w0, c, u, radius) for x in data.held_x], axis=1)


def _drawn(cell: Cell, place: int, streams: Streams) -> tuple[Array, Array, Array, Array]:
    """The network of a dense run: its place in the block, and those before it, drawn as they were."""
    parts = [
        (part.x, *(values[place - part.runs.start] for values in (part.w0, part.c, part.u)))
        for part in dense_networks(cell, place + 1, streams)
        if part.runs.start <= place < part.runs.stop
    ]
    x = parts[0][0]
    w0, c, u = (np.concatenate([part[k] for part in parts]) for k in (1, 2, 3))
    return x, w0, c, u


def _matching(cell: Cell, place: int, streams: Streams) -> tuple[Array, Array, Array, Array]:
    """A network whose band is that of a band run.

    Neurons with c = +1 come first, those with c = -1 after them in the same order: pairs that the law drew
    a position for, at a > 0; the band's other pairs, at a < 0 (`aligned` alone has some); the rest. A law of
    one's own has drawn all pairs of the band, at either sign; the rest then moves at random.
    """
    rng = streams.generator("replay")
    radius, half = cell.alpha / math.sqrt(cell.m), cell.m // 2
    pairs = streams.generator("pairs").binomial(half, band_probability(radius), size=cell.block)
    traced = _Traced(pairs, place + 1, radius, cell.d, streams)
    cell.law.band(traced)
    position, *projections = traced.last
    others = int(pairs[place]) - position.size
    a = np.concatenate(
        [radius * position, -_inside(rng, others, radius), _outside(rng, half - pairs[place], radius)]
    )
    x = np.full(cell.d, 1.0 / math.sqrt(cell.d))
    w0 = a[:, None] * x + _across(rng.standard_normal((half, cell.d)), x)
    w0, c = np.concatenate([w0, w0]), np.repeat([1.0, -1.0], half)
    u = (sphere if cell.own else cell.law).weights(rng, x, w0, c, radius)
    for first, projection in zip((0, half), projections, strict=False):
        moved = u[first : first + position.size]
        across = _across(moved, x)
        length = np.linalg.norm(across, axis=-1)
        size = radius * np.sqrt(np.maximum(1.0 - projection**2, 0.0)) / np.where(length > 0.0, length, 1.0)
        moved[:] = -radius * projection[:, None] * x + size[:, None] * across
    return x, w0, c, u


@dataclass(frozen=True)
class _Traced(BandBlock):
    """A block whose laws' draws are kept for its last run instead of summed.

    `last` is then the positions of that run and, for random directions, the projections of the neurons
    with c = +1 and of those with c = -1, as `_matching` takes them: positive is towards a < 0.
    """

    last: list[Array] = field(default_factory=list)

    def position_sums(self, counts: NDArray[np.int64]) -> Array:
        from ..sampling.kernels.position import draw_positions, positions

        self._keep(counts, [(draw_positions, positions(self.radius))])
        return np.zeros(counts.shape)

    def direction_sums(self, counts: NDArray[np.int64]) -> Array:
        from ..sampling.kernels.direction import directions, draw_directions
        from ..sampling.kernels.position import draw_positions, positions

        along = (draw_directions, directions(self.d))
        self._keep(counts, [(draw_positions, positions(self.radius)), along, along])
        return np.zeros((3, *counts.shape))

    def projection_sums(self, counts: NDArray[np.int64], project: Projection) -> Array:
        before, stop = int(np.sum(counts[:-1])), int(np.sum(counts))
        kept = [np.empty((3, 0))]
        for number, (a, t) in enumerate(self.projected(stop, project)):
            start = number * PAIRS
            kept.append(np.stack([a, *-t])[:, max(before - start, 0) : stop - start])
        self.last.extend(np.concatenate(kept, axis=1))
        return np.zeros((3, *counts.shape))

    def _keep(self, counts: NDArray[np.int64], draws: list[tuple[Callable[..., None], Any]]) -> None:
        """Chunk by chunk as `kernels.flips` draws them, skipping what belongs to the runs before."""
        from ..sampling.kernels.words import CHUNK

        stream, again = self._streams()
        before, stop = int(np.sum(counts[:-1])), int(np.sum(counts))
        kept: list[list[Array]] = [[] for _ in draws]
        for start in range(0, stop, CHUNK):
            for parts, (draw, how) in zip(kept, draws, strict=True):
                values = np.empty(CHUNK)
                draw(how, stream, again, values)
                parts.append(values[max(before - start, 0) : stop - start])
        self.last.extend(np.concatenate([np.empty(0), *parts]) for parts in kept)


def _inside(rng: np.random.Generator, count: int, radius: float) -> Array:
    """|z| for `count` normals z given |z| < r."""
    return ndtri(0.5 + rng.uniform(0.0, 1.0, count) * (ndtr(radius) - 0.5))


def _outside(rng: np.random.Generator, count: int, radius: float) -> Array:
    """`count` normals z given |z| > r."""
    return rng.choice([-1.0, 1.0], count) * -ndtri((1.0 - rng.uniform(0.0, 1.0, count)) * ndtr(-radius))


def _across(vectors: Array, x: Array) -> Array:
    """The part of each vector orthogonal to x."""
    return vectors - (vectors @ x)[:, None] * x
