from __future__ import annotations

import copy

import pytest

from ntk_core.config import parse_config
from ntk_core.grid import RUN_BYTES, Shard
from ntk_core.plan import Plan
from ntk_core.resources import (
    MARGIN,
    START_MINUTES,
    analysis_memory,
    analysis_minutes,
    shard_memory,
    shard_minutes,
)


@pytest.fixture
def plan(small, tmp_path) -> Plan:
    config = copy.deepcopy(small)
    config["experiments"]["grid"]["seeds"] = 10**8
    return Plan(parse_config(config), tmp_path)


def test_a_shard_asks_for_the_time_the_plan_expects_with_a_margin(plan):
    experiment = plan.experiment("grid")
    minutes = Shard(experiment, plan.config.entropy, 4096, 0, 10**8).cost() / 6e10
    asked = shard_minutes(experiment, 4096, 10**8, 1, 1)
    assert 0.0 <= asked - START_MINUTES - MARGIN * minutes < 1.0
    assert shard_minutes(experiment, 4096, 10**8, 4, 1) - START_MINUTES <= MARGIN * minutes / 4 + 1
    assert shard_minutes(experiment, 64, 1, 1, 1) == START_MINUTES + 1


def test_memory_holds_what_the_plan_says_a_job_holds(plan):
    experiment = plan.experiment("grid")
    assert shard_memory(experiment, 64, 10**6, 1, 1) * 10**6 > 2 * RUN_BYTES * 2 * 10**6
    assert shard_memory(experiment, 64, 10**6, 8, 1) > shard_memory(experiment, 64, 10**6, 1, 1)
    assert analysis_memory(plan, ["grid", "check"], 1, 1) * 10**6 > 4 * RUN_BYTES * 10**8
    assert analysis_memory(plan, ["check"], 1, 1) < 1000


def test_analysis_time_grows_with_runs_and_cells(plan):
    assert analysis_minutes(plan, ["check"], 1) == START_MINUTES + 1
    # 400 million runs took 1.5 minutes where the numbers of the module were measured
    assert 10 < analysis_minutes(plan, ["grid", "check"], 1) < 120


def test_each_attempt_asks_for_as_much_again(plan):
    experiment = plan.experiment("grid")
    for attempt in (2, 3):
        assert shard_memory(experiment, 64, 9, 1, attempt) == attempt * shard_memory(experiment, 64, 9, 1, 1)
        assert shard_minutes(experiment, 64, 9, 1, attempt) == attempt * shard_minutes(
            experiment, 64, 9, 1, 1
        )
        assert analysis_memory(plan, ["grid"], 1, attempt) == attempt * analysis_memory(plan, ["grid"], 1, 1)
        assert analysis_minutes(plan, ["grid"], attempt) == attempt * analysis_minutes(plan, ["grid"], 1)


def test_a_wide_network_asks_for_the_memory_of_its_weights_on_every_worker():
    trained = {
        "kind": "trained", "data": "teacher", "d": 100, "training_inputs": 10, "held_out_inputs": 10,
        "loss": "squared", "steps": 1, "m": [64, 2**20], "seeds": 3,
    }  # fmt: skip
    experiment = parse_config({"entropy": 1, "experiments": {"e": trained}}).experiment("e")
    weights = 2 * 8 * 2**20 * 100
    more = shard_memory(experiment, 2**20, 1, 1, 1) - shard_memory(experiment, 64, 1, 1, 1)
    assert weights < more * 10**6 < 1.3 * weights
    assert shard_memory(experiment, 2**20, 1, 2, 1) - shard_memory(experiment, 2**20, 1, 1, 1) > more
