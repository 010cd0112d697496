"""The sentence above each figure: what the numbers of one experiment carry, or else what is drawn.

One function a figure, from the quantiles and rates of one experiment to a sentence without a full stop.
Formulas stand between dollars, in what both matplotlib's mathtext and LaTeX read. Figures, article and
summary take their findings from here, so that a finding is decided in one place.
"""

from __future__ import annotations

from collections.abc import Callable

import xarray as xr

from . import grid, training
from .failure import failure

HEADLINES: dict[str, Callable[[xr.Dataset, xr.Dataset], str]] = {
    "rate": grid.rate,
    "collapse": grid.collapse,
    "constant": grid.constant,
    "delta": grid.delta,
    "dimension": grid.dimension,
    "ladder": grid.ladder,
    "slope": grid.slope,
    "failure": failure,
    "radius": training.radius,
    "training_rate": training.training_rate,
    "standing": training.standing,
    "twin": training.twin,
    "flips": training.flips,
}
"""The headline of each figure, by its name."""


def headline(figure: str, table: xr.Dataset, rates: xr.Dataset) -> str:
    """The sentence above a figure of the experiment with these quantiles and rates."""
    return HEADLINES[figure](table, rates)
