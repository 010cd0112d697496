"""The end of a program whose output nobody reads any more, as that of `ntk-core … | head`."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import NoReturn, TextIO

NO_READER = 141
"""Exit code where what reads the output has ended, as of a program that SIGPIPE ends."""


def end_without_reader(stream: TextIO) -> NoReturn:
    """End the program, as after `BrokenPipeError` at the stream: what reads it has ended."""
    with contextlib.suppress(OSError):  # a stream without a descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # for what Python flushes at its end
    sys.exit(NO_READER)
