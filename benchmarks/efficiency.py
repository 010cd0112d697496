"""What Dask costs a job of 1 to 16 workers: its own graph, with tasks that sleep as long as real ones take.

In: nothing. Out: the efficiency tasks × length / (workers × time) by kind and number of workers, for stored
runs and for aggregates. Length, arguments and size of the results are those of a real task, measured before.
Sleeping workers compete for no cores, so what is missing to 1 is the client, the scheduler, and what goes
between them.
"""

from __future__ import annotations

import functools
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ntk_core.datasets.aggregates import aggregate_pieces
from ntk_core.datasets.shard import simulate_pieces
from ntk_core.execution.compute import TASK_COST, compute
from ntk_core.execution.workers import workers
from ntk_core.experiments.config import parse_config
from ntk_core.experiments.config_file import read_config_file
from ntk_core.experiments.drawn import SHARD_TASKS, DrawnExperiment, tasks
from ntk_core.experiments.execution_model import ExecutionModel
from ntk_core.experiments.shards import Shard
from ntk_core.network import Array
from ntk_core.sampling.cell import Cell
from ntk_core.sampling.samplers import simulate

from .paths import ROOT
from .report import table

GRID = ROOT / "config/examples/big.yaml"
WIDTH = 2**16
COUNTS = (1, 2, 4, 8, 16)
TASKS = SHARD_TASKS // COUNTS[-1]
"""Tasks of a worker: as many as a shard of aggregates has for each of 16 workers."""

LEVELS = 250
"""Values that each run is compared with, where aggregates are kept: about as many as the grid has."""

KINDS = ("threads", "processes")


def measure() -> dict[str, Any]:
    """By what is kept: seconds of a real task, the bytes it takes and gives, and efficiencies by kind."""
    grid = parse_config(read_config_file(GRID)).drawn_experiment("wide")
    results: dict[str, Any] = {keep: _real_task(replace(grid, keep=keep)) for keep in ("runs", "aggregates")}
    shares = {
        kind: [_efficiencies(kind, count, list(results.values())) for count in COUNTS] for kind in KINDS
    }
    for number, route in enumerate(results.values()):
        route["efficiency"] = {kind: [of_count[number] for of_count in shares[kind]] for kind in KINDS}
        del route["work"]
    return results


def markdown(results: dict[str, Any], command: str, machine: str) -> str:
    """The table a person reads."""
    lines = ["# What Dask costs a job", "", f"{machine}. Made by `{command}`.", ""]
    lines += [
        f"Efficiency: tasks × length / (workers × time), {TASKS} tasks a worker, which sleep as long as a",
        f"real task of `{GRID.relative_to(ROOT)}` at m = 2^16 computes, take its arguments and return as",
        "many bytes. The time is that of `execution.compute.compute`: comparing the versions of all",
        "workers, building and sending the graph, the scheduler, TLS, and the results in the job's",
        "process. Apart from it: starting workers, and what they load.",
        "",
    ]
    rows = [["keep", "workers", *map(str, COUNTS)]]
    for keep, route in results.items():
        rows += [[keep, kind, *(f"{one:.3f}" for one in route["efficiency"][kind])] for kind in KINDS]
    lines += table(rows)
    sizes = [["keep", "seconds", "bytes taken", "bytes given"]]
    sizes += [
        [keep, f"{route['seconds']:.2f}", f"{route['taken']:,}", f"{route['given']:,}"]
        for keep, route in results.items()
    ]
    return "\n".join([*lines, "", "## A real task", "", *table(sizes)]) + "\n"


def _real_task(grid: DrawnExperiment) -> dict[str, Any]:
    shard = Shard(grid, 0, WIDTH, 0, grid.shard_seeds(WIDTH, grid.seeds))
    dear = grid.keep == "aggregates"
    pieces = tasks(shard, max(TASK_COST, shard.cost() / SHARD_TASKS) if dear else TASK_COST)[0]
    function: Callable[[Any], Any] = partial(simulate_pieces, 0)
    work: list[Any] = list(pieces)
    if dear:
        function = partial(aggregate_pieces, 0)
        work = [(piece, thresholds(piece.cell)) for piece in pieces]
    function(work)  # compiles, makes tables
    began = time.thread_time()
    result = function(work)
    seconds = time.thread_time() - began
    taken, given = (len(pickle.dumps(one, protocol=5)) for one in (work, result))
    return {"seconds": seconds, "taken": taken, "given": given, "work": work}


def thresholds(cell: Cell) -> Array:
    """Values to compare a cell's runs with: quantiles of its runs; `(quantities, LEVELS)`."""
    return np.quantile(simulate(0, cell, 0, 4096), np.linspace(0.0, 1.0, LEVELS), axis=1).T


def _efficiencies(kind: str, count: int, routes: Sequence[dict[str, Any]]) -> list[float]:
    """Of each route, on the same workers."""
    shares = []
    with workers(ExecutionModel.model_validate({"workers": kind}), count) as executors:
        if not isinstance(executors, int):
            executors.wait_for_workers(count)
        for route in routes:
            task = (route["seconds"], route["given"], route["work"])
            compute(executors, sleep, [(0.1, *task[1:])] * TASKS * count)  # every worker loads the library
            began = time.perf_counter()
            compute(executors, sleep, [task] * TASKS * count)
            shares.append(TASKS * task[0] / (time.perf_counter() - began))
    return shares


def sleep(task: tuple[float, int, Any]) -> np.ndarray:
    """A task of so many seconds that returns so many bytes, whatever the work."""
    seconds, size, _ = task
    time.sleep(seconds)
    return _bytes(size)


@functools.cache
def _bytes(size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, size, np.uint8)
