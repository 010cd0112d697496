"""What a config costs in time, memory and disk, before any work starts.

In: the plan. Out: what a person reads (`estimate`), what a job asks a cluster for (`shard_request`,
`analysis_request`), and what is refused (`check_size`). All three read the same measured constants and the
same functions, so that none contradicts another.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from ..quantities import QUANTITIES
from ..theory.bounds import BOUNDS
from .experiment import Experiment
from .plan import Plan
from .section import ConfigError
from .shards import Shard
from .units import clock, size_text

MAX_SHARDS = 100_000
"""More would take Snakemake minutes to plan and the file system a folder too large to list."""

MAX_PIECES = 1_000_000
"""Cells of all shards; their costs are added up, in microseconds each, whenever a job starts."""

START_SECONDS = 0.8
"""A job before it does anything: a Python and its imports (`python -m benchmarks startup`)."""

RUN_SECONDS = 8e-7
"""Collecting, sorting and judging a run once it is drawn (`python -m benchmarks pipeline`)."""

CELL_SECONDS = 5e-3
"""Exact laws of one cell at one level (`python -m benchmarks estimate`); more at the end of the support."""

TABLE_SECONDS = 9.0
"""Tables and figures of an experiment beside that, nearly all of it drawing (the same command)."""

PAGE_SECONDS = 15.0
"""Snakemake, claims, article, explorable page and report, one after the other (the same command)."""

PROCESS_BYTES = 3.5e8
"""A process that has loaded all it needs, with a plotting library (the same command)."""

WORKER_BYTES = 2e8
"""What one more worker holds while it draws; a process of its own at worst."""

DRAWN_COPIES = 2
"""Runs of a shard while they are written: drawn, and laid out for the file."""

READ_COPIES = 4
"""Runs of a cell while they are sorted."""

ENTRY_BYTES = 3 * 8 * len(BOUNDS) * len(QUANTITIES)
"""Bytes of a cell at one δ and ‖x‖ in the tables: 3 float64 for each bound of each quantity."""

FILE_BYTES = 1e5
"""A NetCDF file without data (`python -m benchmarks estimate`)."""

FIGURE_BYTES, PAGE_BYTES = 6e6, 1e7
"""Figures of an experiment; article, report and explorable page, once (the same command)."""

SPARE_BYTES, SPARE_SECONDS = 4.5e8, 300.0
"""What a cluster is asked for beside that: files it counts as memory; imports from a cold network disk."""

MARGIN = 3.0
"""How much slower than the processor of the measurements, or busier, a node may be."""


class Request(NamedTuple):
    """What a job asks a cluster for: memory in MB, wall time in minutes, by Snakemake's names."""

    mem_mb: int
    runtime: int


@dataclass(frozen=True)
class Estimate:
    """Shards of a plan and how many exist; seconds of drawing and of all that is left; bytes of disk and of
    the largest job.
    """

    shards: int
    existing: int
    drawing: float
    seconds: float
    disk: float
    memory: float


def expected(plan: Plan, at_once: int) -> Estimate:
    """What the missing shards of a plan and all that follows will take, `at_once` jobs at a time."""
    shards = plan.all_shards
    missing = [shard for shard in shards if not plan.path(shard).exists()]
    names = list(plan.config.experiments)
    drawing = sum(shard.cost() / 1e9 + START_SECONDS for shard in missing)
    drawing /= max(min(at_once, len(missing)), 1)
    tables = analysis_seconds(plan, names) + TABLE_SECONDS * len(names)
    threads = plan.config.execution.threads
    jobs = [shard_bytes(s.experiment, s.m, s.stop - s.start, threads) for s in missing]
    jobs += [analysis_bytes(plan, [name], plan.sorting_threads(name, at_once)) for name in names]
    seconds = drawing + tables / min(at_once, len(names)) + PAGE_SECONDS
    existing = len(shards) - len(missing)
    return Estimate(len(shards), existing, drawing, seconds, disk_bytes(plan), max(jobs))


def estimate(plan: Plan, at_once: int) -> str:
    """The expected time, disk and memory as lines for a person, to tell minutes from hours."""
    cost = expected(plan, at_once)
    runs = f"[plan] {plan.runs:,} runs in {cost.shards:,} shards; {cost.existing:,} shards are there"
    if cost.existing == cost.shards:
        return runs
    return "\n".join(
        [
            runs,
            f"[plan] time: about {clock(cost.drawing)} for drawing, {clock(cost.seconds)} for all, "
            f"with {at_once} jobs at once",
            f"[plan] disk: at most {size_text(cost.disk)}; {size_text(plan.free_disk())} are free",
            f"[plan] memory: {size_text(cost.memory)} for the largest job; "
            f"this machine has {size_text(_memory_of_this_machine())}",
        ]
    )


def shard_request(experiment: Experiment, m: int, seeds: int, threads: int, attempt: int) -> Request:
    """What a simulate job asks a cluster for.

    A job that asks for too little is killed, one that asks for too much waits longer: each new attempt after
    a failure asks for as much again. On one machine nothing of this counts.
    """
    seconds = _seed_seconds(experiment, m) * seeds / threads
    return _request(shard_bytes(experiment, m, seeds, threads), seconds, attempt)


def analysis_request(plan: Plan, names: list[str], threads: int, attempt: int) -> Request:
    """The same for a job that goes through all runs of the experiments called `names`."""
    return _request(analysis_bytes(plan, names, threads), analysis_seconds(plan, names), attempt)


