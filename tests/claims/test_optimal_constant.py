"""N1, N2 and N3: proved where every number agrees; false with another constant, or runs against them."""

from __future__ import annotations

import dataclasses

import pytest

from ntk_core.claims import Results, open_results
from ntk_core.claims.beyond import all_radii, optimal_constant, second_order
from ntk_core.claims.record import FALSE, PROVED
from ntk_core.theory import bounds

NOTHING = Results((), None)
"""No archive: the judges' own computations decide."""


@pytest.mark.parametrize(
    ("module", "off"), [(optimal_constant, 0.01), (all_radii, 0.01), (second_order, 0.002)]
)
def test_the_constants_are_proved_and_any_other_is_false(module, off):
    assert module.judge(NOTHING).verdict == PROVED
    for factor in (1 - off, 1 + off):
        assert module.judge(NOTHING, factor).verdict == FALSE


def test_an_exact_quantile_above_the_bound_makes_it_false(monkeypatch):
    def spoiled(name, *place):
        value = bounds.bound(name, *place)
        return value * 1.001 if name == "exact" and place[0] == "delta2" else value

    monkeypatch.setattr(optimal_constant, "bound", spoiled)
    assert optimal_constant.judge(NOTHING).verdict == FALSE


def test_archived_runs_over_the_bound_beyond_chance_make_it_false(archived, client):
    archive = open_results([archived], client)
    judgement = optimal_constant.judge(archive)
    assert judgement.verdict == PROVED
    assert any(number.what.startswith("archived runs") for number in judgement.evidence)
    item = archive.experiments[0]
    over = item.table["exceedances"].copy(deep=True)
    over.loc[{"bound": "bernstein", "quantity": "linearization_error"}] = item.experiment.seeds
    spoiled = dataclasses.replace(item, table=item.table.assign(exceedances=over))
    assert optimal_constant.judge(Results((spoiled,), archive.workers)).verdict == FALSE


def test_an_interval_that_misses_the_exact_quantile_makes_the_second_order_false(monkeypatch):
    monkeypatch.setattr(second_order, "quantile_interval", lambda *place: (0.0, 1e-9))
    assert second_order.judge(NOTHING).verdict == FALSE
