"""R1 and T1.rate: the order of the error in m.

Exact moments give the slope between 2^38 and 2^40. The results give slopes with intervals, less the curvature
of the exact law. So both estimate the slope of the limit. `factor` multiplies the printed
exponent (1 is the statement itself).
"""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from scipy.special import ndtri

from ..datasets.statistics import Z
from ..laws import LAWS, moments
from .record import FALSE, TRUE, Judgement, Number, judge_factor
from .results import Results

WIDTHS = (2**38, 2**40)
"""The widths between which the exact slope is taken."""

TOLERANCE = 1e-4
"""Largest distance of the exact slope from that of the limit."""

FALSE_ALARM = 1e-4
"""Probability that archived slopes are judged to disagree with theory, if all agree with it."""


def scaling(results: Results, factor: float = 1.0) -> Judgement:
    """R1: with 1/√m the error is O(1/√m); without it, it does not decay."""
    slope = _exact_slope("adversarial", 2, 1.0)
    needed = 0.5 * factor / -slope if slope > -0.5 - TOLERANCE else math.inf
    limit = moments.limit("adversarial", "linearization_error", 2, 1.0, "mean")
    return Judgement(
        judge_factor(needed),
        (
            Number(
                r"slope of $\log\mathbb E[\sup_uE]$ against $\log m$, exact, from $2^{38}$ to $2^{40}$", slope
            ),
            Number(
                r"$\sqrt m\,\mathbb E[\sup_uE]$, the error of the unscaled $f=\sqrt m\,F$ at the same "
                r"radius, at $m=2^{40}$, $\alpha=\|x\|=1$: it does not decay",
                moments.mean("adversarial", "linearization_error", WIDTHS[1], 2, 1.0) * math.sqrt(WIDTHS[1]),
            ),
            Number(r"its limit $\alpha^2\|x\|/(2\sqrt{2\pi})$", limit),
        ),
    )


def rate(results: Results, factor: float = 1.0) -> Judgement:
    """T1.rate: m^{-1/2} is attained along x; random directions decay as m^{-3/4}."""
    distance = 0.0
    for law in LAWS:
        k = moments.exponent(law, "linearization_error")
        distance = max(distance, *(abs(_exact_slope(law, d, 1.0) + k * factor) for d in (1, 2, 64)))
    agree, evidence = _measured(results, factor)
    return Judgement(
        TRUE if distance <= TOLERANCE and agree else FALSE,
        (
            Number(
                r"slope of $\log\mathbb E[\sup_uE]$ against $\log m$, exact, from $2^{38}$ to $2^{40}$",
                _exact_slope("adversarial", 2, 1.0),
            ),
            Number(
                r"slope of $\log\sqrt{\mathbb E[E^2]}$ for random directions, exact, from $2^{38}$ to "
                r"$2^{40}$, $d=2$",
                _exact_slope("sphere", 2, 1.0),
            ),
            Number(
                r"largest distance of such a slope from $-\frac12$ along $x$, from $-\frac34$ in random "
                "directions, for every law and $d=1,2,64$",
                distance,
            ),
            *evidence,
        ),
    )


def _exact_slope(law: str, d: int, alpha: float) -> float:
    """Slope of the exact mean (rms where the mean cancels) of E between the two `WIDTHS`."""
    statistic = moments.root_mean_square if moments.cancels(law) else moments.mean
    low, high = (statistic(law, "linearization_error", m, d, alpha) for m in WIDTHS)
    return math.log(high / low) / math.log(WIDTHS[1] / WIDTHS[0])


def _measured(results: Results, factor: float) -> tuple[bool, tuple[Number, ...]]:
    """Whether archived slopes agree with those of the limit, and the numbers; True without slopes."""
    scores: list[float] = []
    numbers: list[Number] = []
    for item in results.experiments:
        error = item.rates.sel(quantity="linearization_error")
        for law in item.experiment.perturbation:
            rows = error.sel(perturbation=law)
            k = float(rows["exponent"].values.flat[0])
            value = rows["limit_slope"].values
            spread = (rows["limit_slope_upper"].values - value) / Z
            finite = np.isfinite(value) & (spread > 0.0)
            scores += list(np.abs(value[finite] + k * factor) / spread[finite])
            statistic = moments.typical_statistic(law)
            numbers += _typical(item.experiment.name, law, statistic, rows.sel(statistic=statistic))
        numbers += _constants(item.experiment.name, error) if "sphere" in item.experiment.perturbation else []
    if not scores:
        return True, ()
    allowed = float(-ndtri(0.5 * FALSE_ALARM / len(scores)))
    worst = max(scores)
    return worst <= allowed, (
        Number(
            r"archived slopes of $E$ (mean, rms and quantiles of every law, $d$ and $\alpha$), less the "
            r"curvature of the exact law, compared with $-\frac12$ or $-\frac34$",
            len(scores),
        ),
        Number(f"largest distance among them in standard errors (allowed: {allowed:.2f})", worst),
        *numbers,
    )


def _typical(name: str, law: str, statistic: str, rows: xr.Dataset) -> list[Number]:
    """The slope of one law at the median α and least d, with its interval."""
    row = rows.isel(d=0, alpha=rows.sizes["alpha"] // 2)
    value, lower, upper = (float(row[n]) for n in ("limit_slope", "limit_slope_lower", "limit_slope_upper"))
    if not math.isfinite(value):
        return []
    point = rf"{name}, $d={int(row['d'])}$, $\alpha={float(row['alpha']):g}$"
    what = f"slope of the {statistic} of $E$ in the limit, {law} ({point})"
    return [Number(what, value, lower, upper)]


def _constants(name: str, error: xr.Dataset) -> list[Number]:
    """m^{3/2}·E[E²] of random directions over its limit, at the largest width, for each d."""
    rows = error.sel(perturbation="sphere", statistic="rms").isel(alpha=error.sizes["alpha"] // 2)
    numbers = []
    for d in rows["d"].values:
        row = rows.sel(d=d)
        limit = float(row["constant_limit"])
        value, lower, upper = (
            (float(row[n]) / limit) ** 2 for n in ("constant", "constant_lower", "constant_upper")
        )
        what = (
            rf"$m^{{3/2}}\,\mathbb E[E^2]$ for random directions in units of its limit {limit**2:.6g} "
            rf"({name}, $d={int(d)}$, $\alpha={float(row['alpha']):g}$, largest $m$)"
        )
        numbers.append(Number(what, value, lower, upper))
    return numbers
