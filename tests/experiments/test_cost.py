"""What a run costs: told to a person, asked of a cluster, refused beforehand; none contradicts another."""

from __future__ import annotations

import copy
import os
import re
import shutil
from collections import namedtuple

import pytest

from ntk_core.experiments import cost
from ntk_core.experiments.config import parse_config
from ntk_core.experiments.cost import (
    analysis_request,
    check_size,
    cost_text,
    disk_bytes,
    expected_cost,
    shard_request,
)
from ntk_core.experiments.plan import Plan
from ntk_core.experiments.section import ConfigError
from ntk_core.experiments.units import size_text
from ntk_core.quantities import QUANTITIES

Usage = namedtuple("Usage", "total used free")

RUN_BYTES = 8 * len(QUANTITIES)


def make(small, root, **changes):
    config = copy.deepcopy(small)
    config["experiments"]["grid"] |= changes
    return Plan(parse_config(config), root)


@pytest.fixture
def large(small, tmp_path) -> Plan:
    return make(small, tmp_path, seeds=10**8)


def test_runs_shards_time_disk_and_memory_are_told(small, tmp_path):
    plan = make(small, tmp_path)
    runs, time, disk, memory = cost_text(plan, expected_cost(plan, 2)).splitlines()
    assert runs == "[plan] 10,070 runs in 3 shards; 0 shards exist"
    assert time.endswith("with 2 jobs at once; longer on busy cores")
    on_cluster = cost_text(plan, expected_cost(plan, 2, nodes=100))
    assert "with 100 jobs at once; on top come the queue" in on_cluster
    assert "this machine" not in on_cluster
    assert "with 1 job at once;" in cost_text(plan, expected_cost(plan, 1))
    assert disk.startswith("[plan] disk: at most 23.9 MB; ")
    assert re.fullmatch(r"\[plan\] memory: 350\.4 MB for the largest job; this machine has .*B", memory)
    assert disk_bytes(plan) > 2 * RUN_BYTES * 10_070


def test_what_is_there_is_not_counted_again(small, tmp_path):
    plan = make(small, tmp_path)
    before = expected_cost(plan, 1)
    for done, shard in enumerate(plan.all_shards):
        exist = "1 shard exists" if done == 1 else f"{done} shards exist"
        assert f"; {exist}" in cost_text(plan, expected_cost(plan, 2)).splitlines()[0]
        plan.path(shard).parent.mkdir(parents=True, exist_ok=True)
        plan.path(shard).touch()
    assert cost_text(plan, expected_cost(plan, 2)) == "[plan] 10,070 runs in 3 shards; 3 shards exist"
    after = expected_cost(plan, 1)
    assert after.drawing == 0.0 < before.drawing
    assert after.disk == before.disk - RUN_BYTES * 10_070


def test_more_work_takes_longer_and_more_at_once_shorter(small, tmp_path):
    changes = {"seeds": 10_000_000, "m": [2**20, 2**22]}
    one, eight = (expected_cost(make(small, tmp_path, **changes), at_once) for at_once in (1, 8))
    assert one.drawing > 7 * eight.drawing > 0
    assert one.seconds > one.drawing
    twice = expected_cost(make(small, tmp_path, **changes | {"seeds": 20_000_000}), 1)
    assert twice.drawing / one.drawing == pytest.approx(2.0, abs=0.01)


def test_jobs_of_several_threads_are_fewer_and_shorter(small, tmp_path):
    times = {}
    for threads, cores, nodes in ((1, 1, None), (1, 8, None), (4, 8, None), (16, 8, None), (4, 1, 2)):
        small["execution"] = {"threads": threads, "shard_seeds": 2**20}
        plan = make(small, tmp_path, seeds=10_000_000, m=[2**28, 2**30])
        cost = expected_cost(plan, cores, nodes)
        times[threads, cores, nodes] = cost.job_count, cost.drawing
    assert [jobs for jobs, _ in times.values()] == [1, 8, 2, 1, 2]
    alone = times[1, 1, None][1]
    for _, drawing in list(times.values())[1:]:
        assert alone / drawing == pytest.approx(8, rel=0.1)  # the start of a job is not shared


