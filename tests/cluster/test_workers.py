"""Workers and schedulers that die, are strangers, or listen where they must not: with real processes.

With `KEEP=aggregates` in the environment workers die while they make a shard of aggregates.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import http.client
import os
import pickle
import shutil
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import netCDF4
import psutil
import pytest
import xarray as xr
from conftest import ROOT, Run, run_snakemake, start_snakemake
from dask_processes import LOOPBACK, Processes, Tls, asks_for_certificate, listening, until, workers_of
from distributed import KilledWorker
from distributed.chaos import KillWorker

from ntk_core.datasets.file_reader import FileReader
from ntk_core.datasets.runs import collect
from ntk_core.datasets.shard import make_shard
from ntk_core.execution.compute import compute
from ntk_core.execution.versions import MismatchError
from ntk_core.execution.workers import check, workers
from ntk_core.experiments.config import parse_config
from ntk_core.experiments.drawn import DrawnExperiment
from ntk_core.experiments.execution_model import ExecutionModel
from ntk_core.experiments.plan import Plan
from ntk_core.experiments.section import ConfigError
from ntk_core.experiments.shards import Shard

DEAR = DrawnExperiment(
    "e", "band", ("sphere",), (2**30,), (64,), (1.0,), 2**14,
    keep=os.environ.get("KEEP", "runs"), delta=(0.1,), x_norm=(1.0,),
)  # fmt: skip
"""Four tasks, together some two seconds."""


@pytest.fixture
def processes(tmp_path):
    (tmp_path / "dask").mkdir()
    started = Processes(tmp_path / "dask")
    yield started
    started.stop()


def shard(path: Path, client) -> str:
    make_shard(Shard(DEAR, 1, DEAR.m[0], 0, DEAR.seeds), path, client, lambda _: None)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    with workers(ExecutionModel(), 2) as client:
        return shard(tmp_path_factory.mktemp("undisturbed") / "shard.nc", client)


def worker_processes() -> dict[int, psutil.Process]:
    """The workers that nannies of this process have started."""
    processes = {}
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if "spawn_main" in " ".join(child.cmdline()):
                processes[child.pid] = child
    return processes


# Workers that die


def test_a_shard_survives_workers_killed_again_and_again(tmp_path, undisturbed):
    """The only worker is killed four times with the same task, which is more than Dask puts up with."""
    killed: set[int] = set()

    def kill(client) -> None:
        while len(killed) < 4:
            until(lambda: any(client.processing().values()))
            until(lambda: set(worker_processes()) - killed)
            # two for a moment, where one is replaced both by its nanny and by Dask's adaptive scaling
            for pid in list(set(worker_processes()) - killed)[: 4 - len(killed)]:
                killed.add(pid)
                os.kill(pid, signal.SIGKILL)
            until(lambda: len(killed) == 4 or not workers_of(client))

    with workers(ExecutionModel(workers="processes"), 1) as client:
        killer = threading.Thread(target=kill, args=(client,))
        killer.start()
        digest = shard(tmp_path / "shard.nc", client)
        killer.join()
    assert digest == undisturbed
    assert len(killed) == 4


def test_a_shard_survives_chaos(tmp_path, undisturbed):
    """Dask's own plugin ends each worker after a random time, two seconds on average.

    Until four were seen, two of them in the place of others: on a machine with other work they might else
    take no task to its end.
    """
    seen: set[int] = set()
    done = threading.Event()

    def watch(client) -> None:
        while len(seen) < 4 and not done.wait(0.1):
            seen.update(worker_processes())
        client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.worker_plugins.pop("chaos"))

    with workers(ExecutionModel(workers="processes"), 2) as client:
        client.register_plugin(KillWorker(delay="2 s", mode="sys.exit"), name="chaos")
        watcher = threading.Thread(target=watch, args=(client,))
        watcher.start()
        try:
            until(lambda: len(seen) > 2)
            digest = shard(tmp_path / "shard.nc", client)
        finally:
            done.set()
            watcher.join()
    assert digest == undisturbed


def end_this_worker(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_task_that_kills_its_workers_ends_in_an_error(monkeypatch):
    import ntk_core.execution.workers as execution

    monkeypatch.setitem(execution._SETTINGS, "distributed.scheduler.allowed-failures", 2)  # else a minute
    with (
        workers(ExecutionModel(workers="processes"), 1) as client,
        pytest.raises(KilledWorker, match="3 different workers"),
    ):
        compute(client, end_this_worker, [0])


# Schedulers that die


def test_a_run_whose_scheduler_is_killed_goes_on_with_another(tmp_path, processes, undisturbed):
    config = {
        "entropy": 1,
        "experiments": {
            "e": {"sampler": "band", "perturbation": ["sphere"], "m": [2**30], "d": [64], "alpha": [1.0],
                  "seeds": DEAR.seeds},
        },
        "execution": {"shard_seeds": DEAR.seeds},
    }  # fmt: skip
    scheduler, address = processes.scheduler()
    processes.worker(address)
    config["execution"]["scheduler"] = address

    def kill() -> None:
        until(lambda: list(tmp_path.glob("out/results/e/shards/*/*.nc.progress")))
        scheduler.send_signal(signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    failed = run_snakemake(tmp_path / "out", config, "results/e/runs.nc")
    killer.join()
    assert failed.code != 0
    said = f"the Dask scheduler at {address} is lost. Finished shards stay"
    assert failed.output.count(said) == 1
    assert "Traceback" not in failed.output
    assert not list(tmp_path.glob("out/results/e/shards/*/*"))

    _, config["execution"]["scheduler"] = processes.scheduler()
    processes.worker(config["execution"]["scheduler"])
    mended = run_snakemake(tmp_path / "out", config, "results/e/runs.nc")
    assert mended.code == 0, mended.output

    del config["execution"]["scheduler"]
    assert "Nothing to be done" in run_snakemake(tmp_path / "out", config, "results/e/runs.nc").output
    plan = Plan(parse_config(config), tmp_path / "out/results")
    (whole,) = plan.all_shards
    if DEAR.keep == "runs":
        assert hashlib.sha256(plan.path(whole).read_bytes()).hexdigest() == undisturbed
    collect(whole.experiment, 1, [plan.path(whole)], tmp_path / "runs.nc")
    assert (tmp_path / "out/results/e/runs.nc").read_bytes() == (tmp_path / "runs.nc").read_bytes()


# Schedulers beyond this process


def test_a_scheduler_over_tls(tmp_path, processes):
    tls = Tls(tmp_path / "tls")
    _, address = processes.scheduler("--protocol=tls", *tls.options)
    processes.worker(address, *tls.options)
    assert address.startswith("tls://")
    execution = ExecutionModel(scheduler=address, tls=tls.keys)
    check(execution)
    with workers(execution, 1) as client:
        assert compute(client, abs, [-3, 4]) == [3, 4]
    stranger = ExecutionModel(scheduler=address, tls=Tls(tmp_path / "stranger").keys)
    with (
        pytest.raises(ConnectionError, match=f"the Dask scheduler at {address} does not answer"),
        workers(stranger, 1),
    ):
        pass


def test_missing_certificates_are_refused_before_work(tmp_path, snakemake, small):
    keys = Tls(tmp_path / "tls").keys
    Path(keys["key"]).unlink()
    small["execution"] = {"scheduler": "tls://127.0.0.1:1", "tls": keys}
    run = snakemake(small)
    assert run.code != 0
    assert f"execution.tls.key is {keys['key']!r}; allowed: a file that can be read" in run.output
    assert "Traceback" not in run.output
    assert not (run.directory / "results").exists()


@pytest.mark.parametrize("address", ["tcp://0.0.0.0:8786", "tcp://192.0.2.1:8786", "tcp://login:8786"])
def test_a_scheduler_elsewhere_without_tls_is_refused_before_work(address, snakemake, small):
    run = snakemake({**small, "execution": {"scheduler": address}})
    assert run.code != 0
    assert f"execution.scheduler is '{address}' (beyond this machine, without TLS); allowed:" in run.output
    assert not (run.directory / "results").exists()


# Workers of other versions


def library(folder: Path, differs: str) -> str:
    """A place to find this package first, where one thing differs; as PYTHONPATH."""
    if differs == "numpy":
        (folder / "numpy-9.9.9.dist-info").mkdir(parents=True)
        (folder / "numpy-9.9.9.dist-info/METADATA").write_text(
            "Metadata-Version: 2.1\nName: numpy\nVersion: 9.9.9\n"
        )
        return os.pathsep.join([str(folder), str(ROOT / "src")])
    shutil.copytree(ROOT / "src/ntk_core", folder / "ntk_core", ignore=shutil.ignore_patterns("__pycache__"))
    changed = {
        "code": ("sampling/samplers.py", "", "# a change\n"),
        "version": ("__init__.py", "__version__ =", '__version__ = "0.0.1"\n_ ='),
        "absent": ("__init__.py", "", 'raise ImportError("no package here")\n'),
    }
    file, old, new = changed[differs]
    path = folder / "ntk_core" / file
    text = path.read_text()
    path.write_text(text.replace(old, new) if old else text + new)
    return str(folder)


SAID = {
    "numpy": r"the worker tcp://127\S+ has numpy 9\.9\.9, this process numpy \d\S+: bits could differ",
    "code": r"the worker tcp://127\S+ has ntk_core .*\(code \w{10}, .*, this process ntk_core .*\(code",
    "version": r"the worker tcp://127\S+ has ntk_core 0\.0\.1 .*, this process ntk_core",
    "absent": r"the worker tcp://127\S+ does not have this version of ntk_core: .*no package here",
}


@pytest.mark.parametrize("differs", SAID)
def test_workers_of_other_versions_are_refused_before_a_task_goes_out(differs, tmp_path, processes):
    _, address = processes.scheduler()
    processes.worker(address, library=library(tmp_path / "other", differs))
    with workers(ExecutionModel(scheduler=address), 1) as client:
        client.wait_for_workers(1, timeout=60)
        with pytest.raises(MismatchError, match=SAID[differs]):
            compute(client, abs, [-1])
        assert not client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.tasks))


def test_it_is_said_that_a_scheduler_has_no_workers(processes, monkeypatch, capsys, caplog):
    """The work waits for the first, which may come late, as from a queue."""
    monkeypatch.setattr("ntk_core.execution.compute.PATIENCE", 0.2)
    _, address = processes.scheduler()
    with workers(ExecutionModel(scheduler=address), 1) as client, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(compute, client, abs, [-1])
        said: list[str] = []
        until(lambda: said.append(capsys.readouterr().err) or "has no workers" in "".join(said))
        assert "".join(said) == f"the Dask scheduler at {address} has no workers; waiting for the first\n"
        assert "".join(said).strip() in caplog.text
        processes.worker(address)
        assert answer.result() == [1]


def test_a_scheduler_of_another_version_is_refused(tmp_path, processes):
    _, address = processes.scheduler(library=library(tmp_path / "other", "code"))
    with (
        workers(ExecutionModel(scheduler=address), 1) as client,
        pytest.raises(MismatchError, match="the Dask scheduler has ntk_core"),
    ):
        compute(client, abs, [-1])


def test_a_worker_of_another_version_is_refused_when_it_joins_later(tmp_path, processes):
    _, address = processes.scheduler()
    processes.worker(address)
    with workers(ExecutionModel(scheduler=address), 1) as client:
        client.wait_for_workers(1, timeout=60)
        other = library(tmp_path / "other", "numpy")
        joined = []

        def join(_: None) -> None:
            if not joined:
                joined.append(processes.worker(address, library=other))

        with pytest.raises(MismatchError, match=SAID["numpy"]):
            compute(client, time.sleep, [0.2] * 100, join)


def test_a_worker_or_scheduler_whose_folder_others_can_fill_is_refused(tmp_path, processes, monkeypatch):
    """Dask looks for modules there first."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    _, address = processes.scheduler()
    processes.worker(address, f"--local-directory={shared}")
    with workers(ExecutionModel(scheduler=address), 1) as client:
        client.wait_for_workers(1, timeout=60)
        with pytest.raises(MismatchError, match=rf"the worker \S+ has its temporary folder in {shared},"):
            compute(client, abs, [-1])
    monkeypatch.setenv("TMPDIR", str(shared))
    _, address = processes.scheduler()
    with (
        workers(ExecutionModel(scheduler=address), 1) as client,
        pytest.raises(MismatchError, match=rf"the Dask scheduler has its temporary folder in {shared},"),
    ):
        compute(client, abs, [-1])


