"""Text that somebody else wrote, made safe to print."""

from __future__ import annotations

import json


def printable(text: str) -> str:
    """The text on one line, with what a terminal would act on, hide or reorder escaped as in JSON.

    That is every control character, line breaks among them, and every character without a glyph.
    """
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
