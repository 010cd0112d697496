"""How far a run is: each job leaves a note beside the shard it works on, and the run's process adds them up.

A note is a text file `<shard>.progress` with the number of runs done; it goes when the shard exists.
Others only read notes, so this works across processes and, on a shared disk, across machines.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

NOTE = ".progress"
"""What is added to the name of a shard, for that of its note."""


@dataclass(frozen=True)
class Job:
    """A shard with its number of runs; `cost` is its expected work in any unit."""

    path: Path
    runs: int
    cost: float


@contextlib.contextmanager
def note(path: str | Path) -> Iterator[Callable[[int], None]]:
    """A function that adds runs to those noted as done on the shard at `path`; the note goes on leaving.

    A note that cannot be written is left out: no run fails for it.
    """
    note_file = _note_path(Path(path))
    note_file.parent.mkdir(parents=True, exist_ok=True)
    done = 0

    def add(runs: int) -> None:
        nonlocal done
        done += runs
        with contextlib.suppress(OSError):
            note_file.write_text(str(done))

    try:
        yield add
    finally:
        note_file.unlink(missing_ok=True)


def _note_path(path: Path) -> Path:
    return path.with_name(path.name + NOTE)


def runs_done(job: Job) -> int:
    """Runs of a job that are done: all if its file is there, else what its note says, else none."""
    if job.path.exists():
        return job.runs
    try:
        return min(int(_note_path(job.path).read_text()), job.runs)
    except (OSError, ValueError):
        return 0
