"""How far a run is: each job leaves a note beside the shard it works on, one monitor adds them up.

A note is a text file `<shard>.progress` with the number of runs done; it goes when the shard is
there. The monitor only reads, so it works across processes and, on a shared disk, across machines.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..experiments.units import clock

INTERVAL = 5.0
"""Seconds between two progress lines."""


@dataclass(frozen=True)
class Job:
    """A shard as the monitor sees it; `cost` is its expected work in any unit."""

    path: Path
    runs: int
    cost: float


@contextlib.contextmanager
def note(path: str | Path) -> Iterator[Callable[[int], None]]:
    """A function that adds runs to those noted as done on the shard at `path`; the note goes on leaving.

    A note that cannot be written is left out: no run fails for it.
    """
    beside = _note_path(Path(path))
    beside.parent.mkdir(parents=True, exist_ok=True)
    done = 0

    def add(runs: int) -> None:
        nonlocal done
        done += runs
        with contextlib.suppress(OSError):
            beside.write_text(str(done))

    try:
        yield add
    finally:
        beside.unlink(missing_ok=True)


def _note_path(path: Path) -> Path:
    return path.with_name(path.name + ".progress")


def runs_done(job: Job) -> int:
    """Runs of a job that are done: all if its file is there, else what its note says, else none."""
    if job.path.exists():
        return job.runs
    try:
        return min(int(_note_path(job.path).read_text()), job.runs)
    except (OSError, ValueError):
        return 0


class Monitor:
    """Prints runs done, runs a second and time left while jobs are under way."""

    def __init__(self, jobs: Sequence[Job], write: Callable[[str], object] = sys.stderr.write) -> None:
        self._jobs = jobs
        self._write = write
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._began = time.monotonic()
        self._before = self._state()

    def start(self) -> None:
        """Begin printing, unless all runs exist."""
        if self._before[0] < self._total[0]:
            self._thread.start()

    def stop(self) -> None:
        """Stop printing."""
        self._stop.set()

    @property
    def _total(self) -> tuple[int, float]:
        return sum(job.runs for job in self._jobs), sum(job.cost for job in self._jobs)

    def _state(self) -> tuple[int, float]:
        done = [runs_done(job) for job in self._jobs]
        cost = sum(job.cost * n / job.runs for job, n in zip(self._jobs, done, strict=True))
        return sum(done), cost

    def _loop(self) -> None:
        while not self._stop.wait(INTERVAL):
            line = self.line(time.monotonic() - self._began)
            self._write(line + "\n")
            if self._state()[0] == self._total[0]:
                return

    def line(self, elapsed: float) -> str:
        """The progress line after `elapsed` seconds. The time left is that of runs, by expected work."""
        runs, cost = self._state()
        total_runs, total_cost = self._total
        if runs == total_runs:
            return f"[runs] all {total_runs:,} done"
        new_runs, new_cost = runs - self._before[0], cost - self._before[1]
        text = f"[runs] {runs:,} of {total_runs:,} done ({100 * cost / total_cost:.0f} % of their work)"
        if new_cost <= 0.0:
            return text
        left = max((total_cost - cost) / new_cost * elapsed, 1.0)
        return f"{text}, {new_runs / elapsed:,.0f} runs/s, about {clock(left)} left for runs"
