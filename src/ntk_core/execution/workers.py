"""How tasks reach workers: one Dask graph of independent tasks, and three ways to run it.

1. In this process, on Dask's single-machine schedulers: one task after another, or on threads.
2. On `distributed`, with a scheduler in this process: workers are processes, or jobs of a batch system.
3. On a Dask scheduler that runs already, by its address.

Results come back in the order of the tasks, so nothing depends on who did which. Nothing listens beyond this
machine's loopback interface unless it speaks TLS with certificates on both sides. No task is done by a worker
whose versions could change a bit, or whose folder another user could fill with code: Dask looks there for
modules first.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import importlib.util
import logging
import os
import platform
import shlex
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from .. import __version__
from ..sampling.streams import FORMAT_VERSION
from .private_folder import temporary_folder, writable_by_others

if TYPE_CHECKING:
    from distributed import Client, Security, SpecCluster

    from ..experiments.config import ExecutionModel, JobqueueModel

Task = TypeVar("Task")
Result = TypeVar("Result")

Workers: TypeAlias = "int | Client"
"""Who does the tasks: so many threads of this process, or the workers behind a Dask client."""

TASK_COST = 3e8
"""Work of one task in nanoseconds: long against Dask's 1-2 ms a task, short against a progress line."""

ALLOWED_FAILURES = 20
"""How many workers may be lost with one task before the task is given up."""


class MismatchError(RuntimeError):
    """A worker whose results could differ in bits, or whose code another user could replace."""


def check(execution: ExecutionModel) -> None:
    """Refuse settings that cannot work here. Raises `ConfigError`; starts nothing."""
    from ..experiments.config import ConfigError

    for name, path in execution.tls or ():
        if not os.access(path, os.R_OK) or not Path(path).is_file():
            raise ConfigError(f"execution.tls.{name} is {path!r}; allowed: a file that can be read")
    if execution.scheduler is not None:
        return
    if execution.dashboard and execution.workers == "threads":
        raise ConfigError(
            "execution.dashboard is true; allowed: only where execution.workers is processes or jobqueue"
        )
    needs = {"execution.dashboard is true": ["bokeh"]} if execution.dashboard else {}
    if execution.workers != "threads":
        packages = ["cryptography", "dask_jobqueue"][: 1 + (execution.workers == "jobqueue")]
        needs[f"execution.workers is {execution.workers!r}"] = packages
    for fault, packages in needs.items():
        if lacking := [name for name in packages if importlib.util.find_spec(name) is None]:
            raise ConfigError(f"{fault}; allowed: only with the package {' and '.join(lacking)} installed")
    if execution.workers == "jobqueue":
        assert execution.jobqueue is not None
        command = shlex.split(_cluster_class(execution.jobqueue).job_cls.submit_command)[0]
        if shutil.which(command) is None:
            system = execution.jobqueue.system
            raise ConfigError(f"execution.jobqueue.system is {system!r}; allowed: only where {command} is")
        if shlex.quote(str(Path.cwd())) != str(Path.cwd()):  # it is in the scripts and options of the jobs
            raise ConfigError(
                "execution.workers is 'jobqueue'; allowed: only in a folder without spaces or quotes"
            )


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

    _check_versions(client)
    call = functools.partial(_checked, environment(), function)
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


