"""Schedulers and workers of Dask as processes of their own, and what listens on this machine."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import psutil
from conftest import ROOT
from distributed import Client, Security

QUIET = ("--no-dashboard", "--dashboard-address", "127.0.0.1:0")
LOOPBACK = {"127.0.0.1", "::1"}


class Tls:
    """A key and certificate in files, and the options that name them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        made = Security.temporary()
        self.files = {"ca_file": folder / "ca.pem", "cert": folder / "cert.pem", "key": folder / "key.pem"}
        contents = (made.tls_ca_file, made.tls_client_cert, made.tls_client_key)
        for file, content in zip(self.files.values(), contents, strict=True):
            file.write_text(content)

    @property
    def keys(self) -> dict[str, str]:
        return {name: str(file) for name, file in self.files.items()}

    @property
    def options(self) -> list[str]:
        return [f"--tls-{name.replace('_', '-')}={file}" for name, file in self.keys.items()]


class Processes:
    """Dask processes that end, by SIGKILL, when the test does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen] = []

    def start(self, module: str, *arguments: str, library: str = str(ROOT / "src")) -> subprocess.Popen:
        """`library` is where the process finds this package, and anything else it finds first."""
        with (self.folder / f"{module}-{len(self.started)}.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{module}", *arguments, *QUIET],
                # A nanny of this process may have left another level of the log here.
                env={**os.environ, "PYTHONPATH": library, "DASK_LOGGING__DISTRIBUTED": "info"},
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self.folder,
            )
        self.started.append(process)
        return process

    def scheduler(self, *options: str, library: str = str(ROOT / "src")) -> tuple[subprocess.Popen, str]:
        """A scheduler on a free port of the loopback interface, and its address."""
        number = len(self.started)
        process = self.start("dask_scheduler", "--host=127.0.0.1", "--port=0", *options, library=library)
        log = self.folder / f"dask_scheduler-{number}.log"
        until(lambda: "Scheduler at:" in log.read_text())
        address = re.search(r"Scheduler at: *(\S+)", log.read_text())
        assert address
        return process, address[1]

    def worker(self, address: str, *options: str, library: str = str(ROOT / "src")) -> subprocess.Popen:
        return self.start("dask_worker", address, "--nthreads=1", *options, library=library)

    def stop(self) -> None:
        for process in self.started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.05)


def workers_of(client: Client) -> list[str]:
    """The workers that the scheduler has now.

    Not by `client.scheduler_info()`: every two seconds a timer of the client fetches that without workers,
    and what it fetched may be what that returns.
    """
    return list(client.sync(client.scheduler.identity, n_workers=-1)["workers"])


def listening(processes: Iterable[psutil.Process]) -> Iterator[tuple[str, int]]:
    """Address and port of every listening socket of these processes."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            for connection in process.net_connections(kind="inet"):
                if connection.status == psutil.CONN_LISTEN:
                    yield connection.laddr.ip, connection.laddr.port


def asks_for_certificate(address: str, port: int) -> bool:
    """Whether what listens there speaks TLS, and hangs up on one who has no certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)
    with socket.create_connection((address, port), timeout=10) as plain:
        try:
            with context.wrap_socket(plain) as secure:
                secure.recv(1)
        except ssl.SSLError as error:
            return "certificate required" in str(error).lower().replace("_", " ")
    return False
