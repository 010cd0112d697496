"""Dask workers that are jobs of a batch system: a real SLURM; of the others, the scripts they would get."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import dask
import psutil
import pytest
from conftest import ROOT, run_snakemake
from dask_processes import LOOPBACK, asks_for_certificate, listening, until, workers_of
from slurm_cluster import DAEMONS, Cluster, missing

from ntk_core.config import ConfigError, ExecutionModel
from ntk_core.execution import check, compute, workers
from ntk_core.grid import Experiment, Shard
from ntk_core.simulation import simulate_shard

JOBS = {"system": "slurm", "cores": 1, "memory": "1GB", "maximum": 2}
DEAR = Experiment("e", "band", ("sphere",), (2**30,), (64,), (1.0,), 2**15)


def execution(**jobqueue: object) -> ExecutionModel:
    return ExecutionModel.model_validate({"workers": "jobqueue", "jobqueue": {**JOBS, **jobqueue}})


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    if programs := missing():
        pytest.skip(f"not installed: {', '.join(programs)}")
    with Cluster(tmp_path_factory.mktemp("slurm") / "cluster") as cluster:
        yield cluster


@pytest.fixture
def at_slurm(slurm, tmp_path, monkeypatch):
    for name, value in slurm.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return slurm


def jobs(slurm: Cluster) -> list[str]:
    return slurm.call("squeue", "--noheader", "--format=%i").split()


def dask_workers(slurm: Cluster) -> list[psutil.Process]:
    found = []
    for process in slurm.processes():
        with contextlib.suppress(psutil.Error):
            if "spawn_main" in " ".join(process.cmdline()):
                found.append(process)
    return found


def simulated(path: Path, client) -> str:
    simulate_shard(Shard(DEAR, 1, DEAR.m[0], 0, DEAR.seeds), path, client, lambda _: None)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_workers_are_jobs_that_speak_tls_and_come_and_go(at_slurm, tmp_path):
    """More of them while work waits; killed and cancelled ones are replaced; no result changes."""
    with workers(execution(), 1) as client:
        (folder,) = (tmp_path / ".ntk-core").iterdir()
        assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)} == {0o700}
        client.wait_for_workers(1, timeout=60)
        assert len(workers_of(client)) == 1

        done: list[None] = []

        def disturb(result: None) -> None:
            done.append(result)
            if len(done) > 1:
                return
            until(lambda: len(workers_of(client)) == 2)
            assert client.scheduler.address.startswith("tls://")
            folders = client.run(lambda dask_worker: dask_worker.local_directory)
            assert all(Path(path).is_relative_to(folder) for path in folders.values())
            ours = [psutil.Process(), *(p for p in at_slurm.processes() if p.name() not in DAEMONS)]
            ports = set(listening(ours))
            time.sleep(0.5)
            ports &= set(listening(ours))  # what only passes by cannot be asked
            beyond = {(address, port) for address, port in ports if address not in LOOPBACK}
            assert len(beyond) >= 5  # a scheduler, two nannies, two workers
            assert [one for one in beyond if not asks_for_certificate(*one)] == []
            os.kill(dask_workers(at_slurm)[0].pid, signal.SIGKILL)
            at_slurm.call("scancel", jobs(at_slurm)[0])

        compute(client, time.sleep, [0.3] * 60, disturb)  # enough that a second worker comes
        assert len(done) == 60

        digest = simulated(tmp_path / "there.nc", client)
    with workers(ExecutionModel(), 2) as client:
        assert simulated(tmp_path / "here.nc", client) == digest
    assert not any((tmp_path / ".ntk-core").iterdir())
    until(lambda: not jobs(at_slurm))


def test_a_refusal_of_the_batch_system_is_an_error(at_slurm, tmp_path):
    with pytest.raises(RuntimeError, match="slurm takes no workers:"), workers(execution(queue="none"), 1):
        pass
    assert not any((tmp_path / ".ntk-core").iterdir())
    assert not jobs(at_slurm)


def test_workers_end_with_a_killed_job(at_slurm, tmp_path):
    """The process with the scheduler is killed: its workers see that and end, long before their time."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from tests.test_jobqueue import execution\n"
        "from ntk_core.execution import workers\n"
        "if __name__ == '__main__':\n"
        "    with workers(execution(), 1) as client:\n"
        "        client.wait_for_workers(1)\n"
        "        print('ready', flush=True)\n"
        "        sys.stdin.read()\n"
    )
    (tmp_path / "job.py").write_text(code)
    path = os.pathsep.join([str(ROOT), str(ROOT / "src"), str(ROOT / "tests")])
    with subprocess.Popen(
        [sys.executable, "job.py", str(ROOT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    ) as job:
        assert job.stdout
        assert job.stdout.readline() == "ready\n"
        assert jobs(at_slurm)
        job.kill()
    until(lambda: not jobs(at_slurm), 30)


def test_a_workflow_with_batch_workers_gives_the_same_bytes(at_slurm, tmp_path, small):
    del small["experiments"]["grid"]
    there = run_snakemake(
        tmp_path / "there",
        {**small, "execution": {"workers": "jobqueue", "jobqueue": {**JOBS, "interface": "lo"}}},
        "results/check/runs.nc",
    )
    assert there.code == 0, there.output
    assert list(tmp_path.glob("there/logs/workers/*.err"))
    here = run_snakemake(tmp_path / "here", small, "results/check/runs.nc")
    assert there.digests() == here.digests() != {}


def test_what_is_not_here_is_refused_before_work(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="system is 'pbs'; allowed: only where qsub is"):
        check(execution(system="pbs"))
    (tmp_path / "qsub").touch(mode=0o755)
    check(execution(system="pbs"))
    (tmp_path / "a b").mkdir()
    monkeypatch.chdir(tmp_path / "a b")
    with pytest.raises(ConfigError, match="only in a folder without spaces"):
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
    with contextlib.suppress(FileNotFoundError):
        kept.unlink()
