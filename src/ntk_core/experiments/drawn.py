"""A drawn experiment: a full grid of cells, and how the work of its shards is cut into tasks."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from ..laws import CustomLaw, ball_norm
from ..sampling.cell import Cell, stored_variables
from ..sampling.streams import FORMAT_VERSIONS
from .experiment import axis_part, check_seeds
from .shards import SHARD_UNIT, Shard

GRID_AXES = ("perturbation", "m", "d", "alpha")
"""Axes of the grid, in the order of the dimensions."""

SHARD_TASKS = 64
"""Most tasks of a shard of aggregates, apart from one for each cell: all their results are in memory at the
end."""

AGGREGATE_COST = 6e10
"""Least work of a shard of aggregates, whose size does not depend on its runs, in the unit of `Cell.cost`."""


@dataclass(frozen=True)
class DrawnExperiment:
    """A full grid: the product of its axes, with `seeds` runs in every cell, numbered from `first_seed` on.

    `laws` are the custom laws among its perturbations. `keep` is what is stored: `runs`, or `aggregates`,
    whose runs are compared with the bounds at the levels `delta` and norms `x_norm` while they are drawn.
    `version` is the format in which its runs are drawn; 0 stands for the newest of the sampler. `Experiment`
    describes the other members.
    """

    name: str
    sampler: str
    perturbation: tuple[str, ...]
    m: tuple[int, ...]
    d: tuple[int, ...]
    alpha: tuple[float, ...]
    seeds: int
    laws: tuple[CustomLaw, ...] = field(default=(), repr=False)
    first_seed: int = field(default=0, repr=False)
    keep: str = field(default="runs", repr=False)
    delta: tuple[float, ...] = field(default=(), repr=False)
    x_norm: tuple[float, ...] = field(default=(), repr=False)
    version: int = field(default=0, repr=False)

    kind = "drawn"

    @property
    def format_version(self) -> int:
        """The format in which its runs are drawn."""
        return self.version or FORMAT_VERSIONS[self.sampler]

    def without_runs(self) -> DrawnExperiment:
        """The same grid with no runs, for theory."""
        return replace(self, seeds=0, first_seed=0)

    def cells(self, m: Iterable[int] | None = None) -> Iterator[Cell]:
        """Cells in the order of `GRID_AXES`; `m` restricts the widths."""
        for point in itertools.product(self.perturbation, m or self.m, self.d, self.alpha):
            yield self._cell(*point)

    def indexed_cells(self) -> Iterator[tuple[tuple[int, ...], Cell]]:
        """Each cell with its index into `GRID_AXES`, in their order."""
        return zip(itertools.product(*map(range, self.shape)), self.cells(), strict=True)

    def cell(self, index: tuple[int, ...]) -> Cell:
        """The cell at `index` into `GRID_AXES`."""
        p, q, r, s = index
        return self._cell(self.perturbation[p], self.m[q], self.d[r], self.alpha[s])

    def _cell(self, perturbation: str, m: int, d: int, alpha: float) -> Cell:
        custom = next((law for law in self.laws if law.name == perturbation), None)
        return Cell(self.sampler, perturbation, m, d, alpha, custom, self.version)

    def has(self, cell: Cell) -> bool:
        """Whether the grid has a cell with these values of the axes."""
        return all(getattr(cell, name) in values for name, values in self.axes.items())

    def place(self, perturbation: str, m: int, d: int, alpha: float) -> tuple[int, ...]:
        """Index of these values into `GRID_AXES`. Raises `ValueError` for a value of no cell."""
        values = (perturbation, m, d, alpha)
        return tuple(axis.index(value) for axis, value in zip(self.axes.values(), values, strict=True))

    def place_of(self, cell: Cell) -> tuple[int, ...]:
        """Index of a cell of another grid into `GRID_AXES`. Raises `ValueError` without the cell."""
        return self.place(cell.perturbation, cell.m, cell.d, cell.alpha)

    def select(self, seeds: int | None = None, **axes: Iterable[Any]) -> DrawnExperiment:
        """The part of the grid with these values of some axes, and with the first `seeds` runs of each cell.

        Raises `ValueError` for an axis, a value or seeds that the grid does not have.
        """
        if unknown := axes.keys() - self.axes.keys():
            raise ValueError(f"{min(unknown)} is no axis; archived: {', '.join(self.axes)}")
        if seeds not in (None, self.seeds) and self.keep == "aggregates":
            raise ValueError(f"seeds is {seeds!r}; archived: {self.seeds}, all together, as aggregates")
        if seeds is not None:
            check_seeds(seeds, self)
        parts: dict[str, Any] = {
            name: axis_part(name, values, self.axes[name]) for name, values in axes.items()
        }
        parts["laws"] = tuple(
            law for law in self.laws if law.name in parts.get("perturbation", self.perturbation)
        )
        return replace(self, seeds=self.seeds if seeds is None else seeds, **parts)

    @property
    def weighted(self) -> bool:
        """Whether its runs have weights, so that counts of runs say nothing."""
        return self.sampler == "tilted"

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of what is stored of a run: the quantities, and of a weighted one the weight."""
        return stored_variables(self.sampler)

    @property
    def norm(self) -> float:
        """q of the norm whose ball holds the displacements; ∞ is that of Theorem 1."""
        return ball_norm(self.perturbation[0])

    @property
    def axes(self) -> dict[str, tuple[Any, ...]]:
        """Values of each axis, in the order of the dimensions."""
        return {name: getattr(self, name) for name in GRID_AXES}

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Lengths of `GRID_AXES`."""
        return len(self.perturbation), len(self.m), len(self.d), len(self.alpha)

    @property
    def cells_per_width(self) -> int:
        """Cells at one width."""
        return len(self.perturbation) * len(self.d) * len(self.alpha)

    @property
    def numbers(self) -> range:
        """Numbers of the runs of a cell."""
        return range(self.first_seed, self.first_seed + self.seeds)

    @property
    def runs(self) -> int:
        """Runs in the whole grid."""
        return self.cells_per_width * len(self.m) * self.seeds

    @property
    def runs_together(self) -> int:
        """Runs of a cell: its quantiles need all of them."""
        return self.seeds

    @property
    def table_cells(self) -> int:
        """Cells of the grid, each with an entry of the tables."""
        return math.prod(self.shape)

    @property
    def run_bytes(self) -> int:
        """Bytes of one run: a float64 for each variable."""
        return 8 * len(self.variables)

    @property
    def method(self) -> str:
        """How the runs are made, in words; or, without runs, theory."""
        return f"simulation with the {self.sampler} sampler" if self.seeds else "exact laws and bounds"

    def seed_cost(self, m: int) -> float:
        """Expected work of one seed at a width, in the unit of `Cell.cost`."""
        return sum(cell.cost() for cell in self.cells([m]))

    def memory(self, m: int) -> int:
        """Bytes of one task at a width, without the runs themselves and parts of a fixed size.

        Some laws receive whole dense networks, and some band runs are sorted.
        """
        return max(cell.memory() for cell in replace(self, d=self.d[-1:], alpha=self.alpha[-1:]).cells([m]))

    def shard_seeds(self, m: int, maximum: int) -> int:
        """Seeds of one shard at a width: the maximum, or of aggregates, at least a minute's work."""
        if self.keep == "runs":
            return maximum
        return max(maximum, SHARD_UNIT * math.ceil(AGGREGATE_COST / self.seed_cost(m) / SHARD_UNIT))

    def part(self, m: int, seeds: range) -> Self:
        """The runs of one width with these seeds."""
        return replace(self, m=(m,), first_seed=seeds.start, seeds=len(seeds))

    def spec(self) -> dict[str, Any]:
        """The whole experiment as plain data for a file; custom laws with source and digest.

        Every file has its format version as an attribute.
        """
        content = asdict(self)
        del content["laws"], content["version"]
        if not self.first_seed:
            del content["first_seed"]
        if self.keep == "runs":
            for name in ("keep", "delta", "x_norm"):
                del content[name]
        if self.laws:
            content["laws"] = {law.name: {"sha256": law.sha256, "source": law.source} for law in self.laws}
        return content

    def content_key(self, entropy: int) -> str:
        """Ten hex digits naming everything a shard's content depends on besides its width and seeds.

        Shards live in a folder of this name, so that no file of another grid is used.
        """
        content: dict[str, Any] = {
            "format": self.format_version,
            "entropy": entropy,
            "sampler": self.sampler,
            "perturbation": self.perturbation,
            "d": self.d,
            "alpha": [alpha.hex() for alpha in self.alpha],
        }
        if self.laws:
            content["laws"] = {law.name: law.sha256 for law in self.laws}
        if self.keep == "aggregates":
            content["aggregates"] = {"delta": self.delta, "x_norm": self.x_norm}
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:10]


@dataclass(frozen=True)
class Piece:
    """Consecutive seeds of one cell; `index` is the cell's number among the shard's cells."""

    index: int
    cell: Cell
    start: int
    stop: int


def tasks(shard: Shard[DrawnExperiment], cost: float) -> list[list[Piece]]:
    """The shard's work as lists of pieces, each list costing about `cost` (unit of `Cell.cost`).

    Cheap cells share a task. Expensive cells are cut between blocks of seeds.
    """
    task_list: list[list[Piece]] = []
    pending: list[Piece] = []
    load = 0.0
    for index, cell in enumerate(shard.experiment.cells([shard.m])):
        step = max(1, int(cost / cell.cost() / cell.block)) * cell.block
        edges = [shard.start, *range(shard.start - shard.start % step + step, shard.stop, step), shard.stop]
        for start, stop in itertools.pairwise(edges):
            pending.append(Piece(index, cell, start, stop))
            load += cell.cost() * (stop - start)
            if load >= cost:
                task_list.append(pending)
                pending, load = [], 0.0
    return [*task_list, pending] if pending else task_list
