"""Which files a config asks for, and what they will cost, before any work starts."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from .config import Config, ConfigError
from .grid import Experiment, Shard, content_key, seed_ranges
from .seeding import FORMAT_VERSION

RUN_BYTES = 40
"""Bytes of one run: five float64."""

_SHARD_NAME = re.compile(r"m(\d+)_seeds(\d+)-(\d+)\.nc")


@dataclass(frozen=True)
class Plan:
    """The files of a config below `root` (the folder `results`)."""

    config: Config
    root: Path

    def experiment(self, name: str) -> Experiment:
        """The experiment called `name`."""
        return self.config.experiment(name)

    def folder(self, experiment: Experiment) -> Path:
        """Where the shards of an experiment live; shards of another grid live elsewhere."""
        key = content_key(experiment, self.config.entropy)
        return self.root / experiment.name / "shards" / key

    def path(self, shard: Shard) -> Path:
        """The file of a shard."""
        name = f"m{shard.m}_seeds{shard.start}-{shard.stop}.nc"
        return self.folder(shard.experiment) / name

    def shards(self, name: str) -> list[Shard]:
        """The shards of an experiment, those already on disk reused whatever their size."""
        experiment = self.experiment(name)
        existing: dict[int, list[tuple[int, int]]] = {m: [] for m in experiment.m}
        folder = self.folder(experiment)
        for file in sorted(folder.iterdir()) if folder.is_dir() else []:
            if match := _SHARD_NAME.fullmatch(file.name):
                m, start, stop = map(int, match.groups())
                existing.get(m, []).append((start, stop))
        size = self.config.execution.shard_seeds
        return [
            Shard(experiment, self.config.entropy, m, start, stop)
            for m in experiment.m
            for start, stop in seed_ranges(experiment.seeds, size, existing[m])
        ]

    def shard(self, name: str, m: int, start: int, stop: int) -> Shard:
        """One shard by what its file name says."""
        return Shard(self.experiment(name), self.config.entropy, m, start, stop)

    def spec(self, name: str) -> str:
        """All that the runs of an experiment depend on, as text."""
        return f"{self.experiment(name)}, entropy {self.config.entropy}, format {FORMAT_VERSION}"

    @property
    def all_shards(self) -> list[Shard]:
        """The shards of all experiments."""
        return [shard for name in self.config.experiments for shard in self.shards(name)]

    def check_resources(self) -> None:
        """Refuse what cannot fit. Raises `ConfigError` with the numbers; writes nothing.

        Disk: the shards that are missing and, for every experiment, a `runs.nc` at worst as large
        as its shards. Memory: the largest shard, and the largest cell while it is sorted.
        """
        missing = [shard for shard in self.all_shards if not self.path(shard).exists()]
        if not missing:
            return
        runs = sum(self.experiment(name).runs for name in self.config.experiments)
        disk = RUN_BYTES * (sum(shard.runs for shard in missing) + runs)
        where = next(path for path in (self.root, *self.root.parents) if path.exists())
        free = shutil.disk_usage(where).free
        if disk > free:
            raise ConfigError(
                f"experiments: {runs:,} runs need {_size(disk)} of disk; "
                f"allowed: {_size(free)}, what is free in the output directory"
            )
        largest = max(missing, key=lambda shard: shard.runs)
        cell = max(self.experiment(name).seeds for name in self.config.experiments)
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        for path, need in (
            (f"execution.shard_seeds: a shard of {largest.runs:,} runs", 2 * RUN_BYTES * largest.runs),
            (f"seeds: a cell of {cell:,} runs", 4 * RUN_BYTES * cell),
        ):
            if need > memory // 2:
                raise ConfigError(
                    f"{path} needs {_size(need)} of memory; "
                    f"allowed: {_size(memory // 2)}, half of this machine's"
                )


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if count < 1000 or unit == "PB":
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1000
    raise AssertionError
