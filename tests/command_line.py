"""Calls of `ntk-core`, in this process."""

from __future__ import annotations

from typer.testing import CliRunner

from ntk_core.cli import app


def call(*arguments: object) -> tuple[int, str]:
    """Exit code and output."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="ntk-core")
    return done.exit_code, done.output
