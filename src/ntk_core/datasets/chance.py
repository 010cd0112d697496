"""Counts of runs over a bound: which are more than chance explains."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from ..network import Array
from ..theory.binomial import binomial_tail

CHANCE = 1e-4
"""Largest probability that any comparison of a family is called beyond chance, if nothing but chance is."""


def beyond_chance(over: Any, runs: Any, delta: Any, comparisons: int | None = None) -> Any:
    """Where a count of runs is above what chance explains, if each has probability at most δ.

    `over` is a labelled array, an array or a number. True, in the same form, where
    P(Binomial(runs, δ) ≥ over) < `CHANCE` / `comparisons`. So the probability that any of a family of so
    many counts, all of `over` by default, is called so wrongly is at most `CHANCE`, at every number of runs
    and however the counts depend on each other (Bonferroni).
    """
    share = CHANCE / max(np.size(over) if comparisons is None else comparisons, 1)

    def excess(over: Array, runs: Array, delta: Array) -> Any:
        return binomial_tail(over - 1, runs, delta) < share

    return xr.apply_ufunc(excess, over, runs, delta)
