from __future__ import annotations

import contextlib
import copy
import fcntl
import functools
import hashlib
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import psutil
import pytest
import xarray as xr
import yaml
from browsing import chromium
from forked_jobs import start_first_jobs
from snakemake_calls import Call

from ntk_core.datasets.quantiles import quantile_dataset
from ntk_core.datasets.rates import rate_dataset
from ntk_core.datasets.runs import collect
from ntk_core.datasets.shard import simulate_shard
from ntk_core.datasets.theory import theory_dataset
from ntk_core.execution.workers import workers
from ntk_core.experiments.drawn import DrawnExperiment
from ntk_core.experiments.execution_model import ExecutionModel
from ntk_core.experiments.shards import Shard
from ntk_core.storage.netcdf import write

# A property is not false because the machine is busy. The environment of test_autodiff.py has no Hypothesis.
with contextlib.suppress(ModuleNotFoundError):
    from hypothesis import settings

    settings.register_profile("untimed", deadline=None)
    settings.load_profile("untimed")

ROOT = Path(__file__).parents[1]
SNAKEFILE = ROOT / "Snakefile"

Made = TypeVar("Made")

WAITING = ({"cluster", "checkout"}, {"snakemake", "browser"})
"""Fixtures whose tests take longest, and those whose tests take longer than others.

The default run is made for a test that also needs `checkout`; the others find it made.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long go first, so that no process is left alone with one at the end."""

    def place(item: pytest.Item) -> tuple[bool, ...]:
        others = tuple(names.isdisjoint(getattr(item, "fixturenames", ())) for names in WAITING)
        return *others, item.path.parent.name != "theory"  # whose files compute for up to a minute each

    items.sort(key=place)


@dataclass(frozen=True)
class Run:
    """A finished call of snakemake."""

    directory: Path
    code: int
    output: str

    def digests(self, pattern: str = "results/*/[qr]*.nc") -> dict[str, str]:
        files = sorted(self.directory.glob(pattern))
        return {
            str(file.relative_to(self.directory)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in files
        }

    def jobs(self) -> dict[str, int]:
        """Jobs of the run by rule, from snakemake's own table; empty if there was nothing to do.

        A dry run and an importing workflow print it, any other has it in its log.
        """
        counts: dict[str, int] = {}
        logs = sorted((self.directory / ".snakemake/log").glob("*.snakemake.log"))
        printed = "Job stats:" in self.output or not logs
        lines = (self.output if printed else logs[-1].read_text(encoding="utf-8")).splitlines()
        if "Job stats:" not in lines:
            return counts
        for line in lines[lines.index("Job stats:") + 3 :]:
            rule, _, count = line.partition(" ")
            if rule in ("", "total"):
                break
            counts[rule] = int(count)
        return counts


Snakemake = Callable[..., Run]


def arguments_of(
    directory: Path,
    config: dict[str, Any] | Path | None,
    *arguments: str,
    snakefile: Path = SNAKEFILE,
) -> list[str]:
    """What `snakemake` is called with for a config given as mapping or file; None is the default config."""
    if isinstance(config, dict):
        file = directory.with_suffix(".yaml")
        file.write_text(yaml.safe_dump(config))
        config = file
    chosen = () if config is None else ("--configfile", str(config))
    if not any(argument.startswith(("--cores", "--workflow-profile")) for argument in arguments):
        arguments = ("--cores", "2", *arguments)
    return ["--snakefile", str(snakefile), "--directory", str(directory), *chosen, *arguments]


def start_snakemake(
    directory: Path,
    config: dict[str, Any] | Path | None,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    before: Callable[[], Any] | None = None,
    snakefile: Path = SNAKEFILE,
) -> Call:
    """A call of snakemake that is under way, in a session of its own; `before` is its `preexec_fn`."""
    return Call(
        arguments_of(directory, config, *arguments, snakefile=snakefile),
        directory.parent,
        environment,
        before,
    )


def run_snakemake(
    directory: Path,
    config: dict[str, Any] | Path | None,
    *arguments: str,
    snakefile: Path = SNAKEFILE,
) -> Run:
    """`snakemake --directory`, to its end."""
    call = start_snakemake(directory, config, *arguments, snakefile=snakefile)
    output, _ = call.communicate()
    return Run(directory, call.wait(), output)


def snakemake_process(
    directory: Path, config: dict[str, Any] | Path | None, *arguments: str, **environment: str
) -> subprocess.Popen[str]:
    """The same by a command line, for the few tests of what only a new interpreter shows."""
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", *arguments_of(directory, config, *arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=directory.parent,
        env={**os.environ, "PYTHONPATH": "", **environment},
    )


@pytest.fixture
def snakemake(tmp_path: Path) -> Snakemake:
    """Calls snakemake in `tmp_path/out` unless told otherwise."""

    def call(config: dict[str, Any] | Path | None, *arguments: str, to: str = "out") -> Run:
        return run_snakemake(tmp_path / to, config, *arguments)

    return call


