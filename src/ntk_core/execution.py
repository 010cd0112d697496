"""How tasks reach workers. Results come back by index, so nothing depends on order or workers."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from distributed import Client, SpecCluster

    from .config import ExecutionModel

Task = TypeVar("Task")
Result = TypeVar("Result")

TASK_COST = 3e8
"""Work of one task in nanoseconds: long against Dask's 1-2 ms a task, short against a progress line."""


@contextlib.contextmanager
def workers(execution: ExecutionModel, threads: int) -> Iterator[Client]:
    """A Dask client on the workers the execution settings ask for, closed on leaving.

    By default a local cluster of `threads` threads in this process; with `workers: processes` as many
    processes. Both listen on the loopback interface only; with `scheduler` set, the cluster behind that
    address.
    """
    import dask
    from distributed import Client  # half a second to import, and wanted here alone

    if execution.scheduler is not None:
        with Client(execution.scheduler, set_as_default=False) as client:
            yield client
        return
    settings: dict[str, Any] = {
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
        # Dask has its processes give freed memory back at once: arrays of megabytes then cost twice the time.
        "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 1 << 30,
        "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": 1 << 30,
    }
    with (
        dask.config.set(settings),
        _local_cluster(execution.workers == "processes", threads) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def _local_cluster(processes: bool, threads: int) -> SpecCluster:
    """Not `LocalCluster`: with no dashboard that leaves web servers listening on every interface."""
    from distributed import Nanny, Scheduler, SpecCluster, Worker

    common = {
        "protocol": "tcp://" if processes else "inproc://",
        "host": "127.0.0.1" if processes else None,
        "dashboard": False,
        "dashboard_address": "127.0.0.1:0",
    }
    worker = {
        "cls": Nanny if processes else Worker,
        "options": {**common, "nthreads": 1 if processes else threads, "memory_limit": 0},
    }
    return SpecCluster(
        scheduler={"cls": Scheduler, "options": {**common, "port": 0}},
        workers=dict.fromkeys(range(threads if processes else 1), worker),
        worker=worker,
        silence_logs=logging.ERROR,
    )


def compute(
    client: Client, function: Callable[[Task], Result], tasks: Sequence[Task]
) -> Iterator[tuple[int, Result]]:
    """`(index, function(tasks[index]))` as they complete. A task that fails raises its error here."""
    from distributed import as_completed

    futures = client.map(function, tasks, pure=False)
    index = {future.key: i for i, future in enumerate(futures)}
    for future, result in as_completed(futures, loop=client.loop, with_results=True):
        yield index[future.key], result
        future.release()