def test_a_dry_run_says_it_and_so_does_a_run(continued, snakemake, small):
    dry = snakemake(small, "--dry-run", to="new").output
    assert "Job stats:" in dry
    last = [line for line in dry[dry.rindex("This was a dry-run") :].splitlines()[1:] if line]
    assert last[0] == "[plan] 10,070 runs in 3 shards; 0 shards exist"
    assert all(line.startswith("[plan] ") for line in last)
    assert continued.output.index("[plan] time: about ") < continued.output.index("[runs] all 10,070 done")
    assert "; 3 shards exist" in snakemake(small, "--dry-run").output


def test_a_cluster_is_asked_for_more_than_a_person_is_told(large):
    estimate = expected_cost(large, 1)
    simulate = [shard_request(s.experiment, s.m, s.stop - s.start, 1, 1) for s in large.all_shards]
    analyse = analysis_request(large, ["grid", "check"], 1, 1)
    assert max(request.mem_mb for request in [*simulate, analyse]) * 1e6 > estimate.memory
    assert sum(request.runtime for request in simulate) * 60 > estimate.drawing
    experiments = [large.experiment(name) for name in ("grid", "check")]
    assert analyse.runtime * 60 > cost.reading_seconds(experiments, len(large.config.delta))


def test_requests_grow_with_runs_and_threads_and_attempts(large):
    grid = large.experiment("grid")
    few, many = (shard_request(grid, 4096, seeds, 1, 1) for seeds in (1, 10**8))
    assert many.mem_mb - few.mem_mb > 1.9 * RUN_BYTES * 2 * 100
    assert many.runtime > few.runtime
    threads = shard_request(grid, 4096, 10**8, 8, 1)
    assert threads.mem_mb > many.mem_mb
    assert threads.runtime < many.runtime
    assert analysis_request(large, ["grid"], 1, 1).mem_mb > 4 * RUN_BYTES * 100
    assert analysis_request(large, ["grid"], 2, 1).mem_mb > 8 * RUN_BYTES * 100
    assert analysis_request(large, ["check"], 1, 1).mem_mb < 1000
    for request in (shard_request, analysis_request):
        arguments = (grid, 64, 9, 1) if request is shard_request else (large, ["grid"], 1)
        first = request(*arguments, 1)
        assert request(*arguments, 3) == (3 * first.mem_mb, 3 * first.runtime)


def test_a_wide_network_asks_for_the_memory_of_its_weights_on_every_worker():
    trained = {
        "kind": "trained", "data": "teacher", "d": 100, "training_inputs": 10, "held_out_inputs": 10,
        "loss": "squared", "steps": 1, "m": [64, 2**20], "seeds": 3,
    }  # fmt: skip
    experiment = parse_config({"entropy": 1, "experiments": {"e": trained}}).experiment("e")
    narrow, wide, two = (
        shard_request(experiment, m, 1, threads, 1).mem_mb * 10**6
        for m, threads in ((64, 1), (2**20, 1), (2**20, 2))
    )
    weights = 2 * 8 * 2**20 * 100
    assert weights < wide - narrow < 1.3 * weights
    assert two - wide > wide - narrow


def test_disk_is_checked_with_what_is_there_already(small, tmp_path, monkeypatch):
    plan = make(small, tmp_path)
    need = int(disk_bytes(plan))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, need + 1))
    check_size(plan)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, need - 1))
    with pytest.raises(
        ConfigError, match=r"10,070 runs and their tables need 23\.9 MB of disk; allowed: 23\.9 MB"
    ):
        check_size(plan)
    shard = plan.path(plan.shards("grid")[0])
    shard.parent.mkdir(parents=True)
    shard.touch()
    check_size(plan)


def test_an_experiment_that_is_collected_needs_no_disk_for_runs(small, tmp_path, monkeypatch):
    small["experiments"]["grid"]["seeds"] = 2 * 10**6
    plan = Plan(parse_config(small), tmp_path)
    for shard in plan.shards("grid"):
        plan.path(shard).parent.mkdir(parents=True, exist_ok=True)
        plan.path(shard).touch()
    (tmp_path / "grid/runs.nc").write_bytes(bytes(10**6))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 10**8))
    check_size(plan, None)
    newest = plan.path(plan.shards("grid")[0])
    os.utime(newest, ns=(2**62, 2**62))  # made after runs.nc, which is yet to be collected
    stale = disk_bytes(plan)
    for shard in plan.shards("check"):
        plan.path(shard).parent.mkdir(parents=True)
        plan.path(shard).touch()
    with pytest.raises(ConfigError, match=r"need .* of disk"):
        check_size(plan, None)
    os.link(tmp_path / "grid/runs.nc", tmp_path / "archived.nc")
    assert disk_bytes(plan) == stale - RUN_BYTES * 70 + 10**6
    newest.unlink()
    (tmp_path / "grid/runs.nc").unlink()
    newest.touch()
    with pytest.raises(ConfigError, match=r"need .* of disk"):  # all shards are there, but not their file
        check_size(plan, None)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (999, "999 B"),
        (999.6, "1.0 kB"),
        (1000, "1.0 kB"),
        (999_940, "999.9 kB"),
        (999_960, "1.0 MB"),
        (10**18, "1,000.0 PB"),
    ],
)
def test_sizes_have_the_largest_unit_of_which_they_are_one(size, text):
    assert size_text(size) == text


