"""Calls of `ntk-core`, in this process."""

from __future__ import annotations

import functools
import sys

import typer
from typer.testing import CliRunner

from ntk_core.cli import app

command = functools.cache(lambda: typer.main.get_command(app))
"""Our commands, which `CliRunner.invoke` would make anew for each call."""


def call(*arguments: object, charset: str = "utf-8") -> tuple[int, str]:
    """Exit code and output, in a terminal with that character set; what it raises is raised."""
    with CliRunner(charset=charset).isolation() as (_, _, output):
        try:
            command().main([str(argument) for argument in arguments], prog_name="ntk-core")
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        return code, output.getvalue().decode(charset)
