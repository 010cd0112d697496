"""Formulas of claims as text for a terminal: complete, readable, and never an error."""

from __future__ import annotations

import dataclasses
import re

import pytest
from conftest import ROOT

from ntk_core.claims import JUDGES, LEDGER
from ntk_core.claims.plain_text import formula, plain_text
from ntk_core.claims.record import from_json
from ntk_core.claims.results import Results
from ntk_core.claims.wording import as_text

FORMULAS = {
    r"\frac{\alpha}{\sqrt m}(1+\|x\|)\Big[\alpha\|x\|+\sqrt{\log(1/\delta)}\Big]": (
        "(α/√m)(1 + ‖x‖)[α‖x‖ + √(log(1/δ))]"
    ),
    r"|\Delta_1|\le\frac{\alpha^2\|x\|}{2\sqrt{2\pi}}": "|Δ₁| ≤ α²‖x‖/(2√(2π))",
    r"\big||\Delta_1|-|\Delta_2|\big|": "||Δ₁| − |Δ₂||",
    r"m^{-1/2}": "m^(−1/2)",
    r"10^{-8}": "10⁻⁸",
    r"-\frac12": "−1/2",
    r"\frac{a+b}{cd}x": "((a + b)/(cd))x",
    r"\hat\alpha=\sqrt m\,\max_i\|u_i\|": "α̂ = √m maxᵢ‖uᵢ‖",
    r"\mathbb P(|U^\top x|\le\|x\|\varepsilon)": "ℙ(|Uᵀx| ≤ ‖x‖ε)",
    r"\nabla_w f(x;w,c)^\top w": "∇_w f(x; w, c)ᵀw",
    r"S\subseteq B": "S ⊆ B",
    r"\unheardof x": "unheardofx",
    r"x}=y": "x= y",
}


@pytest.mark.parametrize("latex", FORMULAS)
def test_a_formula_reads_as_people_write_it(latex):
    assert formula(latex) == FORMULAS[latex]


def test_words_around_formulas_stay():
    assert plain_text(r"if $x\ge0$ and $$y=1.$$ costs 5 $") == "if x ≥ 0 and y = 1. costs 5 $"


def test_no_statement_and_no_evidence_shows_latex():
    """Every command of theirs has a character: what is left of one would be its name or its braces."""
    without_runs = Results((), None)
    texts = []
    for name, statement in LEDGER.items():
        texts += [value for value in dataclasses.astuple(statement) if isinstance(value, str)]
        texts += (
            [n.what for n in JUDGES[name](without_runs).evidence] if name in {"R1", "AC", "H", "D"} else []
        )
    commands = set(re.findall(r"\\([A-Za-z]{2,})", " ".join(texts)))
    shown_by_name = {"log", "exp", "sup", "inf", "max", "min", "lim"}
    for text in texts:
        plain = plain_text(text)
        assert not {"$", "\\"} & set(plain), plain
        left = set(re.findall("[A-Za-z]+", plain)) & (commands - shown_by_name)
        assert left <= {"in", "to"}, plain  # words of English too


@pytest.mark.parametrize(
    "latex", ["", "}", "{", "^", "_", r"\frac", r"\sqrt", "{" * 100_000, "x^" * 5000, "\\"]
)
def test_broken_latex_is_shown_and_never_an_error(latex):
    assert isinstance(formula(latex), str)


@pytest.fixture
def claims():
    return {claim.id: claim for claim in from_json((ROOT / "tests/claims.json").read_text())}


def test_what_holds_is_called_as_in_the_article(claims):
    assert "\n  Corrected: " in as_text(claims["L4.Δ1"])
    assert "\n  Sharper: " in as_text(claims["T1"])


def test_the_place_of_a_counterexample_is_written_in_full(claims):
    example = dataclasses.replace(claims["L4.Δ1"].counterexample, parameters={"m": 2**20, "alpha": 0.25})
    text = as_text(dataclasses.replace(claims["L4.Δ1"], counterexample=example))
    assert "\n  Counterexample: m = 1048576, alpha = 0.25\n" in text
