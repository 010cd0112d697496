from __future__ import annotations

import contextlib
import logging
import os
import threading
import time

import psutil
import pytest
import xarray as xr

from ntk_core.datasets.quantiles import quantile_dataset
from ntk_core.datasets.runs import collect
from ntk_core.datasets.shard import simulate_shard
from ntk_core.datasets.theory import theory_dataset
from ntk_core.execution.compute import compute
from ntk_core.execution.workers import workers
from ntk_core.experiments.drawn import DrawnExperiment
from ntk_core.experiments.execution_model import ExecutionModel
from ntk_core.experiments.shards import Shard


def listening() -> set[tuple[str, int]]:
    """Addresses and ports at which this process and its children listen."""
    process = psutil.Process()
    ports = set()
    for one in [process, *process.children(recursive=True)]:
        for connection in one.net_connections(kind="inet"):
            if connection.status == psutil.CONN_LISTEN:
                ports.add((connection.laddr.ip, connection.laddr.port))
    return ports


def slow_first(number: int) -> int:
    time.sleep(0.2 if number == 0 else 0.0)
    return -number


def thread_and_process(_: int) -> tuple[int, int]:
    time.sleep(0.05)  # so that no thread does them all
    return threading.get_ident(), os.getpid()


@pytest.fixture(scope="module")
def executors_of():
    """A context with the executors of a kind; processes are started once for all tests."""
    with workers(ExecutionModel(workers="processes"), 2) as processes:
        threads = {"one thread": 1, "threads": 2}

        def context(kind: str):
            if kind == "processes":
                return contextlib.nullcontext(processes)
            return workers(ExecutionModel(), threads.get(kind, 2))

        yield context


@pytest.mark.parametrize("kind", ["without Dask", "one thread", "threads", "processes"])
def test_results_are_in_the_order_of_the_tasks_and_reported_as_they_come(kind, executors_of):
    with executors_of(kind) as executors:
        reported: list[int] = []
        chosen = None if kind == "without Dask" else executors
        assert compute(chosen, slow_first, range(5), reported.append) == [0, -1, -2, -3, -4]
        assert compute(chosen, slow_first, []) == []
    assert sorted(reported) == [-4, -3, -2, -1, 0]
    if kind in ("threads", "processes"):
        assert reported != [0, -1, -2, -3, -4]  # the first task was done last


def test_tasks_run_on_as_many_threads_or_processes_as_asked(executors_of):
    def used(context) -> tuple[int, int, bool]:
        with context as executors:
            done = compute(executors, thread_and_process, range(20))
        pids = {pid for _, pid in done}
        return len({thread for thread, _ in done}), len(pids), os.getpid() in pids

    assert used(workers(ExecutionModel(), 1)) == (1, 1, True)
    assert used(workers(ExecutionModel(), 3)) == (3, 1, True)
    assert used(executors_of("processes"))[1:] == (2, False)


def test_threads_need_no_server_and_processes_listen_on_loopback_only(executors_of):
    before = listening()
    with workers(ExecutionModel(), 2) as executors:
        assert compute(executors, abs, [-3, 4]) == [3, 4]
        assert listening() == before
    with executors_of("processes") as executors:
        assert compute(executors, abs, [-3, 4]) == [3, 4]
        assert {address for address, _ in listening()} == {"127.0.0.1"}
        assert executors.scheduler.address.startswith("tls://")


def level_of_dask_log(_task) -> int:
    return logging.getLogger("distributed.worker").getEffectiveLevel()


def test_processes_say_nothing_of_how_they_start_and_end(executors_of):
    with executors_of("processes") as executors:
        assert compute(executors, level_of_dask_log, range(2)) == [logging.ERROR] * 2


def test_workers_behind_an_address_find_the_files(tmp_path, monkeypatch):
    """They run in a folder of their own; a relative path still reaches them."""
    from distributed import LocalCluster

    grid = DrawnExperiment("e", "band", ("aligned",), (64,), (2,), (1.0,), 50)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    loopback = {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=1, local_directory=str(tmp_path), **loopback) as cluster:
        monkeypatch.chdir(tmp_path)
        with workers(ExecutionModel(scheduler=cluster.scheduler_address), 7) as client:
            assert client.scheduler.address == cluster.scheduler_address
            simulate_shard(Shard(grid, 1, 64, 0, 50), "shard.nc", client, lambda _: None)
            collect(grid, 1, ["shard.nc"], "runs.nc")
            theory = theory_dataset(grid, 1, (0.5,), (1.0,), client)
            table = quantile_dataset("runs.nc", theory, grid, 1, client)
            by_one_thread = quantile_dataset("runs.nc", theory, grid, 1, None)
    xr.testing.assert_identical(table, by_one_thread)


@pytest.mark.parametrize("kind", ["one thread", "threads", "processes"])
def test_an_error_in_a_task_is_raised_to_the_caller(kind, executors_of):
    with executors_of(kind) as executors, pytest.raises(TypeError, match="bad oper"):
        compute(executors, abs, [1, "not a number"])
