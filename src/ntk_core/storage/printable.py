"""Text of unknown origin, made safe to print."""

from __future__ import annotations

import io
import json
import sys


def printable(text: str) -> str:
    """The text on one line, with characters that a terminal would act on, hide or reorder escaped as in JSON.

    They are all control characters, line breaks included, and all characters without a glyph.
    """
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def print_any_character() -> None:
    """Print a character that standard output lacks as an escape, as Python does on standard error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
