"""Every statement of the notes and of this project, and the function that judges it.

In: archived runs, quantiles and rates, and the exact laws. Out: for each statement a record with its verdict,
the numbers behind it, a counterexample where it fails, and the corrected statement. A judge is a function
`judge(results, factor=1.0)`; `factor` multiplies the statement's constant, and the verdict must change.
"""

from __future__ import annotations

from collections.abc import Callable

from . import beyond
from .concentration import anti_concentration, hoeffding
from .decomposition import delta_split, sign_changes_in_band
from .inequalities import event_a1, lemma_4_delta1, lemma_4_delta2, theorem_1
from .lazy_training import lazy_training
from .lemmas import expansion, homogeneity, subgradient, symmetric_start
from .rates import rate, scaling
from .record import Claim, Judgement, to_json
from .results import Results, open_results
from .statements import STATEMENTS

JUDGES: dict[str, Callable[..., Judgement]] = {
    "L1.1": subgradient,
    "L1.2": homogeneity,
    "L2": symmetric_start,
    "L3": expansion,
    "R1": scaling,
    "T1": theorem_1,
    "T1.rate": rate,
    "D": delta_split,
    "S": sign_changes_in_band,
    "L4.Δ1": lemma_4_delta1,
    "L4.Δ2": lemma_4_delta2,
    "A1": event_a1,
    "AC": anti_concentration,
    "H": hoeffding,
    "LT": lazy_training,
    **beyond.JUDGES,
}
"""The judge of each statement."""

LEDGER = STATEMENTS | beyond.STATEMENTS
"""The statements of the notes, then those of this project."""


def claim(name: str, results: Results) -> Claim:
    """The statement with the given id, judged. Raises `KeyError` for an id not in `LEDGER`."""
    return Claim.of(name, LEDGER[name], JUDGES[name](results))


__all__ = [
    "JUDGES",
    "LEDGER",
    "STATEMENTS",
    "Claim",
    "Judgement",
    "Results",
    "claim",
    "open_results",
    "to_json",
]  # fmt: skip