def test_every_shard_and_the_figures_need_disk(small, tmp_path):
    small["execution"] = {"shard_seeds": 1024}
    cut = make(small, tmp_path)
    del small["execution"]
    whole = make(small, tmp_path)
    more = len(cut.all_shards) - len(whole.all_shards)
    assert more > 0
    assert disk_bytes(cut) - disk_bytes(whole) == pytest.approx(more * cost.FILE_BYTES)
    without_figures = 2 * RUN_BYTES * 10_070 + cost.FILE_BYTES * (len(whole.all_shards) + 8)
    assert disk_bytes(whole) > without_figures + 2 * cost.FIGURE_BYTES + cost.PAGE_BYTES


def test_memory_told_counts_the_workers_of_a_job(large, small, tmp_path):
    cell = cost.READ_COPIES * RUN_BYTES * 10**8
    one, eight = (expected_cost(large, at_once).memory for at_once in (1, 8))
    assert eight - one == pytest.approx(7 * (cost.WORKER_BYTES + cell))
    small["experiments"] = {"grid": small["experiments"]["grid"]}
    memory = []
    for threads in (1, 4):
        small["execution"] = {"threads": threads, "shard_seeds": 2**20}
        plan = make(small, tmp_path, sampler="dense", seeds=2**20, alpha=[0.1 * k for k in range(1, 40)])
        memory.append(expected_cost(plan, 4).memory)
        simulate = [shard_request(s.experiment, s.m, s.stop - s.start, threads, 1) for s in plan.all_shards]
        assert max(request.mem_mb for request in simulate) * 1e6 > memory[-1]
    assert memory[1] - memory[0] == pytest.approx(3 * cost.WORKER_BYTES)


def test_a_network_or_a_training_too_large_for_the_memory_is_refused(tmp_path, monkeypatch):
    trained = {
        "kind": "trained", "data": "teacher", "d": 100, "training_inputs": 10, "held_out_inputs": 10,
        "loss": "squared", "steps": 1, "m": [64], "seeds": 3,
    }  # fmt: skip

    def plan(**changes):
        return Plan(parse_config({"entropy": 1, "experiments": {"e": trained | changes}}), tmp_path)

    many = plan(seeds=50_000)
    need = cost.READ_COPIES * many.experiment("e").run_bytes * 50_000
    monkeypatch.setattr(cost.os, "sysconf", lambda name: {"SC_PAGE_SIZE": 1}.get(name, 2 * need - 2))
    check_size(plan())
    with pytest.raises(ConfigError, match=r"experiments: the training of 50,000 runs needs"):
        check_size(many)
    with pytest.raises(ConfigError, match=r"experiments: the widest network with its inputs needs"):
        check_size(plan(m=[64, 2**20]))


def test_memory_is_checked(small, tmp_path, monkeypatch):
    monkeypatch.setattr(cost.os, "sysconf", lambda name: {"SC_PAGE_SIZE": 1}.get(name, 400_000))
    check_size(make(small, tmp_path, seeds=1000))
    with pytest.raises(
        ConfigError, match=r"execution\.shard_seeds: a shard of 5,000 runs needs 400\.0 kB of"
    ):
        check_size(make(small, tmp_path))
    few = make(small, tmp_path, seeds=1000)
    with pytest.raises(
        ConfigError,
        match=r"execution\.shard_seeds: what 3 jobs at once draw needs .*kB of memory; allowed: 200",
    ):
        check_size(few, 8)
    small["execution"] = {"shard_seeds": 1024}
    with pytest.raises(
        ConfigError,
        match=r"seeds: a cell of 2,500 runs needs 400\.0 kB of memory; allowed: 200.*; "
        r"with `keep: aggregates` in grid the need does not grow with the seeds$",
    ):
        check_size(make(small, tmp_path))
    check_size(make(small, tmp_path), None)


