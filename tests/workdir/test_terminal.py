"""What a person sees of a run, from Snakemake's messages and the notes beside the shards."""

from __future__ import annotations

import io
import logging
import os
import re
import signal
import time

import pytest
from conftest import ROOT
from rich.console import Console

from ntk_core.workdir import terminal
from ntk_core.workdir.progress import Job
from ntk_core.workdir.terminal import ENDING, PHASES, SIGNALLED, Expected, Terminal

STATS = {"simulate": 2, "collect": 1, "figures_e": 1, "report": 1, "all": 1, "total": 6}
EXPECTED = Expected(drawing=10.0, following=30.0)


class Screen:
    """A terminal, or the file of a log, and what stands there."""

    def __init__(self, folder, live: bool = False) -> None:
        self.jobs = [Job(folder / "a.nc", 100, 1.0), Job(folder / "b.nc", 100, 9.0)]
        self.file = io.StringIO()
        console = Console(file=self.file, force_terminal=live, width=120, highlight=False, soft_wrap=True)
        self.terminal = Terminal(self.jobs, EXPECTED, console)

    @property
    def text(self) -> str:
        return self.file.getvalue()

    def say(self, message: str, level: int = logging.INFO, **extra: object) -> None:
        record = logging.makeLogRecord({"msg": message, "levelno": level} | extra)
        assert not self.terminal.filter(record)  # what is shown is written above the line, not by the handler

    def fail(self, rule: str, log: str, reason: str | None = None, indent: bool = False) -> None:
        """What Snakemake reports of a job that failed; `indent` is true of the jobs of a group."""
        job = {"rule_name": rule, "rule_msg": reason, "log": [log], "indent": indent}
        self.say("...", logging.ERROR, event="job_error", **job)

    def run(self, *jobs: tuple[int, str]) -> None:
        for number, rule in jobs:
            self.say("", event="job_info", jobid=number, rule_name=rule)
            self.say("", event="job_finished", job_id=number)


@pytest.fixture
def screen(tmp_path):
    return Screen(tmp_path)


def test_a_log_has_a_line_a_phase(screen):
    screen.say("Building DAG of jobs...")
    screen.say("Job stats: ...", event="run_info", stats=STATS)
    screen.say("Select jobs to execute...")
    screen.run((1, "simulate"))
    assert screen.text == ""
    screen.run((2, "simulate"), (3, "collect"), (4, "figures_e"), (5, "report"), (0, "all"))
    assert screen.text.splitlines() == [
        "[runs] all 200 done after 0:00",
        "[tables] done after 0:00",
        "[figures] done after 0:00",
        "[pages] done after 0:00",
    ]


def test_tables_of_aggregates_and_of_a_reanalysis_are_tables(screen):
    rules = ["simulate", "add", "reanalyse_experiment", "redraw_figures", "rewrite_summary"]
    screen.say("Job stats: ...", event="run_info", stats=dict.fromkeys(rules, 1) | {"total": 5})
    screen.run(*enumerate(rules, 1))
    phases = [line.split()[0] for line in screen.text.splitlines()]
    assert phases == ["[runs]", "[tables]", "[figures]", "[pages]"]


def test_every_rule_with_a_phase_is_one_of_the_workflow():
    text = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    rules = re.findall(r"^(?:rule|use rule \w+ as) (\w+)", text, re.M)
    assert set(PHASES) <= set(rules)
    assert re.search(r'^        name:\n +f"figures_', text, re.M)


def test_messages_of_calls_without_jobs_are_kept(screen):
    screen.say("Building DAG of jobs...")
    screen.say("Nothing to be done (all requested files are present and up to date).")
    screen.say("Report created: report.html.")
    assert screen.text.splitlines() == [
        "Nothing to be done (all requested files are present and up to date).",
        "Report created: report.html.",
    ]


