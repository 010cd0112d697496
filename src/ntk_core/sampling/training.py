"""The parameters of a trained run: data set, loss, step size and number of steps."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..quantities import QUANTITIES

RUN_VARIABLES = (
    "alpha_hat", "max_displacement", "mean_displacement", "training_loss", "test_loss",
    "twin_training_loss", "twin_test_loss", "twin_distance", "twin_training_distance",
    "flipped_fraction", "flipped_neurons",
)  # fmt: skip
"""Variables with one value at every recorded time. The quantities have one for each input."""

INPUT_VARIABLES = (*QUANTITIES, "signed_error", "output", "twin_output")
"""Variables with a value at every recorded time for each held-out input."""

TRAINING_INPUT_VARIABLES = tuple(f"training_{name}" for name in INPUT_VARIABLES)
"""The same for each training input."""

VARIABLES = {
    **dict.fromkeys(INPUT_VARIABLES, ("m", "seed", "steps", "input")),
    **dict.fromkeys(TRAINING_INPUT_VARIABLES, ("m", "seed", "steps", "training_input")),
    **dict.fromkeys(RUN_VARIABLES, ("m", "seed", "steps")),
}
"""Dimensions of all variables of runs at the recorded times, in their order."""


@dataclass(frozen=True)
class Training:
    """Gradient descent on one data set from a symmetric start, at any width.

    `classes` are two digits to tell apart, or one digit against the rest; none for `teacher`.
    `step` is the step size in units of the inverse of a bound on the loss's curvature (`data.step_size`).
    """

    data: str
    classes: tuple[int, ...]
    d: int
    training_inputs: int
    held_out_inputs: int
    loss: str
    step: float
    steps: int
    target_loss: float | None

    @property
    def times(self) -> tuple[int, ...]:
        """Steps at which a run is recorded: 0, the powers of two, and the last."""
        powers = (1 << k for k in range(self.steps.bit_length()))
        return tuple(sorted({0, *powers, self.steps}))

    @property
    def target(self) -> float:
        """The training loss at which a run stops; -∞ without a target."""
        return -math.inf if self.target_loss is None else self.target_loss

    def start_key(self, m: int) -> str:
        """The name under which w(0) and c are drawn: runs that differ in the loss alone start alike."""
        return f"trained|m={m}|d={self.d}"

    @property
    def data_key(self) -> str:
        """The name under which the data are chosen or drawn."""
        return f"{self.data}|classes={','.join(map(str, self.classes))}|d={self.d}"
