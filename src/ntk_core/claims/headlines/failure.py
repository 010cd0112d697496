"""Exact probabilities that the printed bounds fail, at fixed widths and radii, and what they say.

They are fixed, as few grids contain those at which bounds fail. δ is the least of the experiment.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import xarray as xr

from ...network import Array
from ...quantities import QUANTITIES
from ...theory.bounds import bound
from ...theory.exact import full_step_law
from ..wording import in_formula, in_words, joined

PRINTED = {
    "linearization_error": "Theorem 1",
    "delta1": r"Lemma 4 for $|\Delta_1|$",
    "delta2": r"Lemma 4 for $|\Delta_2|$",
    "band_fraction": "event $A_1$",
}
"""The bounds, by the quantity that they bound."""

POINTS = ((4, 0.25), (64, 2.0), (1024, 4.0), (2**20, 10.0))
"""Widths and radii."""

NORMS = np.geomspace(1e-4, 1e4, 81)
"""Norms of the input."""

MIN_RATIO = 1e-4
"""Failure probabilities below this times δ are not computed."""


@cache  # they are the same in each figure of a run with the same δ
def failure_ratio(quantity: str, m: int, alpha: float, delta: float) -> Array:
    """P(supremum > printed bound)/δ at each of `NORMS`; NaN where it is below `MIN_RATIO`."""
    law = full_step_law(quantity, m, alpha)
    assert law is not None  # all of `POINTS` are within the radius of the exact laws
    limits = bound("printed", quantity, m, alpha, delta, NORMS) / QUANTITIES[quantity].at_norm(NORMS)
    visible = limits < law.quantile(MIN_RATIO * delta).value
    probability = [
        law.survival(float(v)) if show else np.nan for v, show in zip(limits, visible, strict=True)
    ]
    return np.array(probability) / delta


def failure(table: xr.Dataset, rates: xr.Dataset) -> str:
    """Which printed bounds fail more often than δ at one of the points, and whether Theorem 1 does.

    Of others nothing is said: they may fail elsewhere.
    """
    delta = float(table["delta"].min())
    failing = [
        name
        for quantity, name in PRINTED.items()
        if any(np.nanmax(failure_ratio(quantity, m, a, delta), initial=0.0) > 1.0 for m, a in POINTS)
    ]
    pairs = f"of {in_words(len(POINTS))} fixed pairs of $m$ and $\\alpha$, at $\\delta={in_formula(delta)}$"
    if not failing:
        return f"No printed bound fails more often than allowed at any {pairs}"
    text = f"{joined(failing)} {'fails' if len(failing) == 1 else 'fail'} at some {pairs}"
    text = text[0].upper() + text[1:]
    theorem = PRINTED["linearization_error"]
    return text if theorem in failing else f"{text}; {theorem} does not"