# What listens


def test_a_whole_run_with_processes_listens_on_loopback_only_and_its_dask_ports_want_a_certificate(
    tmp_path, small, finished
):
    """And its runs are those of threads, bit for bit."""
    del small["experiments"]["grid"]
    config = {**small, "execution": {"workers": "processes"}}
    ports = set()
    with start_snakemake(tmp_path / "out", config, "results/check/runs.nc") as run:
        tree = psutil.Process(run.pid)
        while run.poll() is None:
            with contextlib.suppress(psutil.Error):
                ports.update(listening([tree, *tree.children(recursive=True)]))
            time.sleep(0.05)
        output, _ = run.communicate()
    assert run.returncode == 0, output
    runs = "results/check/runs.nc"
    assert Run(tmp_path / "out", 0, output).digests(runs) == finished.digests(runs)
    assert len(ports) >= 4  # scheduler, nanny, worker and their web server, of one job
    assert {address for address, _ in ports} <= LOOPBACK


def pages(address: str, port: int) -> list[int]:
    """Status codes of the pages Dask would show; none where the port does not speak plain HTTP."""
    codes = []
    with (
        contextlib.suppress(OSError, http.client.HTTPException),
        contextlib.closing(http.client.HTTPConnection(address, port, timeout=10)) as connection,
    ):
        for page in ("status", "health", "info/main/workers.html", "metrics"):
            connection.request("GET", f"/{page}")
            answer = connection.getresponse()
            answer.read()
            codes.append(answer.status)
    return codes


