"""Statements that are not in the notes: of this project, each with its proof or evidence in docs/theory.md.

One module a statement: `STATEMENT`, and `judge(results, factor=1.0)` as in `ntk_core.claims`. Its verdict is
what the statement stands on, or "false" where a number contradicts it:

- "proved": docs/theory.md has the proof, and every number agrees;
- "supported": an argument that is no full proof, with exact computations or runs that agree;
- "undecided": what is judged by archived runs, where the archive has none that could tell.
"""

from __future__ import annotations

from collections.abc import Callable

from ..record import Judgement, Statement
from . import (
    all_radii,
    frobenius_ball,
    kernel_change,
    leaky_relu,
    norm_family,
    optimal_constant,
    second_order,
    training_inputs,
    uniform_inputs,
)

MODULES = {
    "N1": optimal_constant,
    "N2": all_radii,
    "N3": second_order,
    "N4": frobenius_ball,
    "N5": norm_family,
    "N6": training_inputs,
    "N7": kernel_change,
    "N8": leaky_relu,
    "N9": uniform_inputs,
}
"""The module of each statement, by its id."""

STATEMENTS: dict[str, Statement] = {name: module.STATEMENT for name, module in MODULES.items()}
"""The statements by id."""

JUDGES: dict[str, Callable[..., Judgement]] = {name: module.judge for name, module in MODULES.items()}
"""The judge of each statement."""
