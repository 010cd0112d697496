"""Every fault of a machine, injected for real: what the user sees, and that a further call ends in the same
bytes as a run nothing happened to. docs/reliability.md has the table. With `KEEP=aggregates` in the
environment all of it is done with aggregates in place of runs.

Faults of Dask workers and schedulers are in cluster/test_workers.py, those of a cluster in
cluster/test_slurm.py.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import netCDF4
import psutil
import pytest
import yaml
from conftest import Run, run_snakemake, start_snakemake
from forked_jobs import start_first_jobs
from snakemake_calls import Call

from ntk_core.storage.checksums import seal_path

pytestmark = pytest.mark.usefixtures("snakemake")

KEEP = os.environ.get("KEEP", "runs")
RUNS = f"results/grid/{KEEP}.nc"
RATES = "results/grid/rates.nc"
CONFIG: dict[str, Any] = {
    "entropy": 11,
    "experiments": {
        "grid": {
            "sampler": "band",
            "perturbation": ["adversarial", "sphere"],
            "m": [64, 4096],
            "d": [2],
            "alpha": [1.0],
            "seeds": 8192,
            "keep": KEEP,
        },
    },
    "analysis": {"delta": [0.5, 0.1], "x_norm": [1.0]},
    "execution": {"shard_seeds": 8192},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The folder of a run that nothing happens to."""
    run = run_snakemake(tmp_path_factory.mktemp("whole") / "out", CONFIG, RATES)
    assert run.code == 0, run.output
    return run.directory


@pytest.fixture(scope="module")
def whole(finished) -> dict[str, str]:
    """Digests of all its datasets."""
    digests = Run(finished, 0, "").digests("results/**/*.nc")
    assert len(digests) == 6  # two shards, runs, theory, quantiles, rates
    return digests


def start(
    directory: Path,
    *arguments: str,
    config: dict[str, Any] = CONFIG,
    limit: Callable[[], Any] | None = None,
) -> Call:
    """A run in a session of its own, under way."""
    return start_snakemake(directory, config, *arguments, before=limit)


def wait_for(process: Call, condition: Callable[[], bool], seconds: float = 0.01) -> None:
    """Until something is there; so many seconds pass between two looks."""
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(seconds)


def shards(directory: Path) -> list[Path]:
    return sorted(directory.glob("results/grid/shards/*/*.nc"))


def up_to(target: str, whole: dict[str, str]) -> dict[str, str]:
    """What of a whole run is needed for `target`: for `RUNS` the shards and the runs."""
    return whole if target != RUNS else {n: d for n, d in whole.items() if n == RUNS or "/shards/" in n}


def completes(directory: Path, whole: dict[str, str], *targets: str) -> Run:
    """One more call, which ends in the bytes of a run nothing happened to and leaves nothing else."""
    targets = targets or (RATES,)
    again = run_snakemake(directory, CONFIG, *targets)
    assert again.code == 0, again.output
    assert up_to(targets[0], whole).items() <= again.digests("results/**/*.nc").items() <= whole.items()
    left = [p for p in directory.glob("results/**/*") if p.name.startswith(".") or p.suffix == ".progress"]
    assert left == []
    return again


@pytest.mark.parametrize("moment", ["simulate", "collect"])
def test_sigkill_of_the_whole_run(tmp_path, whole, moment):
    """Power cut, or `kill -9`: snakemake and its jobs are gone at once, the file in work half written."""
    out = tmp_path / "out"
    process = start(out, RUNS)
    written = {"simulate": "shards/*/.m*.part", "collect": f".{KEEP}.nc.*.part"}[moment]
    wait_for(process, lambda: any(out.glob(f"results/grid/{written}")), 0.001)  # it is there for a few
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    completes(out, whole, RUNS)


def test_sigkill_of_snakemake_alone(tmp_path, whole):
    """Its jobs go on by themselves for a while, beside those of the next call."""
    out = tmp_path / "out"
    process = start(out, RUNS)
    wait_for(process, lambda: bool(shards(out)))
    process.kill()
    completes(out, whole, RUNS)
    process.communicate()


