"""What a claim is: a statement of the notes, and the judgement on it with the numbers it rests on."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

TRUE, LOOSE, FALSE, UNDECIDED = "true", "true, loose", "false", "undecided"
VERDICTS = (TRUE, LOOSE, FALSE, UNDECIDED)

SLACK = 0.9
"""A bound that would still hold with its right-hand side times this is called loose."""

TIE = 1e-6
"""Relative excess over a bound that is not yet a violation: the error bound of exact quantiles."""


@dataclass(frozen=True)
class Statement:
    """A statement as the notes print it. Texts are Markdown with $math$.

    `source` is where in the notes it stands, `corrected` what holds instead of it or is sharper, `proof` the
    heading of docs/theory.md with the proof, `figures` the figures that show it.
    """

    title: str
    statement: str
    source: str
    proof: str
    corrected: str | None = None
    figures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Number:
    """A number with what it is (Markdown with $math$), and its confidence limits where it was measured."""

    what: str
    value: float
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True)
class Counterexample:
    """A point at which the statement fails, with the numbers that show it."""

    text: str
    parameters: dict[str, float]
    evidence: tuple[Number, ...]


@dataclass(frozen=True)
class Judgement:
    """A verdict, one of `VERDICTS`, and what it rests on."""

    verdict: str
    evidence: tuple[Number, ...]
    counterexample: Counterexample | None = None


@dataclass(frozen=True)
class Claim:
    """A statement and the judgement on it."""

    id: str
    statement: Statement
    judgement: Judgement

    def record(self) -> dict[str, Any]:
        """As plain data, numbers to ten digits; `command` makes the record again."""
        command = {"command": f"python -m ntk_core.claims {self.id}"}
        return _plain({"id": self.id, **asdict(self.statement), **asdict(self.judgement), **command})


def judge_factor(needed: float) -> str:
    """The verdict on an inequality that needs its right-hand side times `needed` to hold everywhere."""
    if math.isnan(needed):
        return UNDECIDED
    if needed > 1.0 + TIE:
        return FALSE
    return TRUE if needed >= SLACK else LOOSE


def judge_exceptions(exceptions: int) -> str:
    """The verdict on a statement without constants: one exception is too many."""
    return FALSE if exceptions else TRUE


def to_json(claims: Iterable[Claim]) -> str:
    """The records as JSON text; the same claims give the same bytes."""
    records = [claim.record() for claim in claims]
    return json.dumps(records, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (str, int)):
        return value
    number = float(value)
    return float(f"{number:.10g}") if math.isfinite(number) else None
