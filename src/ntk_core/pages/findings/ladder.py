"""The ladder of bounds to slide along: its positions, the exact quantiles, and one state without scripts."""

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
    """What the script needs: positions, those at the start, and the exact quantiles at ‖x‖ = 1."""
    return {
        "positions": POSITIONS,
        "start": {name: POSITIONS[name].index(value) for name, value in START.items()},
        "rungs": list(RUNGS),
        "exact": exact_quantiles(),
    }


@cache  # a second of work, the same on every page
def exact_quantiles() -> list[list[list[float]]]:
    """The exact (1-δ)-quantile of the supremum of E at ‖x‖ = 1, by α, δ and m."""
    alpha, delta, m = (np.array(POSITIONS[name]) for name in ("alpha", "delta", "m"))
    grid = np.meshgrid(alpha, delta, m, indexing="ij")
    values = bound("exact", "linearization_error", grid[2], grid[0], grid[1], 1.0)
    rounded: list[list[list[float]]] = [
        [[float(f"{v:.10g}") for v in row] for row in by_delta] for by_delta in values
    ]
    return rounded


def _bound(name: str) -> float:
    m, alpha, delta, x_norm = (START[key] for key in ("m", "alpha", "delta", "x_norm"))
    return float(bound(name, "linearization_error", int(m), alpha, delta, x_norm))
