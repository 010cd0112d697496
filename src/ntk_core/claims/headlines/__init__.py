"""The sentence above each figure: what the numbers of one experiment carry, or else what is drawn.

One function a figure, from the quantiles and rates of one experiment to a sentence without a full stop, empty
where the numbers carry none: no interval, one that singles nothing out, one that contradicts theory. Formulas
stand between dollars, in what both matplotlib's mathtext and LaTeX read. Figures, article and summary take
their findings from here, so that a finding is decided in one place.
"""

from __future__ import annotations

from collections.abc import Callable

import xarray as xr

from . import grid, training
from .failure import failure
from .norms import norms

FINDINGS: dict[str, Callable[[xr.Dataset, xr.Dataset], str]] = {
    "rate": grid.rate,
    "collapse": grid.collapse,
    "constant": grid.constant,
    "delta": grid.delta,
    "dimension": grid.dimension,
    "ladder": grid.ladder,
    "slope": grid.slope,
    "failure": failure,
    "crossover": training.crossover,
    "radius": training.radius,
    "training_rate": training.training_rate,
    "standing": training.standing,
    "twin": training.twin,
    "flips": training.flips,
    "norms": norms,
}
"""What each figure may show, by its name."""

TOPICS = {
    "rate": "Linearization error against width",
    "collapse": r"Means of the quantities, times $\sqrt{m}$, against width",
    "constant": r"Linearization error against the radius $\alpha$",
    "delta": r"Quantiles of the error against the level $\delta$",
    "dimension": "Linearization error against the input dimension",
    "ladder": "Bounds over the quantile of the supremum",
    "slope": "Slope of the error from width to width",
    "failure": "Exact probabilities that the printed bounds fail",
    "crossover": "Error at new inputs by their angle to the training input",
    "radius": r"Radius $\hat\alpha$ that training reached, against width",
    "training_rate": "Linearization error of trained networks against width",
    "standing": "Error of training beside the displacement laws of the same radius",
    "twin": "A network and its linear twin along training",
    "flips": "Share of the signs that ever change, along training",
    "norms": "Worst error over balls of several norms, against width",
}
"""What each figure draws, whatever the numbers."""


def finding(figure: str, table: xr.Dataset, rates: xr.Dataset) -> str:
    """What a figure of the experiment with these quantiles and rates shows; empty if nothing that is sure."""
    return FINDINGS[figure](table, rates)


def headline(figure: str, table: xr.Dataset, rates: xr.Dataset) -> str:
    """The sentence above that figure: its finding, else its topic."""
    return finding(figure, table, rates) or TOPICS[figure]
