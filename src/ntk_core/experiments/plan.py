"""Which files a config asks for; what they cost says `cost.py`."""

from __future__ import annotations

import functools
import itertools
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from .. import __version__
from ..laws import LawError
from ..laws.custom import TRIAL_WIDTH
from .config import Config
from .experiment import Experiment
from .section import ConfigError
from .shards import FILE_NAME, Shard, seed_ranges

Number = TypeVar("Number", int, float)

MAX_SHARDS = 5_000
"""Most shards of a plan: each costs Snakemake milliseconds in every call (`python -m benchmarks scaling`)."""

MAX_PIECES = 1_000_000
"""Most cells of all shards; every job adds up their costs at its start, some microseconds each."""


@dataclass(frozen=True)
class Plan:
    """The files of a config below `root` (the folder `results`)."""

    config: Config
    root: Path

    def experiment(self, name: str) -> Experiment:
        """The experiment called `name`."""
        return self.config.experiment(name)

    def data(self, name: str) -> Path:
        """The file of all runs, or aggregates, of an experiment."""
        return self.root / name / f"{self.experiment(name).keep}.nc"

    def folder(self, experiment: Experiment) -> Path:
        """Where the shards of an experiment live; shards of another grid live elsewhere."""
        return self.root / experiment.name / "shards" / experiment.content_key(self.config.entropy)

    def path(self, shard: Shard[Any]) -> Path:
        """The file of a shard."""
        return self.folder(shard.experiment) / shard.file_name

    def ranges_on_disk(self, name: str) -> dict[int, list[tuple[int, int]]]:
        """By width, the ranges of seeds whose shards are on disk."""
        experiment = self.experiment(name)
        ranges: dict[int, list[tuple[int, int]]] = {m: [] for m in experiment.m}
        folder = self.folder(experiment)
        for file in sorted(folder.iterdir()) if folder.is_dir() else []:
            if match := re.fullmatch(FILE_NAME, file.name):
                m, start, stop = map(int, match.groups())
                ranges.get(m, []).append((start, stop))
        return ranges

    def shards(self, name: str) -> list[Shard[Any]]:
        """The shards of an experiment, those already on disk reused whatever their size."""
        experiment, ranges = self.experiment(name), self.ranges_on_disk(name)
        return [
            Shard(experiment, self.config.entropy, m, start, stop)
            for m in experiment.m
            for start, stop in self._ranges(experiment, ranges[m], self.shard_seeds(experiment, m))
        ]

    def shard_seeds(self, experiment: Experiment, m: int) -> int:
        """Seeds of a new shard of an experiment at a width. Depends on the config alone, not on the disk."""
        return self.shard_factor * experiment.shard_seeds(m, self.config.execution.shard_seeds)

    def shard_count(self, experiment: Experiment) -> int:
        """Shards of an experiment as the config cuts it, counted without listing."""
        return sum(-(-experiment.seeds // self.shard_seeds(experiment, m)) for m in experiment.m)

    @functools.cached_property
    def shard_factor(self) -> int:
        """By how much shards are larger than their experiments ask for: a power of two.

        The least with at most `MAX_SHARDS` shards that have at most `MAX_PIECES` cells, or one shard a width.
        """
        most = self.config.execution.shard_seeds
        widths = [
            (experiment.seeds, experiment.shard_seeds(m, most), experiment.cells_per_width)
            for experiment in self.experiments
            for m in experiment.m
        ]
        factor = 1
        while any(seeds > factor * size for seeds, size, _ in widths):
            counts = [-(-seeds // (factor * size)) for seeds, size, _ in widths]
            pieces = sum(count * cells for count, (_, _, cells) in zip(counts, widths, strict=True))
            if sum(counts) <= MAX_SHARDS and pieces <= MAX_PIECES:
                break
            factor *= 2
        return factor

    @staticmethod
    def _ranges(
        experiment: Experiment, ranges_on_disk: list[tuple[int, int]], size: int
    ) -> Iterator[tuple[int, int]]:
        """Ranges of seeds that cover the experiment, in order: those on disk, new ones between."""
        first = experiment.numbers.start
        from_first = [(start - first, stop - first) for start, stop in ranges_on_disk if start >= first]
        for start, stop in seed_ranges(experiment.seeds, size, from_first):
            yield first + start, first + stop

    def shard(self, name: str, path: Path) -> Shard[Any]:
        """The shard of an experiment that belongs in the file at `path`.

        Raises `ConfigError` if the file belongs to another grid, as after a change of the config.
        """
        experiment = self.experiment(name)
        match = re.fullmatch(FILE_NAME, path.name)
        m, start, stop = map(int, match.groups()) if match else (0, 0, 0)
        shard = Shard(experiment, self.config.entropy, m, start, stop)
        if m not in experiment.m or self.path(shard) != path:
            raise ConfigError(f"{path} is no shard of experiment {name} as the config has it now")
        return shard

    def identity(self, name: str) -> str:
        """All that the runs of an experiment depend on, as canonical JSON."""
        return self._identity(self.experiment(name))

    def grid_identity(self, name: str) -> str:
        """All of it but the number of runs: what theory depends on."""
        return self._identity(self.config.drawn_experiment(name).without_runs())

    def _identity(self, experiment: Experiment) -> str:
        spec = experiment.spec()
        for law in spec.get("laws", {}).values():
            del law["source"]  # its digest stands for it
        versions = {"format": experiment.format_version, "ntk_core": __version__}
        return json.dumps({"spec": spec, "entropy": self.config.entropy, **versions}, sort_keys=True)

    def sorting_threads(self, name: str, cores: int) -> int:
        """Threads for the quantiles of an experiment: one for every ten million runs, of the cores there are.

        Where there is much to sort, nothing else is left to do meanwhile. Aggregates are not sorted.
        """
        experiment = self.experiment(name)
        sorted_runs = experiment.runs if experiment.keep == "runs" else 0
        return max(self.config.execution.threads, min(cores, sorted_runs // 10**7))

    @property
    def all_shards(self) -> list[Shard[Any]]:
        """The shards of all experiments."""
        return [shard for name in self.config.experiments for shard in self.shards(name)]

    def check_laws(self) -> None:
        """Try each law of the user's own that an experiment names. Raises `ConfigError`; writes nothing.

        It is asked for draws at the edges of the experiment's grid, but for dense ones at a small width. In a
        run every draw is checked.
        """
        for grid in map(self.config.drawn_experiment, self.config.drawn):
            widths = (TRIAL_WIDTH,) if grid.sampler == "dense" else grid.m
            edges = itertools.product(_edges(widths), _edges(grid.d), _edges(grid.alpha))
            for law, (m, d, alpha) in itertools.product(grid.laws, edges):
                try:
                    law.try_out(grid.sampler, m, d, alpha)
                except (LawError, KeyboardInterrupt) as error:
                    fault = law.fault("was interrupted") if isinstance(error, KeyboardInterrupt) else error
                    where = f"tried at m = {m}, d = {d}, alpha = {alpha:g} for experiment {grid.name}"
                    raise ConfigError(f"laws.{law.name}: {fault}; {where}") from None

    @property
    def experiments(self) -> list[Experiment]:
        """The experiments, in the order of the config."""
        return [self.experiment(name) for name in self.config.experiments]

    @property
    def runs(self) -> int:
        """Runs of all experiments."""
        return sum(experiment.runs for experiment in self.experiments)

    def free_disk(self) -> int:
        """Bytes free where the results go."""
        where = next(path for path in (self.root, *self.root.absolute().parents) if path.exists())
        return shutil.disk_usage(where).free

    def missing_shards(self, name: str) -> list[Shard[Any]]:
        """The shards of an experiment that are yet to be made."""
        return [shard for shard in self.shards(name) if not self.path(shard).exists()]

    def is_collected(self, name: str) -> bool:
        """Whether all shards of an experiment exist, and the file of all of them, no older than any."""
        if self.missing_shards(name) or not self.data(name).exists():
            return False
        times = (self.path(shard).stat().st_mtime_ns for shard in self.shards(name))
        return self.data(name).stat().st_mtime_ns >= max(times)


def _edges(axis: tuple[Number, ...]) -> list[Number]:
    """The least and the largest of an ascending axis, once where they are one."""
    return sorted({axis[0], axis[-1]})
