"""Text of unknown origin, made safe to print; and the end of a program whose output nobody reads."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import NoReturn, TextIO

NO_READER = 141
"""Exit code where what reads the output has ended, as of a program that SIGPIPE ends."""


def printable(text: str) -> str:
    """The text on one line, with characters that a terminal would act on, hide or reorder escaped as in JSON.

    They are all control characters, line breaks included, and all characters without a glyph.
    """
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def end_unread(stream: TextIO) -> NoReturn:
    """End the program, as after `BrokenPipeError` at the stream: what reads it has ended."""
    with contextlib.suppress(OSError):  # a stream without a descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # for what Python flushes at its end
    sys.exit(NO_READER)