def _request(size: float, seconds: float, attempt: int) -> Request:
    minutes = math.ceil((SPARE_SECONDS + MARGIN * seconds) / 60.0)
    return Request(attempt * math.ceil((SPARE_BYTES + size) / 1e6), attempt * minutes)


def check_size(plan: Plan, here: bool = True) -> None:
    """Refuse what cannot fit. Raises `ConfigError` with the numbers; writes nothing.

    Counts without listing, so an absurd grid is refused as fast as a small one. Memory, where jobs are done
    `here`: the largest shard while it is drawn, the largest cell while it is sorted, and the largest table.
    """
    experiments = [plan.experiment(name) for name in plan.config.experiments]
    size = plan.config.execution.shard_seeds
    number = [_shard_count(plan, e) for e in experiments]
    count = sum(number)
    if count > MAX_SHARDS:
        raise ConfigError(
            f"execution.shard_seeds is {size}, which makes {count:,} shards; allowed: at most "
            f"{MAX_SHARDS:,} shards, so raise it, or lower the seeds of what is trained"
        )
    pieces = sum(n * e.cells_per_width for n, e in zip(number, experiments, strict=True))
    if pieces > MAX_PIECES:
        raise ConfigError(
            f"experiments: the {count:,} shards have {pieces:,} cells together; "
            f"allowed: at most {MAX_PIECES:,}, so shorten the lists or raise execution.shard_seeds"
        )
    memory = _memory_of_this_machine()
    for what, need in _largest(plan) if here else ():
        if need > memory // 2:
            raise ConfigError(
                f"{what} needs {size_text(need)} of memory; "
                f"allowed: {size_text(memory // 2)}, half of this machine's"
            )
    disk, free = disk_bytes(plan), plan.free_disk()
    if plan.missing_runs and disk > free:
        raise ConfigError(
            f"experiments: {plan.runs:,} runs and their tables need {size_text(disk)} of disk; "
            f"allowed: {size_text(free)}, what is free in the output directory"
        )


def _largest(plan: Plan) -> list[tuple[str, float]]:
    """What needs most memory of each kind, in words that begin with the key of the config, and its bytes."""
    experiments = [plan.experiment(name) for name in plan.config.experiments]
    size = plan.config.execution.shard_seeds
    shards = [Shard(e, plan.config.entropy, e.m[-1], 0, min(e.seeds, size)) for e in experiments]
    entries = max(_entries(plan, experiment) for experiment in experiments)
    read = max(experiments, key=_read_bytes)
    cell = "seeds: a cell" if read.kind == "drawn" else "experiments: the training"
    return [
        (f"execution.shard_seeds: a shard of {max(s.runs for s in shards):,} runs", max(map(_drawn, shards))),
        (f"{cell} of {read.runs_together:,} runs", _read_bytes(read)),
        (f"analysis: a table of {entries:,} cells, levels and norms", ENTRY_BYTES * entries),
        ("experiments: the widest network with its inputs", max(e.memory(e.m[-1]) for e in experiments)),
    ]


def disk_bytes(plan: Plan) -> float:
    """Bytes still to be written at worst: missing runs, a `runs.nc` as large as its shards, tables, pages."""
    return PAGE_BYTES + sum(
        e.run_bytes * (plan.missing(e) + e.runs)
        + ENTRY_BYTES * _entries(plan, e)
        + FILE_BYTES * (_shard_count(plan, e) + 4)
        + FIGURE_BYTES
        for e in map(plan.experiment, plan.config.experiments)
    )


def shard_bytes(experiment: Experiment, m: int, seeds: int, threads: int) -> float:
    """Memory of a simulate job: its runs, and a worker for each thread."""
    drawn = _drawn(Shard(experiment, 0, m, 0, seeds))
    return PROCESS_BYTES + (threads - 1) * WORKER_BYTES + threads * experiment.memory(m) + drawn


def analysis_bytes(plan: Plan, names: list[str], threads: int) -> float:
    """Memory of a job that goes through runs a cell for each thread."""
    cell = max(_read_bytes(plan.experiment(name)) for name in names)
    return PROCESS_BYTES + (threads - 1) * WORKER_BYTES + threads * cell


def analysis_seconds(plan: Plan, names: list[str]) -> float:
    """Time of going through all runs of some experiments, and of the exact laws of their cells."""
    experiments = [plan.experiment(name) for name in names]
    cells = sum(experiment.table_cells for experiment in experiments)
    runs = sum(experiment.runs for experiment in experiments)
    return RUN_SECONDS * runs + CELL_SECONDS * len(plan.config.delta) * cells


def _shard_count(plan: Plan, experiment: Experiment) -> int:
    """Shards of an experiment as the config cuts it, counted without listing."""
    most = plan.config.execution.shard_seeds
    return sum(-(-experiment.seeds // experiment.shard_seeds(m, most)) for m in experiment.m)


def _entries(plan: Plan, experiment: Experiment) -> int:
    """Cells times levels δ and norms ‖x‖; none for what is trained, whose tables are small."""
    return experiment.table_cells * len(plan.config.delta) * len(plan.config.x_norm)


def _drawn(shard: Shard[Any]) -> int:
    return DRAWN_COPIES * shard.experiment.run_bytes * shard.runs


def _read_bytes(experiment: Experiment) -> int:
    return READ_COPIES * experiment.run_bytes * experiment.runs_together


@lru_cache(maxsize=4096)
def _seed_seconds(experiment: Experiment, m: int) -> float:
    """Work of one seed; shards of one width share it, and there may be a hundred thousand."""
    return experiment.seed_cost(m) / 1e9


def _memory_of_this_machine() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
