"""Time, memory and disk that a plan needs, estimated before any work starts.

`expected_cost` is for a person, `shard_request` and `analysis_request` are what a job asks a cluster for, and
`check_size` refuses what does not fit. All use the same measured constants.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from ..quantities import QUANTITIES
from ..theory.bounds import BOUNDS
from .drawn import SHARD_TASKS, DrawnExperiment
from .experiment import Experiment
from .plan import MAX_PIECES, MAX_SHARDS, Plan
from .section import ConfigError
from .shards import Shard
from .units import clock, count_text, size_text

START_SECONDS = 0.8
"""Start of a job: Python and its imports (`python -m benchmarks startup`)."""

LONG_START = 60.0
"""Seconds of starting jobs from which on a person is told how to start fewer."""

RUN_SECONDS = 8e-7
"""Collecting, sorting and judging a run (without drawing) (`python -m benchmarks pipeline`)."""

CELL_SECONDS = 5e-3
"""Exact laws of one cell at one level (`python -m benchmarks estimate`); more at the end of the support."""

TABLE_SECONDS = 9.0
"""Tables and figures of an experiment without those laws; nearly all of it is plotting (the same command)."""

PAGE_SECONDS = 15.0
"""Snakemake, claims, article, explorable page and report, in sequence (the same command)."""

READ_RATE = 2e8
"""Bytes a second from a slow disk, checksums included."""

PROCESS_BYTES = 3.5e8
"""A process with all imports, a plotting library included (the same command)."""

WORKER_BYTES = 2e8
"""Memory of one more worker that draws runs; at worst it is a process."""

WRITE_COPIES = 2
"""Copies of a shard's runs while they are written: as drawn, and as laid out in the file."""

READ_COPIES = 4
"""Copies of a cell's runs while they are sorted."""

ENTRY_BYTES = 3 * 8 * len(BOUNDS) * len(QUANTITIES)
"""Bytes of a cell at one δ and ‖x‖ in the tables: 3 float64 for each bound of each quantity."""

HISTOGRAM_BYTES = 8 * 42 * len(QUANTITIES)
"""Bytes of a cell in the tables, whatever its levels: a histogram of 40 bars of each quantity."""

AGGREGATE_BYTES = 1e5
"""Stored aggregates of a cell, at most, whatever the number of its runs (`python -m benchmarks pipeline`)."""

AGGREGATE_FILE_BYTES = 3e5
"""A file of aggregates without its cells, at most: nearly all of it is the numbers and edges of the bins."""

AGGREGATE_MEMORY = 5e5
"""Aggregates of a cell in memory, at most."""

AGGREGATE_SECONDS = 3e-2
"""Reading, judging and writing the aggregates of a cell."""

ADD_SECONDS = 1e-2
"""Reading the aggregates of a cell of a shard, and adding them up."""

FILE_BYTES = 1e5
"""A NetCDF file without data (`python -m benchmarks estimate`)."""

FIGURE_BYTES, PAGE_BYTES = 6e6, 1e7
"""Figures of an experiment; article, report and explorable page, once (the same command)."""

SPARE_BYTES, SPARE_SECONDS = 4.5e8, 300.0
"""Reserve in a request to a cluster: files it counts as memory; imports from a cold network disk."""

MARGIN = 3.0
"""Factor by which a node may be slower than the processor of the measurements."""


class Request(NamedTuple):
    """Request of a job to a cluster, by Snakemake's names: memory in MB, wall time in minutes."""

    mem_mb: int
    runtime: int


@dataclass(frozen=True)
class Cost:
    """What is left of a plan."""

    job_count: int
    """Simulate jobs that run at once."""
    shards: int
    """All shards of the plan."""
    shards_on_disk: int
    """Those that exist."""
    drawing: float
    """Seconds in which the missing shards are made."""
    seconds: float
    """Seconds of all work that is left."""
    disk: float
    """Bytes yet to be written, at most."""
    memory: float
    """Bytes of memory of the largest job."""
    on_cluster: bool
    """Whether a batch system runs the jobs."""


