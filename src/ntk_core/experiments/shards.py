"""Shards: parts of an experiment, one job and one file each."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from .experiment import Experiment

SHARD_UNIT = 1024
"""Seeds of a shard are a multiple of this, so that shards cut few blocks."""

FILE_NAME = r"m([0-9]+)_seeds([0-9]+)-([0-9]+)\.nc"
"""What the name of a shard's file is, as a pattern: its width, its first seed and the one after its last."""

ExperimentT = TypeVar("ExperimentT", bound=Experiment, covariant=True)


@dataclass(frozen=True)
class Shard(Generic[ExperimentT]):
    """The runs of an experiment at one width with seeds `start` … `stop - 1`: one job, one file."""

    experiment: ExperimentT
    entropy: int
    m: int
    start: int
    stop: int

    @property
    def content(self) -> ExperimentT:
        """The shard as an experiment of one width."""
        return self.experiment.part(self.m, range(self.start, self.stop))

    @property
    def runs(self) -> int:
        """Runs in the shard."""
        return self.experiment.cells_per_width * (self.stop - self.start)

    @property
    def file_name(self) -> str:
        """The name of its file."""
        return f"m{self.m}_seeds{self.start}-{self.stop}.nc"

    def cost(self) -> float:
        """Expected work of the shard, in the unit of `Cell.cost`."""
        return (self.stop - self.start) * self.experiment.seed_cost(self.m)


def seed_ranges(
    seeds: int, shard_seeds: int, ranges_on_disk: Iterable[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Consecutive ranges `(start, stop)` covering seeds 0 … seeds - 1.

    `ranges_on_disk`, of shards of any size, are used where they hold seeds and continue the cover;
    gaps are cut into ranges of `shard_seeds`. So another shard size recomputes nothing, and more seeds cost
    only the new ones. The result stays the same while its own ranges are written.
    """
    by_start: dict[int, int] = {}
    for start, stop in ranges_on_disk:
        if start < stop <= seeds:
            by_start[start] = max(stop, by_start.get(start, 0))
    starts = sorted(by_start)
    cover, position = [], 0
    while position < seeds:
        if position in by_start:
            stop = by_start[position]
        else:
            next_index = bisect.bisect_right(starts, position)
            stop = min([position + shard_seeds, seeds, *starts[next_index : next_index + 1]])
        cover.append((position, stop))
        position = stop
    return cover
