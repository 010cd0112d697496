"""One run at a time works in a directory, and cleans up after one that was killed.

The lock is the kernel's: it goes with the process that holds it, however that ends.

On a cluster the jobs of a killed run live on, and each, when it starts or fails, removes the file it was to
make, even if the next run has made it by then. So a run that begins cancels them.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import subprocess
import time
from pathlib import Path

from ..execution.private_folder import private_folder
from ..storage.atomic import PART
from ..storage.printable import printable
from .progress import NOTE

PATIENCE = 120.0
"""Seconds to wait for cancelled jobs to end: SLURM gives them 30 before it kills."""


class OccupiedError(RuntimeError):
    """Another run, or jobs of one, are at work in the directory, or may be; the message says which."""


def claim() -> None:
    """Hold the working directory until this process ends.

    Raises `OccupiedError` while another process does, on this or, on a shared disk, another machine.
    """
    path = private_folder() / "lock"
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)  # open to the end of the process, so never closed
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(lock, 100).decode(errors="replace").strip() or "Another run"
        os.close(lock)
        raise OccupiedError(
            f"{owner} is at work in this directory: wait for it, or stop it and call again."
        ) from None
    except OSError as error:  # a network disk without locks
        reason = f"{path} cannot be locked ({error.strerror})"
        logging.getLogger(__name__).warning("%s: let one run at a time work in this directory", reason)
    os.ftruncate(lock, 0)
    os.write(lock, f"Process {os.getpid()} of {os.uname().nodename}\n".encode())


def sweep(results: Path) -> None:
    """Remove what killed jobs left: half-written files, folders and notes below `results`, half an archive
    beside it, temporary folders.
    """
    leftovers = [*results.rglob(f".*{PART}"), *results.rglob(f"*.nc{NOTE}")]
    for name in (f".archive{PART}", f".archive.*{PART}"):
        leftovers += results.parent.glob(name)
    for path in leftovers:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    for folder in private_folder().glob("tmp-*"):
        shutil.rmtree(folder, ignore_errors=True)


def cancel_jobs(state: Path) -> list[str]:
    """Cancel the jobs that SLURM still has of earlier runs, and wait until they have ended; returns the jobs.

    They are those that log below `state` (`.snakemake`). Raises `OccupiedError` where SLURM does not say
    which there are, or where they do not end.
    """
    rest = jobs = _jobs_of(state)
    if jobs:
        subprocess.run(["scancel", *jobs], capture_output=True, check=False)
    deadline = time.monotonic() + PATIENCE
    while rest and time.monotonic() < deadline:
        time.sleep(0.5)
        rest = _jobs_of(state)
    if rest:
        raise OccupiedError(
            f"The jobs {', '.join(rest)} of an earlier run are at work in this directory and do not end: "
            "cancel them with scancel and call again."
        )
    return jobs


def _jobs_of(state: Path) -> list[str]:
    """Not from Snakemake's notes of unfinished files: those lose the job's number when the job starts."""
    logs = state.resolve() / "slurm_logs"
    if not logs.exists() or not shutil.which("squeue"):
        return []
    states = "pending,configuring,running,suspended,completing"  # it hides suspended ones unless asked
    command = ["squeue", "--me", "--noheader", f"--states={states}", "--Format=JobID:20,STDOUT:4096"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OccupiedError(
            "Jobs of an earlier run may be at work in this directory, and squeue does not say: "
            f"{printable(done.stderr.strip()[:300])}. Call again when it does."
        )
    lines = (line.split(maxsplit=1) for line in done.stdout.splitlines())
    return [line[0] for line in lines if len(line) == 2 and Path(line[1].strip()).is_relative_to(logs)]
