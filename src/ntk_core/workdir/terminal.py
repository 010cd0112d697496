"""What a person sees of a run: one line that moves on a terminal, a line a phase in a log, and errors once.

Snakemake reports each job in several lines. A filter on its handler for the terminal lets through what a
person needs; the file below `.snakemake/log` keeps all of them.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import signal
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from ..experiments.units import clock, count_text
from .progress import Job, runs_done

INTERVAL, LOG_INTERVAL = 0.5, 600.0
"""Seconds between two states of the line on a terminal, and between two lines on the runs in a log."""

PREAMBLE = (
    "Assuming ",
    "Building DAG",
    "Using shell",
    "Provided ",
    "Rules claiming",
    "Conda env",
    "Group jobs",
)
"""How Snakemake's messages begin that go before its table of jobs."""

ENDING = "Ending the jobs that have begun."
"""What is said after Ctrl-C."""

SIGNALLED = {
    "Will exit after finishing currently running jobs": "Waiting for jobs that have begun; Ctrl-C ends them.",
    "Terminating processes on user request": ENDING,
}
"""What is said after SIGTERM, and after other signals, by how Snakemake's own message begins."""

UNNAMED_ACCOUNT = ("No SLURM account given", "No account was given", "Unable to guess SLURM account")
"""How messages of the SLURM plugin begin where the profile names no account; most clusters need none."""

RESTART = "Trying to restart job "
"""How Snakemake's message begins that a job which failed is sent again."""

CLOCK_DIFFERENCE = 60.0
"""Seconds by which the clock of a node may be behind that of this machine."""

LOGS = ".snakemake/log"
"""Where Snakemake writes all its messages, below the working directory."""

REPEATED = ("CalledProcessError", "At least one job did not complete successfully.")
"""What is in errors of Snakemake that follow the error of a job, and say no more than that there was one."""

TABLES = ("theory", "collect", "add", "quantiles", "training", "verify_archive", "reanalyse_experiment")
"""Rules whose phase is `tables`."""

PHASES = {"simulate": "runs", "redraw_figures": "figures", **dict.fromkeys(TABLES, "tables")}
"""The phase of a rule; figures have one each experiment, all other rules make pages."""


@dataclass(frozen=True)
class Expected:
    """Expected seconds of drawing the missing runs, and of all that follows."""

    drawing: float = 0.0
    following: float = 0.0


