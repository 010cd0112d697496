from __future__ import annotations

import threading

import psutil
import pytest

from ntk_core.analysis import quantile_dataset
from ntk_core.config import ExecutionModel
from ntk_core.execution import compute, workers
from ntk_core.grid import Experiment, Shard
from ntk_core.simulation import collect, simulate_shard
from ntk_core.theory import theory_dataset


def listening() -> set[str]:
    process = psutil.Process()
    found = set()
    for one in [process, *process.children(recursive=True)]:
        for connection in one.net_connections(kind="inet"):
            if connection.status == psutil.CONN_LISTEN:
                found.add(connection.laddr.ip)
    return found


def who(_: int) -> int:
    return threading.get_ident()


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_nothing_listens_beyond_loopback(kind):
    with workers(ExecutionModel(workers=kind), 2) as client:
        assert dict(compute(client, abs, [-3, 4, -5])) == {0: 3, 1: 4, 2: 5}
        assert listening() == {"127.0.0.1"}


def test_threads_are_as_many_as_asked():
    with workers(ExecutionModel(), 3) as client:
        assert sum(client.nthreads().values()) == 3
    with workers(ExecutionModel(workers="processes"), 2) as client:
        assert sorted(client.nthreads().values()) == [1, 1]


def test_an_existing_scheduler_is_used():
    from distributed import LocalCluster

    with (
        LocalCluster(
            n_workers=1, processes=False, protocol="tcp://", host="127.0.0.1", dashboard_address="127.0.0.1:0"
        ) as cluster,
        workers(ExecutionModel(scheduler=cluster.scheduler_address), 7) as client,
    ):
        assert client.scheduler.address == cluster.scheduler_address
        assert dict(compute(client, abs, [-3])) == {0: 3}


def test_workers_elsewhere_find_the_files(tmp_path, monkeypatch):
    """A scheduler's workers run in a folder of their own; a relative path still reaches them."""
    from distributed import LocalCluster

    grid = Experiment("e", "band", ("aligned",), (64,), (2,), (1.0,), 50)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    loopback = {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=1, processes=True, **loopback) as cluster:
        monkeypatch.chdir(tmp_path)
        with workers(ExecutionModel(scheduler=cluster.scheduler_address), 1) as client:
            simulate_shard(Shard(grid, 1, 64, 0, 50), "shard.nc", client, lambda _: None)
            collect(grid, 1, ["shard.nc"], "runs.nc")
            theory = theory_dataset(grid, 1, (0.5,), (1.0,), client)
            table = quantile_dataset("runs.nc", theory, grid, 1, client)
    assert table["runs"].item() == 50


def test_an_error_in_a_task_is_raised_here():
    with workers(ExecutionModel(), 1) as client, pytest.raises(TypeError):
        list(compute(client, abs, ["not a number"]))