def test_the_ports_of_processes_want_a_certificate_or_show_no_page():
    """The Dask ports speak TLS; the web servers, which Dask always starts, have no page."""
    with workers(ExecutionModel(workers="processes"), 1):
        ports = set(listening([psutil.Process(), *psutil.Process().children(recursive=True)]))
        codes = {one: pages(*one) for one in ports}
        secure = {one for one in ports if not codes[one]}
        assert len(secure) >= 3  # scheduler, nanny, worker
        assert all(asks_for_certificate(*one) for one in secure)
        assert {code for one in ports for code in codes[one]} == {404}


def test_a_dashboard_needs_its_package_and_a_server_and_is_on_loopback(monkeypatch):
    """The package is not in the lock: where the page would listen is read off what Dask is asked for."""
    with pytest.raises(ConfigError, match="dashboard is true; allowed: only where "):
        check(ExecutionModel(dashboard=True))
    execution = ExecutionModel(dashboard=True, workers="processes")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"dashboard is true; allowed: only with .* bokeh"):
        check(execution)

    class Asked(Exception):  # noqa: N818
        """What Dask is asked for."""

    def cluster(*, scheduler, **_):
        raise Asked(scheduler["options"]["dashboard_address"])

    monkeypatch.setattr("distributed.SpecCluster", cluster)
    with pytest.raises(Asked, match=r"^127\.0\.0\.1:8787$"), workers(execution, 1):
        pass


