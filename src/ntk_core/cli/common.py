"""What the commands have in common: the app, exit codes, errors, JSON."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any, NoReturn

import numpy as np
import typer

from ..storage.printable import printable

app = typer.Typer(
    no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False, rich_markup_mode=None
)

DIFFERENT, UNREADABLE = 1, 2
"""Exit codes: the archive differs from its manifest or recomputed runs; it cannot be read, or a bad call."""

Results = Annotated[
    Path, typer.Argument(help="the folder of an archive, or of the results of a run", show_default=True)
]
Json = Annotated[bool, typer.Option("--json", help="print JSON, for scripts")]


def say(line: str, err: bool = False) -> None:
    """Print a line; text from an archive is made safe to print."""
    typer.echo(printable(line), err=err)


def refuse(error: object) -> NoReturn:
    """End with the error on one line."""
    say(f"ntk-core: {error}", err=True)
    raise typer.Exit(UNREADABLE)


def print_json(value: Any) -> None:
    """Print a value as JSON: arrays as lists, NaN and infinite numbers as null."""
    for line in json.dumps(_plain(value), indent=1, ensure_ascii=False, allow_nan=False).split("\n"):
        say(line)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


@app.callback()
def main() -> None:
    """Describe an archive of results, verify it, and recompute any single run of it.

    Nothing is written into the archive.
    """
