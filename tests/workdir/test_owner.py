from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from ntk_core.execution.private_folder import private_folder
from ntk_core.workdir.owner import OccupiedError, cancel_jobs, claim, sweep

CLAIM = "from ntk_core.workdir.owner import claim; claim(); print('held', flush=True); input()"


@pytest.fixture
def owner(directory):
    """Another process that holds the directory."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", CLAIM], text=True, **pipes) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_directory_has_one_run_at_a_time(owner):
    with pytest.raises(OccupiedError, match=rf"^Process {owner.pid} of \S+ is at work in this directory"):
        claim()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_lock_ends_with_its_process_however_that_ends(owner, number):
    owner.send_signal(number)
    owner.wait()
    claim()


@pytest.mark.usefixtures("directory")
def test_of_many_claims_at_once_one_succeeds():
    """Twenty processes wait for one pipe to close, then claim; the winner holds on until all have tried."""
    start, go = os.pipe()
    code = f"import os; os.read({start}, 1); {CLAIM}"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    contenders = [
        subprocess.Popen([sys.executable, "-c", code], pass_fds=[start], text=True, **pipes)
        for _ in range(20)
    ]
    os.close(go)
    first_lines = [contender.stdout.readline() for contender in contenders]
    for contender in contenders:
        contender.communicate("\n")
    assert sorted(first_lines) == [""] * 19 + ["held\n"]


def test_what_a_killed_run_left_is_removed(directory):
    results = directory / "results/e"
    results.mkdir(parents=True)
    temporary, merged = private_folder() / "tmp-x1/key", directory / "results/.both.part/e"
    left = [
        results / ".runs.nc.x1.part",
        results / "m64_seeds0-9.nc.progress",
        directory / ".archive.zip.x1.part",
        directory / ".archive.part",
        temporary,
        merged,
    ]
    temporary.parent.mkdir()
    merged.parent.mkdir()
    kept = [results / "runs.nc", private_folder() / "lock", directory / ".archives.of.mine.part"]
    for path in left + kept:
        path.touch()
    sweep(directory / "results")
    assert not any(path.exists() for path in left)
    assert not temporary.parent.exists()
    assert not merged.parent.exists()
    assert all(path.exists() for path in kept)


QUEUE = """#!{python}
import sys, pathlib
folder = pathlib.Path({folder!r})
if not (folder / "queue").exists():
    sys.exit("slurmctld is down")
left = (folder / "queue").read_text().splitlines()
if sys.argv[0].endswith("scancel"):
    kept = [line for line in left if line.split()[0] not in sys.argv[1:]]
    (folder / "queue").write_text("\\n".join(kept))
else:
    print("\\n".join(left))
"""


def test_jobs_of_an_earlier_run_are_cancelled_and_no_others(directory, monkeypatch):
    """As `squeue` lists them; a real one is asked in test_slurm.py."""
    tools = directory / "tools"
    tools.mkdir()
    for name in ("squeue", "scancel"):
        (tools / name).write_text(QUEUE.format(python=sys.executable, folder=str(tools)))
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    ours, beside = directory / ".snakemake/slurm_logs/rule_simulate", directory / "slurm_logs"
    others = [f"13  {beside}/13.log", "14"]
    listed = "\n".join([f"11  {ours}/11.log", f"12  {ours}/a b/12.log", *others])
    assert cancel_jobs(directory / ".snakemake") == []  # no job was ever sent from here
    ours.parent.mkdir(parents=True)
    with pytest.raises(OccupiedError, match=r"squeue does not say: slurmctld is down\. Call again"):
        cancel_jobs(directory / ".snakemake")
    (tools / "queue").write_text(listed)
    assert cancel_jobs(directory / ".snakemake") == ["11", "12"]
    assert (tools / "queue").read_text().splitlines() == others
    assert cancel_jobs(directory / ".snakemake") == []
    (tools / "queue").write_text(listed)
    (tools / "scancel").write_text("#!/bin/sh\n")
    monkeypatch.setattr("ntk_core.workdir.owner.PATIENCE", 0.0)
    with pytest.raises(OccupiedError, match=r"The jobs 11, 12 of an earlier run .* do not end"):
        cancel_jobs(directory / ".snakemake")
