"""Who works in a directory, so that the lock of a killed run does not outlive it.

Snakemake locks its working directory, and a run that is killed leaves the lock behind. A run
therefore notes who it is; the next one removes the lock if that process is known to be dead. A note
from another host, or none, proves nothing: then the lock stays and Snakemake refuses as it always does.

On a cluster the jobs of a killed run live on, and each, when it starts or fails, removes the file it was to
make, also if the next run has made it by then. So they are cancelled before the lock is removed.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

PATIENCE = 120.0
"""Seconds to wait for cancelled jobs to end: SLURM gives them 30 before it kills."""


def claim(state: Path) -> None:
    """Note in the folder `state` (`.snakemake`) that this process works here."""
    note = {"host": socket.gethostname(), "pid": os.getpid(), "started": _started(os.getpid())}
    state.mkdir(exist_ok=True)
    (state / "owner.json").write_text(json.dumps(note))


def recover(state: Path) -> str | None:
    """Remove the locks in `state` and cancel the jobs of their owner if it is dead.

    Returns what to tell the user, or None.
    """
    locks = [path for path in (state / "locks").glob("*") if path.is_file()]
    try:
        note = json.loads((state / "owner.json").read_text())
        host, pid, started = str(note["host"]), int(note["pid"]), float(note["started"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not locks or host != socket.gethostname() or _started(pid) == started:
        return None
    jobs = _cancel(state)
    for path in locks:
        path.unlink(missing_ok=True)
    told = f"The run before this one (process {pid}) was killed; its lock is removed and its work goes on."
    return f"{told} Its jobs {', '.join(jobs)} were cancelled." if jobs else told


def _cancel(state: Path) -> list[str]:
    """Cancel what SLURM still has of the runs of `state`, and wait until it has ended; returns the jobs."""
    left = jobs = _jobs_of(state)
    if jobs:
        subprocess.run(["scancel", *jobs], capture_output=True, check=False)
    deadline = time.monotonic() + PATIENCE
    while left and time.monotonic() < deadline:
        time.sleep(0.5)
        left = _jobs_of(state)
    return jobs


def _jobs_of(state: Path) -> list[str]:
    """Jobs in SLURM that log below `state`.

    Not from Snakemake's notes of unfinished files: those lose the job's number when the job starts.
    """
    if not shutil.which("squeue"):
        return []
    states = "pending,configuring,running,suspended,completing"  # it hides suspended ones unless asked
    command = ["squeue", "--me", "--noheader", f"--states={states}", "--Format=JobID:20,STDOUT:4096"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (line.split(maxsplit=1) for line in done.stdout.splitlines())
    logs = state.resolve() / "slurm_logs"
    return [line[0] for line in lines if len(line) == 2 and Path(line[1].strip()).is_relative_to(logs)]


def _started(pid: int) -> float:
    """When a process started, in seconds since the epoch; 0 if there is none."""
    import psutil

    try:
        process = psutil.Process(pid)
        return 0.0 if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return 0.0
