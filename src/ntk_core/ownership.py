"""Who works in a directory, so that the lock of a killed run does not outlive it.

Snakemake locks its working directory, and a run that is killed leaves the lock behind. A run
therefore notes who it is; the next one removes the lock if that process is known to be dead. A note
from another host, or none, proves nothing: then the lock stays and Snakemake refuses as it always does.

On a cluster the jobs of a killed run live on, and each, when it starts or fails, removes the file it was to
make, even if the next run has made it by then. So they are cancelled together with the lock.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 120.0
"""Seconds to wait for cancelled jobs to end: SLURM gives them 30 before it kills."""


class OccupiedError(RuntimeError):
    """Another run is at work in the directory; the message says which."""


@dataclass(frozen=True)
class _Owner:
    pid: int
    alive: bool


def claim(state: Path) -> None:
    """Note in the folder `state` (`.snakemake`) that this process works here.

    Raises `OccupiedError` while another process of this host does: Snakemake's lock is on files, so it
    lets two runs of different files into one directory, but they would sweep up each other's.
    """
    owner = _owner(state)
    if owner and owner.alive and owner.pid != os.getpid():
        raise OccupiedError(_at_work(owner))
    note = {"host": socket.gethostname(), "pid": os.getpid(), "started": _started(os.getpid())}
    state.mkdir(exist_ok=True)
    (state / "owner.json").write_text(json.dumps(note))


def recover(state: Path) -> str | None:
    """Remove the locks in `state`, and cancel the cluster's jobs of their owner, if it is dead.

    Returns what to tell the user, or None.
    """
    locks = [path for path in (state / "locks").glob("*") if path.is_file()]
    owner = _owner(state)
    if not locks or not owner:
        return None
    if owner.alive:
        return _at_work(owner)
    jobs = _cancel(state)
    for path in locks:
        path.unlink(missing_ok=True)
    told = (
        f"The run before this one (process {owner.pid}) was killed; its lock is removed and its work goes on."
    )
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


def _at_work(owner: _Owner) -> str:
    return f"Process {owner.pid} is at work in this directory: wait for it, or stop it and call again."


def _owner(state: Path) -> _Owner | None:
    """Who claimed the folder last, if that was on this host."""
    try:
        note = json.loads((state / "owner.json").read_text())
        host, pid, started = str(note["host"]), int(note["pid"]), float(note["started"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return _Owner(pid, _started(pid) == started) if host == socket.gethostname() else None


def _started(pid: int) -> float:
    """When a process started, in seconds since the epoch; 0 if there is none."""
    import psutil

    try:
        process = psutil.Process(pid)
        return 0.0 if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return 0.0
