"""Lines for a person or another program, and the end of a program that can write no more of them."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import NoReturn, TextIO

NO_READER, UNWRITABLE = 141, 2
"""Exit codes: what reads the output has ended (as of a program that SIGPIPE ends); it cannot be written."""


def write_line(line: str, stream: TextIO) -> None:
    """Write a line to standard output or standard error; where that fails, end the program.

    It ends silently where nobody reads the output any more, as after `ntk-core … | head`, and else, as on a
    full disk, with the reason on standard error.
    """
    try:
        print(line, file=stream, flush=True)
    except OSError as error:
        _end(stream, error)


def _end(stream: TextIO, error: OSError) -> NoReturn:
    with contextlib.suppress(OSError):  # a stream without a descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # for what Python flushes at its end
    if isinstance(error, BrokenPipeError):
        sys.exit(NO_READER)
    with contextlib.suppress(OSError):
        print(f"the output cannot be written: {error.strerror}", file=sys.stderr)
    sys.exit(UNWRITABLE)
