"""Counts of runs over a bound: which are more than chance explains."""

from __future__ import annotations

from typing import Any

import xarray as xr

from ..network import Array
from ..theory.binomial import binomial_tail

CHANCE = 1e-4
"""Largest probability that any comparison of a family is called beyond chance, if nothing but chance is."""


def beyond_chance(over: xr.DataArray, runs: Any, delta: Any, comparisons: int | None = None) -> xr.DataArray:
    """Where a count of runs is above what chance explains, if each has probability at most δ.

    True where P(Binomial(runs, δ) ≥ over) < `CHANCE` / `comparisons`, shape of `over`. So the probability
    that any of a family of so many counts, all of `over` by default, is called so wrongly is at most
    `CHANCE`, at every number of runs and however the counts depend on each other (Bonferroni).
    """
    share = CHANCE / max(over.size if comparisons is None else comparisons, 1)

    def excess(over: Array, runs: Array, delta: Array) -> Any:
        return binomial_tail(over - 1, runs, delta) < share

    return xr.apply_ufunc(excess, over, runs, delta)
