"""On a real SLURM: the workflow with the project's own profile, what becomes of it when things fail, and Dask
workers that are jobs.

Nothing is played: jobs are cancelled, run out of time and lose their node, and the session they were sent
from is killed. What comes out is compared with a run on this machine, byte by byte.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from conftest import ROOT, Run, run_snakemake, start_snakemake
from dask_processes import LOOPBACK, asks_for_certificate, listening, until, workers_of
from hasty_snakemake import ask_every_half_second
from slurm_cluster import DAEMONS, Cluster, missing
from snakemake_calls import Call
from test_jobqueue import JOBS, execution

from ntk_core.datasets.shard import simulate_shard
from ntk_core.execution.compute import compute
from ntk_core.execution.workers import workers
from ntk_core.experiments.drawn import DrawnExperiment
from ntk_core.experiments.execution_model import ExecutionModel
from ntk_core.experiments.shards import Shard

PLUGIN = "snakemake_executor_plugin_slurm"
LACKING = missing() + ([] if importlib.util.find_spec(PLUGIN) else [PLUGIN])
pytestmark = pytest.mark.skipif(bool(LACKING), reason=f"not installed: {', '.join(LACKING)}")

PROFILE = ROOT / "profiles/slurm"
HASTE = ("--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "10")
"""A cluster of one machine answers at once; see also hasty_snakemake.py."""

RUNS, RATES, DENSE_RUNS = "results/slow/runs.nc", "results/small/rates.nc", "results/small_dense/runs.nc"
SLOW: dict[str, Any] = {
    "entropy": 3,
    "experiments": {
        "slow": {
            "sampler": "dense",
            "perturbation": ["aligned"],
            "m": [2048, 2050, 2052],
            "d": [64],
            "alpha": [1.0],
            "seeds": 4096,
        }
    },
}
"""Three shards of three seconds each: long enough to be hit."""

DEAR = DrawnExperiment("e", "band", ("sphere",), (2**30,), (64,), (1.0,), 2**13)


@dataclass(frozen=True)
class SlurmJob:
    """A job as SLURM knows it; `wanted` is what it was asked to make, `minutes` its wall time."""

    number: int
    state: str
    node: str
    minutes: int
    wanted: str


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    # not in pytest's own folder: a socket's path has at most 107 characters
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, Cluster(Path(folder)) as running:
        yield running
        logs = "\n".join(path.read_text() for path in Path(folder).glob("*.log"))
    assert running.processes() == []
    assert "fatal" not in logs


def jobs(cluster: Cluster) -> list[SlurmJob]:
    """All jobs the cluster remembers, oldest first."""
    lines = cluster.call("squeue", "--noheader", "--states=all", "--format=%i|%T|%N|%l|%k").splitlines()
    remembered = []
    for number, state, node, limit, wanted in (line.split("|") for line in lines):
        hours, minutes, _ = map(int, f"0:{limit}".split(":")[-3:])
        remembered.append(SlurmJob(int(number), state, node, 60 * hours + minutes, wanted))
    return sorted(remembered, key=lambda job: job.number)


@contextlib.contextmanager
def calling(cluster: Cluster, directory: Path, config: Path, *targets: str) -> Iterator[Call]:
    """`snakemake` as from a login node."""
    arguments = ("--workflow-profile", str(PROFILE), *HASTE, *targets)
    with start_snakemake(
        directory, config, *arguments, environment=cluster.environment, before=ask_every_half_second
    ) as call:
        try:
            yield call
        finally:
            call.kill()


def finish(call: Call, directory: Path) -> Run:
    """Wait for the end of a call."""
    output, _ = call.communicate()
    return Run(directory, call.wait(), output)


def call(cluster: Cluster, directory: Path, config: Path, *targets: str) -> Run:
    """A whole call."""
    with calling(cluster, directory, config, *targets) as process:
        return finish(process, directory)


def wait(condition: Callable[[], Any], process: Call | None = None) -> Any:
    """What `condition` gives once it is true; `process` has to live until then."""
    deadline = time.monotonic() + 240
    while not (value := condition()):
        assert process is None or process.poll() is None, "the call ended too early"
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.2)
    return value


def drawing(cluster: Cluster, directory: Path) -> list[SlurmJob]:
    """Jobs that are drawing runs right now: they leave notes of how far they are."""
    names = [path.name for path in directory.glob("results/slow/shards/*/*.progress") if path.read_text()]
    widths = {re.match(r"m(\d+)_", name).group(1) for name in names}
    running = [job for job in jobs(cluster) if job.state == "RUNNING"]
    return [job for job in running if widths & set(job.wanted.split("_"))]


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The config of the slow grid as a file, and the digests of its shards by a local run."""
    folder = tmp_path_factory.mktemp("slow")
    run = run_snakemake(folder / "local", SLOW, RUNS)
    assert run.code == 0, run.output
    return folder / "local.yaml", run.digests("results/slow/shards/**/*.nc")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Run]:
    """Less of the tiny grid, as a job on the cluster takes longer to start than to work; and a local run."""
    config = yaml.safe_load((ROOT / "config/examples/tiny.yaml").read_text())
    config["experiments"]["small"]["m"] = [64]
    config["experiments"]["small_dense"]["m"] = [64]
    run = run_snakemake(tmp_path_factory.mktemp("tiny") / "local", config, RATES, DENSE_RUNS)
    assert run.code == 0, run.output
    return config, run