def test_shards_that_jobs_finish_after_snakemake_was_killed_are_kept(tmp_path, whole):
    """They are not drawn again, though Snakemake has marked them as unfinished."""
    out = tmp_path / "out"
    process = start(out, RUNS)
    wait_for(process, lambda: any(out.glob("results/grid/shards/*/.m*.part")), 0.001)
    process.kill()
    process.communicate()  # its jobs have ended too
    finished = {path: path.stat().st_ino for path in shards(out)}
    assert finished
    assert any((out / ".snakemake/incomplete").iterdir())
    again = completes(out, whole, RUNS)
    assert again.jobs().get("simulate", 0) == 2 - len(finished)
    assert finished.items() <= {path: path.stat().st_ino for path in shards(out)}.items()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_being_asked_to_stop(tmp_path, whole, name):
    """Ctrl-C, a scheduler's warning, a closed terminal: the run ends by itself and leaves no lock.

    The signal's own action is restored first: what the caller ignores, as `nohup` does, is inherited.
    """
    out = tmp_path / "out"
    number = getattr(signal, name)
    process = start(out, RUNS, limit=functools.partial(signal.signal, number, signal.SIG_DFL))
    wait_for(process, lambda: bool(shards(out)))
    process.send_signal(number)
    assert process.wait(timeout=60) != 0
    output, _ = process.communicate()
    said = re.search(r"^Interrupted; \d of 2 shards are kept\. Call again to go on\.$", output, re.M)
    assert bool(said) == (name != "SIGHUP"), output  # of a closed terminal nobody reads
    assert not (out / RUNS).exists()
    completes(out, whole, RUNS)


def test_two_runs_at_once(tmp_path, whole):
    """The second is refused, whatever it is to make, and changes nothing for the first."""
    out = tmp_path / "out"
    process = start(out, RUNS)
    wait_for(process, lambda: any(out.glob("results/grid/shards/*")))
    os.killpg(process.pid, signal.SIGSTOP)  # it stays at work as long as the others need
    same = run_snakemake(out, CONFIG, RATES)
    assert same.code != 0
    assert re.search(rf"Process {process.pid} of \S+ is at work in this directory", same.output)
    other = {**CONFIG, "experiments": {"other": CONFIG["experiments"]["grid"]}}
    different = run_snakemake(out, other, "results/other/runs.nc")
    assert different.code != 0
    assert re.search(rf"Process {process.pid} of \S+ is at work in this directory", different.output)
    os.killpg(process.pid, signal.SIGCONT)
    output = process.communicate()[0]
    assert process.returncode == 0, output
    assert Run(out, 0, output).digests("results/**/*.nc") == up_to(RUNS, whole)


def file_size(bytes_: int) -> Callable[[], Any]:
    """A limit on every file the run writes, as a quota sets it."""
    return functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (bytes_, bytes_))


@pytest.mark.parametrize(
    ("stage", "begun", "limit"),
    [
        ("results/grid/shards/", False, {"runs": 200_000, "aggregates": 50_000}[KEEP]),
        (RUNS, True, {"runs": 850_000, "aggregates": 200_000}[KEEP]),
        ("results/figures/", True, 150_000),
    ],
)
def test_no_room_for_a_file(tmp_path, finished, whole, stage, begun, limit):
    """A full quota during a shard, while shards are collected, while figures are drawn."""
    out = tmp_path / "out"
    if begun:
        shutil.copytree(finished, out)
        if stage == RUNS:
            for name in (RUNS, *(name for name in whole if name.endswith(("quantiles.nc", "rates.nc")))):
                (out / name).unlink()
    figure = "results/figures/grid-rate.svg"
    targets = [RATES, figure] if stage.startswith("results/figures") else [RUNS]
    process = start(out, *targets, limit=file_size(limit))
    output = process.communicate()[0]
    assert process.returncode != 0
    assert f"{stage}" in output
    assert "cannot be written: File too large. Nothing is lost" in output
    assert not [path for path in out.glob("results/**/.*") if path.suffix == ".part"]
    completes(out, whole, *targets)
    assert (out / figure).exists() == (figure in targets)


def test_a_failing_job_leaves_the_shards(tmp_path):
    """There is no room for the runs of a larger grid: those of the smaller one come back from its shards."""
    out = tmp_path / "out"
    first = run_snakemake(out, CONFIG, RUNS)
    assert first.code == 0, first.output
    limit = 9 * (out / RUNS).stat().st_size // 10
    before, old_shards = first.digests(RUNS), first.digests("results/grid/shards/*/*")
    assert before
    assert len(old_shards) == 4
    grown = copy.deepcopy(CONFIG)
    grown["experiments"]["grid"]["seeds"] = 10_240
    process = start(out, RUNS, config=grown, limit=file_size(limit))
    output = process.communicate()[0]
    assert process.returncode != 0
    assert f"{RUNS} cannot be written" in output
    assert all((out / name).exists() for name in old_shards)
    again = run_snakemake(out, CONFIG, RUNS)
    assert again.code == 0, again.output
    assert "simulate" not in again.jobs()
    assert again.digests(RUNS) == before


