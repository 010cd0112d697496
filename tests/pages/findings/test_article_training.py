"""Trained experiments in the article: every number, and no success where there was none."""

from __future__ import annotations

import re

import numpy as np
import pytest
import trained

from ntk_core.claims.answer import answer
from ntk_core.claims.record import Number
from ntk_core.pages.findings.numbers import number, times, value

from .article import Reader, drawings, render


def test_training_has_its_section_with_every_number(claims, with_training, learned):
    page = render(claims, **with_training("usual"))
    reader = Reader(page)
    text = " ".join(reader.text["training"].split())
    result = answer(*learned["usual"])
    assert "Does training stay in the ball? The theorem speaks of neurons" in text
    assert "usual: digit 3 against digit 8, squared loss Yes. At " in " ".join(
        re.sub("<.*?>", "", page).split()
    )
    assert f"({number(result.least)} to {number(result.largest)} over the runs)" in text
    assert f"is at most {number(result.limit_ceiling)}" in text
    assert "No run is over the bound of Theorem 1 at" in text
    assert f"the bound is {number(result.loose.value)} times what it bounds (" in text
    assert ", at which so many runs give no interval, and" in text  # four runs a width
    assert "Intervals at 99 % (undecided: 4 runs a cell; at least 24 are needed). What was computed" in text
    assert "Training in numbers, usual" in page
    assert f"is {times(result.position['adversarial'])} that of the worst displacement," in text
    assert f"{times(result.position['sphere'])} that of a random one, all of the same radius." in text
    assert "in theory it tends to −0.75. All 12 runs took 8 steps." in text
    cells = re.findall(r'<td class="n">(.*?)</td>', page)
    shown = ("test_loss", "twin_test_loss", "twin_distance", "flipped_fraction", "flipped_neurons")
    measured = (result.radius, result.displacement, result.rate, result.constant)
    for estimate in (*measured, *(result.numbers[name] for name in shown)):
        assert str(value(Number("", estimate.value))) in cells
    for exact in (result.ceiling, result.limit_ceiling, result.constant_limit, result.last_rate.value):
        assert str(number(exact)) in cells
    titles = [a["aria-label"].partition(":")[0] for a in drawings(reader)]
    assert titles[1:6] == [
        "The radius",
        "The rate of training",
        "Where training stands",
        "The twin",
        "The flips",
    ]
    links = [a["href"] for tag, a in reader.tags if tag == "a"]
    assert "#training" in links
    assert {f"usual/{kind}.nc" for kind in ("runs", "quantiles", "rates")} <= set(links)
    assert "digits" in reader.text["made"]


def test_an_interval_that_is_missing_where_others_are_there_has_a_reason(learned):
    table, rates = (dataset.copy(deep=True) for dataset in learned["usual"])
    table["runs"][:] = 32
    table["run_mean_lower"][:] = 0.0
    rates = rates.assign({name: 0.0 * rates[name] for name in rates if str(name).endswith("_lower")}).fillna(
        0.0
    )
    assert answer(table, rates).undecided == ""
    table["run_mean_lower"].loc[{"variable": "alpha_hat"}] = np.nan
    why = "some undecided: 32 runs a cell are too few for values so skewed"
    assert answer(table, rates).undecided == why
    rates["slope_lower"][:] = np.nan
    table["run_mean_lower"][:] = 0.0
    assert answer(table, rates).undecided == why
    rates["slope_lower"][:] = 0.0
    table["run_mean_lower"].loc[{"variable": "alpha_hat"}] = np.nan
    table["run_min"].loc[{"variable": "alpha_hat"}] = table["run_max"].sel(variable="alpha_hat")
    assert answer(table, rates).undecided == ""  # of values that are all equal nothing is to be decided
    table["runs"][:] = 20  # of 32, as the others have diverged
    assert answer(table, rates).undecided == "undecided: 20 runs a cell; at least 24 are needed"


def test_without_training_the_section_is_absent(page):
    assert 'id="training"' not in page
    assert "#training" not in page
    assert "Does training stay" not in page
    assert "The trained experiments" not in page


@pytest.mark.parametrize("names", [["usual"], list(trained.EXPERIMENTS)])
def test_a_page_without_a_grid(claims, with_training, learned, names):
    """Figures of grids that claims name are left out; all else is there."""
    given = with_training(*names)
    of_trained = {key: svg for key, svg in given["figures"].items() if key.rpartition("-")[0] in names}
    page = render(claims, **{**given, "experiments": [], "figures": of_trained})
    reader = Reader(page)
    assert " ".join(reader.text["answer"].split()) == (
        "The answer Not tested on a grid: three of fourteen statements are false as printed: "
        "Bound on for large inputs, Bound on and Event for small inputs; undecided: Hoeffding step."
    )
    assert 'id="rates-caption"' not in page
    assert page.count('href="explore.html"') == 1
    assert len(drawings(reader)) == len(of_trained)
    ids = [a["id"] for _, a in reader.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for tag, a in reader.tags if tag == "a" and a["href"][0] == "#"} <= set(ids)
    for name in names:
        assert answer(*learned[name]).ended in " ".join(reader.text["training"].split())
        assert f'href="{name}/quantiles.nc"' in page
    assert not re.search(r"\bnan\b|\bNone\b|—", reader.text["training"])


def test_training_that_failed_is_not_called_a_success(claims, with_training, learned):
    text = Reader(render(claims, **with_training("diverged", "at-once"))).text["training"]
    assert "Yes." not in text
    assert "Only while it does not diverge." in text
    assert "No answer here: no run was left after the first step recorded." in text
    table, rates = learned["usual"]
    over = table["runs_exceeding"] + 1
    given = {**with_training("usual"), "trainings": [(table.assign(runs_exceeding=over), rates)]}
    assert "3 runs are over the bound of Theorem 1 at one" in Reader(render(claims, **given)).text["training"]


def test_figures_of_training_that_claims_name_are_shown_where_there_are_any(claims, given, with_training):
    claim = {**claims[0], "figures": ["standing"]}
    assert "See <a" in render([claim], **with_training("usual"))
    assert "Where training stands" not in render([claim], **given)