def test_an_error_is_said_once_with_its_log_and_what_is_kept(screen, tmp_path):
    screen.jobs[0].path.write_text("done")
    log = tmp_path / "b.log"
    log.write_text("no such file")
    screen.say("Job stats: ...", event="run_info", stats=STATS)
    screen.fail("simulate", str(log))
    screen.fail("simulate", "none.log")
    of_job = 'RuleException:\nCalledProcessError in file "simulate.smk", line 54:\nCommand ...'
    screen.say(of_job, logging.ERROR, event="error", exception="RuleException")
    screen.say(
        "WorkflowError:\nAt least one job did not complete successfully.", logging.ERROR, event="error"
    )
    screen.say("a disk is slow", logging.WARNING)
    screen.terminal.end(failed=True)
    assert screen.text.splitlines() == [
        f"Error in a job of rule simulate; its log: {log}",
        "Error in a job of rule simulate; its log: none, but see the newest file in .snakemake/log",
        "a disk is slow",
        "Stopped by the error above; 1 of 2 shards are kept. Remove its cause and call again to go on.",
    ]


def test_why_a_job_could_not_be_started_is_said(screen):
    """As on a full disk, where Snakemake cannot write the script."""
    screen.say("Job stats: ...", event="run_info", stats=STATS)
    reason = 'RuleException:\nOSError in file "simulate.smk", line 54:\n[Errno 28] No space left on device'
    screen.say(reason, logging.ERROR, event="error", exception="RuleException")
    screen.fail("collect", "none.log")
    assert screen.text.startswith(reason)


REFUSED = """SLURM sbatch failed. The error message was 'sbatch: error: invalid partition specified: nope
sbatch: error: Batch job submission failed: Invalid partition name specified'.
    sbatch call:
        sbatch --parsable
For further error details see the cluster/cloud log and the log files of the involved rule(s)."""


def test_a_job_that_a_batch_system_refuses_is_said_with_its_words(screen, tmp_path):
    (tmp_path / "empty.log").touch()
    old = tmp_path / "old.log"
    old.write_text("of an earlier run")
    os.utime(old, (1e9, 1e9))
    screen.say("Job stats: ...", event="run_info", stats=STATS)
    screen.say("", event="job_info", jobid=3, rule_name="simulate")
    for log in ("empty.log", "old.log", "none.log"):
        screen.fail("simulate", str(tmp_path / log), REFUSED)
        screen.say("Trying to restart job 3.")
    first, *others = screen.text.splitlines()
    assert first == (
        "Error in a job of rule simulate: SLURM sbatch failed. The error message was 'sbatch: error: "
        "invalid partition specified: nope sbatch: error: Batch job submission failed: Invalid partition "
        "name specified'"
    )
    again = "The job of rule simulate is sent again, for attempt"
    same = "Error in a job of rule simulate, for a reason named above"
    assert others == [f"{again} 2", same, f"{again} 3", same, f"{again} 4"]


def test_a_group_of_jobs_that_fails_is_one_error(screen, tmp_path):
    log, own = tmp_path / "56.log", tmp_path / "claims.log"
    log.write_text("CANCELLED")
    own.write_text("begun")
    jobs = [{"rule_name": rule, "log": [str(tmp_path / f"{rule}.log")]} for rule in ("summary", "claims")]
    screen.say("...", logging.ERROR, event="group_error", job_error_info=jobs, aux_logs=[str(log)])
    for job in jobs:
        screen.fail(job["rule_name"], job["log"][0], indent=True)
    screen.say("Trying to restart job 5f0c-11.")
    assert screen.text.splitlines() == [
        f"Error in a job of rules claims, summary; its log: {log}, {own}",
        "That job is sent again, for attempt 2",
    ]


def test_what_a_profile_without_an_account_leads_to_is_not_said(screen):
    screen.say("No SLURM account given, trying to guess.", logging.WARNING)
    screen.say("Unable to guess SLURM account. Trying to proceed without.", logging.WARNING)
    assert screen.text == ""


@pytest.mark.parametrize("way", ["Ctrl-C", *SIGNALLED])
def test_an_interrupt_is_no_error_of_its_jobs(screen, way):
    heard: list[int] = []
    outside = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        screen.terminal.start()
        if way == "Ctrl-C":
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)  # would interrupt the ending
            assert heard == [signal.SIGINT]  # Snakemake ends the run as ever
    finally:
        signal.signal(signal.SIGINT, outside)
    if way in SIGNALLED:
        screen.say(f"{way}, and more")
    screen.fail("simulate", "logs/b.log")
    screen.terminal.end(failed=True)
    first, last = screen.text.splitlines()
    assert first == SIGNALLED.get(way, ENDING)
    assert last == "Interrupted; 0 of 2 shards are kept. Call again to go on."


