"""Calls of snakemake, each in a process forked from one that has imported what every call imports.

That import is most of a call's CPU time. Its jobs are forked from it, see forked_jobs.py. Apart from that, a
call is what `python -m snakemake` is: a session of its own, with the folder, environment and search path of a
new process. What an interpreter reads from the environment when it starts, such as PYTHONHASHSEED, has no
effect. `python tests/snakemake_calls.py ARGUMENTS` is one such call, in the folder it is called in.
"""

from __future__ import annotations

import atexit
import fcntl
import functools
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from forked_jobs import fork_jobs

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["snakemake.cli", "snakemake.report.html_reporter", "imported_by_jobs"])

STARTING = threading.Lock()
"""Held while the server starts, which changes this environment; some tests call from two threads."""


class Call:
    """A call under way, to be waited for or killed as a `subprocess.Popen` is.

    `before` is called in the new process, as a `preexec_fn` is. It has to be picklable.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str] | None = None,
        before: Callable[[], Any] | None = None,
    ) -> None:
        with STARTING:
            _start_server()
        reading, writing = FORKS.Pipe(duplex=False)
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 1 << 20)  # it is read at the end
        everything = {**os.environ, "PYTHONPATH": "", **(environment or {})}
        deaf = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # in the background of a shell
        self._process = FORKS.Process(
            target=_main,
            args=([*arguments], str(folder), everything, _search_path(), deaf, writing, before),
        )
        self._process.start()
        writing.close()
        self._output = os.fdopen(os.dup(reading.fileno()), encoding="utf-8")
        reading.close()
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("snakemake", timeout or 0)
        return self.returncode

    def communicate(self) -> tuple[str, None]:
        """All that it and its jobs have written, once the last of them has ended."""
        with self._output:
            output = self._output.read()
        self.wait()
        return output, None

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()

    def __enter__(self) -> Call:
        return self

    def __exit__(self, *_: object) -> None:
        self._output.close()
        self.wait()


@functools.cache
def _start_server() -> None:
    """Where it is to find the modules of tests is said, as Python before 3.13 does not."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    try:
        forkserver.ensure_running()
    finally:
        del os.environ["PYTHONPATH"]
        if before is not None:
            os.environ["PYTHONPATH"] = before


@functools.cache
def _search_path() -> list[str]:
    """Where a new interpreter looks for modules, after the folder it is called in."""
    code = "import json, sys; print(json.dumps(sys.path[1:]))"
    environment = {**os.environ, "PYTHONPATH": ""}
    return json.loads(subprocess.check_output([sys.executable, "-c", code], env=environment))


def _main(
    arguments: list[str],
    folder: str,
    environment: dict[str, str],
    search_path: list[str],
    deaf: bool,
    output: Connection,
    before: Callable[[], Any] | None,
) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN if deaf else signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:] = [folder, *search_path]
    for descriptor in (1, 2):
        os.dup2(output.fileno(), descriptor)
    output.close()
    import snakemake.cli

    fork_jobs(search_path)
    sys.argv[:] = [str(Path(snakemake.cli.__file__).with_name("__main__.py")), *arguments]
    if before:
        before()
    try:
        snakemake.cli.main()
    finally:
        atexit._run_exitfuncs()  # multiprocessing does not


if __name__ == "__main__":
    with Call(sys.argv[1:], Path.cwd()) as call:
        print(call.communicate()[0])
    sys.exit(call.returncode)
