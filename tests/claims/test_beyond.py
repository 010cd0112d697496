"""Statements of this project: each verdict turns when the statement's constant is spoiled."""

from __future__ import annotations

import math

import pytest

from ntk_core.claims import JUDGES, LEDGER, Results, claim
from ntk_core.claims.beyond import STATEMENTS
from ntk_core.claims.record import CONJECTURED, FALSE, PROVED, SUPPORTED, THIS_PROJECT, from_json, to_json
from ntk_core.claims.wording import as_text

NOTHING = Results((), None)
"""No archive: the judges' own computations decide."""

VERDICTS = dict.fromkeys(STATEMENTS, PROVED) | {"N6": SUPPORTED}
"""What each statement stands on."""

SPOILED = {
    "N1": (0.99, 1.01),
    "N2": (0.99, 1.01),
    "N3": (0.998, 1.002),
    "N4": (0.99, 1.01),
    "N5": (0.99, 1.01),
    "N6": (0.8, 1.2),
    "N7": (0.999, 1.001),
    "N8": (0.999, 1.001),
    "N9": (0.99, 1.01),
}
"""Factors on the constant, just beyond what the evidence can tell from 1."""


def test_each_statement_is_of_this_project_and_stands_where_it_says():
    assert VERDICTS.keys() == SPOILED.keys() == STATEMENTS.keys()
    for name in STATEMENTS:
        judged = claim(name, NOTHING)
        assert judged.source == THIS_PROJECT
        assert judged.verdict == VERDICTS[name] in {PROVED, SUPPORTED, CONJECTURED}
        assert judged.evidence
        for number in judged.evidence:
            assert number.what
            assert math.isfinite(number.value)
            assert number.lower is None or number.lower <= number.value <= number.upper
        assert f"docs/theory.md, {LEDGER[name].proof}" in as_text(judged)
        assert from_json(to_json([judged]))[0].own


@pytest.mark.parametrize(
    ("name", "factor"), [(name, factor) for name, both in SPOILED.items() for factor in both]
)
def test_another_constant_is_false(name, factor):
    assert JUDGES[name](NOTHING, factor).verdict == FALSE
