"""Text and numbers of the article: LaTeX to MathML, Markdown, and numbers as people read them."""

from __future__ import annotations

import re

import pytest

from ntk_core.claims.record import Number
from ntk_core.pages.findings.formula import FormulaError, mathml
from ntk_core.pages.findings.numbers import interval, number, tex, value
from ntk_core.pages.findings.text import TextError, block, clause, inline, reading


@pytest.mark.parametrize(
    "latex",
    [
        r"\foo x",
        r"\frac{",
        "x_",
        r"\begin{gathered}a&b\\c\end{gathered}",
        r"\href{javascript:x}{y}",
        "a & b",
        r"\color{red}x",
        r"\operatorname*{arg\,max}_x",
        r"\left(x",
        r"\text{\foo}",
        r"\mathbb{+}",
    ],
)
def test_unknown_latex_is_an_error_that_names_the_formula(latex):
    with pytest.raises(FormulaError) as error:
        block(f"A statement with ${latex}$ in it.")
    assert f"${latex}$" in str(error.value)


@pytest.mark.parametrize(
    "text", ["costs 5$", r"an \alpha outside", "**bold** and $x^2", r"a list\n- \frac12"]
)
def test_source_left_over_in_text_is_an_error(text):
    with pytest.raises(TextError, match="outside a formula"):
        block(text)


@pytest.mark.parametrize(
    ("latex", "display", "part"),
    [
        (r"\mathbb P", False, "<mi>ℙ</mi>"),
        (r"\mathbf{x}", False, "𝐱"),
        (r"\Delta_1", False, '<mi mathvariant="normal">Δ</mi>'),
        (r"\|x\|", False, 'lspace="0" rspace="0">‖</mo>'),
        ("1{,}000", False, '<mn>1</mn><mrow><mo lspace="0" rspace="0">,</mo></mrow><mn>000</mn>'),
        (r"a=-b", False, '<mo form="prefix" lspace="0" rspace="0">−</mo>'),
        (r"|a|-|b|", False, "<mo>−</mo>"),
        (r"\big||a|-|b|\big|", False, "<mo>−</mo>"),
        (r"\big(a\big)^2", False, 'form="postfix">)</mo></mrow><mn>2</mn></msup>'),
        (r"\sup_u E", True, '<munder><mo lspace="0" rspace="0.167em">sup</mo>'),
        (r"\displaystyle\sup_u E", False, "<munder>"),
        (r"\sup_u E", False, "<msub>"),
        (r"\operatorname{sign}(a)", False, 'rspace="0">sign</mo>'),
        ("T'=1", False, '<mrow><mi>T</mi><mo lspace="0" rspace="0">′</mo></mrow>'),
        (r"x\!y", False, 'width="-0.167em"'),
        (r"z\sim N", False, ">∼</mo>"),
        (r"\Big\{x\Big\}", False, ">{</mo>"),
        (r"\begin{aligned}a&=b\\&=c\end{aligned}", True, "<mtable"),
        (r"\text{a<b&c}", False, "a&lt;b&amp;c"),
    ],
)
def test_formulas_become_what_browsers_draw(latex, display, part):
    math = mathml(latex, display=display)
    assert part in math
    assert math.startswith('<math display="block">' if display else "<math>")


def test_long_formulas_break_after_relations_outside_brackets_only():
    math = mathml(r"\{i:a=b\}=E,|\Delta_1|,|\Delta_2|\le\frac1{\sqrt m}(r\|x\|=3)+1234567890")
    pieces = [re.sub("<.*?>", "", piece) for piece in math.split("</math>")[:-1]]
    assert pieces == ["{i:a=b}=", "E,", "|Δ1|,", "|Δ2|≤", "1m(r‖x‖=3)+1234567890"]
    assert mathml("a=b").count("<math") == 1
    far = mathml(r"F(x;w,c)+\nabla F(x;w(0),c)^\top(w-w(0))+\big|1-2\big|-3")
    assert [re.sub("<.*?>", "", piece) for piece in far.split("</math>")[:-1]] == [
        "F(x;w,c)+∇F(x;w(0),c)⊤(w−w(0))+",
        "|1−2|−3",
    ]


def test_a_comma_is_never_torn_from_its_formula():
    assert inline("Of $x$, and") == (
        'Of <span class="whole"><math><mrow><mi>x</mi></mrow></math>,</span> and'
    )


@pytest.mark.parametrize(
    ("given_number", "decimals", "shown"),
    [
        (995328, None, "995,328"),
        (0, None, "0"),
        (0.0951, None, "0.0951"),
        (95.1342, None, "95.13"),
        (-0.25, None, "−0.25"),
        (-0.25, 4, "−0.2500"),
        (4.1e-16, None, "4.1 × 10<sup>−16</sup>"),
        (1e-9, None, "10<sup>−9</sup>"),
        (0.99996, None, "1 − 4 × 10<sup>−5</sup>"),
        (0.999999999, None, "1 − 10<sup>−9</sup>"),
        (999999.9, None, "10<sup>6</sup>"),
        (1234567.8, None, "1.235 × 10<sup>6</sup>"),
        (-3e-4, 4, "−0.0003"),
        (3.21e-9, 11, "3.21 × 10<sup>−9</sup>"),
        (float("inf"), None, "∞"),
        (float("nan"), None, "—"),
    ],
)
def test_numbers_read_well(given_number, decimals, shown):
    assert str(number(given_number, decimals)) == shown


def test_digits_follow_the_interval():
    evidence = Number(what="", value=-0.499712, lower=-0.50041, upper=-0.49901)
    assert (value(evidence), interval(evidence)) == ("−0.4997", "[−0.5004, −0.4990]")
    assert interval(Number(what="", value=1)) == ""


@pytest.mark.parametrize(
    ("exact", "latex"),
    [
        (2, "2"),
        (64, "64"),
        (1024, "2^{10}"),
        (2**20, "2^{20}"),
        (1e4, "10^{4}"),
        (0.001, "0.001"),
        (1e-5, "10^{-5}"),
        (2.5e-7, r"2.5\times10^{-7}"),
        (123456, "123456"),
    ],
)
def test_given_numbers_keep_all_their_digits(exact, latex):
    assert tex(exact) == latex


@pytest.mark.parametrize(
    ("line", "first"),
    [
        ("slope of $f(a, b)$, exact", "slope of $f(a, b)$"),
        ("ratio (at $m=2$): 1", "ratio"),
        ("1,568 points", "1,568 points"),
        (r"pairs with $x<y$ beyond rounding", r"pairs with $x<y$ beyond rounding"),
        ("", ""),
    ],
)
def test_a_clause_ends_outside_formulas(line, first):
    assert clause(line) == first


def test_words_of_a_figure_that_browsers_cannot_draw_are_shown_in_unicode():
    assert reading(r"At $\delta=1$") == inline(r"At $\delta=1$")
    assert reading(r"<b> at $\foo x<1$") == "&lt;b&gt; at foox &lt; 1"