@contextlib.contextmanager
def workers(execution: ExecutionModel, threads: int) -> Iterator[Workers]:
    """The workers the execution settings ask for, gone on leaving.

    By default `threads` threads of this process; with `workers: processes` as many processes; with
    `workers: jobqueue` jobs of a batch system, as many as there is work for; with `scheduler` set, those of
    the scheduler at that address. Raises `ConnectionError` if that scheduler does not answer or is lost.
    """
    if execution.scheduler is None and execution.workers == "threads":
        yield threads
        return
    import dask
    from distributed import CancelledError, Client  # half a second to import, and wanted here alone
    from distributed.comm.core import CommClosedError

    with contextlib.ExitStack() as stack:
        if execution.scheduler is not None:
            cluster: Any = execution.scheduler
        else:
            folder = stack.enter_context(temporary_folder())
            settings = {**_SETTINGS, "temporary-directory": str(folder)}
            stack.enter_context(dask.config.set(settings))
            dashboard = {
                "dashboard": execution.dashboard,
                "dashboard_address": f"127.0.0.1:{8787 if execution.dashboard else 0}",
            }
            if execution.workers == "jobqueue":
                assert execution.jobqueue is not None
                batch = _batch_cluster(execution.jobqueue, settings, dashboard)
                cluster = stack.enter_context(batch)
            else:
                cluster = stack.enter_context(_local_cluster(threads, dashboard))
        if execution.dashboard and execution.scheduler is None:
            port = cluster.scheduler.http_server.port  # Dask itself names a host where nothing listens
            logging.info("dashboard: http://127.0.0.1:%d/status", port)
        address = getattr(cluster, "scheduler_address", cluster)
        try:
            client = stack.enter_context(Client(cluster, security=_security(execution), set_as_default=False))
        except OSError as error:
            raise ConnectionError(f"the Dask scheduler at {address} does not answer: {error}") from None
        try:
            yield client
        except (CancelledError, CommClosedError):
            logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # it has no more to say
            raise ConnectionError(
                f"the Dask scheduler at {address} is gone. What is finished stays: run again with a new one"
            ) from None


_SETTINGS: dict[str, Any] = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.scheduler.allowed-failures": ALLOWED_FAILURES,
    "distributed.deploy.lost-worker-timeout": "5s",
    # Dask has its processes give freed memory back at once: arrays of megabytes then cost twice the time.
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 1 << 30,
    "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": 1 << 30,
}


def _security(execution: ExecutionModel) -> Security | None:
    from distributed import Security

    if execution.tls is None or execution.scheduler is None:
        return None
    return Security(
        require_encryption=True,
        tls_ca_file=execution.tls.ca_file,
        tls_client_cert=execution.tls.cert,
        tls_client_key=execution.tls.key,
    )


@contextlib.contextmanager
def _local_cluster(processes: int, dashboard: dict[str, Any]) -> Iterator[SpecCluster]:
    """Not `LocalCluster`: its workers show a dashboard, or listen on every interface with a web server."""
    from distributed import Nanny, Scheduler, Security, SpecCluster

    security = Security.temporary()  # other users of the machine reach its ports too
    common = {"protocol": "tls://", "host": "127.0.0.1", "security": security}
    web = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
    worker = {"cls": Nanny, "options": {**common, **web, "nthreads": 1, "memory_limit": 0}}
    scheduler = {"cls": Scheduler, "options": {**common, **dashboard, "port": 0}}
    with SpecCluster(
        scheduler=scheduler,
        workers=dict.fromkeys(range(processes), worker),
        worker=worker,
        security=security,
        silence_logs=logging.ERROR,
    ) as cluster:
        cluster.adapt(minimum=processes, maximum=processes)  # anew where a nanny dies with its worker
        yield cluster


def _cluster_class(jobqueue: JobqueueModel) -> Any:
    import dask_jobqueue

    return getattr(dask_jobqueue, f"{jobqueue.system.upper()}Cluster")


@contextlib.contextmanager
def _batch_cluster(
    jobqueue: JobqueueModel, settings: dict[str, Any], dashboard: dict[str, Any]
) -> Iterator[SpecCluster]:
    """A scheduler in this process, its workers jobs of a batch system.

    They speak TLS with a key made for this cluster alone, in the temporary folder that `settings` name. The
    first workers are asked for here, so that a refusal of the batch system is an error, not an endless wait.
    """
    import dask

    cluster = _cluster_class(jobqueue)(
        cores=jobqueue.cores,
        processes=1,
        memory=jobqueue.memory,
        walltime=jobqueue.walltime,
        queue=jobqueue.queue,
        interface=jobqueue.interface,
        job_extra_directives=jobqueue.directives,
        python=sys.executable,
        job_script_prologue=[
            # The library and the settings of this process, which a batch system need not hand on.
            f"export PYTHONPATH={shlex.quote(str(Path(__file__).parents[2]))}",
            f"export DASK_INTERNAL_INHERIT_CONFIG={dask.config.serialize(settings)}",
        ],
        worker_extra_args=["--no-dashboard", "--dashboard-address", "127.0.0.1:0"],
        log_directory=str(Path.cwd() / "logs" / "workers"),
        protocol="tls://",
        security=_temporary_security(Path(settings["temporary-directory"])),
        scheduler_options=dashboard,
        silence_logs=logging.ERROR,
    )
    with cluster:
        for _ in range(jobqueue.minimum):
            cluster.worker_spec.update(cluster.new_worker_spec())
        try:
            cluster.sync(cluster._correct_state)
        except RuntimeError as error:
            cluster._created.clear()  # Dask insists on closing them, also those that never were
            raise RuntimeError(f"{jobqueue.system} takes no workers: {error}") from None
        cluster.adapt(minimum=jobqueue.minimum, maximum=jobqueue.maximum)
        yield cluster


