"""R1 and T1.rate: the order of the error in m.

Exact moments give the slope between 2^38 and 2^40. Archived runs are compared with the exact law itself,
level by level, by the binomial law of how many lie above and below a quantile. Their slopes are evidence, and
judge nothing. `factor` multiplies the printed exponent (1 is the statement itself).
"""

from __future__ import annotations

import math
from dataclasses import astuple

import xarray as xr

from ..datasets.chance import CHANCE, beyond_chance
from ..datasets.statistics import why_no_interval
from ..laws import THEOREM_LAWS, moments
from .answer import Estimate
from .record import FALSE, TRUE, Judgement, Number, judge_factor
from .results import Results
from .wording import in_formula

WIDTHS = (2**38, 2**40)
"""The widths between which the exact slope is taken."""

TOLERANCE = 1e-4
"""Largest distance of the exact slope from that of the limit."""


def scaling(results: Results, factor: float = 1.0) -> Judgement:
    """R1: with 1/√m the error is O(1/√m); without it, it does not decay."""
    slope = _exact_slope("adversarial", 2)
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
    for law in THEOREM_LAWS:
        k = moments.exponent(law, "linearization_error")
        distance = max(distance, *(abs(_exact_slope(law, d) + k * factor) for d in (1, 2, 64)))
    agree, evidence = _measured(results)
    return Judgement(
        TRUE if distance <= TOLERANCE and agree else FALSE,
        (
            Number(
                r"slope of $\log\mathbb E[\sup_uE]$ against $\log m$, exact, from $2^{38}$ to $2^{40}$",
                _exact_slope("adversarial", 2),
            ),
            Number(
                r"slope of $\log\sqrt{\mathbb E[E^2]}$ for random directions, exact, from $2^{38}$ to "
                r"$2^{40}$, $d=2$",
                _exact_slope("sphere", 2),
            ),
            Number(
                r"largest distance of such a slope from $-\frac12$ along $x$, from $-\frac34$ in random "
                "directions, for every law and $d=1,2,64$",
                distance,
            ),
            *evidence,
        ),
    )


def _exact_slope(law: str, d: int) -> float:
    """Slope of the exact mean (rms where the mean cancels) of E at α = 1 between the two `WIDTHS`."""
    statistic = moments.root_mean_square if moments.cancels(law) else moments.mean
    low, high = (statistic(law, "linearization_error", m, d, 1.0) for m in WIDTHS)
    return math.log(high / low) / math.log(WIDTHS[1] / WIDTHS[0])


def _measured(results: Results) -> tuple[bool, tuple[Number, ...]]:
    """Whether archived runs of E agree with the exact laws, and the numbers; True where none can be compared.

    The family of comparisons: every cell and level δ of the archive whose exact quantile is known, above it
    and below.
    """
    numbers: list[Number] = []
    for item in results.experiments:
        error, laws = item.rates.sel(quantity="linearization_error"), item.experiment.perturbation
        for law in laws:
            statistic = moments.typical_statistic(law)
            rows = error.sel(perturbation=law, statistic=statistic)
            numbers += _typical(item.experiment.name, law, statistic, rows, item.experiment.seeds)
        numbers += _constants(item.experiment.name, error) if "sphere" in laws else []
    tables = [item.table.sel(quantity="linearization_error") for item in results.experiments]
    family = 2 * sum(int(table["exact_quantile"].notnull().sum()) for table in tables)
    if not family:
        return True, tuple(numbers)
    off = sum(
        int(beyond_chance(count, table["runs"], share, family).sum())
        for table in tables
        for count, share in (
            (table["exact_exceedances"], table["delta"]),
            (table["exact_shortfalls"], 1.0 - table["delta"]),
        )
    )
    return not off, (
        Number(
            r"comparisons of archived runs of $E$ with the exact law: above and below its "
            r"$(1-\delta)$-quantile, for every law, $m$, $d$, $\alpha$ and $\delta$",
            family,
        ),
        Number(f"of them beyond a chance of {CHANCE:g} for all together", off),
        *numbers,
    )


def _typical(name: str, law: str, statistic: str, rows: xr.Dataset, runs: int) -> list[Number]:
    """The slope of one law at the median α and least d, with its interval."""
    row = rows.isel(d=0, alpha=rows.sizes["alpha"] // 2)
    slope = Estimate.of(row, "limit_slope")
    if not math.isfinite(slope.value):
        return []
    point = rf"{name}, $d={int(row['d'])}$, $\alpha={in_formula(float(row['alpha']))}$"
    what = f"slope of the {statistic} of $E$, less the bend of its exact law, {law} ({point})"
    why = "" if math.isfinite(slope.lower) and math.isfinite(slope.upper) else f"; {why_no_interval(runs)}"
    return [Number.measured(f"{what}{why}", slope)]


def _constants(name: str, error: xr.Dataset) -> list[Number]:
    """m^{3/2}·E[E²] of random directions over its limit, at the largest width, for each d."""
    rows = error.sel(perturbation="sphere", statistic="rms").isel(alpha=error.sizes["alpha"] // 2)
    numbers = []
    for d in rows["d"].values:
        row = rows.sel(d=d)
        limit = float(row["constant_limit"])
        square = Estimate(*((value / limit) ** 2 for value in astuple(Estimate.of(row, "constant"))))
        alpha = in_formula(float(row["alpha"]))
        what = (
            r"$m^{3/2}\,\mathbb E[E^2]$ for random directions in units of its limit "
            rf"${in_formula(limit**2)}$ ({name}, $d={int(d)}$, $\alpha={alpha}$, largest $m$)"
        )
        numbers.append(Number.measured(what, square))
    return numbers
