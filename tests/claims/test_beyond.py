"""Statements of this project: each verdict turns when the statement's constant is spoiled."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from trained import ONE_INPUT, made_of_one_input

from ntk_core.claims import JUDGES, LEDGER, Results, claim
from ntk_core.claims.answer import answer
from ntk_core.claims.beyond import STATEMENTS, uniform_inputs
from ntk_core.claims.record import (
    FALSE,
    PROVED,
    SUPPORTED,
    THIS_PROJECT,
    UNDECIDED,
    from_json,
    to_json,
)  # fmt: skip
from ntk_core.claims.results import TrainedTables
from ntk_core.claims.wording import as_text, steps_text
from ntk_core.pages.findings.text import clause

NOTHING = Results((), None)
"""No archive: the judges' own computations decide."""

ARCHIVED = ("N6",)
"""Statements that are judged by archived runs."""

VERDICTS = dict.fromkeys(STATEMENTS, PROVED) | {"N6": SUPPORTED}
"""What each statement stands on."""

SPOILED = {
    "N1": (0.99, 1.01),
    "N2": (0.99, 1.01),
    "N3": (0.998, 1.002),
    "N4": (0.99, 1.01),
    "N5": (0.99, 1.01),
    "N6": (0.88, 1.14),
    "N7": (0.999, 1.001),
    "N8": (0.999, 1.001),
    "N9": (0.99, 1.01),
}
"""Factors on the constant, just beyond what the evidence can tell from 1."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """One training input: each of three numbers is beside its limit by chance with probability 1e-5."""
    table, rates = made_of_one_input(tmp_path_factory)
    return Results((), None, (TrainedTables(ONE_INPUT, table, rates),))


def test_each_statement_is_of_this_project_and_stands_where_it_says(archive):
    assert VERDICTS.keys() == SPOILED.keys() == STATEMENTS.keys()
    for name in STATEMENTS:
        judged = claim(name, archive if name in ARCHIVED else NOTHING)
        assert judged.source == THIS_PROJECT
        assert judged.verdict == VERDICTS[name] in {PROVED, SUPPORTED}
        assert judged.evidence
        for number in judged.evidence:
            assert number.what
            assert math.isfinite(number.value)
            assert number.lower is None or number.lower <= number.value <= number.upper
        assert f"docs/theory.md, {LEDGER[name].proof}" in as_text(judged)
        assert from_json(to_json([judged]))[0].own
        ratios = [number.what for number in judged.evidence if " over " in number.what]
        assert [what for what in ratios if " over " not in clause(what)] == []  # what the verdict table shows


@pytest.mark.parametrize(
    ("name", "factor"), [(name, factor) for name, both in SPOILED.items() for factor in both]
)
def test_another_constant_is_false(archive, name, factor):
    assert JUDGES[name](archive if name in ARCHIVED else NOTHING, factor).verdict == FALSE


@pytest.mark.parametrize(
    "spoil",
    [
        {"training_bias_constant_limit": 1.14},
        {"twin_training_distance_constant_limit": 1.35},
        {"twin_distance_constant_limit": 1.6},
    ],
)
def test_each_limit_of_training_is_compared(archive, spoil):
    (item,) = archive.trainings
    rates = item.rates.assign({name: factor * item.rates[name] for name, factor in spoil.items()})
    spoiled = Results((), None, (dataclasses.replace(item, rates=rates),))
    assert JUDGES["N6"](spoiled).verdict == FALSE


def test_a_slope_whose_limit_is_known_says_what_hides_it(archive):
    for name, count in (("N6", 2), ("LT", 1)):
        what = [number.what for number in claim(name, archive).evidence if "$-1/2$" in number.what]
        hidden = "hidden in narrow networks by fluctuations, which fall as $m^{-3/4}$"
        assert len([text for text in what if hidden in text]) == count


def test_how_loose_theorem_1_is_comes_with_its_level_and_why_it_is_that(archive):
    """Where no level is resolved, it has no interval."""
    (item,) = archive.trainings
    delta, least = answer(item.table, item.rates).delta, item.table["delta"].values[0]
    infinite = item.table.assign(quantile_upper=math.inf + item.table["quantile_upper"])
    for table, level, words in (
        (item.table, delta, "the least of its levels that so many runs resolve"),
        (infinite, least, "at which so many runs give no interval"),
    ):
        known = Results((), None, (dataclasses.replace(item, table=table),))
        (number,) = [n for n in claim("LT", known).evidence if "quantile of $E$" in n.what]
        assert rf"$\delta={level:g}$, {words} (" in number.what
        assert (number.lower is None) == (table is infinite)


def test_a_bias_without_a_standard_error_is_not_compared(archive):
    """Where the square of the bias is estimated at 0 or below, the bias is 0 and has no standard error."""
    (item,) = archive.trainings
    table = item.table.copy(deep=True)
    for name, value in (("", 0.0), ("_standard_error", math.nan), ("_lower", 0.0)):
        table[f"training_bias{name}"][:] = value
    rates = item.rates.assign(
        {f"training_bias_constant{end}": 0.0 * item.rates["training_bias_constant"] for end in ("", "_lower")}
    )
    changed = dataclasses.replace(item, table=table, rates=rates)
    assert JUDGES["N6"](Results((), None, (changed,))).verdict == SUPPORTED


def test_without_wide_networks_and_known_limits_training_is_undecided(archive):
    (item,) = archive.trainings
    for change in (
        {"table": item.table.assign_coords(m=[16, 64]), "rates": item.rates.assign_coords(m=[16, 64])},
        {"rates": item.rates * math.nan},
    ):
        changed = dataclasses.replace(item, **change)
        if "rates" in change:
            changed.rates.attrs.update(item.rates.attrs)
        assert JUDGES["N6"](Results((), None, (changed,))).verdict == UNDECIDED
    assert JUDGES["N6"](NOTHING).verdict == UNDECIDED


@pytest.mark.parametrize(("over", "verdict"), [(10, PROVED), (11, FALSE)])
def test_few_networks_over_a_bound_are_counted_by_the_binomial_law(monkeypatch, over, verdict):
    """Of 24 networks ten are over it with probability 5e-5, eleven with 7e-6; the normal law has 1e-7."""

    def some_over(draws):
        values = 0.1 * np.random.default_rng(3).random(draws.runs)
        values[: over * (draws == uniform_inputs.SPHERE)] = 1e6
        return values

    monkeypatch.setattr(uniform_inputs, "draw", some_over)
    assert uniform_inputs.judge(NOTHING).verdict == verdict


def test_runs_over_theorem_1_are_those_of_all_widths_as_on_the_pages(archive):
    (item,) = archive.trainings
    table = item.table.assign(runs_exceeding=0 * item.table["runs_exceeding"] + 3)
    judged = claim("LT", Results((), None, (dataclasses.replace(item, table=table),)))
    (most,) = (number for number in judged.evidence if number.what.startswith("most runs over Theorem 1"))
    assert most.value == answer(table, item.rates).over == 3 * item.table.sizes["m"]
    assert "at any one time, level and " in most.what


@pytest.mark.parametrize(("count", "text"), [(0, "0 steps"), (1, "1 step"), (1024, "1,024 steps")])
def test_a_number_of_steps_is_a_singular_or_a_plural_with_thousands_apart(count, text):
    assert steps_text(count) == text
