"""Before the race: every contender draws from the same law as our dense sampler."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy.stats import ks_2samp

from ntk_core.sampling.cell import Cell
from ntk_core.sampling.samplers import simulate

from .point import LAWS, QUANTITIES, Array, Point

POINTS = tuple(Point(law, m, d, alpha) for law in LAWS for m, d, alpha in ((10, 2, 3.0), (64, 3, 1.0)))
"""A network that lies in its band almost whole, and one that is mostly outside."""

RUNS = 2048

FALSE_ALARM = 1e-3
"""Chance that equal contenders fail anywhere, over all of them, all points and quantities together."""

Draw = Callable[[Point, int], Array]
"""A contender as the check sees it: a point and a number of runs to quantities, `(5, runs)`."""


def failures(contenders: Mapping[str, Draw], entropy: int = 20261124) -> dict[str, str]:
    """The contenders that differ from the dense sampler, and in what.

    Kolmogorov-Smirnov on two samples for each point and quantity (Bonferroni over all tests). With
    the ties of the discrete quantities the test is conservative.
    """
    level = FALSE_ALARM / (len(contenders) * len(POINTS) * len(QUANTITIES))
    results: dict[str, str] = {}
    for point in POINTS:
        reference = simulate(entropy, Cell("dense", point.law, point.m, point.d, point.alpha), 0, RUNS)
        for name, draw in contenders.items():
            if name not in results and (
                difference := _difference(point, draw(point, RUNS), reference, level)
            ):
                results[name] = difference
    return results


def _difference(point: Point, drawn: Array, reference: Array, level: float) -> str | None:
    if drawn.shape != reference.shape:
        return f"shape {drawn.shape} instead of {reference.shape}"
    if not np.all(np.isfinite(drawn)):
        return "values that are not finite"
    for quantity, one, other in zip(QUANTITIES, drawn, reference, strict=True):
        # Atoms of the law come out of two routes a rounding error apart.
        scale = point.m / point.alpha
        pvalue = ks_2samp(np.round(one * scale, 8), np.round(other * scale, 8), method="asymp").pvalue
        if pvalue < level:
            where = f"{point.law}, m = {point.m}, d = {point.d}, α = {point.alpha:g}"
            return f"{quantity} at {where}: p = {pvalue:.1e}, below {level:.1e}"
    return None