def test_an_absurd_grid_is_refused_without_listing_it(small, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=r"runs and their tables need .*B of disk"):
        check_size(make(small, tmp_path, seeds=2**40), None)
    monkeypatch.setattr(Plan, "shards", None)
    with pytest.raises(
        ConfigError, match=r"seeds: one of [\d,]+ shards, of [\d,]+ runs, needs .*B of memory"
    ):
        check_size(make(small, tmp_path, seeds=2**40))
    grid = small["experiments"]["grid"] | {"m": list(range(2, 2002, 2)), "seeds": 1}
    small["experiments"] = dict.fromkeys(("grid", *"abcde"), grid)
    with pytest.raises(ConfigError, match=r"there are 6,000 widths together, .* at most 5,000 shards"):
        check_size(make(small, tmp_path, seeds=1))


def test_a_person_is_told_where_shards_are_larger_than_the_config_asks(small, tmp_path):
    plan = make(small, tmp_path, seeds=8192 * 10_000)
    lines = cost_text(plan, expected_cost(plan, 2)).splitlines()
    assert lines[1].startswith(
        "[plan] shards: up to 65,536 seeds each, 8 times as many as usual with execution.shard_seeds = 8192, "
    )


def test_a_refusal_names_aggregates_where_they_can_be_kept(small, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 10**6))
    for change, advice in (
        ({}, "; with `keep: aggregates` in grid and check the need does not grow with the seeds"),
        ({"keep": "aggregates"}, "; with `keep: aggregates` in check the need does not grow with the seeds"),
        (
            {"sampler": "tilted", "perturbation": ["sphere"]},
            "; with `keep: aggregates` in check the need does not",
        ),
    ):
        with pytest.raises(
            ConfigError, match=r"of disk; allowed: 1\.0 MB, what is free in the [a-z ]*; "
        ) as error:
            check_size(make(small, tmp_path, **change))
        assert advice in str(error.value)


def test_adding_up_takes_longer_for_more_shards_and_shorter_with_more_threads(small, tmp_path, monkeypatch):
    seconds = {}
    for seeds, threads in ((10**9, 1), (2 * 10**9, 1), (2 * 10**9, 2)):
        plan = make(small, tmp_path, seeds=seeds, keep="aggregates")
        seconds[seeds, threads] = cost.adding_seconds(plan, plan.experiments, threads)
        cells = sum(s.experiment.cells_per_width for s in plan.shards("grid"))
        assert seconds[seeds, threads] == pytest.approx(cost.ADD_SECONDS * cells / threads)
    one, two, shared = seconds.values()
    assert two > 1.5 * one > 0.0
    assert shared == two / 2
    before = expected_cost(plan, 1).seconds, analysis_request(plan, ["grid"], 1, 1).runtime
    monkeypatch.setattr(cost, "ADD_SECONDS", 60.0)
    assert expected_cost(plan, 1).seconds > before[0]
    assert analysis_request(plan, ["grid"], 1, 1).runtime > before[1]


def test_memory_told_is_of_no_more_threads_than_there_are_cores(small, tmp_path):
    memory = []
    for threads in (2, 16):
        small["execution"] = {"threads": threads}
        memory.append(expected_cost(make(small, tmp_path), 2).memory)
    assert memory[0] == memory[1]
    assert expected_cost(make(small, tmp_path), 2, nodes=3).memory > memory[1]


def test_a_person_is_told_of_a_shard_size_with_which_jobs_draw_longer_than_they_start(small, tmp_path):
    def line(**changes):
        plan = make(small, tmp_path, **changes)
        lines = cost_text(plan, expected_cost(plan, 2)).splitlines()
        return next((line for line in lines if "is the start of jobs" in line), "")

    del small["experiments"]["check"]
    assert line(seeds=100_000) == ""  # some seconds
    told = line(seeds=10_000_000)
    assert told.startswith("[plan] shards: about 16:")
    size = int(re.search(r"with execution\.shard_seeds: (\d+) fewer would start$", told)[1])
    assert size > 2**17
    small["execution"] = {"shard_seeds": size}
    assert line(seeds=10_000_000) == ""
    del small["execution"]
    assert line(seeds=10_000_000, keep="aggregates") == ""  # a job draws for a minute
    wide = make(small, tmp_path, seeds=10_000_000, m=[2**30])
    assert "start of jobs" not in cost_text(wide, expected_cost(wide, 2))
