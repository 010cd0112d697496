"""Who works in a directory, so that the lock of a killed run does not outlive it.

Snakemake locks its working directory, and a run that is killed leaves the lock behind. A run
therefore notes who it is; the next one removes the lock if that process is known to be dead. A note
from another host, or none, proves nothing: then the lock stays and Snakemake refuses as it always does.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path


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
    """Remove the locks in `state` if their owner is dead; returns what to tell the user, or None."""
    locks = [path for path in (state / "locks").glob("*") if path.is_file()]
    owner = _owner(state)
    if not locks or not owner:
        return None
    if owner.alive:
        return _at_work(owner)
    for path in locks:
        path.unlink(missing_ok=True)
    return (
        f"The run before this one (process {owner.pid}) was killed; its lock is removed and its work goes on."
    )


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
