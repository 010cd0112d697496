"""What a run will take, said before it begins.

In: the plan and how much is done at once. Out: a few lines for a person. The numbers are rough on purpose:
they tell minutes from hours and megabytes from terabytes. `Plan.check_resources` refuses what cannot fit.
"""

from __future__ import annotations

import os

from .plan import Plan, size_text
from .progress import clock

JOB_SECONDS = 1.5
"""A job before it does anything: a Python and its imports (`python -m benchmarks startup`)."""

RUN_SECONDS = 8e-7
"""Collecting, sorting and judging a run once it is drawn (`python -m benchmarks pipeline`)."""

TABLE_SECONDS = 25.0
"""Tables and figures of an experiment, nearly all of it drawing."""

PAGE_SECONDS = 20.0
"""Claims, article and report, one after the other."""

PROCESS_BYTES = 3.5e8
"""A process that has loaded all it needs."""


def estimate(plan: Plan, at_once: int) -> str:
    """Runs, shards, expected time, disk and memory of what is left to do, `at_once` jobs at a time."""
    shards = plan.all_shards
    missing = [shard for shard in shards if not plan.path(shard).exists()]
    there = len(shards) - len(missing)
    runs = f"[plan] {plan.runs:,} runs in {len(shards):,} shards; {there:,} shards are there"
    if not missing:
        return runs
    experiments = [plan.experiment(name) for name in plan.config.experiments]
    drawing = sum(shard.cost() for shard in missing) / 1e9 + JOB_SECONDS * len(missing)
    tables = RUN_SECONDS * plan.runs + TABLE_SECONDS * len(experiments)
    drawing /= min(at_once, len(missing))
    seconds = drawing + tables / min(at_once, len(experiments)) + PAGE_SECONDS
    worker = PROCESS_BYTES + max(
        2 * s.runs * s.experiment.run_bytes + s.experiment.memory(s.m) for s in missing
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return "\n".join(
        [
            runs,
            f"[plan] time: about {clock(drawing)} for drawing, {clock(seconds)} for all, "
            f"with {at_once} jobs at once",
            f"[plan] disk: at most {size_text(plan.disk)}; {size_text(plan.free_disk())} are free",
            f"[plan] memory: {size_text(worker)} a worker; this machine has {size_text(memory)}",
        ]
    )
