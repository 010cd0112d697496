"""The workers that the execution settings ask for.

1. Threads of this process, by Dask's single-machine schedulers.
2. `distributed`, with a scheduler in this process: workers are processes, or jobs of a batch system.
3. The workers of a running Dask scheduler, by its address.

Nothing listens beyond this machine's loopback interface unless it speaks TLS with certificates on both sides.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..experiments.section import ConfigError
from .batch import batch_cluster, cluster_class
from .compute import Workers
from .private_folder import temporary_folder

if TYPE_CHECKING:
    from distributed import Security, SpecCluster

    from ..experiments.execution_model import ExecutionModel

ALLOWED_FAILURES = 20
"""Workers that one task may lose before it fails."""


def check(execution: ExecutionModel) -> None:
    """Raise `ConfigError` for settings that cannot work on this machine. Starts nothing."""
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
    for setting, packages in needs.items():
        if missing := [name for name in packages if importlib.util.find_spec(name) is None]:
            raise ConfigError(f"{setting}; allowed: only with the package {' and '.join(missing)} installed")
    if execution.workers == "jobqueue":
        assert execution.jobqueue is not None
        command = shlex.split(cluster_class(execution.jobqueue).job_cls.submit_command)[0]
        if shutil.which(command) is None:
            system = execution.jobqueue.system
            raise ConfigError(
                f"execution.jobqueue.system is {system!r}; allowed: only where {command} is installed"
            )
        for path in (str(Path.cwd()), sys.executable):  # job scripts and options contain them
            if shlex.quote(path) != path:
                raise ConfigError(
                    "execution.workers is 'jobqueue'; allowed: only in a folder and with a Python whose "
                    f"paths have no spaces or quotes, unlike {path!r}"
                )


@contextlib.contextmanager
def workers(execution: ExecutionModel, threads: int) -> Iterator[Workers]:
    """The workers that the execution settings ask for, closed on exit.

    By default `threads` threads of this process; with `workers: processes` as many processes; with
    `workers: jobqueue` jobs of a batch system, as many as the work needs; with `scheduler` the workers of
    the scheduler at that address. Raises `ConnectionError` if that scheduler does not answer or is lost.
    """
    if execution.scheduler is None and execution.workers == "threads":
        yield threads
        return
    import dask
    from distributed import CancelledError, Client  # half a second to import
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
                batch = batch_cluster(execution.jobqueue, settings, dashboard)
                cluster = stack.enter_context(batch)
            else:
                cluster = stack.enter_context(_local_cluster(threads, dashboard))
        if execution.dashboard:
            port = cluster.scheduler.http_server.port  # Dask's own link names a host where nothing listens
            logging.info("dashboard: http://127.0.0.1:%d/status", port)
        address = getattr(cluster, "scheduler_address", cluster)
        try:
            client = stack.enter_context(Client(cluster, security=_security(execution), set_as_default=False))
        except OSError as error:
            raise ConnectionError(f"the Dask scheduler at {address} does not answer: {error}") from None
        try:
            yield client
        except (CancelledError, CommClosedError):
            logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # its errors would repeat ours
            raise ConnectionError(
                f"the Dask scheduler at {address} is lost. Finished shards stay: start another and run again"
            ) from None


_SETTINGS: dict[str, Any] = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.scheduler.allowed-failures": ALLOWED_FAILURES,
    "distributed.deploy.lost-worker-timeout": "5s",
    # By default Dask's processes return freed memory at once, which doubles the time of arrays of megabytes.
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
    import dask
    from distributed import Nanny, Scheduler, Security, SpecCluster

    quiet = {"distributed.nanny.pre-spawn-environ.DASK_LOGGING__DISTRIBUTED": "error"}
    security = Security.temporary()  # other users of the machine can reach its ports
    common = {"protocol": "tls://", "host": "127.0.0.1", "security": security}
    web = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
    worker = {"cls": Nanny, "options": {**common, **web, "nthreads": 1, "memory_limit": 0}}
    scheduler = {"cls": Scheduler, "options": {**common, **dashboard, "port": 0}}
    with (
        dask.config.set(quiet),
        SpecCluster(
            scheduler=scheduler,
            workers=dict.fromkeys(range(processes), worker),
            worker=worker,
            security=security,
            silence_logs=logging.ERROR,
        ) as cluster,
    ):
        cluster.adapt(minimum=processes, maximum=processes)  # replaces a dead nanny
        yield cluster
