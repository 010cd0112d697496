"""What a run says it will take, before it takes it."""

from __future__ import annotations

import re

from ntk_core.config import parse_config
from ntk_core.estimate import estimate
from ntk_core.plan import Plan


def lines(config, root, at_once=2):
    return estimate(Plan(parse_config(config), root), at_once).splitlines()


def seconds(line):
    """Of drawing and of all."""
    found = re.findall(r"([\d:]+) for", line)
    return [sum(int(part) * 60**i for i, part in enumerate(reversed(text.split(":")))) for text in found]


def test_runs_shards_time_disk_and_memory_are_told(small, tmp_path):
    runs, time, disk, memory = lines(small, tmp_path)
    assert runs == "[plan] 10,070 runs in 3 shards; 0 shards are there"
    assert time.endswith("with 2 jobs at once")
    assert disk.startswith("[plan] disk: at most 805.6 kB; ")  # 80 bytes a run
    assert re.fullmatch(r"\[plan\] memory: 350\.4 MB a worker; this machine has .*B", memory)


def test_what_is_there_is_not_counted_again(small, tmp_path):
    plan = Plan(parse_config(small), tmp_path)
    for done, shard in enumerate(plan.all_shards):
        assert f"; {done} shards are there" in lines(small, tmp_path)[0]
        plan.path(shard).parent.mkdir(parents=True, exist_ok=True)
        plan.path(shard).touch()
    assert lines(small, tmp_path) == ["[plan] 10,070 runs in 3 shards; 3 shards are there"]


def test_more_work_takes_longer_and_more_at_once_shorter(small, tmp_path):
    small["experiments"]["grid"] |= {"seeds": 10_000_000, "m": [2**20, 2**22]}
    one, eight = (seconds(lines(small, tmp_path, at_once)[1]) for at_once in (1, 8))
    assert one[0] > 7 * eight[0] > 0
    assert one[1] > one[0]
    small["experiments"]["grid"]["seeds"] *= 2
    assert abs(seconds(lines(small, tmp_path, 1)[1])[0] / one[0] - 2.0) < 0.01


def test_a_dry_run_says_it_and_so_does_a_run(continued, snakemake, small):
    assert (
        "[plan] 10,070 runs in 3 shards; 0 shards are there" in snakemake(small, "--dry-run", to="new").output
    )
    assert continued.output.index("[plan] time: about ") < continued.output.index("Job stats:")
    assert "; 3 shards are there" in snakemake(small, "--dry-run").output
