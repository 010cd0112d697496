"""The race: contenders held open side by side, timed in turn, round after round."""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .contenders import CONTENDERS
from .paths import ROOT
from .point import Array, Point
from .worker import without_paths

ROUND_SECONDS = 0.3
"""What a contender's turn in a round should take; one run, or one block of runs, where that is longer."""

FLOORS = tuple(name for name, contender in CONTENDERS.items() if contender.side == "floor")
OURS = tuple(name for name, contender in CONTENDERS.items() if contender.side == "ours")


@dataclass(frozen=True)
class Entry:
    """A contender at a point, on so many cores."""

    contender: str
    point: Point
    cores: int = 1


@dataclass(frozen=True)
class Panel:
    """Entries timed in turn; each has a floor of its width and radius beside it, on as many cores."""

    title: str
    entries: tuple[Entry, ...]


def panels(law: str) -> list[Panel]:
    """The whole race."""
    everyone = [name for name in CONTENDERS if name not in FLOORS]
    wide, wider = Point(law, 2**14, 256, 1.0), Point(law, 2**17, 64, 1.0)
    several = [
        Entry("ntk_band", wider),
        *(Entry(name, wider, 2) for name in ("with_torch", "with_jax", "ntk_dense", "floor")),
    ]
    results = [_panel(wide, [Entry(name, wide) for name in everyone])]
    results += [_panel(wider, [Entry(name, wider) for name in everyone])]
    results += [_panel(wider, several, ", two cores")]
    shapes = (("adversarial", 64), ("aligned", 64), *(("sphere", d) for d in (2, 3, 16, 64)))
    for exponent in (10, 16, 20, 24, 30):
        points = [Point(law, 2**exponent, d, 1.0) for law, d in shapes]
        title = f"Band sampler at m = 2^{exponent}, α = 1"
        results.append(Panel(title, _with_floors([Entry("ntk_band", point) for point in points])))
    return results


def _panel(point: Point, entries: list[Entry], suffix: str = "") -> Panel:
    width = f"2^{point.m.bit_length() - 1}" if point.m & (point.m - 1) == 0 else str(point.m)
    title = f"One run at m = {width}, d = {point.d}, α = {point.alpha:g}, {point.law}{suffix}"
    return Panel(title, _with_floors(entries))


def _with_floors(entries: list[Entry]) -> tuple[Entry, ...]:
    return (*entries, *(Entry(name, entries[0].point) for name in FLOORS))


class Worker(Protocol):
    """What the race asks of a contender's process."""

    unit: int

    def seconds(self, point: Point, runs: int) -> float:
        """The time that `runs` fresh runs take."""


class StoppedError(RuntimeError):
    """A contender's process ended by itself: its exit code, and what it printed."""

    def __str__(self) -> str:
        code, errors = self.args
        return without_paths(": ".join([code, *errors.strip().splitlines()[-1:]]))


class Process:
    """A contender in a process of its own, pinned to `cores`."""

    def __init__(self, contender: str, cores: Sequence[int]) -> None:
        self.contender = contender
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (`close` closes it)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", contender, ",".join(map(str, cores))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=ROOT,
            env=environment(len(cores)),
        )
        greeting = self._answer()
        self.left_out: str | None = greeting.get("left_out")
        self.unit: int = greeting.get("unit", 1)
        self.versions: dict[str, str] = greeting.get("versions", {})

    def seconds(self, point: Point, runs: int) -> float:
        """The time that `runs` fresh runs take."""
        return float(self._ask(point, runs, values=False)["seconds"])

    def draw(self, point: Point, runs: int) -> Array:
        """The quantities of `runs` fresh runs; shape `(5, runs)`."""
        return np.array(self._ask(point, runs, values=True)["values"])

    def close(self) -> None:
        """End the process by ending its commands."""
        self._process.communicate()
        self._errors.close()

    def _ask(self, point: Point, runs: int, *, values: bool) -> dict[str, Any]:
        assert self._process.stdin is not None
        place = [point.law, point.m, point.d, point.alpha]
        command = {"point": place, "runs": runs, "seed": 1, "values": values}
        print(json.dumps(command), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            self._errors.seek(0)
            raise StoppedError(f"exit code {code}", self._errors.read())
        answer: dict[str, Any] = json.loads(line)
        return answer


def environment(cores: int) -> dict[str, str]:
    """The environment of a contender: as many threads as cores, whoever brings them.

    Freed memory stays with the process. Without that, arrays of megabytes are paged in anew at every
    use, which costs those who hold a whole network up to twice the time.
    """
    threads = {
        f"{library}_NUM_THREADS": str(cores) for library in ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "NUMBA")
    }
    memory = {
        "MALLOC_MMAP_MAX_": "0",
        "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
        "MALLOC_TOP_PAD_": str(1 << 26),
    }
    eigen = {"XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={'true' if cores > 1 else 'false'}"}
    return {**os.environ, **threads, **memory, **eigen, "JAX_PLATFORMS": "cpu"}


class Workers:
    """A process for each contender and number of cores: opened on demand, all closed at the end."""

    def __init__(self, cores: Sequence[int]) -> None:
        self.cores = cores
        self.processes: dict[tuple[str, int], Process] = {}

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            process.close()

    def __call__(self, entry: Entry) -> Process:
        """The process of an entry's contender."""
        key = entry.contender, entry.cores
        if key not in self.processes:
            self.processes[key] = Process(entry.contender, self.cores[: entry.cores])
        return self.processes[key]


def time_panel(panel: Panel, worker: Callable[[Entry], Worker], rounds: int) -> list[dict[str, Any]]:
    """Seconds a run of every entry, and its ratio to the floor; a record each.

    A record's ratio is the median, over rounds, of its time over that of the floor on as many cores in
    the same round: what slows the machine for a while slows both.
    """
    runs = {entry: _runs_a_round(worker(entry), entry.point) for entry in panel.entries}
    seconds: dict[Entry, list[float]] = {entry: [] for entry in panel.entries}
    for _ in range(rounds):
        for entry, taken in seconds.items():
            taken.append(worker(entry).seconds(entry.point, runs[entry]) / runs[entry])
    floors = {entry.cores: taken for entry, taken in seconds.items() if entry.contender == "floor"}
    return [
        {
            "contender": entry.contender,
            "law": entry.point.law,
            "m": entry.point.m,
            "d": entry.point.d,
            "alpha": entry.point.alpha,
            "cores": entry.cores,
            "runs_a_round": runs[entry],
            "seconds": _summary(taken),
            "to_floor": _summary(
                [one / other for one, other in zip(taken, floors[entry.cores], strict=True)]
            ),
        }
        for entry, taken in seconds.items()
    ]


def _runs_a_round(worker: Worker, point: Point) -> int:
    """As many runs as take `ROUND_SECONDS`, in whole units; the first call compiles and is not timed."""
    runs = worker.unit
    worker.seconds(point, runs)
    while (taken := worker.seconds(point, runs)) < 0.1 * ROUND_SECONDS:
        runs *= 4
    return worker.unit * max(1, math.ceil(ROUND_SECONDS / taken * runs / worker.unit))


def _summary(values: Iterable[float]) -> dict[str, float]:
    ordered = sorted(values)
    named = {"median": statistics.median(ordered), "low": ordered[0], "high": ordered[-1]}
    return {name: float(f"{value:.4g}") for name, value in named.items()}