def test_tables_come_out_the_same_as_on_one_machine_from_one_job(cluster, tiny, tmp_path):
    """It goes on where its shards and its theory are done: shards on the cluster are below."""
    config, local = tiny
    before = {job.number for job in jobs(cluster)}
    file, directory = tmp_path / "tiny.yaml", tmp_path / "slurm"
    file.write_text(yaml.safe_dump(config))
    shutil.copytree(local.directory, directory)
    for name in ("runs", "quantiles", "rates"):
        (directory / f"results/small/{name}.nc").unlink()
    run = call(cluster, directory, file, RATES)
    assert run.code == 0, run.output
    data = local.digests("results/small/*.nc")
    assert len(data) == 4
    assert run.digests("results/small/*.nc") == data
    (done,) = [job for job in jobs(cluster) if job.number not in before]
    assert done.state == "COMPLETED"  # a group that collects, sorts and fits


@dataclass(frozen=True)
class Struck:
    """A run whose three shards met three faults: the jobs that were hit, by fault, and all jobs after."""

    hit: dict[str, SlurmJob]
    after: list[SlurmJob]
    run: Run
    again: Run

    def successor(self, fault: str) -> SlurmJob:
        """The job that made in the end what the one that was hit was to make."""
        return [job for job in self.after if job.wanted == self.hit[fault].wanted][-1]

    def outcome(self, fault: str) -> str:
        return next(job.state for job in self.after if job.number == self.hit[fault].number)


def strike(cluster: Cluster, directory: Path, process: Call, before: set[int]) -> dict[str, SlurmJob]:
    """Let a fault of each kind happen to a job that is at work; returns the jobs by fault."""

    def placed() -> list[SlurmJob] | None:
        now = [job for job in jobs(cluster) if job.number not in before and job.node]
        return now if len(now) == 3 else None

    three = wait(placed, process)
    nodes = [job.node for job in three]
    alone = next(job for job in three if nodes.count(job.node) == 1)
    first, second = (job for job in three if job is not alone)
    hit = {"cancelled": first, "out of time": second, "node lost": alone}
    blows = {
        "cancelled": ("scancel", str(first.number)),
        "out of time": ("scontrol", "update", f"jobid={second.number}", "EndTime=now"),
        "node lost": ("scontrol", "update", f"nodename={alone.node}", "state=down", "reason=test"),
    }
    while blows:
        at_work = {job.number for job in wait(lambda: drawing(cluster, directory), process)}
        for fault in [fault for fault in blows if hit[fault].number in at_work]:
            cluster.call(*blows.pop(fault))
    wait(
        lambda: next(job for job in jobs(cluster) if job.number == alone.number).state == "NODE_FAIL", process
    )
    with contextlib.suppress(RuntimeError):  # it may have come back by itself
        cluster.call("scontrol", "update", f"nodename={alone.node}", "state=resume")
    return hit


