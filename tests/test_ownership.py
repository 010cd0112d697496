from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ntk_core.ownership import claim, recover


@pytest.fixture
def state(tmp_path):
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "0.input.lock").touch()
    return tmp_path


def locked(state) -> bool:
    return any((state / "locks").iterdir())


def test_the_lock_of_a_living_process_stays_and_the_user_is_told(state):
    claim(state)
    assert recover(state).startswith(f"Process {os.getpid()} is at work in this directory")
    assert locked(state)


def test_a_directory_has_one_run_at_a_time(state):
    """Even where no lock of Snakemake's says so, and whatever the other works on."""
    claim(state)
    claim(state)  # by the same process again
    code = f"from pathlib import Path; from ntk_core.ownership import claim; claim(Path({str(state)!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"OccupiedError: Process {os.getpid()} is at work" in done.stderr


def test_the_lock_of_a_dead_process_goes_and_the_user_is_told(state):
    code = f"from pathlib import Path; from ntk_core.ownership import claim; claim(Path({str(state)!r}))"
    subprocess.run([sys.executable, "-c", code], check=True)
    pid = json.loads((state / "owner.json").read_text())["pid"]
    assert f"process {pid}) was killed" in recover(state)
    assert not locked(state)


def test_another_process_with_the_same_number_is_not_the_owner(state):
    claim(state)
    note = json.loads((state / "owner.json").read_text())
    note["started"] -= 100.0
    (state / "owner.json").write_text(json.dumps(note))
    assert note["pid"] == os.getpid()
    assert recover(state)


QUEUE = """#!{python}
import sys, pathlib
here = pathlib.Path({folder!r})
left = [line for line in (here / "queue").read_text().splitlines()]
if sys.argv[0].endswith("scancel"):
    kept = [line for line in left if line.split()[0] not in sys.argv[1:]]
    (here / "queue").write_text("\\n".join(kept))
else:
    print("\\n".join(left))
"""


def test_the_jobs_of_a_dead_owner_are_cancelled_and_no_others(state, tmp_path_factory, monkeypatch):
    """As `squeue` tells of them; a real one is asked in test_slurm.py."""
    tools = tmp_path_factory.mktemp("tools")
    for name in ("squeue", "scancel"):
        (tools / name).write_text(QUEUE.format(python=sys.executable, folder=str(tools)))
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    ours, beside = state / "slurm_logs/rule_simulate", state.parent / "slurm_logs"
    others = [f"13  {beside}/13.log", "14"]
    (tools / "queue").write_text("\n".join([f"11  {ours}/11.log", f"12  {ours}/a b/12.log", *others]))
    code = f"from pathlib import Path; from ntk_core.ownership import claim; claim(Path({str(state)!r}))"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert recover(state).endswith("Its jobs 11, 12 were cancelled.")
    assert (tools / "queue").read_text().splitlines() == others


@pytest.mark.parametrize(
    "note", ['{"host": "elsewhere", "pid": 999999, "started": 1.0}', "", "[]", '{"pid": 1}']
)
def test_without_proof_the_lock_stays(state, note):
    (state / "owner.json").write_text(note)
    assert recover(state) is None
    assert locked(state)
