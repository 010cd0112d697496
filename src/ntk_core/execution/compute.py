"""Tasks to workers: one Dask graph of independent tasks, whoever does them.

Results come back in the order of the tasks, so nothing depends on who did which.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from .versions import Result, Task, check_versions, checked_call, environment

if TYPE_CHECKING:
    from distributed import Client

Workers: TypeAlias = "int | Client"
"""Who does the tasks: so many threads of this process, or the workers behind a Dask client."""

TASK_COST = 3e8
"""Work of one task in nanoseconds: long against Dask's 1-2 ms a task, short against a progress line."""


def compute(
    workers: Workers | None,
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    each: Callable[[Result], object] = lambda _: None,
) -> list[Result]:
    """`function` of each task, in the order of the tasks. A task that fails raises its error here.

    `each` is called here with every result as soon as its task is done. Without workers (None) the tasks are
    done one after the other, and Dask need not be installed. A task whose worker was killed is done again by
    another. Raises `MismatchError` where the workers' versions differ from those of this process.
    """
    if workers is None:
        results = []
        for task in tasks:
            results.append(function(task))
            each(results[-1])
        return results
    if not isinstance(workers, int):
        return _compute_distributed(workers, function, tasks, each)
    from dask import local, threaded
    from dask.callbacks import Callback

    get = local.get_sync if workers == 1 else threaded.get
    graph = {str(i): (functools.partial(function, task),) for i, task in enumerate(tasks)}
    with Callback(posttask=lambda _key, result, *_: each(result)):
        return list(get(graph, list(graph), num_workers=workers))


def _compute_distributed(
    client: Client,
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    each: Callable[[Result], object],
) -> list[Result]:
    from distributed import CancelledError, as_completed

    check_versions(client)
    call = functools.partial(checked_call, environment(), function)
    name = uuid.uuid4().hex
    graph = {f"{name}-{i}": (functools.partial(call, task),) for i, task in enumerate(tasks)}
    futures = client.get(graph, list(graph), sync=False)
    results: dict[str, Result] = {}
    done = as_completed(futures, loop=client.loop, with_results=True, raise_errors=False)
    for future, result in done:
        if isinstance(result, CancelledError):
            raise result
        # Not by the future's status: that is "pending" again if the worker was lost after it gave its result.
        if len(result) != 1:
            _, error, trace = result
            raise error.with_traceback(trace)
        results[future.key] = result[0]
        each(result[0])
        future.release()
    return [results[key] for key in graph]