class Terminal(logging.Filter):
    """Follows Snakemake's messages, and tells a person how far the run is.

    `jobs` are all shards, also those that exist. `console` is where lines go: standard error, unless given.
    """

    def __init__(self, jobs: Sequence[Job], expected: Expected, console: Console | None = None) -> None:
        super().__init__()
        self._jobs = jobs
        self._expected = expected
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._jobs_begin = False
        self._left: Counter[str] = Counter()
        self._rules: dict[int, str] = {}
        self._attempts: Counter[str] = Counter()
        self._reasons: set[str] = set()
        self._endings: set[str] = set()
        self._later = 0
        self._start()
        self._line = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"),
            console=self._console, transient=True, auto_refresh=False,
        )  # fmt: skip
        self._task: TaskID | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self.quiet = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Show what a person needs of a message of Snakemake. False, so that the handler does not."""
        event, message = str(getattr(record, "event", "")), record.getMessage()
        if event == "run_info":
            self._jobs_begin = True
            self._plan(record.__dict__.get("stats", {}))
        elif event == "job_info":
            self._rules[record.__dict__["jobid"]] = record.__dict__["rule_name"]
        elif event == "job_finished":
            self._finish(record.__dict__["job_id"])
        elif event == "job_error":
            if not record.__dict__["indent"]:  # else it is said with its group
                self._error([record.__dict__], [], record.__dict__["rule_msg"])
        elif event == "group_error":
            self._error(record.__dict__["job_error_info"], record.__dict__["aux_logs"])
        elif message.startswith(RESTART):
            self._restart(message.removeprefix(RESTART).removesuffix("."))
        elif ending := next((text for begin, text in SIGNALLED.items() if message.startswith(begin)), ""):
            self._end_by_signal(ending)
        elif self._is_shown(record, message):
            self._say(message)
        return False

    def start(self) -> None:
        """Begin: jobs are about to start."""
        self._start()
        handler: Any = None  # only the main thread may ask
        if threading.current_thread() is threading.main_thread():
            handler = signal.getsignal(signal.SIGINT)
        if handler not in (None, signal.SIG_IGN):
            signal.signal(signal.SIGINT, lambda number, frame: self._interrupt(handler, number, frame))
        if self.quiet:
            return
        if self._console.is_terminal:
            self._task = self._line.add_task("", total=1.0, state="")
            self._line.start()
        self._thread.start()

    def end(self, failed: bool) -> None:
        """End, and take the moving line away; of a run that did not come to its end, say what is kept."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._task is not None:
            self._line.stop()
            self._task = None
        if failed:
            kept, count = sum(job.path.exists() for job in self._jobs), len(self._jobs)
            of_shards = f"{kept:,} of {count_text(count, 'shard')} {'is' if count == 1 else 'are'} kept"
            what, again = "Interrupted", "Call again to go on"
            if not self.interrupted:
                what, again = "Stopped by the error above", "Remove its cause and call again to go on"
            self._say(f"{what}; {of_shards}. {again}." if self._jobs else f"{what}.")

    def state(self, elapsed: float) -> tuple[str, float, str]:
        """The phase, the part of the expected work that is done, and a text after `elapsed` seconds."""
        runs, cost = self._runs()
        all_runs, all_cost = sum(j.runs for j in self._jobs), sum(j.cost for j in self._jobs)
        new_cost, missing = cost - self._before[1], all_cost - self._before[1]
        drawn = new_cost / missing if missing > 0 else 1.0
        later = sum(n for rule, n in self._left.items() if _phase(rule) != "runs")
        done = self._expected.drawing * drawn
        done += self._expected.following * (1.0 - later / self._later if self._later else 1.0)
        total = self._expected.drawing + self._expected.following
        part = done / total if total > 0 else 1.0
        phase = next((_phase(rule) for rule in sorted(self._left, key=_order) if self._left[rule]), "pages")
        if phase == "runs":
            text = f"{runs:,} of {all_runs:,} runs, {(runs - self._before[0]) / elapsed:,.0f} runs/s"
        else:
            text = f"{later:,} of {self._later:,} jobs left"
        left = total * (1.0 - part)
        if part > 0.02:  # the pace so far, and not less than expected while little is done
            pace = elapsed * (1.0 - part) / part
            left = pace if part > 0.1 else max(left, pace)
        elif elapsed > left:  # as where jobs wait in a queue
            return phase, part, f"{text}, {clock(elapsed)} so far"
        return phase, part, f"{text}, about {clock(max(left, 1.0))} left for everything"

    def _interrupt(self, handler: Any, number: int, frame: FrameType | None) -> None:
        """Note that it was Ctrl-C before the jobs fail of it, and go on as before, also if nobody reads.

        Another Ctrl-C would interrupt the ending itself, and is not passed on.
        """
        if ENDING in self._endings:
            return
        try:
            self._end_by_signal(ENDING)
        finally:
            if not callable(handler):
                raise KeyboardInterrupt
            handler(number, frame)

    @property
    def interrupted(self) -> bool:
        """Whether the run ends by a signal."""
        return bool(self._endings)

    def _end_by_signal(self, text: str) -> None:
        """Note that the run ends by a signal, and say what becomes of its jobs, each text once."""
        if text not in self._endings:
            self._endings.add(text)
            self._say(text)

    def _start(self) -> None:
        self._began, self._wall_clock, self._before = time.monotonic(), time.time(), self._runs()

    def _loop(self) -> None:
        while not self._stop.wait(INTERVAL if self._task is not None else LOG_INTERVAL):
            phase, part, text = self.state(time.monotonic() - self._began)
            if self._task is None:
                self._say(f"[{phase}] {text}")
            else:
                self._line.update(self._task, description=phase, completed=part, state=text)
                self._line.refresh()

    def _plan(self, stats: dict[str, int]) -> None:
        self._left = Counter({rule: n for rule, n in stats.items() if rule not in {"all", "total"}})
        self._later = sum(n for rule, n in self._left.items() if _phase(rule) != "runs")

    def _finish(self, job: int) -> None:
        rule = self._rules.get(job, "")
        if not self._left[rule]:
            return
        self._left[rule] -= 1
        phase = _phase(rule)
        if not self.quiet and not any(n for other, n in self._left.items() if _phase(other) == phase):
            runs = f" all {sum(job.runs for job in self._jobs):,}" if phase == "runs" else ""
            self._say(f"[{phase}]{runs} done after {clock(time.monotonic() - self._began)}")

    def _runs(self) -> tuple[int, float]:
        """Runs that are done, and their work."""
        done = [runs_done(job) for job in self._jobs]
        return sum(done), sum(job.cost * n / job.runs for job, n in zip(self._jobs, done, strict=True))

    def _is_shown(self, record: logging.LogRecord, message: str) -> bool:
        if record.levelno < logging.WARNING:
            before = not self._jobs_begin and getattr(record, "event", None) is None
            return before and not message.startswith(PREAMBLE)
        repeated = any(text in message for text in REPEATED)
        return not (repeated or self.interrupted or message.strip().startswith(UNNAMED_ACCOUNT))

    def _error(
        self, jobs: Sequence[Mapping[str, Any]], logs: Sequence[str], reason: str | None = None
    ) -> None:
        """Say that jobs which run as one failed: why, as far as Snakemake knows, and the logs it left."""
        if self.interrupted:
            return
        rules = sorted({job["rule_name"] for job in jobs})
        new_logs = list(filter(self._is_new, [*logs, *(log for job in jobs for log in job["log"])]))
        why = _first_lines(reason or "")
        text = f"Error in a job of rule{'s' * (len(rules) > 1)} {', '.join(rules)}"
        if why:
            text += ", for a reason named above" if why in self._reasons else f": {why}"
            self._reasons.add(why)
        if new_logs or not why:
            text += f"; its log: {', '.join(new_logs) or f'none, but see the newest file in {LOGS}'}"
        self._say(text)

    def _is_new(self, log: str) -> bool:
        """Whether there is something in a log, of this run or of the minute before it."""
        with contextlib.suppress(OSError):
            status = Path(log).stat()
            return status.st_size > 0 and status.st_mtime > self._wall_clock - CLOCK_DIFFERENCE
        return False

    def _restart(self, job: str) -> None:
        """Say that a job, of this number or of the identifier of its group, is sent again."""
        self._attempts[job] += 1
        rule = self._rules.get(int(job)) if job.isdecimal() else None
        if not self.interrupted:
            name = f"The job of rule {rule}" if rule else "That job"
            self._say(f"{name} is sent again, for attempt {self._attempts[job] + 1}")

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False)


def _phase(rule: str) -> str:
    return "figures" if rule.startswith("figures") else PHASES.get(rule, "pages")


def _order(rule: str) -> int:
    return ("runs", "tables", "figures", "pages").index(_phase(rule))


def _first_lines(message: str) -> str:
    """What a message of Snakemake on a job begins with, up to details, which are indented, in one line."""
    lines = message.partition("For further error details")[0].splitlines()
    return " ".join(itertools.takewhile(lambda line: not line.startswith(" "), lines)).strip(" .")
