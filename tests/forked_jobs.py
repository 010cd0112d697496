"""Jobs of a call of snakemake, each in a process forked from that of the call instead of a new interpreter.

What jobs import is most of the CPU time of a small one, and is there already; see imported_by_jobs.py, and
imported_library.py for this package. A job is a child of its snakemake, in its session and group, as always.
Its command line is that of its parent, its name that of its script.

A call may have the first job of each script start in a new interpreter: see `start_first_jobs`.
"""

from __future__ import annotations

import atexit
import concurrent.futures.thread
import importlib
import logging
import multiprocessing.util
import os
import re
import runpy
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import threadpoolctl

SCRIPT = re.compile(rf"set -euo pipefail; +{re.escape(sys.executable)} (\S+\.py)")


class ScriptPopen(subprocess.Popen[Any]):
    """`Popen` for `snakemake.shell`: a script of this Python is forked, all else is started."""

    search_path: Sequence[str] = ()
    """Where a new interpreter looks for modules, after the folder of the script and PYTHONPATH."""

    started: set[str] | None = None
    """Names of scripts that had a new interpreter; None if none is to have one."""

    def _execute_child(self, args: Any, *rest: Any) -> None:
        script = SCRIPT.fullmatch(args) if isinstance(args, str) else None
        if script is None or self._is_to_start(script[1]):
            super()._execute_child(args, *rest)
            return
        environment = rest[5]
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        self._child_created = True
        if self.pid == 0:
            _run(script[1], environment, self.search_path)

    def _is_to_start(self, script: str) -> bool:
        if self.started is None or (name := _name(script)) in self.started:
            return False
        self.started.add(name)
        return True


def fork_jobs(search_path: Sequence[str]) -> None:
    """Have the jobs of this process, which is about to call snakemake, forked from it."""
    shell: Any = importlib.import_module("snakemake.shell")  # snakemake has a name `shell` of another kind
    ScriptPopen.search_path = search_path
    shell.sp = _Subprocess(shell.sp)


def start_first_jobs() -> None:
    """In a call: the first job of each script gets a new interpreter, only the others are forked."""
    ScriptPopen.started = set()


class _Subprocess:
    """The module with another `Popen`, for one that calls it `sp`."""

    Popen = ScriptPopen

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def _name(script: str) -> str:
    """`simulate.py`, of the copy of it that snakemake makes for a job."""
    return Path(script).name.partition(".")[2]


def _run(script: str, environment: Mapping[str, str], search_path: Sequence[str]) -> None:
    """The process of a job, from its fork to its end."""
    code: Any = 1
    try:
        _as_if_new(script, environment, search_path)
        runpy.run_path(script, run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code
        if not isinstance(code, int | None):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        try:
            concurrent.futures.thread._python_exit()
            for thread in threading.enumerate():
                if not thread.daemon and thread is not threading.current_thread():
                    thread.join()
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code or 0)


def _as_if_new(script: str, environment: Mapping[str, str], search_path: Sequence[str]) -> None:
    from imported_by_jobs import AT_EXIT
    from imported_library import take_library

    atexit._clear()  # of its parent
    for function, arguments, keywords in AT_EXIT:
        atexit.register(function, *arguments, **keywords)
    concurrent.futures.thread._threads_queues.clear()
    weakref.finalize._registry.clear()
    weakref.finalize._registered_with_atexit = False
    atexit.register(multiprocessing.util._exit_function)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (int(path.name) for path in Path("/proc/self/fd").iterdir()):
        if descriptor > 2 and descriptor != nothing:  # still there: who closes it harms no file of the job
            os.dup2(nothing, descriptor, inheritable=False)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # a shell has jobs in its background ignore it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for logger in (logging.getLogger(), *logging.Logger.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            logger.handlers.clear()
    logging._handlerList.clear()
    tracker = resource_tracker._resource_tracker
    tracker._fd = tracker._pid = None
    os.environ.clear()
    os.environ.update(environment)
    threadpoolctl.threadpool_limits(int(environment["OMP_NUM_THREADS"]))
    sys.argv[:] = [script]
    Path("/proc/self/comm").write_text(_name(script))
    paths = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:] = [str(Path(script).parent), *paths, *search_path]
    importlib.invalidate_caches()
    take_library()
