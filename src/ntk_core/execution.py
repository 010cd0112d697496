"""How tasks reach workers. Results come back by index, so nothing depends on order or workers.

Nothing listens beyond this machine's loopback interface unless it speaks TLS with certificates on both sides,
and no task is done by a worker whose versions could change a bit.
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
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from . import __version__
from .seeding import FORMAT_VERSION

if TYPE_CHECKING:
    from distributed import Client, Security, SpecCluster

    from .config import ExecutionModel, JobqueueModel

Task = TypeVar("Task")
Result = TypeVar("Result")

TASK_COST = 3e8
"""Work of one task in nanoseconds: long against Dask's 1-2 ms a task, short against a progress line."""

PATIENCE = 5
"""How often a task is handed out anew after Dask gave it up, which it does when four workers died with it."""

KEYS = ".workers-"
"""How the folder begins, in the working directory, that holds the temporary keys of batch workers."""


class MismatchError(RuntimeError):
    """A worker whose results could differ in bits from those of this process."""


def check(execution: ExecutionModel) -> None:
    """Refuse settings that cannot work here. Raises `ConfigError`; starts nothing."""
    from .config import ConfigError

    for name, path in execution.tls or ():
        if not os.access(path, os.R_OK) or not Path(path).is_file():
            raise ConfigError(f"execution.tls.{name} is {path!r}; allowed: a file that can be read")
    if execution.scheduler is not None:
        return
    needs = {"execution.dashboard is true": ["bokeh"]} if execution.dashboard else {}
    if execution.workers == "jobqueue":
        needs["execution.workers is 'jobqueue'"] = ["dask_jobqueue", "cryptography"]
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


@contextlib.contextmanager
def workers(execution: ExecutionModel, threads: int) -> Iterator[Client]:
    """A Dask client on the workers the execution settings ask for, closed on leaving.

    By default a local cluster of `threads` threads in this process; with `workers: processes` as many
    processes; with `workers: jobqueue` jobs of a batch system, as many as there is work for; with `scheduler`
    set, the cluster behind that address. Raises `ConnectionError` if the scheduler is not there or lost.
    """
    import dask
    from distributed import CancelledError, Client  # half a second to import, and wanted here alone
    from distributed.comm.core import CommClosedError

    settings: dict[str, Any] = {
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
        # Dask has its processes give freed memory back at once: arrays of megabytes then cost twice the time.
        "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 1 << 30,
        "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": 1 << 30,
    }
    dashboard = {
        "dashboard": execution.dashboard,
        "dashboard_address": f"127.0.0.1:{8787 if execution.dashboard else 0}",
    }
    with contextlib.ExitStack() as stack:
        stack.enter_context(dask.config.set(settings))
        if execution.scheduler is not None:
            cluster: Any = execution.scheduler
        elif execution.workers == "jobqueue":
            assert execution.jobqueue is not None
            cluster = stack.enter_context(_batch_cluster(execution.jobqueue, settings, dashboard))
        else:
            stack.enter_context(dask.config.set({"distributed.deploy.lost-worker-timeout": "5s"}))
            local = _local_cluster(execution.workers == "processes", threads, dashboard)
            cluster = stack.enter_context(local)
            if execution.workers == "processes":
                cluster.adapt(minimum=threads, maximum=threads)  # anew if a nanny goes, too
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


def _local_cluster(processes: bool, threads: int, dashboard: dict[str, Any]) -> SpecCluster:
    """Not `LocalCluster`: with no dashboard that leaves web servers listening on every interface."""
    from distributed import Nanny, Scheduler, SpecCluster, Worker

    common = {
        "protocol": "tcp://" if processes else "inproc://",
        "host": "127.0.0.1" if processes else None,
    }
    worker = {
        "cls": Nanny if processes else Worker,
        "options": {
            **common,
            "dashboard": False,
            "dashboard_address": "127.0.0.1:0",
            "nthreads": 1 if processes else threads,
            "memory_limit": 0,
        },
    }
    return SpecCluster(
        scheduler={"cls": Scheduler, "options": {**common, **dashboard, "port": 0}},
        workers=dict.fromkeys(range(threads if processes else 1), worker),
        worker=worker,
        silence_logs=logging.ERROR,
    )


def _cluster_class(jobqueue: JobqueueModel) -> Any:
    import dask_jobqueue

    return getattr(dask_jobqueue, f"{jobqueue.system.upper()}Cluster")


