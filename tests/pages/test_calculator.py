"""The calculator of the explorable page: its JavaScript beside Python's exact laws and beside definitions."""

from __future__ import annotations

import itertools
import json
import math
import random
from dataclasses import asdict

import explorable
import numpy as np
import pytest
from browsing import in_browser
from scipy.integrate import quad
from scipy.special import erf, erfinv
from scipy.stats import binom, norm

from ntk_core.laws import THEOREM_LAWS
from ntk_core.laws.exact import exact_law
from ntk_core.laws.queries import RANGES, bound, exact_quantile, moments
from ntk_core.pages.embedding import asset
from ntk_core.quantities import QUANTITIES
from ntk_core.theory.bounds import BOUNDS

checked, given, learned = explorable.checked, explorable.given, explorable.learned
page, visit = explorable.page, explorable.visit

TARGET = 1e-6


@pytest.fixture(scope="module")
def answers(browser):
    """The answers of exact.js to questions, in a page of its own."""
    context = browser.new_context(offline=True)
    tab = context.new_page()
    tab.add_script_tag(content=asset("ntk_core.pages.explore", "exact.js"))
    answer = """all => all.map((one) => Object.fromEntries(Object.entries(exactLaws.parts(one)).map(
        ([name, value]) => [name, typeof value === "function" ? value() : value])))"""
    yield lambda questions: tab.evaluate(answer, questions)
    context.close()


def questions():
    """Every law and quantity at values from end to end of what may be asked, in an order without pattern."""
    rng = random.Random(20)
    choices = {
        "m": [2, 4, 6, 10, 64, 1024, 2 * 10**6, 2**30, 2**38, 2**40],
        "d": [1, 2, 3, 4, 64, 1000, 10**6, 2**20],
        "alpha": [1e-9, 1e-3, 0.05, 0.5, 1.0, 2.0, 20.0, 100.0, 1e6],
        "delta": [1e-9, 1e-6, 0.001, 0.01, 0.1, 0.5, 0.74, 0.9, 0.999],
        "x_norm": [1e-12, 0.1, 1.0, 30.0, 1e12],
    }
    for law, quantity in itertools.product(THEOREM_LAWS, QUANTITIES):
        for _ in range(6):
            yield {"law": law, "quantity": quantity} | {
                name: rng.choice(list(of)) for name, of in choices.items()
            }


def known(question):
    """The same numbers by Python."""
    scale = float(QUANTITIES[question["quantity"]].at_norm(np.array(question["x_norm"])))
    place = {name: question[name] for name in ("m", "alpha", "delta", "x_norm")}
    law = {name: question[name] for name in ("law", "m", "d", "alpha")}
    exact = asdict(moments(question["quantity"], **law))
    return (
        {"exact_quantile": exact_quantile(**question)}
        | {name: float(bound(name, question["quantity"], **place)) for name in BOUNDS}
        | {name: value if name == "exponent" else scale * value for name, value in exact.items()}
    )


def stated_error(name, question):
    """The error that Python states of a quantile, or of that of the supremum."""
    at = question["m"], question["d"], question["alpha"]
    supremum = QUANTITIES[question["quantity"]].supremum
    law = ("adversarial", supremum) if name == "exact" else (question["law"], question["quantity"])
    return exact_law(*law, *at).quantile(question["delta"]).error


@in_browser
def test_every_answer_is_that_of_the_exact_laws(answers):
    asked = list(questions())
    compared = 0
    for question, answer in zip(asked, answers(asked), strict=True):
        expected = known(question)
        assert set(answer) == set(expected)
        for name, value in expected.items():
            if not math.isfinite(value):
                assert answer[name] is None, (name, question)
            elif name in {"exact_quantile", "exact"} and stated_error(name, question) > 0.1 * TARGET:
                continue  # Python is no better than the page, or worse
            else:
                assert answer[name] == pytest.approx(value, rel=TARGET, abs=0.0), (name, question)
                compared += 1
    assert compared > 0.85 * len(asked) * 9


