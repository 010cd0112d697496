from __future__ import annotations

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from ntk_core.experiments.drawn import DrawnExperiment, tasks
from ntk_core.experiments.shards import Shard, seed_ranges
from ntk_core.sampling.cell import BLOCK

EXPERIMENT = DrawnExperiment("e", "band", ("adversarial", "sphere"), (64, 2**30), (2, 9), (0.5, 1.0), 5000)


def test_cells_are_the_product_of_the_axes():
    cells = list(EXPERIMENT.cells())
    assert len(cells) == len(set(cells)) == 16
    assert EXPERIMENT.runs == 16 * 5000
    assert [cell.key for cell in cells[:2]] == [
        "band|adversarial|m=64|d=2|alpha=0x1.0000000000000p-1",
        "band|adversarial|m=64|d=2|alpha=0x1.0000000000000p+0",
    ]


@given(
    seeds=st.integers(1, 30),
    size=st.integers(1, 12),
    existing=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30))),
)
def test_seed_ranges_cover_each_seed_once_and_reuse_what_continues_the_cover(seeds, size, existing):
    cover = seed_ranges(seeds, size, existing)
    assert [start for start, _ in cover] == [0, *(stop for _, stop in cover[:-1])]
    assert cover[-1][1] == seeds
    starts = {start for start, stop in existing if start < stop <= seeds}
    for start, stop in cover:
        assert (start, stop) in existing or (stop - start <= size and start not in starts)


@given(
    seeds=st.integers(1, 30),
    size=st.integers(1, 12),
    existing=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)).filter(lambda r: r[0] < r[1])),
    order=st.randoms(use_true_random=False),
)
def test_the_plan_stands_while_it_is_carried_out(seeds, size, existing, order: random.Random):
    cover = seed_ranges(seeds, size, existing)
    made = list(existing)
    for shard in order.sample(cover, len(cover)):
        made.append(shard)
        assert seed_ranges(seeds, size, made) == cover
    assert seed_ranges(seeds, size + 1, made) == cover


def test_more_seeds_and_other_shard_sizes_keep_what_is_there():
    assert seed_ranges(10000, 4096, []) == [(0, 4096), (4096, 8192), (8192, 10000)]
    assert seed_ranges(10000, 1024, [(0, 4096), (4096, 8192), (8192, 10000)]) == [
        (0, 4096),
        (4096, 8192),
        (8192, 10000),
    ]
    assert seed_ranges(20000, 8192, [(0, 10000)]) == [(0, 10000), (10000, 18192), (18192, 20000)]
    assert seed_ranges(100, 64, [(0, 200)]) == [(0, 64), (64, 100)]


@given(start=st.integers(0, 3000), length=st.integers(1, 5000), cost=st.floats(1e4, 1e11))
def test_tasks_hold_every_run_once_and_cut_between_blocks(start, length, cost):
    shard = Shard(EXPERIMENT, 1, 2**30, start, start + length)
    pieces = [piece for task in tasks(shard, cost) for piece in task]
    assert all(task for task in tasks(shard, cost))
    for index, cell in enumerate(EXPERIMENT.cells([shard.m])):
        mine = [(piece.start, piece.stop) for piece in pieces if piece.index == index]
        assert mine[0][0] == start
        assert mine[-1][1] == start + length
        for (_, stop), (following, _) in itertools.pairwise(mine):
            assert stop == following
            assert stop % BLOCK["band"] == 0
        assert all(piece.cell == cell for piece in pieces if piece.index == index)


def test_content_key_changes_with_what_a_shard_holds_and_only_with_that():
    from dataclasses import replace

    key = EXPERIMENT.content_key(1)
    same = replace(EXPERIMENT, name="other", seeds=7, m=(2,))
    assert same.content_key(1) == key
    others = [
        EXPERIMENT.content_key(2),
        replace(EXPERIMENT, sampler="dense").content_key(1),
        replace(EXPERIMENT, d=(2,)).content_key(1),
        replace(EXPERIMENT, alpha=(0.5, 1.0000000000000002)).content_key(1),
        replace(EXPERIMENT, perturbation=("sphere", "adversarial")).content_key(1),
    ]
    assert len({key, *others}) == 6
