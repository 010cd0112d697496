"""Where the race is run, and what a contender does there."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

QUANTITIES = ("linearization_error", "sign_change_fraction", "delta1", "delta2", "band_fraction")
"""What a run yields at ‖x‖ = 1: [E, |S|/m, |Δ₁|, |Δ₂|, |B|/m], in this order."""

LAWS = ("adversarial", "aligned", "sphere")
"""The displacement laws that every contender draws."""

Runner = Callable[[int], Array]
"""Makes n runs, each with fresh weights from symmetric initialization; shape `(5, n)`, float64."""


@dataclass(frozen=True)
class Point:
    """A law of the displacement, a width, an input dimension and a radius α (of the ball α/√m)."""

    law: str
    m: int
    d: int
    alpha: float

    def __post_init__(self) -> None:
        if self.law not in LAWS:
            raise ValueError(f"the law of a point is {self.law}; allowed: {', '.join(LAWS)}")

    @property
    def radius(self) -> float:
        """r = α/√m, the most a weight moves."""
        return self.alpha / math.sqrt(self.m)

    @property
    def x(self) -> Array:
        """The input (1, …, 1)/√d; shape `(d,)`, ‖x‖ = 1. Every contender multiplies it out in full."""
        return np.full(self.d, 1.0 / math.sqrt(self.d))
