"""What the commands have in common: the app, exit codes, errors, JSON."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import numpy as np
import typer
from typer.core import TyperGroup

from .. import __version__
from ..laws.queries import allowed_names
from ..storage.output import write_line
from ..storage.printable import print_any_character, printable

DIFFERENT, UNREADABLE, INTERRUPTED = 1, 2, 130
"""Exit codes: an archive differs from its manifest or recomputed runs; it, or the call, is bad; Ctrl-C."""


def results_folder(text: str = "the folder of an archive, or of the results of a run") -> Any:
    """The argument for a folder of results, with a text for its help."""
    return typer.Argument(help=text, callback=_folder)


def _folder(path: Path) -> Path:
    """The path, if it is that of a folder."""
    problem = "does not exist"
    with contextlib.suppress(OSError):  # of a name that is too long, or a folder that must not be read
        if path.is_dir():
            return path
        if path.exists():
            from ..archive.results import unpacking_hint  # slow to import

            if hint := unpacking_hint(path):
                refuse(hint)
            problem = "is a file"
    raise typer.BadParameter(f"dir '{path}' {problem}")


Results = Annotated[Path, results_folder()]

BAD_CALL: Any = typer.BadParameter.__mro__[1]
"""Typer's error for any call that it cannot read: an unknown command or option, a missing or bad value."""


class Commands(TyperGroup):
    """The commands; a call that cannot be read ends like any other error, with one line and exit code 2."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **options: Any) -> Any:
        """Run the command line; without arguments show the help."""
        print_any_character()
        arguments = list(sys.argv[1:] if args is None else args) or ["--help"]
        try:
            code = super().main(arguments, *more, **options | {"standalone_mode": False})
        except BAD_CALL as error:
            command = error.ctx.command_path if error.ctx else "ntk-core"
            message = _message(error)
            say(f"{command}: {message[:1].lower()}{message[1:]}; see: {command} --help", err=True)
            code = UNREADABLE
        except typer.Abort:  # Ctrl-C, where Typer is old
            code = INTERRUPTED
        if code == INTERRUPTED:
            say("ntk-core: interrupted", err=True)
        sys.exit(code if isinstance(code, int) else 0)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is called, by its name."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            ctx.fail(f"there is no command {args[0]}; {allowed_names(args[0], self.commands)}")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=Commands,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="print JSON, for scripts")]


def say(line: str, err: bool = False) -> None:
    """Print a line; text from an archive is made safe to print."""
    write_line(printable(line), sys.stderr if err else sys.stdout)


def _message(error: Any) -> str:
    """What is wrong with a call: of a value the value itself, and the help of its option or argument."""
    message = error.format_message().rstrip(".")
    for fault in getattr(error.__cause__, "errors", list)():
        message = message.replace("Input", repr(fault["input"]))
    parameter = getattr(error, "param", None)
    return f"{message} ({parameter.help})" if parameter else message


def refuse(error: object) -> NoReturn:
    """End with the error on one line."""
    say(f"ntk-core: {error}", err=True)
    raise typer.Exit(UNREADABLE)


def print_json(value: Any) -> None:
    """Print a value as JSON: arrays as lists, NaN and infinite numbers as null."""
    ascii_alone = (getattr(sys.stdout, "encoding", None) or "").lower() != "utf-8"
    for line in json.dumps(_plain(value), indent=1, ensure_ascii=ascii_alone, allow_nan=False).split("\n"):
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


def _version(flag: bool) -> None:
    if flag:
        say(f"ntk-core {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="show the version and exit")
    ] = False,
) -> None:
    """Describe an archive of results, verify it, and recompute any single run of it.

    Nothing is written into the archive.
    """
