"""The interface of both kinds of experiment.

config → experiments → shards (one file and one job each) → tasks (one call of a worker each).
How an experiment is cut into shards and tasks never changes a result.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any, Protocol, Self


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number, of Python or NumPy; True is none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def check_seeds(seeds: int, experiment: Experiment) -> None:
    """Raise `ValueError` unless an experiment has so many runs of each cell, at least one."""
    if not (is_whole(seeds) and 0 < seeds <= experiment.seeds):
        raise ValueError(f"seeds is {seeds!r}; archived: 1 to {experiment.seeds}")


def axis_part(name: str, values: Iterable[Any], axis: Sequence[Any]) -> tuple[Any, ...]:
    """The values of an axis that are among `values`. Raises `ValueError` for none, or one not on the axis."""
    part = set(values)
    if not part or part - set(axis):
        text = str if name == "perturbation" else repr  # where a number is text, quotes show it
        missing = ", ".join(sorted(map(text, part - set(axis)))) or "empty"
        raise ValueError(f"{name} is {missing}; archived: {', '.join(map(str, axis))}")
    return tuple(value for value in axis if value in part)


class Experiment(Protocol):
    """Runs at several widths, numbered by seeds: a `DrawnExperiment` or a `TrainedExperiment`."""

    def __hash__(self) -> int:
        """Experiments are values."""

    @property
    def kind(self) -> str:
        """`drawn` or `trained`."""

    @property
    def name(self) -> str:
        """Name in the config, and of the folder of results."""

    @property
    def format_version(self) -> int:
        """Format in which its runs are made."""

    @property
    def keep(self) -> str:
        """What is stored, in the file of this name: `runs`, or `aggregates` of each cell."""

    @property
    def m(self) -> tuple[int, ...]:
        """Widths, ascending."""

    @property
    def seeds(self) -> int:
        """Runs of each cell."""

    @property
    def numbers(self) -> range:
        """Numbers of the runs of a cell."""

    @property
    def cells_per_width(self) -> int:
        """Cells at one width; 1 for a trained experiment."""

    @property
    def runs(self) -> int:
        """Runs in the whole experiment."""

    @property
    def runs_together(self) -> int:
        """Runs in memory together while tables are made."""

    @property
    def table_cells(self) -> int:
        """Cells with entries in the tables; 0 for a trained experiment, whose tables are small."""

    @property
    def run_bytes(self) -> int:
        """Bytes of one run."""

    @property
    def axes(self) -> dict[str, tuple[Any, ...]]:
        """Values of each axis except the seeds, in the order of the dimensions."""

    @property
    def method(self) -> str:
        """How the runs are made, in words."""

    def part(self, m: int, seeds: range) -> Self:
        """The runs of one width with these seeds."""

    def seed_cost(self, m: int) -> float:
        """Expected work of one seed at a width, roughly in nanoseconds on one core."""

    def memory(self, m: int) -> int:
        """Bytes of one task at a width, without the runs themselves."""

    def shard_seeds(self, m: int, maximum: int) -> int:
        """Seeds of one shard at a width: `maximum`, more where they are cheap, fewer where they are dear."""

    def spec(self) -> dict[str, Any]:
        """The whole experiment as plain data for a file."""

    def content_key(self, entropy: int) -> str:
        """Ten hex digits naming everything a shard's content depends on besides its width and seeds.

        Shards live in a folder of this name, so that no file of another experiment is used.
        """
