"""What it takes to check each statement: the commands of docs/reproducing.md, timed, and whether they agree.

In: nothing. Out: for the run of the default config and for the judgement of each statement wall-clock and
CPU seconds, the largest process, and whether the text it prints is that of the archived `claims.json`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from ntk_core.archive.results import open_archive
from ntk_core.claims import LEDGER
from ntk_core.claims.wording import as_text

from .paths import ROOT
from .report import table
from .snakemake_call import Call, call_snakemake, measured_call

RUN = "make run"
"""The name of the run of the default config among the records."""


def measure(cores: int, folder: Path) -> dict[str, dict[str, Any]]:
    """Run the default config in a new directory below `folder`, and judge each statement from its results.

    A record by `RUN` and by the id of each statement: `wall` and `cpu` in seconds, `peak` in bytes, and, of a
    statement, `same`: whether it comes out as archived, in every printed digit.
    """
    records = {}
    with tempfile.TemporaryDirectory(dir=folder) as where:
        records[RUN] = _used(
            call_snakemake(ROOT, Path(sys.executable), "--directory", where, "--cores", str(cores))
        )
        archived = _archived(Path(where) / "results")
        for name in LEDGER:
            command = [sys.executable, "-m", "ntk_core.claims", name]
            call = measured_call(command, Path(where), f"{name} is not judged")
            records[name] = _used(call) | {"same": call.output.endswith(f"\n\n{archived[name]}\n")}
    return records


def markdown(records: dict[str, dict[str, Any]], command: str, machine: str) -> str:
    """The table a person reads."""
    rows = [["what", "seconds", "CPU seconds", "MB, at most", "as archived"]]
    for name, record in records.items():
        numbers = [f"{record['wall']:.0f}", f"{record['cpu']:.0f}", f"{record['peak'] / 1e6:.0f}"]
        rows.append([f"`{name}`", *numbers, {True: "yes", False: "NO", None: ""}[record.get("same")]])
    lines = [
        "# What it takes to check each statement",
        "",
        f"{machine}. Made by `{command}`. A statement is judged by `python -m ntk_core.claims ID` from the "
        "results of the run; *as archived*: every digit that it prints is in the `claims.json` of the run. "
        "CPU seconds are of all processes of a call. Memory is that of the largest process, where a process "
        "counts at least as much as the benchmark from which it is started.",
        "",
        *table(rows),
    ]
    return "\n".join(lines) + "\n"


def _archived(results: Path) -> dict[str, str]:
    """The archived judgement on each statement, as it is printed."""
    return {claim.id: as_text(claim) for claim in open_archive(results).claims}


def _used(call: Call) -> dict[str, Any]:
    return {"wall": call.wall, "cpu": call.cpu, "peak": call.peak}