@contextlib.contextmanager
def _batch_cluster(
    jobqueue: JobqueueModel, settings: dict[str, Any], dashboard: dict[str, Any]
) -> Iterator[SpecCluster]:
    """A scheduler in this process, its workers jobs of a batch system.

    They speak TLS with a key made for this cluster alone, in a folder that only this user can read. The first
    workers are asked for here, so that a refusal of the batch system is an error and not an endless wait.
    """
    import dask

    here = Path.cwd()
    with tempfile.TemporaryDirectory(prefix=KEYS, dir=here) as keys:
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
                f"export PYTHONPATH={shlex.quote(str(Path(__file__).parents[1]))}",
                f"export DASK_INTERNAL_INHERIT_CONFIG={dask.config.serialize(settings)}",
            ],
            worker_extra_args=["--no-dashboard", "--dashboard-address", "127.0.0.1:0"],
            log_directory=str(here / "logs" / "workers"),
            protocol="tls://",
            security=_temporary_security(Path(keys)),
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
    """A new key and its certificate, for all roles, in files that jobs on other machines read."""
    from distributed import Security

    made = Security.temporary()
    for name, text in (("cert", made.tls_client_cert), ("key", made.tls_client_key)):
        (folder / f"{name}.pem").write_text(text)
    cert, key = str(folder / "cert.pem"), str(folder / "key.pem")
    roles = {f"tls_{role}": {"cert": cert, "key": key} for role in ("client", "scheduler", "worker")}
    files = {f"{role}_{name}": file for role, pair in roles.items() for name, file in pair.items()}
    return Security(require_encryption=True, tls_ca_file=cert, **files)


@functools.cache
def environment() -> dict[str, str]:
    """All of this process that can change a bit of a result."""
    from .plan import library_digest  # which imports what a worker needs for this alone

    packages = {name: importlib.metadata.version(name) for name in ("numpy", "scipy", "numba", "llvmlite")}
    return {
        "ntk_core": f"{__version__} (code {library_digest()}, format {FORMAT_VERSION})",
        "Python": ".".join(platform.python_version_tuple()[:2]),
        **packages,
        "C library": " ".join(platform.libc_ver()),
        "processor": f"{platform.machine()}, {sys.byteorder}-endian",
    }


def _refuse_others(process: str, found: dict[str, str], expected: dict[str, str]) -> None:
    for name, version in expected.items():
        if found.get(name) != version:
            raise MismatchError(
                f"the {process} has {name} {found.get(name)}, this process {name} {version}: "
                "bits could differ. Start scheduler and workers from the environment of this process"
            )


def _check_versions(client: Client) -> None:
    """Refuse a scheduler (tasks pass through it unpacked) or workers other than this process."""
    expected = environment()
    found: dict[str, Any] = client.run(environment, on_error="return")
    found = {f"worker {address}": it for address, it in found.items() if not isinstance(it, OSError)}  # lost
    try:
        found["Dask scheduler"] = client.run_on_scheduler(environment)
    except (ImportError, AttributeError) as error:
        found["Dask scheduler"] = error
    for process, it in found.items():
        if isinstance(it, Exception):
            raise MismatchError(f"the {process} does not have this version of ntk_core: {it}")
        _refuse_others(process, it, expected)


def _checked(expected: dict[str, str], function: Callable[[Task], Result], task: Task) -> tuple[Result]:
    """One task, on a worker that may have joined after all others were looked at."""
    if environment() != expected:
        from distributed import get_worker

        _refuse_others(f"worker {get_worker().address}", environment(), expected)
    return (function(task),)


def compute(
    client: Client | None, function: Callable[[Task], Result], tasks: Sequence[Task]
) -> Iterator[tuple[int, Result]]:
    """`(index, function(tasks[index]))` as they complete. A task that fails raises its error here.

    Without a client they are done here, one after the other. With one, a task whose worker was killed is done
    again, by another worker; only a task that took some twenty workers with it is given up. Raises
    `MismatchError` where versions differ from those of this process.
    """
    if client is None:
        yield from ((i, function(task)) for i, task in enumerate(tasks))
        return
    from distributed import CancelledError, KilledWorker, as_completed

    _check_versions(client)
    call = functools.partial(_checked, environment(), function)
    futures = client.map(call, tasks, pure=False)
    index = {future.key: i for i, future in enumerate(futures)}
    given_up: Counter[int] = Counter()
    done = as_completed(futures, loop=client.loop, with_results=True, raise_errors=False)
    for future, result in done:
        i = index[future.key]
        if isinstance(result, CancelledError):
            raise result
        # Not by the future's status: that is "pending" again if the worker was lost after it gave its result.
        if len(result) == 1:
            yield i, result[0]
        else:
            _, error, trace = result
            if not isinstance(error, KilledWorker) or given_up[i] == PATIENCE:
                raise error.with_traceback(trace)
            given_up[i] += 1
            again = client.submit(call, tasks[i], pure=False)
            index[again.key] = i
            done.add(again)
        future.release()
