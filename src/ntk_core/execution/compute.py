"""Run independent tasks as one Dask graph on any kind of workers.

Results have the order of the tasks, so nothing depends on which worker ran which task.
"""

from __future__ import annotations

import functools
import logging
import sys
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from .versions import Result, Task, check_versions, checked_call, environment

if TYPE_CHECKING:
    from distributed import Client

Workers: TypeAlias = "int | Client"
"""A number of threads of this process, or the workers of a Dask client."""

TASK_COST = 3e8
"""Work of one task in nanoseconds: long against Dask's 1-2 ms a task, short against a progress line."""

PATIENCE = 10.0
"""Seconds after which it is said that a scheduler has no workers."""


def compute(
    workers: Workers | None,
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    on_result: Callable[[Result], object] = lambda _: None,
) -> list[Result]:
    """`function` of each task, in the order of the tasks. Raises the error of a task that fails.

    This process calls `on_result` with every result as soon as its task ends. Without workers (None) the
    tasks run one after the other, and Dask need not be installed. Another worker repeats a task whose worker
    was killed. Raises `MismatchError` where the workers' versions differ from those of this process.
    """
    if workers is None:
        results = []
        for task in tasks:
            results.append(function(task))
            on_result(results[-1])
        return results
    if not isinstance(workers, int):
        return _compute_distributed(workers, function, tasks, on_result)
    from dask import local, threaded
    from dask.callbacks import Callback

    get = local.get_sync if workers == 1 else threaded.get
    graph = {str(i): (functools.partial(function, task),) for i, task in enumerate(tasks)}
    with Callback(posttask=lambda _key, result, *_: on_result(result)):
        return list(get(graph, list(graph), num_workers=workers))


def _compute_distributed(
    client: Client,
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    on_result: Callable[[Result], object],
) -> list[Result]:
    from distributed import CancelledError, as_completed

    check_versions(client)
    call = functools.partial(checked_call, environment(), function)
    name = uuid.uuid4().hex
    graph = {f"{name}-{i}": (functools.partial(call, task),) for i, task in enumerate(tasks)}
    futures = client.get(graph, list(graph), sync=False)
    _say_if_without_workers(client)
    results: dict[str, Result] = {}
    completions = as_completed(futures, loop=client.loop, with_results=True, raise_errors=False)
    for future, result in completions:
        if isinstance(result, CancelledError):
            raise result
        # The future's status does not say: it returns to "pending" if the worker is lost after its result.
        if len(result) != 1:
            _, error, trace = result
            raise error.with_traceback(trace)
        results[future.key] = result[0]
        on_result(result[0])
        future.release()
    return [results[key] for key in graph]


def _say_if_without_workers(client: Client) -> None:
    """Say, in the log and on standard error, that work waits for workers: it does so without an end."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        address = client.scheduler_info()["address"]
        text = f"the Dask scheduler at {address} has no workers; waiting for the first"
        logging.getLogger(__name__).warning(text)
        print(text, file=sys.stderr)
