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
    assert plan.ranges_on_disk("grid") == {64: [], 4096: []}
    (folder / "m64_seeds0-1024.nc").touch()
    assert plan.ranges_on_disk("grid") == {64: [(0, 1024)], 4096: []}
    for name in ("m64_seeds1024-1024.nc", "m64_seeds2000-1500.nc"):  # of no seeds
        (folder / name).touch()
    assert ranges(plan) == [(0, 1024), (1024, 2500)]


def test_quantiles_take_a_core_for_every_ten_million_runs_of_those_there_are(small, tmp_path):
    threads = [
        make(small, tmp_path, seeds=seeds).sorting_threads("grid", 4) for seeds in (1000, 10**7, 10**9)
    ]
    assert threads == [1, 4, 4]
    assert make(small, tmp_path, seeds=10**9, keep="aggregates").sorting_threads("grid", 4) == 1


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
    seeds = [(s.start, s.stop) for s in part.shards("grid") if s.m == 64]
    assert seeds == [(1000, 1700), (1700, 3000)]
    assert part.identity("grid") != whole.identity("grid")
    assert part.grid_identity("grid") == whole.grid_identity("grid")


def ranges(plan, m=64):
    return [(shard.start, shard.stop) for shard in plan.shards("grid") if shard.m == m]


def test_shards_grow_in_powers_of_two_until_there_are_at_most_5000(small, tmp_path):
    small["execution"] = {"shard_seeds": 1024}
    del small["experiments"]["check"]
    for seeds, factor in ((1024 * 2500, 1), (1024 * 2500 + 1, 2), (1024 * 10_000, 4), (2**34, 2**13)):
        plan = make(small, tmp_path, seeds=seeds)
        counts = {2**k: 2 * -(-seeds // (1024 * 2**k)) for k in range(20)}  # two widths
        assert factor == min(f for f, count in counts.items() if count <= 5000)
        assert plan.shard_factor == factor
        assert len(plan.all_shards) == counts[factor] == plan.shard_count(plan.experiment("grid"))
        assert max(stop - start for start, stop in ranges(plan)) == 1024 * factor


def test_all_experiments_share_the_5000_shards(small, tmp_path):
    trained = {
        "kind": "trained", "data": "teacher", "d": 100, "training_inputs": 1000, "held_out_inputs": 10,
        "loss": "squared", "steps": 1000, "m": [2**12], "seeds": 4000,
    }  # fmt: skip
    small["experiments"]["trained"] = trained
    alone = Plan(parse_config({"entropy": 1, "experiments": {"trained": trained}}), tmp_path)
    assert (alone.shard_factor, len(alone.all_shards)) == (1, 4000)
    plan = make(small, tmp_path, seeds=8192 * 1000)
    assert plan.shard_factor == 2
    assert len(plan.shards("trained")) == 2000
    assert len(plan.shards("grid")) == 1000


def test_cells_of_all_shards_are_at_most_a_million(small, tmp_path):
    changes = {"alpha": [0.01 * k for k in range(1, 501)], "seeds": 8192 * 1000}
    plan = make(small, tmp_path, **changes)
    grid = plan.experiment("grid")
    assert 2000 * grid.cells_per_width > 10**6 > plan.shard_count(grid) * grid.cells_per_width > 4 * 10**5


def test_more_seeds_in_larger_shards_keep_those_that_exist(small, tmp_path):
    """Also while the new ones are being made, and where an old one is lost."""
    small["execution"] = {"shard_seeds": 1024}
    del small["experiments"]["check"]
    old = make(small, tmp_path, m=[64], seeds=1024 * 5000)
    folder = old.folder(old.experiment("grid"))
    folder.mkdir(parents=True)
    for shard in old.all_shards:
        old.path(shard).touch()
    grown = make(small, tmp_path, m=[64], seeds=1024 * 6000)
    assert (old.shard_factor, grown.shard_factor) == (1, 2)
    assert grown.folder(grown.experiment("grid")) == folder
    planned = ranges(grown)
    assert planned[:5000] == ranges(old)
    assert planned[5000:] == [(start, start + 2048) for start in range(1024 * 5000, 1024 * 6000, 2048)]
    assert sum(shard.runs for shard in grown.missing_shards("grid")) == grown.runs - old.runs
    (folder / "m64_seeds0-2048.nc").touch()  # as after a change of `shard_seeds` and back: not counted twice
    assert sum(shard.runs for shard in grown.missing_shards("grid")) == grown.runs - old.runs
    (folder / "m64_seeds0-2048.nc").unlink()
    for start, stop in (planned[5003], planned[-1], planned[5000]):
        (folder / f"m64_seeds{start}-{stop}.nc").touch()
        assert ranges(grown) == planned
    (folder / "m64_seeds1024-2048.nc").unlink()
    assert ranges(grown) == planned
