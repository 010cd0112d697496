"""What the runs of a cell are compared with: bounds, and exact quantiles, each with what is rounding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..experiments.drawn import DrawnExperiment
from ..network import Array
from ..quantities import QUANTITIES
from ..theory import bounds
from ..theory.tilt import TARGET

if TYPE_CHECKING:
    import xarray as xr

NOISE = 1e-9
"""Values below this, in units of what one neuron can add, are rounding around 0."""

SUM_ROUNDING = 1e-15
"""So are values of a dense run below this times √m, whatever α: its sums over the first half of the neurons,
of rounded terms, come to about 1 before the second half cancels them."""

COUNTS = ("exact_exceedances", "exact_shortfalls")
"""Runs above and below the exact quantile, each with probability at most δ and 1 - δ, whatever the law."""


@dataclass(frozen=True)
class Comparisons:
    """The values that the runs of one cell, at ‖x‖ = 1, are compared with.

    `bounds` `(bound, quantity, delta, x_norm)`: a run above is over the bound. `above` and `below`
    `(quantity, delta)`: a run above or below is off the exact quantile. Nothing exceeds NaN. `units`
    `(quantity,)` is what one neuron can add.
    """

    units: Array
    bounds: Array
    above: Array
    below: Array


def rounding_error(sampler: str, quantity: str, m: Any, alpha: Any) -> Any:
    """What a value of a quantity by a sampler exceeds, at ‖x‖ = 1, if it is more than rounding around 0."""
    error = NOISE * QUANTITIES[quantity].unit(m, alpha)
    if sampler == "dense" and not QUANTITIES[quantity].fraction:  # which are counted
        error = np.maximum(error, SUM_ROUNDING * np.sqrt(m))
    return error


def rounding_errors(sampler: str, quantities: Sequence[str], m: Array, alpha: Array) -> Array:
    """`rounding_error` of each quantity, `(quantities, …)`; `m` and `alpha` are broadcast."""
    return np.stack([rounding_error(sampler, quantity, m, alpha) + 0.0 * alpha for quantity in quantities])


def comparisons(experiment: DrawnExperiment, theory: xr.Dataset) -> Iterator[Comparisons]:
    """Those of each cell in its order, from `theory`, a dataset of the same grid.

    An exact quantile that is NaN, or rounding, has nothing below it; one that is NaN nothing above it.
    """
    quantities = tuple(map(str, theory["quantity"].values))
    m, alphas = np.array(experiment.m)[:, None], np.array(experiment.alpha)
    units = np.stack([QUANTITIES[q].unit(m, alphas) + 0.0 * alphas for q in quantities])
    noise = rounding_errors(experiment.sampler, quantities, m, alphas)
    x_norm, exact = theory["x_norm"].values, theory["exact_quantile"].values
    scale = np.stack([QUANTITIES[q].at_norm(x_norm) for q in quantities])[:, None, None, None, :]
    limits = [theory[f"bound_{name}"].values / scale * (1.0 + bounds.ROUNDING) for name in bounds.BOUNDS]
    thresholds = np.stack([np.maximum(limit, noise[..., None, None]) for limit in limits])
    minimum = noise[:, None, :, None, :, None]
    # A value within the error of the exact quantile is neither above nor below.
    above = np.maximum(exact * (1.0 + TARGET), minimum)
    below = np.where(exact > minimum, exact * (1.0 - TARGET), 0.0)
    for index in np.ndindex(experiment.shape):
        place = (slice(None), *index)
        width, radius = index[1], index[3]
        yield Comparisons(
            units[:, width, radius], thresholds[:, :, width, radius], above[place], below[place]
        )
