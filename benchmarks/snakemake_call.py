"""One call of Snakemake, or of another command, and what its processes used together."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Call:
    """What a finished call printed and used; `cpu` is user + system time of all its processes.

    The kernel adds a process to its parent when the parent waits for it, so `cpu` and `peak`, the resident
    bytes of the largest process, hold the jobs too.
    """

    output: str
    wall: float
    cpu: float
    peak: int


def call_snakemake(checkout: Path, python: Path, *arguments: str) -> Call:
    """Call the workflow of a checkout by that Python; RuntimeError with the end of its output if it fails."""
    command = [str(python), "-m", "snakemake", "--snakefile", str(checkout / "Snakefile"), *arguments]
    return measured_call(command, checkout, f"Snakemake failed in {checkout}")


def measured_call(command: list[str], folder: Path, failure: str) -> Call:
    """Run a command in a folder; RuntimeError with `failure` and the end of its output if it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder
    )
    assert process.stdout is not None
    with process.stdout:
        output = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{failure}:\n{output[-2000:]}")
    return Call(output, wall, used.ru_utime + used.ru_stime, used.ru_maxrss * _RSS_UNIT)
