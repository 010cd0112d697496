"""The sentence with which the article opens says what the data carry, and no more."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ntk_core.claims.record import from_json
from ntk_core.pages.findings.experiments import grid_answer, grid_of
from ntk_core.pages.findings.numbers import number
from ntk_core.pages.findings.opening import opening
from ntk_core.pages.summary import summarise

from .article import Reader, render


@pytest.fixture
def says(claims, given):
    """The opening of the band experiment after changes of its datasets, and of verdicts by id."""

    def change(alter=lambda table, rates: (table, rates), **verdicts):
        records = [{**c, "verdict": verdicts.get(c["id"].replace(".", "_"), c["verdict"])} for c in claims]
        table, rates = (dataset.copy(deep=True) for dataset in given["experiments"][1])
        grid = grid_of(*alter(table, rates))
        start = opening(from_json(json.dumps(records)), grid, grid_answer(grid))
        return f"{start.word}: {start.sentence}"

    return change


def slope(rates, law="adversarial"):
    """Where the main slope stands in the rates."""
    return {"quantity": "linearization_error", "perturbation": law, "alpha": 0.5, "statistic": "mean"}


def of_slope(value, lower, upper):
    def alter(table, rates):
        for name, limit in zip(("slope", "slope_lower", "slope_upper"), (value, lower, upper), strict=True):
            rates[name].loc[slope(rates)] = limit
        return table, rates

    return alter


REST = (
    "none of 18,000 runs is above the bound; three of fourteen statements are false as printed: "
    r"Bound on $\Delta_1$ for large inputs, Bound on $\Delta_2$ and Event $A_1$ for small inputs; "
    "undecided: Hoeffding step"
)

UNDECIDED = "Undecided: whether the mean linearization error falls as $m^{-1/2}$ under the worst displacement"


def test_it_is_the_first_thing_on_the_page(says, reader):
    text = " ".join(reader.text["answer"].split())
    assert text.startswith(
        "The answer Confirmed: under the worst displacement the mean linearization error falls as (slope −0.4"
    )
    assert REST.split(":")[0] in text
    assert "for large inputs, Bound on and Event for small inputs; undecided: Hoeffding step." in text


def test_a_slope_comes_with_half_of_its_interval_and_the_widths(says):
    assert says(of_slope(-0.5001, -0.5008, -0.4994)) == (
        "Confirmed: under the worst displacement the mean linearization error falls as $m^{-1/2}$ (slope "
        "−0.5001 ± 0.0007 "
        f"from $m=64$ to $2^{{12}}$); {REST}"
    )


def test_a_slope_over_some_of_the_widths_says_over_how_many(says):
    def over(points):
        def alter(table, rates):
            rates["points"].loc[slope(rates)] = points
            return of_slope(-0.5001, -0.5008, -0.4994)(table, rates)

        return alter

    assert says(over(3)).startswith("Confirmed: ")
    assert (
        says(over(2)) == f"{UNDECIDED} (slope −0.5001 ± 0.0007 over 2 of 3 widths, which are too few); {REST}"
    )


def test_a_slope_that_the_exact_law_has_on_widths_too_small_says_so(says):
    def exact(value):
        def alter(table, rates):
            rates["exact_slope"].loc[slope(rates)] = value
            return of_slope(-0.346, -0.356, -0.336)(table, rates)

        return alter

    measured = f"{UNDECIDED} (slope −0.3460 ± 0.0100 from $m=64$ to $2^{{12}}$"
    known = (
        f"{measured}; the exact law has −0.3407 on these widths: they are too small for the limit); {REST}"
    )
    assert says(exact(-0.3407)) == known
    assert says(exact(-0.4996)) == f"{measured}; the exact law has −0.4996 on these widths); {REST}"
    assert says(exact(np.nan)) == f"{measured}); {REST}"


def test_a_table_beside_the_theory_has_the_slope_of_the_exact_law_where_one_is_known(claims, given):
    table, rates = given["experiments"][1]
    slopes = rates["exact_slope"]
    shown = number(float(slopes.sel(**slope(rates), d=rates["d"].max())))
    column = '<th scope="col" class="n">Exact law, these widths</th>'
    page = render(claims, **given)
    assert column in page
    assert f'data-label="exact law, these widths">{shown}</td>' in page
    unknown = {**given, "experiments": [(table, rates.assign(exact_slope=slopes * np.nan))]}
    assert column not in render(claims, **unknown)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ((-0.55, -0.7, -0.4), "slope −0.5500 ± 0.1500 from"),  # too wide
        ((-0.6, -0.61, -0.59), "slope −0.6000 ± 0.0100 from"),  # neither power
        ((-0.75, -0.76, -0.74), "slope −0.7500 ± 0.0100 from"),  # the other one
        ((-0.5, np.nan, np.nan), "without an interval"),
        ((np.nan, np.nan, np.nan), "no slope from 3 widths"),
    ],
)
def test_a_slope_that_singles_out_nothing_confirms_nothing(says, limits, words):
    text = says(of_slope(*limits))
    assert text.startswith(f"{UNDECIDED} (")
    assert words in text


def test_runs_over_the_bound_are_counted_and_confirm_nothing(says):
    def over(table, rates):
        cell = {"bound": "printed", "quantity": "linearization_error", "delta": 0.5, "x_norm": 1.0}
        table["exceedances"].loc[{**cell, "perturbation": "sphere", "m": 64, "alpha": 2.0}] = 3
        return table, rates

    text = says(over)
    assert text.startswith("Undecided: ")
    assert "three of 18,000 runs are above the bound" in text


def test_verdicts_decide_the_word(says):
    assert says(T1="false").startswith(
        "Refuted: under the worst displacement the mean linearization error falls"
    )
    assert says(of_slope(-0.6, -0.61, -0.59), T1="false").startswith("Refuted: it is undecided whether the ")
    assert "four of fourteen statements are false as printed" in says(T1="false")
    assert "as printed: Theorem 1, Bound on" in says(T1="false")
    assert says(L4_Δ2="true").endswith(
        "Bound on $\\Delta_1$ for large inputs, Event $A_1$ for small inputs; undecided: Hoeffding step"
    )
    assert says(T1_rate="false").startswith("Refuted: ")
    assert says(T1="undecided").startswith("Undecided: ")


def test_the_summary_names_the_same_false_statements(claims):
    own = {**claims[0], "id": "N0", "source": "this project", "verdict": "false"}
    text = " ".join(summarise([], [], claims=from_json(json.dumps([*claims, own]))).split())
    assert text.startswith(
        "The lecture notes: three of fourteen statements are false as printed: Bound on Δ₁ for large inputs, "
        "Bound on Δ₂ and Event A₁ for small inputs; undecided: Hoeffding step. results/"
    )


def test_without_false_statements_it_says_none(claims, given):
    sound = [claim for claim in claims if claim["verdict"].startswith("true")]
    text = " ".join(Reader(render(sound, **given)).text["answer"].split())
    assert "none of ten statements is false as printed." in text


def test_without_the_worst_law_nothing_is_confirmed(says):
    text = says(lambda table, rates: (table.sel(perturbation=["sphere"]), rates.sel(perturbation=["sphere"])))
    assert text.startswith(f"{UNDECIDED} (which was not run); none of")
