"""The sentence with which the article opens: what the data carry, and no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...claims.falsehoods import falsehoods
from ...claims.headlines.words import (
    EXPONENTS,
    MIN_WIDTHS,
    NO_ERROR,
    PRECISION,
    fitted_widths,
    resolved,
    single_exponent,
)
from ...claims.record import FALSE, UNDECIDED, Claim
from ...claims.wording import in_words, runs_text
from ...theory.moments import EXPONENT
from .experiments import Grid, GridAnswer
from .numbers import number

WORST = "adversarial"
"""The law whose rate Theorem 1 is about: it attains the supremum over the ball."""

PLACES = 4
"""Decimals of the slope, as in the figures."""

THEOREM, RATE = "T1", "T1.rate"


@dataclass(frozen=True)
class Opening:
    """What is concluded, in a word, and the sentence after it, Markdown without a full stop."""

    word: str
    sentence: str


def opening(claims: Sequence[Claim], main: Grid | None, answer: GridAnswer | None) -> Opening:
    """The answer from the verdicts, and from the main grid where there is one.

    "Confirmed" needs a true theorem and a true rate, runs whose slope under the worst displacement
    singles out -1/2, and none of them over the bound; "Refuted" a false theorem or rate.
    """
    verdicts = {claim.id: claim.verdict for claim in claims}
    judged = [verdicts.get(name, UNDECIDED) for name in (THEOREM, RATE)]
    if main is None or answer is None:
        word, parts = ("Refuted" if FALSE in judged else "Not tested on a grid"), []
    else:
        rate, singled = _rate(main, answer)
        falls = "the mean linearization error falls as $m^{-1/2}$"
        carried = singled and answer.over == 0 and UNDECIDED not in judged
        word = "Refuted" if FALSE in judged else "Confirmed" if carried else "Undecided"
        if singled:
            rate = f"under the worst displacement {falls} ({rate})"
        else:
            whether = "whether" if word == "Undecided" else "it is undecided whether"
            rate = f"{whether} {falls} under the worst displacement ({rate})"
        parts = [rate, _over(answer)]
    return Opening(word, "; ".join([*parts, falsehoods(claims)]))


def _rate(main: Grid, answer: GridAnswer) -> tuple[str, bool]:
    """The slope under the worst displacement in words, and whether it singles out that of the theorem."""
    rate = next((rate for rate in answer.rates if rate.law == WORST), None)
    if rate is None:
        return "which was not run", False
    m = main.table["m"].values
    cut = {"quantity": "linearization_error", "perturbation": WORST, "alpha": answer.alpha, "d": answer.d}
    if not resolved(main.table, main.table.sel(cut)["rms"].values, m, answer.alpha).any():
        return NO_ERROR, False
    slope = rate.slope
    if not np.isfinite(slope.value):
        return f"no slope from {'one width' if m.size == 1 else f'{m.size} widths'}", False
    over = fitted_widths(m, [rate.points])
    if slope.lower is None or slope.upper is None:
        return f"slope {number(slope.value, PLACES)} {over}, {main.undecided or 'without an interval'}", False
    half = 0.5 * (slope.upper - slope.lower)
    text = f"slope {number(slope.value, PLACES)} ± {number(half, PLACES)} {over}"
    if rate.points < MIN_WIDTHS:
        return f"{text}, which are too few", False
    if single_exponent(-slope.upper, -slope.lower, EXPONENTS) == EXPONENT:
        return text, True
    if np.isnan(rate.exact):
        return text, False
    explains = slope.lower <= rate.exact <= slope.upper and abs(rate.exact + EXPONENT) > PRECISION
    small = ": they are too small for the limit" if explains else ""
    return f"{text}; the exact law has {number(rate.exact, PLACES)} on these widths{small}", False


def _over(answer: GridAnswer) -> str:
    are = "are" if answer.over > 1 else "is"
    return f"{in_words(answer.over)} of {runs_text(answer.runs)} {are} above the bound"