def _temporary_security(folder: Path) -> Security:
    """A new key and its certificate, for all roles, in files that jobs on other machines read.

    Dask-jobqueue's own files of the kind are gone only when Python collects them as garbage.
    """
    from distributed import Security

    made = Security.temporary()
    cert, key = folder / "cert.pem", folder / "key.pem"
    cert.write_text(made.tls_client_cert)
    key.write_text(made.tls_client_key)
    roles = ("client", "scheduler", "worker")
    files = {f"tls_{role}_cert": str(cert) for role in roles} | {
        f"tls_{role}_key": str(key) for role in roles
    }
    return Security(require_encryption=True, tls_ca_file=str(cert), **files)


@functools.cache
def environment() -> dict[str, str]:
    """All of this process that can change a bit of a result."""
    from ..experiments.plan import library_digest  # which imports what a worker needs for this alone

    packages = {name: importlib.metadata.version(name) for name in ("numpy", "scipy", "numba", "llvmlite")}
    return {
        "ntk_core": f"{__version__} (code {library_digest()}, format {FORMAT_VERSION})",
        "Python": ".".join(platform.python_version_tuple()[:2]),
        **packages,
        "C library": " ".join(platform.libc_ver()),
        "processor": f"{platform.machine()}, {sys.byteorder}-endian",
    }


def _report(dask_worker: Any = None, dask_scheduler: Any = None) -> tuple[dict[str, str], Path | None]:
    """What a Dask process is, and what of the path of its folder another user could replace."""
    return environment(), writable_by_others(Path((dask_worker or dask_scheduler).local_directory))


def _refuse_others(
    process: str, report: tuple[dict[str, str], Path | None], expected: dict[str, str]
) -> None:
    versions, exposed = report
    for name, version in expected.items():
        if versions.get(name) != version:
            raise MismatchError(
                f"the {process} has {name} {versions.get(name)}, this process {name} {version}: "
                "bits could differ. Start scheduler and workers from the environment of this process"
            )
    if exposed is not None:
        raise MismatchError(
            f"the {process} has its temporary folder in {exposed}, where another user could put code that it "
            "runs. Start it with --local-directory and a folder that only you can write"
        )


def _check_versions(client: Client) -> None:
    """Refuse a scheduler (tasks pass through it unpacked) or workers other than this process."""
    reports: dict[str, Any] = client.run(_report, on_error="return")
    reports = {
        f"worker {address}": it for address, it in reports.items() if not isinstance(it, OSError)
    }  # lost
    try:
        reports["Dask scheduler"] = client.run_on_scheduler(_report)
    except (ImportError, AttributeError) as error:
        reports["Dask scheduler"] = error
    for process, report in reports.items():
        if isinstance(report, Exception):
            raise MismatchError(f"the {process} does not have this version of ntk_core: {report}")
        _refuse_others(process, report, environment())


def _checked(expected: dict[str, str], function: Callable[[Task], Result], task: Task) -> tuple[Result]:
    """One task, on a worker that may have joined after all others were looked at."""
    from distributed import get_worker

    worker = get_worker()
    _refuse_others(f"worker {worker.address}", _report(worker), expected)
    return (function(task),)
