"""How the process of a job ends: at once, and in one line that a person can act on if it cannot go on."""

from __future__ import annotations

import atexit
import gc
import logging
import signal
import sys
from types import TracebackType


def begin(*absent: str) -> None:
    """Called before a job imports anything else: Ctrl-C ends it at once, and errors are shown in one line.

    They are the errors of this package and of the system. Where they came from is in the log of the job.
    Anything else is a fault of the program, and shown with the stack of its calls.

    What a job imports is no garbage. To search it for garbage where the process ends would take a fifth of
    the CPU time of a small job. For the same reason `dask.array` and the modules named `absent` are for it as
    if they were not installed: libraries that it needs would import them for what no job asks of them.
    """
    for name in ("dask.array", *absent):  # xarray imports dask.array to ask whether an array is of it
        sys.modules[name] = None  # type: ignore[assignment]
    logging.raiseExceptions = False  # a log on a full disk is not what a person has to know
    atexit.register(gc.freeze)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.excepthook = _show


def _show(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, OSError) or kind.__module__.partition(".")[0] == __name__.partition(".")[0]:
        logging.getLogger(__name__).error("stopped", exc_info=(kind, error, traceback))
        text = error.strerror if isinstance(error, OSError) and error.filename is None else None
        print(text or error, file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)
