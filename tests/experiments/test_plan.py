from __future__ import annotations

import copy
import itertools

import pytest

from ntk_core.experiments.config import parse_config
from ntk_core.experiments.plan import Plan
from ntk_core.experiments.section import ConfigError


def make(small, tmp_path, **changes):
    config = copy.deepcopy(small)
    config["experiments"]["grid"] |= changes
    return Plan(parse_config(config), tmp_path / "results")


def test_shards_have_names_that_say_what_they_hold(small, tmp_path):
    plan = make(small, tmp_path)
    shard = plan.shards("grid")[0]
    assert plan.path(shard).name == "m64_seeds0-2500.nc"
    assert plan.shard("grid", plan.path(shard)) == shard
    other = make(small, tmp_path, alpha=[1.5])
    assert other.path(other.shards("grid")[0]).parent != plan.path(shard).parent
    with pytest.raises(ConfigError, match="is no shard of experiment grid as the config has it now"):
        other.shard("grid", plan.path(shard))
    with pytest.raises(ConfigError, match="is no shard"):
        plan.shard("grid", plan.path(shard).with_name("m66_seeds0-2500.nc"))


def test_files_that_are_no_shards_are_not_taken_for_some(small, tmp_path):
    plan = make(small, tmp_path)
    folder = plan.path(plan.shards("grid")[0]).parent
    folder.mkdir(parents=True)
    for name in (
        "m64_seeds0-2500.nc.progress",
        ".m64_seeds0-2500.nc.7.part",
        "m63_seeds0-2500.nc",
        "notes.txt",
    ):
        (folder / name).touch()
    assert plan.existing("grid") == {64: [], 4096: []}
    (folder / "m64_seeds0-1024.nc").touch()
    assert plan.existing("grid") == {64: [(0, 1024)], 4096: []}


def test_quantiles_take_a_core_for_every_ten_million_runs_of_those_there_are(small, tmp_path):
    threads = [
        make(small, tmp_path, seeds=seeds).sorting_threads("grid", 4) for seeds in (1000, 10**7, 10**9)
    ]
    assert threads == [1, 4, 4]


def test_a_part_of_a_whole_has_its_own_seeds_and_shards(small, tmp_path):
    whole = make(small, tmp_path)
    small["experiments"]["grid"] |= {"first_seed": 1000, "seeds": 2000}
    part = make(small, tmp_path)
    ranges = sorted({(shard.start, shard.stop) for shard in part.shards("grid")})
    assert ranges[0][0] == 1000
    assert ranges[-1][1] == 3000
    assert all(a[1] == b[0] for a, b in itertools.pairwise(ranges))
    folder = part.folder(part.experiment("grid"))
    folder.mkdir(parents=True)
    for start, stop in ((0, 1000), (1000, 1700), (2500, 3500)):
        (folder / f"m64_seeds{start}-{stop}.nc").touch()
    there = [(s.start, s.stop) for s in part.shards("grid") if s.m == 64]
    assert there == [(1000, 1700), (1700, 3000)]
    assert part.identity("grid") != whole.identity("grid")
    assert part.grid_identity("grid") == whole.grid_identity("grid")