SMALL: dict[str, Any] = {
    "entropy": 11,
    "experiments": {
        "grid": {
            "sampler": "band",
            "perturbation": ["adversarial", "sphere"],
            "m": [64, 4096],
            "d": [2],
            "alpha": [1.0],
            "seeds": 2500,
        },
        "check": {
            "sampler": "dense",
            "perturbation": ["aligned"],
            "m": [16],
            "d": [3],
            "alpha": [0.5],
            "seeds": 70,
        },
    },
    "analysis": {"delta": [0.5, 0.1], "x_norm": [1.0, 2.0]},
}
"""A band and a dense experiment that run in seconds."""


@pytest.fixture
def small() -> dict[str, Any]:
    return copy.deepcopy(SMALL)


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Made]) -> Made:
    """What `make` gives for a path of that name, where nothing is; the first process of the tests makes it.

    All processes get it as it was pickled, so none can change it for another. In the folder nobody may write.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    made = root / f"{name}.pickle"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            value = pickle.dumps(make(root / name))
            made.write_bytes(value)
    return pickle.loads(made.read_bytes())


SMALL_TARGETS = ("results/grid/rates.nc", "results/check/runs.nc")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """`SMALL_TARGETS` of the small config, made on one core. Nobody changes it: see `continued`."""
    return once(tmp_path_factory, "small", small_run)


def small_run(directory: Path) -> Run:
    run = run_snakemake(directory, SMALL, "--cores", "1", *SMALL_TARGETS)
    assert run.code == 0, run.output
    return run


@pytest.fixture
def continued(finished: Run, tmp_path: Path) -> Run:
    """A copy of it where the fixture `snakemake` goes on."""
    shutil.copytree(finished.directory, tmp_path / "out")
    return Run(tmp_path / "out", 0, finished.output)


@dataclass(frozen=True)
class DefaultRun:
    run: Run
    peak_bytes: int
    """Largest memory that the processes of the run took together, sampled once a second.

    A page that several of them share counts once, for it is there once: the process that they are forked from
    is one of them.
    """


@pytest.fixture(scope="session")
def default_run(tmp_path_factory: pytest.TempPathFactory) -> DefaultRun:
    """The default config, run to its end; a minute or two.

    As `make run` does, but for the fork of snakemake and of all jobs after the first of each script.
    """
    # not "default": Snakemake takes a folder of that name, where it is called, for a profile
    return once(tmp_path_factory, "default_run", watched_run)


def watched_run(directory: Path) -> DefaultRun:
    peak = 0
    with start_snakemake(directory, None, before=start_first_jobs) as call:
        main = psutil.Process(call.pid)
        server = main.parent()
        while True:
            try:
                call.wait(timeout=1)
                break
            except subprocess.TimeoutExpired:
                processes = (server, main, *main.children(recursive=True))
                peak = max(peak, sum(map(own_bytes, processes)))
        output, _ = call.communicate()
    assert call.returncode == 0, output
    return DefaultRun(Run(directory, 0, output), peak)


def own_bytes(process: psutil.Process) -> int:
    """Memory of a process, where of a page that so many share it has that part."""
    try:
        return process.memory_full_info().pss
    except psutil.Error:  # it has ended
        return 0


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new folder, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Two threads for tasks."""
    with workers(ExecutionModel(), 2) as client:
        yield client


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


EXPERIMENT = DrawnExperiment("e", "band", ("adversarial", "sphere"), (64, 256, 4096), (2,), (0.5, 2.0), 1500)
DELTA = (0.001, 0.1, 0.5)
X_NORM = (0.1, 1.0, 20.0)


@pytest.fixture(scope="session")
def archived(tmp_path_factory):
    """A folder with the runs, theory, quantiles and rates of a small experiment."""
    return once(tmp_path_factory, "analysis", functools.partial(archive_results, EXPERIMENT))


def archive_results(experiment: DrawnExperiment, folder: Path) -> Path:
    """The folder, with the runs, theory, quantiles and rates of the experiment."""
    folder.mkdir(exist_ok=True)
    with workers(ExecutionModel(), 2) as client:
        shards = []
        for m in experiment.m:
            shards.append(folder / f"{m}.nc")
            numbers = experiment.numbers
            shard = Shard(experiment, 1, m, numbers.start, numbers.stop)
            simulate_shard(shard, shards[-1], client, lambda _: None)
        collect(experiment, 1, shards, folder / "runs.nc")
        theory = theory_dataset(experiment, 1, DELTA, X_NORM, client)
        table = quantile_dataset(folder / "runs.nc", theory, experiment, 1, client)
    write(theory, folder / "theory.nc")
    write(table, folder / "quantiles.nc")
    write(rate_dataset(table, experiment, 1), folder / "rates.nc")
    return folder


def results_of(archived: Path, root: Path) -> Path:
    """A folder of results with that one experiment, `e`."""
    (root / "e").mkdir(parents=True)
    for name in ("runs", "theory", "quantiles", "rates"):
        shutil.copy(archived / f"{name}.nc", root / "e")
    return root


@pytest.fixture(scope="session")
def analysed(archived):
    """The datasets of that folder."""
    return tuple(xr.load_dataset(archived / f"{name}.nc") for name in ("runs", "quantiles", "rates"))


def nan_without_a_reason(*tables):
    """Names of the variables with NaN whose long names do not say where."""
    return {
        str(name)
        for table in tables
        for name, variable in table.variables.items()
        if variable.dtype.kind == "f"
        and np.isnan(variable).any()
        and "NaN" not in variable.attrs["long_name"]
    }
