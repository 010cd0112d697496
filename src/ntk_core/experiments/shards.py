"""Shards: the pieces of an experiment that a job makes, each a file."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from .experiment import Experiment

SHARD_UNIT = 1024
"""Shards are planned in multiples of this many seeds, so that few blocks are cut by two shards."""


AnyExperiment = TypeVar("AnyExperiment", bound=Experiment, covariant=True)


@dataclass(frozen=True)
class Shard(Generic[AnyExperiment]):
    """The runs of an experiment at one width with seeds `start` … `stop - 1`: one job, one file."""

    experiment: AnyExperiment
    entropy: int
    m: int
    start: int
    stop: int

    @property
    def runs(self) -> int:
        """Runs in the shard."""
        return self.experiment.cells_per_width * (self.stop - self.start)

    def cost(self) -> float:
        """Expected work of the shard, in the unit of `Cell.cost`."""
        return (self.stop - self.start) * self.experiment.seed_cost(self.m)


def seed_ranges(seeds: int, shard_seeds: int, existing: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Consecutive ranges `(start, stop)` covering seeds 0 … seeds - 1.

    Ranges in `existing` (shards already on disk, of whatever size) are used where they continue
    the cover; the gaps are cut into ranges of `shard_seeds`. So another shard size recomputes
    nothing, and more seeds cost only the seeds that are new. The answer does not change while the
    ranges it names come into being.
    """
    by_start: dict[int, int] = {}
    for start, stop in existing:
        if stop <= seeds:
            by_start[start] = max(stop, by_start.get(start, 0))
    starts = sorted(by_start)
    cover, position = [], 0
    while position < seeds:
        if position in by_start:
            stop = by_start[position]
        else:
            following = bisect.bisect_right(starts, position)
            stop = min([position + shard_seeds, seeds, *starts[following : following + 1]])
        cover.append((position, stop))
        position = stop
    return cover
