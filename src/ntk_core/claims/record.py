"""A claim: a statement of the notes, and the judgement on it with the numbers behind it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Protocol, get_args

from ..datasets.statistics import proportion_interval
from ..theory.tilt import TARGET

Verdict = Literal["true", "true, loose", "false", "undecided", "proved", "supported"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
TRUE, LOOSE, FALSE, UNDECIDED, PROVED, SUPPORTED = VERDICTS
"""A statement of the notes gets one of the first four. One of ours gets `PROVED`, `SUPPORTED`, `FALSE` or
`UNDECIDED`.
"""

THIS_PROJECT = "this project"
"""The `source` of a statement that is not in the notes."""

SLACK = 0.9
"""A bound that still holds with its right-hand side times this is loose."""

TIE = TARGET
"""Relative excess over a bound that is no violation: the error bound of exact quantiles."""


class Measured(Protocol):
    """A measured number with confidence limits, NaN where there are none."""

    @property
    def value(self) -> float:
        """The number."""

    @property
    def lower(self) -> float:
        """Its lower limit."""

    @property
    def upper(self) -> float:
        """Its upper limit."""


@dataclass(frozen=True)
class Statement:
    """A statement of the lecture notes, as printed, or of this project. Texts are Markdown with $math$.

    `source` is its place in the notes, which docs/notes.md restates under the statement's id, or
    `THIS_PROJECT`, `corrected` a statement that is true or sharper, `proof` the heading of docs/theory.md
    with the proof or the evidence, `figures` the figures that show it.
    """

    title: str
    statement: str
    source: str
    proof: str
    corrected: str | None = None
    figures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Number:
    """A number with its description (Markdown with $math$), and if it was measured confidence limits.

    It has both limits or none.
    """

    what: str
    value: int | float  # a count is printed as an integer
    lower: float | None = None
    upper: float | None = None

    @classmethod
    def measured(cls, what: str, estimate: Measured, unit: float = 1.0) -> Number:
        """A measured number in units of `unit`, without limits where it has none."""
        has_limits = math.isfinite(estimate.lower) and math.isfinite(estimate.upper)
        limits = (estimate.lower / unit, estimate.upper / unit) if has_limits else (None, None)
        return cls(what, estimate.value / unit, *limits)

    @classmethod
    def share(cls, what: str, count: int, runs: int, unit: float = 1.0) -> Number:
        """The share of independent runs, `count` of `runs`, in units of `unit`, with exact limits."""
        lower, upper = proportion_interval(count, runs)
        return cls(what, count / runs / unit, lower / unit, upper / unit)


@dataclass(frozen=True)
class Counterexample:
    """A point at which the statement fails, with the numbers that show it."""

    text: str
    parameters: dict[str, int | float]
    evidence: tuple[Number, ...]


@dataclass(frozen=True)
class Judgement:
    """A verdict and its evidence."""

    verdict: Verdict
    evidence: tuple[Number, ...]
    counterexample: Counterexample | None = None


@dataclass(frozen=True)
class Claim:
    """A statement and the judgement on it: a record of `claims.json`. `command` recomputes it."""

    id: str
    title: str
    statement: str
    source: str
    proof: str
    corrected: str | None
    figures: tuple[str, ...]
    verdict: Verdict
    evidence: tuple[Number, ...]
    counterexample: Counterexample | None
    command: str

    @classmethod
    def of(cls, name: str, statement: Statement, judgement: Judgement) -> Claim:
        """The record of a judged statement, without numbers that are not finite."""
        evidence = tuple(number for number in judgement.evidence if math.isfinite(number.value))
        judgement = replace(judgement, evidence=evidence)
        return cls(id=name, **vars(statement), **vars(judgement), command=f"python -m ntk_core.claims {name}")

    @property
    def own(self) -> bool:
        """Whether it is a statement of this project, and not of the notes."""
        return self.source == THIS_PROJECT

    @property
    def label(self) -> str:
        """What the corrected statement is: a correction of a false one, else a sharper one."""
        return "Corrected" if self.verdict == FALSE else "Sharper"

    @property
    def key(self) -> Number:
        """The number to show first: the first of the counterexample, else of the evidence."""
        return (*(self.counterexample.evidence if self.counterexample else ()), *self.evidence)[0]


def judge_factor(needed: float) -> Verdict:
    """The verdict on an inequality that needs its right-hand side times `needed` to hold everywhere."""
    if math.isnan(needed):
        return UNDECIDED
    if needed > 1.0 + TIE:
        return FALSE
    return TRUE if needed >= SLACK else LOOSE


def judge_agreement(basis: Verdict, agrees: bool) -> Verdict:
    """The verdict on a statement of this project: what it stands on, unless a number contradicts it."""
    return basis if agrees else FALSE


def judge_exceptions(exceptions: int) -> Verdict:
    """The verdict on a statement without constants: one exception is too many."""
    return FALSE if exceptions else TRUE


def to_json(claims: Iterable[Claim]) -> str:
    """The records as JSON text, numbers to ten digits; the same claims give the same bytes."""
    records = [_plain(asdict(claim)) for claim in claims]
    return json.dumps(records, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(text: str) -> list[Claim]:
    """The records of a JSON text. Raises `pydantic.ValidationError` for any of another shape."""
    from pydantic import ConfigDict, TypeAdapter

    return TypeAdapter(list[Claim], config=ConfigDict(extra="forbid")).validate_json(text)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (str, int)):
        return value
    number = float(value)
    return float(f"{number:.10g}") if math.isfinite(number) else None
