"""A trillion runs on a thousand cores, on paper: measured inputs, and the arithmetic on them.

In: tables of other commands, and what is measured here on one core. Out: jobs, time, bytes and failures of
the grid of `big.yaml` with so many seeds that it has a trillion runs, kept as aggregates, cut by the plan.
"""

from __future__ import annotations

import heapq
import json
import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ntk_core.datasets.aggregates import GROUP, Part, add, aggregate_shard
from ntk_core.experiments.config import parse_config
from ntk_core.experiments.config_file import read_config_file
from ntk_core.experiments.drawn import SHARD_TASKS, DrawnExperiment
from ntk_core.experiments.plan import Plan
from ntk_core.experiments.shards import Shard
from ntk_core.sampling.aggregate import aggregate_cell
from ntk_core.sampling.cell import Cell

from .efficiency import GRID, WIDTH, thresholds
from .paths import RESULTS, ROOT
from .report import table

RUNS, CORES = 10**12, 1000
SAMPLE = 1 << 14
"""Runs of a cell that are timed."""

MERGED, MERGED_SEEDS = 4, 1 << 16
"""Shards that are made and added up, and the seeds of each."""

FAILURES_A_YEAR = 1.0
"""Failures of a core: a thousand fail as often as the worst system that docs/performance.md cites."""


def measure() -> dict[str, Any]:
    """Inputs and results as plain data."""
    inputs = _stored() | _measured()
    return {"inputs": inputs, "results": results(inputs)}


def _stored() -> dict[str, Any]:
    """Inputs that tables of other commands have."""
    scaling, tiny = (
        json.loads((RESULTS / f"{name}.json").read_text())["results"]
        for name in ("scaling", "pipeline-tiny-2")
    )
    (few, short), (many, long) = scaling["shards"][0], scaling["shards"][-1]
    jobs, seconds = tiny["rules"]["simulate"]
    return {"plan_seconds": (long - short) / (many - few), "job_seconds": seconds / jobs}


def _measured() -> dict[str, Any]:
    """Inputs that are measured here, in CPU time: kernels and aggregation, and shards that are added up."""
    grid = _plan(1).config.drawn_experiment("wide")
    run_seconds = {str(m): float(np.mean([_run_seconds(cell) for cell in grid.cells([m])])) for m in grid.m}
    part = replace(grid, m=(WIDTH,), seeds=MERGED * MERGED_SEEDS)
    with tempfile.TemporaryDirectory() as folder:
        files: list[Part] = []
        for start in range(0, part.seeds, MERGED_SEEDS):
            shard = Shard(part, 0, WIDTH, start, start + MERGED_SEEDS)
            seeds = range(shard.start, shard.stop)
            files.append((Path(folder) / f"{start}.nc", part.part(WIDTH, seeds)))
            aggregate_shard(shard, files[-1][0], 1, lambda _: None)
        began = time.process_time()
        add(part, 0, files, Path(folder) / "sum.nc", 1)
        merge_seconds = (time.process_time() - began) / MERGED
        shard_bytes = max(Path(path).stat().st_size for path, _ in files)
    return {"run_seconds": run_seconds, "merge_seconds": merge_seconds, "shard_bytes": shard_bytes}


def _run_seconds(cell: Cell) -> float:
    levels = thresholds(cell)
    began = time.thread_time()
    aggregate_cell(0, cell, 0, SAMPLE, levels)
    return (time.thread_time() - began) / SAMPLE