@pytest.fixture(scope="module")
def struck(cluster: Cluster, slow: tuple[Path, dict[str, str]], tmp_path_factory) -> Struck:
    """One call that meets all three faults at once, as nodes are shared and waiting is most of the time."""
    config, shards = slow
    directory = tmp_path_factory.mktemp("struck") / "slurm"
    before = {job.number for job in jobs(cluster)}
    with calling(cluster, directory, config, *shards) as process:
        hit = strike(cluster, directory, process, before)
        run = finish(process, directory)
    again = call(cluster, directory, config, *shards)
    return Struck(hit, [job for job in jobs(cluster) if job.number not in before], run, again)


@pytest.mark.parametrize(
    ("fault", "state"), [("cancelled", "CANCELLED"), ("out of time", "TIMEOUT"), ("node lost", "NODE_FAIL")]
)
def test_a_job_that_fails_is_sent_again_asks_for_more_and_changes_no_byte(struck, slow, fault, state):
    assert struck.outcome(fault) == state
    assert struck.run.code == 0, struck.run.output
    successor = struck.successor(fault)
    assert successor.state == "COMPLETED"
    assert successor.minutes == 2 * struck.hit[fault].minutes
    assert struck.run.digests("results/**/*.nc") == slow[1]


def test_after_failed_jobs_nothing_is_left_to_do(struck):
    assert struck.again.code == 0
    assert "Nothing to be done" in struck.again.output


def test_a_dropped_session_goes_on_with_the_next_call(cluster, slow, tmp_path):
    """Its jobs live on: some end, which nobody notes; the others must not get in the way of the new ones."""
    config, digests = slow[0], dict([*slow[1].items()][:2])
    directory = tmp_path / "slurm"
    before = {job.number for job in jobs(cluster)}
    with calling(cluster, directory, config, *digests) as process:
        wait(lambda: drawing(cluster, directory), process)
        os.killpg(process.pid, signal.SIGKILL)
    left = [job for job in jobs(cluster) if job.number not in before]
    # one is held, so that some have ended and one has not when the next call comes
    held = wait(lambda: [job for job in drawing(cluster, directory) if job.number not in before])[0]
    cluster.call("scontrol", "suspend", str(held.number))
    wait(lambda: [job for job in jobs(cluster) if job.number not in before and job.state == "COMPLETED"])
    run = call(cluster, directory, config, *digests)
    assert run.code == 0, run.output
    now = {job.number: job.state for job in jobs(cluster)}
    assert {now[job.number] for job in left} <= {"COMPLETED", "CANCELLED"}
    cancelled = re.search(r"The jobs ([\d, ]+) of an earlier run were cancelled", run.output)
    assert cancelled
    assert now[held.number] == "CANCELLED"
    assert str(held.number) in cancelled.group(1).split(", ")
    assert run.digests("results/**/*.nc") == digests
    assert [*(directory / "results").rglob(".*"), *(directory / "results").rglob("*.progress")] == []


