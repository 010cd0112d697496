"""The records of `results/claims.json`: one a statement of the notes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, TypeAdapter

Verdict = Literal["true", "true, loose", "undecided", "false"]

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
"""In the order of how well a statement fares."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Evidence(_Record):
    """A number, with its confidence interval where it is an estimate."""

    what: str
    value: int | float
    lower: float | None = None
    upper: float | None = None


class Counterexample(_Record):
    """Where a statement fails."""

    text: str
    parameters: dict[str, int | float | str]
    evidence: tuple[Evidence, ...]


class Claim(_Record):
    """A statement of the notes with its verdict."""

    id: str
    title: str
    statement: str
    source: str
    verdict: Verdict
    evidence: tuple[Evidence, ...]
    counterexample: Counterexample | None
    corrected: str | None
    proof: str
    figures: tuple[str, ...]
    command: str

    @property
    def key(self) -> Evidence | None:
        """The number a table shows: of the counterexample if there is one."""
        found = (*(self.counterexample.evidence if self.counterexample else ()), *self.evidence)
        return found[0] if found else None


def read(records: Sequence[Any]) -> list[Claim]:
    """Typed records, in their order. Raises `pydantic.ValidationError` for any that do not fit."""
    return TypeAdapter(list[Claim]).validate_python(list(records))
