"""How far a count is from what an exact law says."""

from __future__ import annotations

import math

import numpy as np

from ntk_core.quantities import QUANTITIES


def exceedance_score(runs: np.ndarray, quantity: str, quantile: float, delta: float) -> float:
    """Runs over a (1-δ)-quantile less their expectation, in standard errors; `runs` `(quantities, runs)`."""
    values = runs[list(QUANTITIES).index(quantity)]
    return (np.count_nonzero(values > quantile) - values.size * delta) / math.sqrt(
        values.size * delta * (1 - delta)
    )