def test_the_cluster_is_on_the_loopback_interface_alone(cluster):
    addresses = [
        connection.laddr.ip
        for process in cluster.processes()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert set(addresses) == {"127.0.0.1"}


@pytest.fixture
def at_cluster(cluster, tmp_path, monkeypatch):
    """The cluster, and this process on its login node."""
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return cluster


def queued(cluster: Cluster) -> list[str]:
    return cluster.call("squeue", "--noheader", "--format=%i").split()


def simulated(path: Path, client) -> str:
    simulate_shard(Shard(DEAR, 1, DEAR.m[0], 0, DEAR.seeds), path, client, lambda _: None)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_workers_are_jobs_that_speak_tls_and_come_and_go(at_cluster, tmp_path):
    """More of them while work waits; killed and cancelled ones are replaced; no result changes."""
    with workers(execution(), 1) as client:
        (folder,) = (tmp_path / ".ntk-core").iterdir()
        assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)} == {0o700}
        client.wait_for_workers(1, timeout=60)
        assert len(workers_of(client)) == 1

        done: list[None] = []

        def disturb(result: None) -> None:
            done.append(result)
            if len(done) in (1, 20):
                until(lambda: len(workers_of(client)) == 2)
            if len(done) != 1:
                return
            assert client.scheduler.address.startswith("tls://")
            folders = client.run(lambda dask_worker: dask_worker.local_directory)
            assert all(Path(path).is_relative_to(folder) for path in folders.values())
            ours = [psutil.Process(), *(p for p in at_cluster.processes() if p.name() not in DAEMONS)]
            ports = set(listening(ours))
            time.sleep(0.5)
            ports &= set(listening(ours))  # what only passes by cannot be asked
            beyond = {(address, port) for address, port in ports if address not in LOOPBACK}
            assert len(beyond) >= 5  # a scheduler, two nannies, two workers
            assert [one for one in beyond if not asks_for_certificate(*one)] == []
            jobs = client.run(lambda: (os.environ["SLURM_JOB_ID"], os.getpid()))
            (_, process), (job, _) = jobs.values()
            os.kill(process, signal.SIGKILL)
            at_cluster.call("scancel", job)
            until(lambda: len(workers_of(client)) < 2)

        compute(client, time.sleep, [0.3] * 60, disturb)  # enough that a second worker comes
        assert len(done) == 60

        digest = simulated(tmp_path / "there.nc", client)
    with workers(ExecutionModel(), 2) as client:
        assert simulated(tmp_path / "here.nc", client) == digest
    assert not any((tmp_path / ".ntk-core").iterdir())
    until(lambda: not queued(at_cluster))


def test_a_refusal_of_the_batch_system_is_an_error(at_cluster, tmp_path):
    with (
        pytest.raises(RuntimeError, match="slurm refused the jobs of Dask workers:"),
        workers(execution(queue="none"), 1),
    ):
        pass
    assert not any((tmp_path / ".ntk-core").iterdir())
    assert not queued(at_cluster)


def test_workers_end_with_a_killed_job(at_cluster, tmp_path):
    """The process with the scheduler is killed: its workers see that and end, long before their time."""
    code = (
        "import sys\n"
        "from test_jobqueue import execution\n"
        "from ntk_core.execution.workers import workers\n"
        "if __name__ == '__main__':\n"
        "    with workers(execution(), 1) as client:\n"
        "        client.wait_for_workers(1)\n"
        "        print('ready', flush=True)\n"
        "        sys.stdin.read()\n"
    )
    (tmp_path / "job.py").write_text(code)
    path = os.pathsep.join(str(ROOT / folder) for folder in ("src", "tests", "tests/cluster"))
    with subprocess.Popen(
        [sys.executable, "job.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    ) as job:
        assert job.stdout
        assert job.stdout.readline() == "ready\n"
        assert queued(at_cluster)
        job.kill()
    until(lambda: not queued(at_cluster), 30)


@pytest.mark.usefixtures("at_cluster")
def test_a_workflow_with_batch_workers_gives_the_same_bytes(tiny, tmp_path):
    config, local = tiny
    jobqueue = {"workers": "jobqueue", "jobqueue": {**JOBS, "interface": "lo"}}
    run = run_snakemake(tmp_path / "out", {**config, "execution": jobqueue}, DENSE_RUNS)
    assert run.code == 0, run.output
    assert list(tmp_path.glob("out/logs/workers/*.err"))
    assert run.digests() == local.digests(DENSE_RUNS) != {}