def jobs_at_once(plan: Plan, cores: int) -> int:
    """Simulate jobs that run at once on so many cores of this machine."""
    return max(cores // plan.config.execution.threads, 1)


def expected_cost(plan: Plan, cores: int, nodes: int | None = None) -> Cost:
    """Cost of the missing shards of a plan and of all later work, on so many cores of this machine.

    With `nodes`, on a cluster that gets so many jobs at once.
    """
    threads = plan.config.execution.threads
    if nodes is None:
        threads = min(threads, cores)
    job_count = nodes or jobs_at_once(plan, cores)
    shards = plan.all_shards
    missing = [shard for name in plan.config.experiments for shard in plan.missing_shards(name)]
    experiments = plan.experiments
    drawing = sum(shard.cost() / 1e9 / threads + START_SECONDS for shard in missing)
    drawing /= max(min(job_count, len(missing)), 1)
    tables = reading_seconds(experiments, len(plan.config.delta)) + TABLE_SECONDS * len(experiments)
    tables += adding_seconds(plan, experiments, threads)
    job_bytes = [shard_bytes(s.experiment, s.m, s.stop - s.start, threads) for s in missing]
    for experiment in experiments:
        sorting_threads = plan.sorting_threads(experiment.name, cores)
        if nodes is None:
            sorting_threads = min(sorting_threads, cores)
        job_bytes.append(reading_bytes([experiment], sorting_threads))
    seconds = drawing + tables / min(job_count, len(experiments)) + PAGE_SECONDS
    shards_on_disk = len(shards) - len(missing)
    disk, memory = disk_bytes(plan), max(job_bytes)
    return Cost(job_count, len(shards), shards_on_disk, drawing, seconds, disk, memory, nodes is not None)


def cost_text(plan: Plan, cost: Cost) -> str:
    """The expected time, disk and memory as lines for a person."""
    runs = (
        f"[plan] {count_text(plan.runs, 'run')} in {count_text(cost.shards, 'shard')}; "
        f"{count_text(cost.shards_on_disk, 'shard')} exist{'s' * (cost.shards_on_disk == 1)}"
    )
    if plan.shard_factor > 1:
        runs += (
            f"\n[plan] shards: up to {_largest_shard(plan):,} seeds each, {plan.shard_factor} times as many "
            f"as usual with execution.shard_seeds = {plan.config.execution.shard_seeds}, "
            f"so that there are at most {MAX_SHARDS:,}, with {MAX_PIECES:,} cells"
        )
    missing = cost.shards - cost.shards_on_disk
    if not missing:
        return runs
    starts = START_SECONDS * missing / min(cost.job_count, missing)
    size = _larger_shard_seeds(plan) if starts > max(cost.drawing - starts, LONG_START) else 0
    if size > plan.config.execution.shard_seeds:
        runs += (
            f"\n[plan] shards: about {clock(starts)} of the drawing is the start of jobs; with "
            f"execution.shard_seeds: {size} fewer would start"
        )
    time = (
        f"[plan] time: about {clock(cost.drawing)} for drawing, {clock(cost.seconds)} for all, "
        f"with {count_text(cost.job_count, 'job')} at once"
    )
    memory = f"[plan] memory: {size_text(cost.memory)} for the largest job; "
    if cost.on_cluster:
        time += "; on top come the queue, and about a minute for each of some five steps"
        memory += f"each asks for {SPARE_BYTES / 1e6:.0f} MB more"
    else:
        time += "; longer on busy cores"
        memory += f"this machine has {size_text(_memory_of_this_machine())}"
    if any(getattr(experiment, "laws", ()) for experiment in plan.experiments):
        time += "; without the time that laws of your own take"
    disk = f"[plan] disk: at most {size_text(cost.disk)}; {size_text(plan.free_disk())} are free"
    return f"{runs}\n{time}\n{disk}\n{memory}"


def _larger_shard_seeds(plan: Plan) -> int:
    """The least `shard_seeds` with which drawing takes longer than the start of its jobs.

    Or the largest with which a shard needs no more memory than the process that draws it, if that is less.
    """
    widths = [(e, m) for e in plan.experiments for m in e.m]
    seconds = sum(e.seeds * _seed_seconds(e, m) for e, m in widths) / plan.config.execution.threads

    def shards(size: int) -> list[Shard[Any]]:
        """The first shard of each width."""
        return [Shard(e, plan.config.entropy, m, 0, min(e.seeds, e.shard_seeds(m, size))) for e, m in widths]

    def count(size: int) -> int:
        return sum(math.ceil(shard.experiment.seeds / shard.stop) for shard in shards(size))

    size = plan.config.execution.shard_seeds
    while START_SECONDS * count(size) > seconds and count(2 * size) < count(size):
        if max(map(_write_bytes, shards(2 * size))) > PROCESS_BYTES:
            break
        size *= 2
    return size


def _largest_shard(plan: Plan) -> int:
    """Most seeds of a shard, as the config cuts it."""
    return max(min(e.seeds, plan.shard_seeds(e, m)) for e in plan.experiments for m in e.m)


def shard_request(experiment: Experiment, m: int, seeds: int, threads: int, attempt: int) -> Request:
    """What a simulate job asks a cluster for.

    A job that asks for too little is killed, one that asks for too much waits longer. So attempt k asks for k
    times as much. Nothing reads this on a single machine.
    """
    seconds = _seed_seconds(experiment, m) * seeds / threads
    return _request(shard_bytes(experiment, m, seeds, threads), seconds, attempt)


def analysis_request(plan: Plan, names: list[str], threads: int, attempt: int) -> Request:
    """The request of a job that reads all runs of the experiments of a plan called `names`."""
    experiments = [plan.experiment(name) for name in names]
    seconds = reading_seconds(experiments, len(plan.config.delta)) + adding_seconds(
        plan, experiments, threads
    )
    return _request(reading_bytes(experiments, threads), seconds, attempt)


def reading_request(experiments: list[Experiment], levels: int, threads: int, attempt: int) -> Request:
    """The request of a job that reads all runs of some experiments, for tables at so many levels δ."""
    seconds = reading_seconds(experiments, levels)
    return _request(reading_bytes(experiments, threads), seconds, attempt)


def verification_request(folder: Path, attempt: int) -> Request:
    """The request of a job that reads every byte of a folder."""
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return _request(PROCESS_BYTES, size / READ_RATE, attempt)


def _request(size: float, seconds: float, attempt: int) -> Request:
    minutes = math.ceil((SPARE_SECONDS + MARGIN * seconds) / 60.0)
    return Request(attempt * math.ceil((SPARE_BYTES + size) / 1e6), attempt * minutes)


def check_size(plan: Plan, job_count: int | None = 1) -> None:
    """Refuse a plan that does not fit. Raises `ConfigError` with the numbers; writes nothing.

    Shards and memory are counted without listing, so a huge grid is refused as fast as a small one. Memory is
    that of this machine, with `job_count` jobs at once: the largest shards in drawing, the largest cell in
    sorting, and the largest table. On a cluster, where `job_count` is None, it is not checked.
    """
    experiments = plan.experiments
    counts = [plan.shard_count(e) for e in experiments]
    count = sum(counts)
    if count > MAX_SHARDS:
        raise ConfigError(
            f"experiments: there are {count:,} widths together, each at least one shard; "
            f"allowed: at most {MAX_SHARDS:,} shards"
        )
    pieces = sum(n * e.cells_per_width for n, e in zip(counts, experiments, strict=True))
    if pieces > MAX_PIECES:
        raise ConfigError(
            f"experiments: the {count:,} shards have {pieces:,} cells together; "
            f"allowed: at most {MAX_PIECES:,}, so shorten the lists"
        )
    for peak in _memory_peaks(plan, job_count) if job_count else ():
        check_memory(*peak)
    disk, free = disk_bytes(plan), plan.free_disk()
    if disk > free and not all(map(plan.is_collected, plan.config.experiments)):
        raise ConfigError(
            f"experiments: {plan.runs:,} runs and their tables need {size_text(disk)} of disk; "
            f"allowed: {size_text(free)}, what is free in the output directory{_advice(experiments)}"
        )


def check_memory(subject: str, size: float, advice: str = "") -> None:
    """Raise `ConfigError` where `size` bytes are more than half of this machine's memory.

    Its message ends with the advice.
    """
    half = _memory_of_this_machine() // 2
    if size > half:
        raise ConfigError(
            f"{subject} needs {size_text(size)} of memory; allowed: {size_text(half)}, half of this machine's"
            f"{advice}"
        )


def _advice(experiments: Iterable[Experiment]) -> str:
    """The end of a message on too much for runs; empty where no aggregates can be kept in their place."""
    drawn = (e for e in experiments if isinstance(e, DrawnExperiment) and e.keep == "runs" and not e.weighted)
    names = " and ".join(experiment.name for experiment in drawn)
    return f"; with `keep: aggregates` in {names} the need does not grow with the seeds" if names else ""


def _memory_peaks(plan: Plan, job_count: int) -> list[tuple[str, float, str]]:
    """The largest need of memory of each kind: words that begin with the key of the config, bytes, advice."""
    experiments = plan.experiments
    shards = [
        (Shard(e, plan.config.entropy, m, 0, seeds), math.ceil(e.seeds / seeds))
        for e in experiments
        for m in e.m
        for seeds in [min(e.seeds, plan.shard_seeds(e, m))]
    ]
    shard_runs = max(shard.runs for shard, _ in shards)
    one_shard, advice = f"execution.shard_seeds: a shard of {shard_runs:,} runs", ""
    if plan.shard_factor > 1:
        count = sum(map(plan.shard_count, experiments))
        one_shard, advice = f"seeds: one of {count:,} shards, of {shard_runs:,} runs,", _advice(experiments)
    sizes = sorted(((_write_bytes(shard), count) for shard, count in shards), reverse=True)
    at_once = list(itertools.islice((size for size, count in sizes for _ in range(count)), job_count))
    largest = max(experiments, key=partial(_table_bytes, plan))
    entries = _entries(plan, largest)
    read = max(experiments, key=_read_bytes)
    cell = "seeds: a cell" if read.kind == "drawn" else "experiments: the training"
    if read.keep == "aggregates":
        cell = "experiments: aggregates"
    return [
        (one_shard, at_once[0], advice),
        (f"execution.shard_seeds: what {len(at_once)} jobs at once draw", sum(at_once), ""),
        (f"{cell} of {read.runs_together:,} runs", _read_bytes(read), _advice([read])),
        (f"analysis: a table of {entries:,} cells, levels and norms", _table_bytes(plan, largest), ""),
        ("experiments: the widest network with its inputs", max(e.memory(e.m[-1]) for e in experiments), ""),
    ]


def disk_bytes(plan: Plan) -> float:
    """Bytes yet to be written, at most: runs, and tables, figures and pages, which may be made again."""
    return PAGE_BYTES + sum(
        _unwritten_bytes(plan, e) + _table_bytes(plan, e) + 4 * FILE_BYTES + FIGURE_BYTES
        for e in plan.experiments
    )


def _unwritten_bytes(plan: Plan, experiment: Experiment) -> float:
    """Bytes of missing shards, and of the file of all runs, taken to be as large as the shards.

    The old file in its place, which Snakemake removes first, is subtracted. 0 where that file has all shards.
    """
    if plan.is_collected(experiment.name):
        return 0.0
    shard_count = plan.shard_count(experiment)
    missing = sum(shard.runs for shard in plan.missing_shards(experiment.name))
    data, size = plan.data(experiment.name), _stored_bytes(experiment, experiment.runs, len(experiment.m))
    if data.is_file() and data.stat().st_nlink == 1:  # a file that is in an archive too stays there
        size = max(size - data.stat().st_size, 0.0)
    return _stored_bytes(experiment, missing, shard_count) + size + FILE_BYTES * shard_count


def shard_bytes(experiment: Experiment, m: int, seeds: int, threads: int) -> float:
    """Memory of a simulate job: its runs, and a worker for each thread."""
    runs = _write_bytes(Shard(experiment, 0, m, 0, seeds))
    return PROCESS_BYTES + (threads - 1) * WORKER_BYTES + threads * experiment.memory(m) + runs


def reading_bytes(experiments: list[Experiment], threads: int) -> float:
    """Memory of a job that reads runs, one cell in each thread."""
    cell = max(map(_read_bytes, experiments))
    return PROCESS_BYTES + (threads - 1) * WORKER_BYTES + threads * cell


def reading_seconds(experiments: list[Experiment], levels: int) -> float:
    """Time to read all runs of some experiments and to compute the exact laws of their cells."""
    cells = sum(experiment.table_cells for experiment in experiments)
    runs = sum(experiment.runs for experiment in experiments if experiment.keep == "runs")
    aggregates = sum(experiment.table_cells for experiment in experiments if experiment.keep == "aggregates")
    return RUN_SECONDS * runs + AGGREGATE_SECONDS * aggregates + CELL_SECONDS * levels * cells


def adding_seconds(plan: Plan, experiments: list[Experiment], threads: int) -> float:
    """Time to add up the shards of those of some experiments that keep aggregates."""
    cells = sum(
        len(plan.shards(experiment.name)) * experiment.cells_per_width
        for experiment in experiments
        if experiment.keep == "aggregates"
    )
    return ADD_SECONDS * cells / threads


def _entries(plan: Plan, experiment: Experiment) -> int:
    """Cells times levels δ and norms ‖x‖; 0 for a trained experiment, whose tables are small."""
    return experiment.table_cells * len(plan.config.delta) * len(plan.config.x_norm)


def _table_bytes(plan: Plan, experiment: Experiment) -> float:
    return ENTRY_BYTES * _entries(plan, experiment) + HISTOGRAM_BYTES * experiment.table_cells


def _stored_bytes(experiment: Experiment, runs: int, files: int) -> float:
    """Bytes of so many runs of an experiment in so many files of one width each."""
    if experiment.keep == "aggregates":
        return (AGGREGATE_FILE_BYTES + AGGREGATE_BYTES * experiment.cells_per_width) * files
    return experiment.run_bytes * runs


def _write_bytes(shard: Shard[Any]) -> float:
    if shard.experiment.keep == "aggregates":
        return AGGREGATE_MEMORY * (shard.experiment.cells_per_width + SHARD_TASKS)
    return WRITE_COPIES * shard.experiment.run_bytes * shard.runs


def _read_bytes(experiment: Experiment) -> float:
    if experiment.keep == "aggregates":
        return AGGREGATE_MEMORY * experiment.table_cells
    return READ_COPIES * experiment.run_bytes * experiment.runs_together


@lru_cache(maxsize=4096)
def _seed_seconds(experiment: Experiment, m: int) -> float:
    """Work of one seed, cached for all shards of a width: there may be a hundred thousand."""
    return experiment.seed_cost(m) / 1e9


def _memory_of_this_machine() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
