"""What a job asks a cluster for: memory in MB and wall time in minutes.

A job that asks for too little is killed, one that asks for too much waits longer. So the work is what the
plan expects, times a margin for slower processors and disks, and each new attempt after a failure asks for as
much again. On one machine nothing of this counts: Snakemake limits there what it is told to, the cores.
"""

from __future__ import annotations

import math
from functools import lru_cache

from .grid import Experiment, Work
from .plan import Plan

START_MB = 600
"""A process that has loaded all it needs, and its buffers (measured: 350, with a plotting library)."""

WORKER_MB = 200
"""What one more worker holds while it draws; a process of its own at worst."""

START_MINUTES = 5
"""Three Pythons one in the other on a cold network disk."""

MARGIN = 3.0
"""How much slower than the plan's processor, or busier, a node may be."""

RUN_NS = 3000.0
"""Work of an analysis job for each run it reads (measured: 220, from a disk that gives 1 GB/s)."""

CELL_NS = 3e8
"""Exact laws of one cell at one level (measured: 1.7e7; seconds at the far end of the support)."""


def shard_memory(experiment: Work, m: int, seeds: int, threads: int, attempt: int) -> int:
    """MB of a simulate job of `seeds` seeds: its runs, and as much again while they are written."""
    runs = experiment.cells_per_width * seeds
    worker = WORKER_MB + _megabytes(experiment.memory(m))
    return attempt * (START_MB + threads * worker + _megabytes(2 * experiment.run_bytes * runs))


def shard_minutes(experiment: Work, m: int, seeds: int, threads: int, attempt: int) -> int:
    """Minutes of a simulate job, from what the plan expects of its shard."""
    return _minutes(_seed_cost(experiment, m) * seeds / threads, attempt)


def analysis_memory(plan: Plan, names: list[str], threads: int, attempt: int) -> int:
    """MB of a job that goes through all runs of the experiments called `names`, a cell for each thread."""
    cell = max(
        e.run_bytes * (e.seeds if isinstance(e, Experiment) else e.runs) for e in map(plan.experiment, names)
    )
    return attempt * (START_MB + threads * (WORKER_MB + _megabytes(4 * cell)))


def analysis_minutes(plan: Plan, names: list[str], attempt: int) -> int:
    """Minutes of such a job."""
    experiments = [plan.experiment(name) for name in names]
    runs = sum(experiment.runs for experiment in experiments)
    cells = sum(math.prod(e.shape) for e in experiments if isinstance(e, Experiment))
    return _minutes(RUN_NS * runs + CELL_NS * len(plan.config.delta) * cells, attempt)


@lru_cache(maxsize=4096)
def _seed_cost(experiment: Work, m: int) -> float:
    """Work of one seed; shards of one width share it, and there may be a hundred thousand."""
    return experiment.seed_cost(m)


def _megabytes(count: int) -> int:
    return -(-count // 10**6)


def _minutes(work: float, attempt: int) -> int:
    return attempt * (START_MINUTES + math.ceil(MARGIN * work / 6e10))
