"""Wording that claims, figures and pages share: numbers, counts, lists, tasks, statements as text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np

from ..experiments.units import count_text
from ..network import Array
from ..storage.printable import printable
from .plain_text import plain_text
from .record import Claim, Number

COUNTS = (
    "none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen",
)  # fmt: skip

HIDING_FLUCTUATIONS = "hidden in narrow networks by fluctuations, which fall as $m^{-3/4}$"
"""Of the limit of E at training inputs and of the distance from the twin (docs/theory.md, "When the rate is
seen").
"""


def in_formula(value: float, count: int = 6) -> str:
    """A positive number as LaTeX, in `count` digits: a small or large one with a power of ten."""
    exponent = round(math.log10(value))
    if not 0.001 <= value < 1e4 and math.isclose(value, 10.0**exponent):
        return f"10^{{{exponent}}}"
    digits, _, power = f"{value:.{count}g}".partition("e")
    return rf"{digits}\times10^{{{int(power)}}}" if power else digits


def difference_from_one(value: float) -> float:
    """In two digits, of a number so near to 1 that four digits would not show it; 0 of any other."""
    difference = value - 1.0
    return float(f"{difference:.1e}") if abs(difference) < 5e-4 else 0.0


def probability(value: float) -> str:
    """A positive probability as LaTeX, in four digits; one beside 1 as `1-` its difference."""
    difference = difference_from_one(value)
    return f"1-{in_formula(-difference)}" if difference < 0.0 else in_formula(value, 4)


def level(delta: float) -> str:
    """1-δ as text, with all of its digits."""
    return f"{1 - Decimal(repr(float(delta))):f}"


def power_of_two(number: int) -> str:
    """A power of two above 64 as LaTeX; empty for any other number."""
    return f"2^{{{number.bit_length() - 1}}}" if number > 64 and number.bit_count() == 1 else ""


def width(m: int) -> str:
    """A width as LaTeX, large powers of two as such, the digits of others in groups."""
    return power_of_two(m) or f"{m:,}".replace(",", "{,}")


def nearest_to_one(values: Array) -> float:
    """The value nearest to 1 on a logarithmic axis: the α or ‖x‖ of a figure."""
    return float(values[np.argmin(np.abs(np.log(values)))])


def as_text(judged: Claim) -> str:
    """A statement with its verdict and evidence, for a terminal: formulas in Unicode characters."""
    lines = [
        f"{judged.id}  {judged.title}: {judged.verdict.upper()}",
        f"  {judged.statement}",
        f"  Source: {judged.source} ({_place(judged)})",
        "",
    ]
    lines += [_number(number) for number in judged.evidence]
    if judged.counterexample:
        point = ", ".join(f"{k} = {v:.12g}" for k, v in judged.counterexample.parameters.items())
        lines += ["", f"  Counterexample: {point}", f"  {judged.counterexample.text}"]
        lines += [_number(number) for number in judged.counterexample.evidence]
    if judged.corrected:
        lines += ["", f"  {judged.label}: {judged.corrected}"]
    return "\n".join(printable(plain_text(line)) for line in lines)


def _place(judged: Claim) -> str:
    """The page that has the statement, and the name of its heading."""
    return f"docs/theory.md, {judged.proof}" if judged.own else f"docs/notes.md, {judged.id}"


def _number(number: Number) -> str:
    has_interval = number.lower is not None and number.upper is not None
    interval = f" [{number.lower:.6g}, {number.upper:.6g}]" if has_interval else ""
    value = f"{number.value:,}" if isinstance(number.value, int) else f"{number.value:.6g}"
    return f"  {value:>12}{interval}  {number.what}"


def in_words(count: int) -> str:
    """A count as it stands in a sentence: up to fifteen as a word."""
    return COUNTS[count] if count < len(COUNTS) else f"{count:,}"


def runs_text(count: int) -> str:
    """So many runs."""
    return count_text(count, "run")


def steps_text(count: int) -> str:
    """So many steps of gradient descent."""
    return count_text(count, "step")


def task(spec: Mapping[str, Any]) -> str:
    """What a trained experiment with this spec learned, for people."""
    if not spec["classes"]:
        return f"the targets of a {spec['data']} network, d = {spec['d']}"
    first, *other = spec["classes"]
    return f"digit {first} against {f'digit {other[0]}' if other else 'the rest'}"


def joined(words: Iterable[str]) -> str:
    """Words as a list in a sentence: "a", "a and b", "a, b and c"."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