@in_browser
def test_answers_follow_from_definitions(answers):
    """No function of the library: binomial laws, one pair, two pairs by an integral, directions in d = 3."""

    def one(**question):
        return answers([{"law": "adversarial", "d": 3, "x_norm": 1.0, "delta": 0.01} | question])[0]

    m, alpha = 1000, 1.5
    chance = erf(alpha / math.sqrt(2 * m))
    for delta in (1e-9, 0.01, 0.5, 0.999):
        band = one(quantity="band_fraction", m=m, alpha=alpha, delta=delta)
        assert band["exact_quantile"] == pytest.approx(2 / m * binom.isf(delta, m // 2, chance))
        half = one(quantity="sign_change_fraction", law="aligned", m=m, alpha=alpha, delta=delta)
        assert half["exact_quantile"] == pytest.approx(binom.isf(delta, m // 2, chance / 2) / m)

    single = one(quantity="linearization_error", m=2, alpha=1.0, delta=0.2, x_norm=3.0)
    radius = 1.0 / math.sqrt(2)
    assert single["exact_quantile"] == pytest.approx(
        1.5 * (1 - math.sqrt(2) * erfinv(0.2) / radius), rel=1e-9
    )
    assert single["printed"] == pytest.approx(1 / math.sqrt(2) * 4 * (3 + math.sqrt(math.log(5))), rel=1e-12)

    radius = 0.5
    inside = erf(radius / math.sqrt(2))
    delta = 0.01
    y = one(quantity="delta1", m=4, alpha=1.0, delta=delta)["exact_quantile"] * 4

    def above(s):
        return inside - erf(radius / math.sqrt(2) * min(max(s, 0.0), 1.0))

    both = quad(
        lambda s: 2 * radius * norm.pdf(radius * s) * above(y - s), 0, 1, points=[y - 1.0 if y > 1 else y]
    )
    assert 2 * (1 - inside) * above(y) + both[0] == pytest.approx(delta, rel=1e-6)

    limit = one(quantity="linearization_error", law="sphere", m=2**20, alpha=2.0)["rms_limit"]
    assert limit**2 == pytest.approx(8 * 7 / 120 / math.sqrt(2 * math.pi), rel=1e-9)
    width = 2**40
    wide = one(quantity="linearization_error", law="sphere", m=width, alpha=2.0, delta=0.05)
    assert wide["exact_quantile"] == pytest.approx(norm.isf(0.025) * wide["rms"], rel=1e-4)


def ask(tab, **fields):
    """Fill in the form and wait for its answers."""
    for name, value in fields.items():
        tab.fill(f"#exact_{name}", value)
    tab.wait_for_selector("#exact-values tbody[aria-busy=false]", state="attached")


@in_browser
def test_the_form_shows_answers_and_names_what_is_not_allowed(visit):
    tab = visit()
    tab.select_option("#exact_law", "sphere")
    ask(tab, m="2^30", d="64", alpha="2", delta="0.1", x_norm="10")
    tab.wait_for_function("document.querySelectorAll('#exact-values tbody td').length === 55")
    ask(
        tab,
    )
    heads = tab.locator("#exact-values thead th").all_text_contents()
    assert heads == ["Number", *(quantity.text for quantity in QUANTITIES.values())]
    titles = tab.locator("#exact-values tbody th").all_inner_texts()
    assert titles[-3:] == ["Falls as m−k, with k", "Limit of mk · mean", "Limit of mk · root mean square"]
    columns = list(zip(*explorable.rows(tab, "exact-values"), strict=True))[1:]
    for column_texts, name in zip(columns, QUANTITIES, strict=True):
        expected = known(
            {
                "law": "sphere",
                "quantity": name,
                "m": 2**30,
                "d": 64,
                "alpha": 2.0,
                "delta": 0.1,
                "x_norm": 10.0,
            }
        )
        shown = dict(zip(expected, column_texts, strict=True))
        for column in ("exact_quantile", *BOUNDS, "rms", "rms_limit"):
            assert explorable.parsed(shown[column]) == pytest.approx(expected[column], rel=1e-6)
        assert (shown["mean"] == "—") == math.isnan(expected["mean"])
        assert shown["exponent"] == ("3/4" if expected["exponent"] == 0.75 else "1/2")
    answer = tab.inner_text("#exact-answer")
    assert answer.startswith("With probability 0.9 the linearization error E is at most ")

    ask(tab, m="2", alpha="100")
    tab.wait_for_function("document.querySelector('#exact-values tbody td')?.textContent === 'not computed'")
    for name, text in (("m", "7"), ("d", "1.5"), ("alpha", "-1"), ("delta", "0.9999"), ("x_norm", "")):
        ask(tab, **{name: text})
        words = RANGES[name].words.replace("2^40", "2⁴⁰").replace("2^20", "2²⁰")
        assert f"is {text or 'empty'}; allowed: {words}." in tab.inner_text("#exact-error")
        assert tab.get_attribute(f"#exact_{name}", "aria-invalid") == "true"
        assert tab.locator("#exact-values tbody td").count() == 0
        ask(tab, **{name: "1" if name != "m" and name != "delta" else {"m": "4", "delta": "0.5"}[name]})
        assert tab.inner_text("#exact-error") == ""


@in_browser
def test_a_comma_is_named_and_every_keyboard_has_the_signs_of_a_number(visit):
    tab = visit()
    for name, text, message in (
        ("delta", "0,01", "δ is 0,01; write it with a point; allowed: "),
        ("m", "4,096", "m is 4,096; write it without separators; allowed: "),
        ("alpha", "1,000.5", "α is 1,000.5; write it without separators; allowed: "),
    ):
        before = tab.input_value(f"#exact_{name}")
        tab.fill(f"#exact_{name}", text)
        assert tab.inner_text("#exact-error").startswith(message)
        tab.fill(f"#exact_{name}", before)
    assert tab.locator("#exact-form [inputmode]").count() == 0


@in_browser
def test_nothing_is_busy_after_an_entry_that_is_not_allowed(visit):
    tab = visit()
    tab.wait_for_selector("#exact-values tbody[aria-busy=false]", state="attached")
    busy = tab.evaluate(
        """() => ["2^14", "7"].map((text) => {
            document.getElementById("exact_m").value = text;
            document.getElementById("exact_m").dispatchEvent(new Event("input"));
            return document.getElementById("exact-values").tBodies[0].getAttribute("aria-busy");
        })"""
    )
    assert busy == ["true", "false"]


@in_browser
def test_the_sentence_is_true_where_no_quantile_is_shown(visit):
    tab = visit()

    def answered(**fields):
        ask(tab, **fields)
        return tab.inner_text("#exact-answer")

    assert answered(m="2", alpha="100").startswith(
        "The 0.99-quantile of the linearization error E under the adversarial law is not computed beyond "
        "α/√m = 8; Theorem 1 has "
    )
    tab.select_option("#exact_law", "sphere")
    assert answered(m="2^40", alpha="1e6", delta="0.999").startswith(
        "The 0.001-quantile of the linearization error E under the sphere law is not computable here to a "
        "relative error of 10⁻⁶; Theorem 1 has "
    )


@in_browser
def test_large_and_small_numbers_have_no_notation_of_programs(visit):
    tab = visit()
    numbers = {
        (23957.0, 4): "23,960",
        (9999.6, 4): "10,000",
        (1234.5, 4): "1235",
        (999999.6, 4): "1.000 × 10⁶",
        (2.5e-5, 4): "2.500 × 10⁻⁵",
        (123456.7, 7): "123456.7",
        (0.5, 4): "0.5000",
        (0.0, 4): "0",
    }
    written = tab.evaluate(
        "all => all.map(([value, digits]) => numbers.number(value, digits))", list(numbers)
    )
    assert written == list(numbers.values())


@in_browser
def test_bounds_and_moments_stand_before_any_exact_quantile_is_computed(visit):
    tab = visit()
    tab.wait_for_selector("#exact-values tbody[aria-busy=false]", state="attached")
    script = """() => {
        document.getElementById("exact_m").value = "2^14";
        document.getElementById("exact_m").dispatchEvent(new Event("input"));
        const rows = [...document.getElementById("exact-values").tBodies[0].rows];
        return rows.map(row => [...row.cells].map(cell => cell.textContent));
    }"""
    first = tab.evaluate(script)
    tab.wait_for_selector("#exact-values tbody[aria-busy=false]", state="attached")
    last = explorable.rows(tab, "exact-values")
    assert len(first) == len(last) == 11
    later = {"Exact quantile", "Exact supremum over the ball"}
    assert later < {row[0] for row in last}
    for before, after in zip(first, last, strict=True):
        assert before == (after[:1] + ["…"] * len(QUANTITIES) if after[0] in later else after)
        assert "…" not in after


@in_browser
def test_the_calculator_offers_the_laws_that_theory_has(visit, page):
    offered = visit().locator("#exact_law option").all_inner_texts()
    assert offered == list(THEOREM_LAWS), "pages/explore/exact.js declares the laws that it computes"
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert data["ranges"] == {name: list(limits) for name, limits in RANGES.items()}


@in_browser
def test_nothing_is_said_of_a_law_or_a_quantity_that_the_page_cannot_compute(answers, visit, page):
    question = {
        "quantity": "delta1",
        "law": "sphere",
        "m": 64,
        "d": 3,
        "alpha": 1.0,
        "delta": 0.1,
        "x_norm": 1.0,
    }
    assert answers([question, question | {"law": "halfway"}, question | {"quantity": "split_sum"}])[1:] == [
        {},
        {},
    ]
    tab = visit(
        page.replace('["|Δ₁|","change of the gradient along w(0)","delta1"]', '["D","new","split_sum"]')
    )
    tab.wait_for_selector("#exact-values tbody[aria-busy=false]", state="attached")
    assert {row[3] for row in explorable.rows(tab, "exact-values")} == {"—"}
    assert all("…" not in row for row in explorable.rows(tab, "exact-values"))