def test_ctrl_c_after_sigterm_is_answered_too(screen):
    for way in (*SIGNALLED, *SIGNALLED):
        screen.say(way)
    assert screen.text.splitlines() == list(SIGNALLED.values())


def test_ctrl_c_reaches_snakemake_where_nobody_reads(screen):
    heard: list[int] = []
    outside = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        screen.terminal.start()
        screen.file.close()  # as the pipe of a reader that Ctrl-C has ended
        with pytest.raises(ValueError, match="closed file"):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, outside)
    assert heard == [signal.SIGINT]


def test_time_left_is_of_everything_and_by_the_pace(screen):
    screen.say("Job stats: ...", event="run_info", stats=STATS)
    phase, part, text = screen.terminal.state(4.0)
    assert (phase, part) == ("runs", 0.0)
    assert text == "0 of 200 runs, 0 runs/s, about 0:40 left for everything"  # as expected before
    screen.jobs[1].path.with_name("b.nc.progress").write_text("50")
    phase, part, text = screen.terminal.state(9.0)
    assert part == pytest.approx(0.45 * 10 / 40)  # of the work of runs, not of their number
    assert text == "50 of 200 runs, 6 runs/s, about 1:11 left for everything"  # twice as slow as expected
    for job in screen.jobs:
        job.path.write_text("done")
    screen.run((1, "simulate"), (2, "simulate"), (3, "collect"))
    phase, part, text = screen.terminal.state(30.0)
    assert phase == "figures"
    assert part == pytest.approx((10 + 30 / 3) / 40)
    assert text == "2 of 3 jobs left, about 0:30 left for everything"


def test_while_nothing_is_done_the_time_so_far_is_said(screen):
    screen.say("Job stats: ...", event="run_info", stats=STATS)
    _, _, text = screen.terminal.state(600.0)
    assert text == "0 of 200 runs, 0 runs/s, 10:00 so far"


def test_runs_of_an_earlier_call_do_not_count_for_the_pace(tmp_path):
    (tmp_path / "a.nc").write_text("done")
    note = tmp_path / "b.nc.progress"
    note.write_text("90")  # of a job that was killed; what starts a run removes it before it starts this
    screen = Screen(tmp_path)
    note.unlink()
    screen.terminal.quiet = True
    screen.terminal.start()
    screen.say("Job stats: ...", event="run_info", stats=STATS)
    (tmp_path / "b.nc.progress").write_text("50")
    _, part, text = screen.terminal.state(10.0)
    assert part == pytest.approx(0.5 * 10 / 40)
    assert text.startswith("150 of 200 runs, 5 runs/s, ")


def test_a_terminal_has_one_line_that_goes_away(tmp_path, monkeypatch):
    monkeypatch.setattr(terminal, "INTERVAL", 0.001)
    screen = Screen(tmp_path, live=True)
    screen.say("Job stats: ...", event="run_info", stats=STATS)
    screen.terminal.start()
    deadline = time.monotonic() + 60
    while "about 0:40 left for everything" not in screen.text:
        assert screen.terminal._thread.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.001)
    screen.say("a disk is slow", logging.WARNING)
    screen.terminal.end(failed=False)
    assert "a disk is slow\n" in screen.text
    assert screen.text.endswith("\x1b[2K")  # the line is erased
    assert screen.text.count("\n") < 5


def test_a_quiet_run_says_errors_alone(screen):
    screen.terminal.quiet = True
    screen.say("Job stats: ...", event="run_info", stats=STATS)
    screen.terminal.start()
    screen.run((1, "simulate"), (2, "simulate"))
    assert screen.text == ""
    screen.say("a disk is slow", logging.WARNING)
    assert screen.text == "a disk is slow\n"
    screen.terminal.end(failed=False)