# Archives are data


def test_no_code_of_ours_unpickles_or_evaluates():
    """Dask's messages are pickled; what is read from files never is. A custom law is run, by one file.

    A run shows this of the files it reads, as below; of all code only its text can.
    """
    modules = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "marshal", "shelve", "joblib"}
    files = [*(ROOT / "src").rglob("*.py"), *(ROOT / "workflow").rglob("*.py")]
    assert len(files) > 40
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            where = f"{file}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
                assert not {part for name in names for part in name.split(".")} & modules, where
            elif isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                allowed = {"exec", "compile"} if file.parts[-2:] == ("laws", "custom.py") else set()
                assert called not in {"eval", "exec", "compile", "__import__", "yaml.load"} - allowed, where
                assert not called.endswith(("np.load", "read_pickle", "unsafe_load", "full_load")), where
                assert "allow_pickle" not in {keyword.arg for keyword in node.keywords}, where


class Hostile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_hostile_archive_is_read_as_data(tmp_path, archived):
    """Pickles and expressions wherever a file has room for text: none is run by any reader."""
    mark = tmp_path / "mark"
    payload = pickle.dumps(Hostile(mark), protocol=0).decode()
    pickle.loads(payload.encode())
    assert mark.exists()  # it would work
    mark.unlink()
    runs = tmp_path / "runs.nc"
    shutil.copy(archived / "runs.nc", runs)
    with netCDF4.Dataset(runs, "a") as file:
        for name in (*file.ncattrs(), "object", "_Pickle"):
            value = f"__import__('pathlib').Path({str(mark)!r}).touch()" if name == "spec" else payload
            file.setncattr(name, value)
        for variable in file.variables.values():
            variable.setncattr("units_note", payload)
            variable.setncattr("dtype", "object")
    with FileReader(runs) as reader:
        assert reader.read("delta1", (0, 0, 0, 0)).size == 1500
    xr.load_dataset(runs, decode_times=False)
    other = DrawnExperiment("e", "band", ("sphere",), (64,), (2,), (0.5,), 1500)
    with pytest.raises(ValueError, match="Expecting value"):
        collect(other, 1, [runs], tmp_path / "new.nc")
    assert not mark.exists()
