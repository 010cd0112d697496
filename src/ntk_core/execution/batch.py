"""Dask workers that are jobs of a batch system."""

from __future__ import annotations

import contextlib
import logging
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Security, SpecCluster

    from ..experiments.execution_model import JobqueueModel


def cluster_class(jobqueue: JobqueueModel) -> Any:
    """The class of dask-jobqueue for the batch system."""
    import dask_jobqueue

    return getattr(dask_jobqueue, f"{jobqueue.system.upper()}Cluster")


@contextlib.contextmanager
def batch_cluster(
    jobqueue: JobqueueModel, settings: dict[str, Any], dashboard: dict[str, Any]
) -> Iterator[SpecCluster]:
    """A scheduler in this process, its workers jobs of a batch system.

    They speak TLS with a key for this cluster alone, in the temporary folder in `settings`. Submits the first
    workers itself, so that a refusal of the batch system is an error, not an endless wait.
    """
    import dask

    cluster = cluster_class(jobqueue)(
        cores=jobqueue.cores,
        processes=1,
        memory=jobqueue.memory,
        walltime=jobqueue.walltime,
        queue=jobqueue.queue,
        interface=jobqueue.interface,
        job_extra_directives=jobqueue.directives,
        python=sys.executable,
        job_script_prologue=[
            # The library and settings of this process: a batch system may not pass its environment to jobs.
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
            cluster._created.clear()  # else Dask closes jobs that never started
            raise RuntimeError(f"{jobqueue.system} refused the jobs of Dask workers: {error}") from None
        cluster.adapt(minimum=jobqueue.minimum, maximum=jobqueue.maximum)
        yield cluster


def _temporary_security(folder: Path) -> Security:
    """A new key and its certificate, for all roles, in files that jobs on other machines read.

    Dask-jobqueue's own such files stay until Python's garbage collection.
    """
    from distributed import Security

    generated = Security.temporary()
    cert, key = folder / "cert.pem", folder / "key.pem"
    cert.write_text(generated.tls_client_cert)
    key.write_text(generated.tls_client_key)
    roles = ("client", "scheduler", "worker")
    files = {f"tls_{role}_cert": str(cert) for role in roles} | {
        f"tls_{role}_key": str(key) for role in roles
    }
    return Security(require_encryption=True, tls_ca_file=str(cert), **files)