def _plan(runs: int) -> Plan:
    """The plan of the grid with at least so many runs in all, in a folder where nothing is."""
    raw = read_config_file(GRID)
    cells = math.prod(parse_config(raw).drawn_experiment("wide").shape)
    raw["experiments"]["wide"] |= {"seeds": -(-runs // cells), "keep": "aggregates"}
    return Plan(parse_config(raw), Path("/nonexistent"))


def results(inputs: dict[str, Any]) -> dict[str, float]:
    """The arithmetic: nothing is measured here."""
    plan = _plan(RUNS)
    grid: DrawnExperiment = plan.config.drawn_experiment("wide")
    shards = plan.shards("wide")
    work = [s.runs * inputs["run_seconds"][str(s.m)] for s in shards]
    jobs = [seconds + inputs["job_seconds"] for seconds in work]
    wall = makespan(jobs, CORES)
    groups = [-(-sum(s.m == m for s in shards) // GROUP) for m in grid.m]
    failures = CORES * FAILURES_A_YEAR / 365.25
    return {
        "runs": grid.runs,
        "core_hours": sum(work) / 3600,
        "jobs": len(jobs),
        "job_minutes": float(np.mean(jobs)) / 60,
        "longest_job_minutes": max(jobs) / 60,
        "tasks": SHARD_TASKS + grid.cells_per_width,
        "wall_minutes": wall / 60,
        "efficiency": sum(work) / (CORES * wall),
        "plan_seconds": len(jobs) * inputs["plan_seconds"],
        "shards_bytes": len(jobs) * inputs["shard_bytes"],
        "bytes_a_second": len(jobs) * inputs["shard_bytes"] / wall,
        "files_a_second": 3 * len(jobs) / wall,
        "groups": sum(groups),
        "merge_depth": 2 if max(groups) > 1 else 1,
        "merge_minutes": (len(jobs) + sum(groups)) * inputs["merge_seconds"] / 60,
        "failures_a_day": failures,
        "failures_a_run": failures * wall / 86400,
        "lost_share": failures / 86400 * float(np.mean(np.square(jobs)) / np.mean(jobs)) / 2 / CORES,
    }


def makespan(jobs: Sequence[float], cores: int) -> float:
    """Seconds until all jobs are done, each begun on the first core that is free, the longest first."""
    free = [0.0] * cores
    for seconds in sorted(jobs, reverse=True):
        heapq.heappush(free, heapq.heappop(free) + seconds)
    return max(free)


def rows(inputs: dict[str, Any], numbers: dict[str, float]) -> list[list[str]]:
    """The results as rows of a table, each with how it comes about."""
    return [
        ["what", "value", "from"],
        ["work", f"{numbers['core_hours']:.0f} core-hours", "runs × time of a run, width by width"],
        ["jobs, one shard each", f"{numbers['jobs']:,}", "the plan's own count"],
        [
            "a job",
            f"{numbers['job_minutes']:.1f} minutes, the longest {numbers['longest_job_minutes']:.1f}",
            f"work, and {inputs['job_seconds']:.1f} s of start",
        ],
        ["Dask tasks of a job", f"at most {numbers['tasks']}", f"{SHARD_TASKS}, and one a cell"],
        [
            "all jobs",
            f"{numbers['wall_minutes']:.0f} minutes; {numbers['efficiency']:.2f} of the cores' time is work",
            "longest first",
        ],
        [
            "Snakemake's plan",
            f"{numbers['plan_seconds']:.0f} s",
            f"{1e3 * inputs['plan_seconds']:.1f} ms a shard",
        ],
        [
            "shards on disk",
            f"{numbers['shards_bytes'] / 1e9:.1f} GB",
            f"{inputs['shard_bytes'] / 1e6:.1f} MB a shard",
        ],
        [
            "to the file system",
            f"{numbers['bytes_a_second'] / 1e6:.1f} MB and {numbers['files_a_second']:.0f} files a second",
            "shard, seal, log",
        ],
        [
            "merge",
            f"{numbers['groups']:,} tasks of {GROUP} shards, then their sum: depth {numbers['merge_depth']}, "
            f"{numbers['merge_minutes']:.0f} minutes of one core",
            f"{inputs['merge_seconds']:.2f} s a file",
        ],
        [
            "failures",
            f"{numbers['failures_a_day']:.1f} a day, {numbers['failures_a_run']:.2f} in the run",
            f"{FAILURES_A_YEAR:.0f} a year and core",
        ],
        [
            "lost to them",
            f"{100 * numbers['lost_share']:.4f} % of the work",
            "half a job each, on average",
        ],
    ]


def markdown(numbers: dict[str, Any], command: str, machine: str) -> str:
    """The tables a person reads."""
    inputs = numbers["inputs"]
    lines = [f"# {numbers['results']['runs']:,} runs on {CORES:,} cores, on paper", ""]
    lines += [
        f"{machine}. Made by `{command}`.",
        f"Grid: `{GRID.relative_to(ROOT)}`, kept as aggregates. Measured here in CPU time: a run with its",
        f"aggregation ({SAMPLE:,} runs of each cell), bytes of a shard and its share in adding up",
        f"{MERGED} shards of {MERGED_SEEDS:,} seeds at m = 2^16. The start of a job is from",
        "`pipeline-tiny-2.md`, the plan's time a shard from `scaling.md`.",
        "",
        *table(rows(inputs, numbers["results"])),
        "",
        "## Microseconds of a run with its aggregation, mean over the cells of a width",
        "",
        *table(
            [
                ["width", *(f"2^{int(m).bit_length() - 1}" for m in inputs["run_seconds"])],
                ["µs", *(f"{1e6 * seconds:.2f}" for seconds in inputs["run_seconds"].values())],
            ]
        ),
    ]
    return "\n".join(lines) + "\n"
