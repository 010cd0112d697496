"""How many statements of the notes are false, and which: a clause for the article and the summary."""

from __future__ import annotations

from collections.abc import Sequence

from .record import FALSE, UNDECIDED, Claim
from .wording import in_words, joined


def falsehoods(claims: Sequence[Claim]) -> str:
    """The clause, Markdown without a full stop: each false or undecided statement of the notes by its title.

    Where one fails is said as far as counterexamples show it: a norm of the input above or below 1.
    """
    claims = [claim for claim in claims if not claim.own]
    false = [claim for claim in claims if claim.verdict == FALSE]
    undecided = [claim.title for claim in claims if claim.verdict == UNDECIDED]
    rest = f"; undecided: {joined(undecided)}" if undecided else ""
    total = f"{in_words(len(claims))} {'statement' if len(claims) == 1 else 'statements'}"
    are = "are" if len(false) > 1 else "is"
    if not false:
        return f"none of {total} is false as printed{rest}"
    titles: dict[str, list[str]] = {}
    for claim in false:
        titles.setdefault(_where(claim), []).append(claim.title)
    which = ", ".join(f"{joined(names)}{where}" for where, names in titles.items())
    return f"{in_words(len(false))} of {total} {are} false as printed: {which}{rest}"


def _where(claim: Claim) -> str:
    norm = claim.counterexample.parameters.get("x_norm", 1.0) if claim.counterexample else 1.0
    return "" if norm == 1.0 else f" for {'large' if norm > 1.0 else 'small'} inputs"
