"""The ladder of bounds to slide along: its positions, their bounds, and one state without scripts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ...theory.bounds import bound

POSITIONS: dict[str, tuple[float, ...]] = {
    "alpha": (0.5, 1.0, 1.5, 2.0, 3.0, 4.0),
    "delta": (0.5, 0.1, 0.01, 0.001, 1e-6),
    "x_norm": (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0),
    "m": tuple(2**k for k in range(6, 31, 3)),
}
"""Where the sliders stop."""

START = {"alpha": 1.0, "delta": 0.001, "x_norm": 1.0, "m": 2**18}

LABELS = {
    "alpha": r"Weights may move, $\alpha$",
    "delta": r"Chance to fail, $\delta$",
    "x_norm": r"Length of the input, $\|x\|$",
    "m": "Width $m$",
}

RUNGS = {
    "printed": "Theorem 1 as printed",
    "sharp": "the same proof with the best constant",
    "binomial": "with the exact law of the band",
    "bernstein": "with what its neurons add, by Bernstein's inequality",
    "exact": "the error itself, in the worst case",
}
"""From the bound of the notes to the exact (1-δ)-quantile of the supremum."""


@dataclass(frozen=True)
class Rung:
    """A bound at `START`, and how many times the exact quantile it is."""

    name: str
    words: str
    value: float
    ratio: float


def rungs() -> list[Rung]:
    """The ladder at `START`."""
    exact = _bound("exact")
    return [Rung(name, words, _bound(name), _bound(name) / exact) for name, words in RUNGS.items()]


def content() -> dict[str, Any]:
    """What the script needs: positions, those at the start, and the bounds at ‖x‖ = 1.

    All but the printed one, which the script works out itself, are that times ‖x‖.
    """
    return {
        "positions": POSITIONS,
        "start": {name: POSITIONS[name].index(value) for name, value in START.items()},
        "rungs": list(RUNGS),
        "tables": {name: table(name) for name in RUNGS if name != "printed"},
    }


@cache  # a second of work for the exact quantile, the same on every page
def table(name: str) -> list[list[list[float]]]:
    """The bound on E at ‖x‖ = 1 by α, δ and m, to ten digits."""
    grid = np.meshgrid(*(POSITIONS[axis] for axis in ("alpha", "delta", "m")), indexing="ij")
    alpha, delta, m = grid[0], grid[1], grid[2].astype(int)
    values = bound(name, "linearization_error", m, alpha, delta, 1.0)
    rounded: list[list[list[float]]] = np.vectorize(lambda value: float(f"{value:.10g}"))(values).tolist()
    return rounded


def _bound(name: str) -> float:
    m, alpha, delta, x_norm = (START[key] for key in ("m", "alpha", "delta", "x_norm"))
    return float(bound(name, "linearization_error", int(m), alpha, delta, x_norm))
