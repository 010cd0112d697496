"""The command `ntk-core`: look into an archive of results, check it, compute single runs again."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False)