@contextlib.contextmanager
def disk(folder: Path, options: str) -> Iterator[Path]:
    """A small disk of its own, in memory; the test is skipped where none can be mounted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a small disk can be mounted by root only")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def test_a_disk_too_small_is_refused_before_any_work(tmp_path):
    with disk(tmp_path / "disk", "size=1m") as folder:
        refused = run_snakemake(folder / "out", CONFIG, RATES)
        assert refused.code != 0
        assert re.search(r"32,768 runs and their tables need .* MB of disk; allowed: 1\.0 MB", refused.output)
        assert not (folder / "out/results").exists()


def test_a_disk_that_fills_up_during_the_run(tmp_path, whole):
    """Somebody else fills it after the run has begun."""
    with disk(tmp_path / "disk", "size=20m") as folder:
        out = folder / "out"
        process = start(out, RUNS)
        config = folder / "out.yaml"
        wait_for(process, lambda: bool(shards(out)))
        filler = folder / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass
        output = process.communicate()[0]
        assert process.returncode != 0
        assert "No space left on device" in output
        assert config.exists()
        filler.unlink()
        completes(out, whole, RUNS)


def test_a_disk_that_is_read_only(tmp_path, whole):
    """Results on it stay as they are; nothing is begun."""
    with disk(tmp_path / "disk", "size=20m") as folder:
        out = folder / "out"
        first = run_snakemake(out, CONFIG, RUNS)
        assert first.code == 0, first.output
        remount(folder, "ro")
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG))
        refused = run_snakemake(out, tmp_path / "config.yaml", RATES)
        assert refused.code != 0
        assert f"nothing can be written in {out}" in refused.output
        assert "Traceback" not in refused.output
        assert first.digests("results/**/*.nc") == up_to(RUNS, whole)
        remount(folder, "rw")
        completes(out, whole)


def test_a_job_that_runs_into_its_memory_limit(tmp_path, whole):
    """Killed by the kernel or refused memory: the job fails, and goes through where there is more."""
    out = tmp_path / "out"
    process = start(out, RUNS, limit=start_first_jobs)  # a forked one needs hardly any more memory
    wait_for(process, lambda: bool(simulating(process.pid)))
    victim = simulating(process.pid)[0]
    victim.rlimit(psutil.RLIMIT_AS, (60 << 20, 60 << 20))
    output = process.communicate()[0]
    assert process.returncode != 0, output
    completes(out, whole, RUNS)


def simulating(pid: int) -> list[psutil.Process]:
    """The jobs of a run that simulate in an interpreter of their own."""
    with contextlib.suppress(psutil.Error):  # one has just ended
        children = psutil.Process(pid).children(recursive=True)
        commands = [(child, child.cmdline()) for child in children]
        return [
            child
            for child, command in commands
            if command[:1] == [sys.executable] and command[-1].endswith(".simulate.py")
        ]
    return []


def flip(path: Path) -> None:
    """One bit of an attribute: no checksum of NetCDF's covers it."""
    data = bytearray(path.read_bytes())
    place = data.index(b"lecture notes")
    data[place] ^= 1
    path.write_bytes(data)
    with netCDF4.Dataset(path) as file:
        assert file["delta1" if KEEP == "runs" else "histogram"][:].size  # still opens and reads


def test_damaged_shards_are_named_and_removed_and_the_next_call_makes_them(tmp_path, whole):
    """Truncated, emptied, one bit flipped, or without its seal: before any of them is used."""
    out, half = tmp_path / "out", copy.deepcopy(CONFIG)
    half["experiments"]["grid"]["seeds"] //= 2
    for config in (half, CONFIG):  # two shards of each width
        first = run_snakemake(out, config, RUNS, "--until", "simulate")
        assert first.code == 0, first.output
    damaged = shards(out)
    cut, emptied, flipped, unsealed = damaged
    cut.write_bytes(cut.read_bytes()[:-1])
    emptied.write_bytes(b"")
    flip(flipped)
    seal_path(unsealed).unlink()
    refused = run_snakemake(out, config, RUNS)
    assert refused.code != 0
    for path, fault in zip(damaged, ("changed", "truncated", "changed", "without its seal"), strict=True):
        assert f"{path.relative_to(out)} is {fault} and was removed" in refused.output
    assert shards(out) == []
    assert not (out / RUNS).exists()
    again = run_snakemake(out, config, RUNS)
    assert again.code == 0, again.output
    assert again.jobs()["simulate"] == 2
    assert again.digests("results/grid/*.nc") == {RUNS: whole[RUNS]}
