"""Dask workers that are jobs of a batch system: what is refused, and the scripts that each would get.

Those on a real SLURM are in test_slurm.py.
"""

from __future__ import annotations

import os
import re

import dask
import pytest
from conftest import ROOT

from ntk_core.execution.workers import check, workers
from ntk_core.experiments.execution_model import ExecutionModel
from ntk_core.experiments.section import ConfigError

JOBS = {"system": "slurm", "cores": 1, "memory": "1GB", "maximum": 2}


def execution(**jobqueue: object) -> ExecutionModel:
    return ExecutionModel.model_validate({"workers": "jobqueue", "jobqueue": {**JOBS, **jobqueue}})


def test_what_is_not_here_is_refused_before_work(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="system is 'pbs'; allowed: only where qsub is"):
        check(execution(system="pbs"))
    (tmp_path / "qsub").touch(mode=0o755)
    check(execution(system="pbs"))
    (tmp_path / "a b").mkdir()
    monkeypatch.chdir(tmp_path / "a b")
    with pytest.raises(ConfigError, match=r"no spaces or quotes, unlike .*a b"):
        check(execution(system="pbs"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.executable", "/home/me/my env/bin/python")
    with pytest.raises(ConfigError, match="unlike '/home/me/my env/bin/python'"):
        check(execution(system="pbs"))


@pytest.mark.parametrize(
    ("system", "command", "reply"),
    [
        ("pbs", "qsub", "17.server"),
        ("sge", "qsub", "Your job 17 has been submitted"),
        ("lsf", "bsub", "Job <17> is submitted to queue <normal>."),
    ],
)
def test_other_batch_systems_are_given_the_same(system, command, reply, tmp_path, monkeypatch):
    """Their commands are played here: what is submitted is kept, nothing runs."""
    tools = tmp_path / "tools"
    tools.mkdir()
    kept = tmp_path / "submitted"
    (tools / command).write_text(f'#!/bin/sh\ncat "$@" > {kept} 2>&1 || echo "$@" > {kept}\necho "{reply}"\n')
    for end in ("qdel", "bkill"):
        (tools / end).write_text("#!/bin/sh\n")
    for tool in tools.iterdir():
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)
    settings = execution(system=system, queue="short", directives=["-A physics"])
    check(settings)
    with workers(settings, 1):
        text = kept.read_text()
    folder = rf"{re.escape(str(tmp_path))}/\.ntk-core/tmp-\w+"
    assert re.search(rf"tls://\S+ .*--tls-ca-file {folder}/cert.pem --tls-cert {folder}/cert.pem", text)
    settings = re.search(r"DASK_INTERNAL_INHERIT_CONFIG=(\S+)", text)
    assert settings
    assert re.fullmatch(folder, dask.config.deserialize(settings[1])["temporary-directory"])
    assert "--dashboard-address 127.0.0.1:0" in text
    assert f"PYTHONPATH={ROOT / 'src'}" in text
    assert "short" in text
    assert "-A physics" in text
