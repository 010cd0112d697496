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


@pytest.mark.parametrize(
    "note", ['{"host": "elsewhere", "pid": 999999, "started": 1.0}', "", "[]", '{"pid": 1}']
)
def test_without_proof_the_lock_stays(state, note):
    (state / "owner.json").write_text(note)
    assert recover(state) is None
    assert locked(state)
