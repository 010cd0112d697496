"""Headlines of the figures of a drawn experiment."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ...datasets.rates import FOLLOWS
from ...datasets.statistics import ENDS, RATE_STATISTICS, log_slope
from ...experiments.drawn import GRID_AXES
from ...laws.moments import cancels, typical_statistic
from ...theory.moments import EXPONENT
from ..wording import in_formula, joined, nearest_to_one, width
from .words import (
    EXPONENTS,
    FRACTIONS,
    MIN_WIDTHS,
    NO_ERROR,
    digits,
    fitted_widths,
    resolved,
    single_exponent,
    widths,
)

COLLAPSING = ("linearization_error", "delta1", "delta2", "sign_change_fraction")
"""Quantities whose mean is shown times √m."""


def rate(table: xr.Dataset, rates: xr.Dataset) -> str:
    """The exponents of E, if each law's interval, of three widths or more, singles out 1/2 or 3/4."""
    error, cells = _error(rates), _error(table)
    m = cells["m"].values
    if not resolved(cells, cells["rms"].values, m, float(cells["alpha"])).any():
        return NO_ERROR
    exponents, points = {}, []
    for law in _laws(rates):
        row = error.sel(perturbation=law, statistic=typical_statistic(law))
        limits = -row["slope_upper"].item(), -row["slope_lower"].item()
        k = single_exponent(*limits, EXPONENTS)
        if row["points"] < MIN_WIDTHS:
            return ""
        points.append(int(row["points"]))
        contrary = np.isfinite(row["constant_limit"].item()) and k != row["exponent"].item()
        exponents[law] = None if contrary else k
    if None in exponents.values():
        return ""
    return f"{_powers('linearization error falls', exponents, 'm', '-')}, {fitted_widths(m, points)}"


def collapse(table: xr.Dataset, rates: xr.Dataset) -> str:
    """Which laws have every mean near its limit at the largest width, and of which some fall faster."""
    cut = rates.sel(alpha=nearest_to_one(rates["alpha"].values), d=rates["d"].values.max(), statistic="mean")
    cut = cut.sel(quantity=list(COLLAPSING))
    near, faster = [], []
    for law in _laws(rates):
        row = cut.sel(perturbation=law)
        settling = np.array([not cancels(law, quantity) for quantity in COLLAPSING])
        limit = row["constant_limit"].values
        off = [np.abs(row[f"constant_{end}"].values / limit - 1.0) for end in ("lower", "upper")]
        if settling.all() and (np.maximum(*off) <= FOLLOWS).all():
            near.append(law)
        if not settling.all() and (row["slope_upper"].values[~settling] < -EXPONENT).all():
            faster.append(law)
    parts = []
    if near:
        m = width(int(rates["m"].max()))
        parts.append(
            rf"Times $\sqrt{{m}}$, the means under {joined(near)} are within {100 * FOLLOWS:g} % of their "
            rf"limits at $m={m}$"
        )
    if faster:
        what = f"what cancels on average under {joined(faster)} falls faster than $m^{{-1/2}}$"
        parts.append(what if parts else what[0].upper() + what[1:])
    return "; ".join(parts)


def constant(table: xr.Dataset, rates: xr.Dataset) -> str:
    """The powers of α with which the constant grows, if intervals single them out; and what ‖x‖ does."""
    parts, alphas = [], rates["alpha"].values
    if alphas.size > 1:
        row = rates.sel(quantity="linearization_error", d=rates["d"].values.max())
        exponents = {law: _growth(row, law, alphas) for law in _laws(rates)}
        if None not in exponents.values():
            parts.append(_powers("error grows", exponents, r"\alpha", ""))
    if table.sizes["x_norm"] > 1:  # both by their definitions
        parts.append(r"the error is proportional to $\|x\|$, the printed bound is not")
    text = "; ".join(parts)
    return text[:1].upper() + text[1:]


def _growth(row: xr.Dataset, law: str, alphas: np.ndarray) -> float | None:
    """The power of α that the constants of a law single out, 2 or 3/2."""
    point = row.sel(perturbation=law, statistic=typical_statistic(law))
    slope = log_slope(alphas, *(point[f"constant{end}"].values for end in ENDS))
    return single_exponent(slope.lower, slope.upper, (2.0, 1.5)) if slope.points == alphas.size else None


def delta(table: xr.Dataset, rates: xr.Dataset) -> str:
    """Under which laws two levels' quantiles draw together from the least to the largest width.

    The levels are the largest and the least at which all quantiles have limits. A law counts if the ratio of
    both quantiles at the largest width is below that at the least one, by their limits, of which none that
    divides is rounding. Where the terms of a pair cancel it does not: there the ratio has a limit above 1.
    """
    m = table["m"].values
    ends = _error(table).sel(m=[m.min(), m.max()])
    usable = np.isfinite(ends["quantile_upper"].transpose("delta", ...).values).all(axis=(1, 2))
    levels = table["delta"].values[usable]
    if m.size < 2 or levels.size < 2:
        return ""
    least, largest = levels.min(), levels.max()
    with np.errstate(divide="ignore", invalid="ignore"):
        high, low = (
            (ends[f"quantile_{a}"].sel(delta=least) / ends[f"quantile_{b}"].sel(delta=largest)).transpose(
                "m", ...
            )
            for a, b in (("upper", "lower"), ("lower", "upper"))
        )
    divisors = ends["quantile_upper"].where(ends["m"] == m.min(), ends["quantile_lower"]).sel(delta=largest)
    positive = resolved(ends, divisors, ends["m"], float(ends["alpha"]))
    together = [
        law
        for law in _laws(table)
        if positive.sel(perturbation=law).all()
        and high.sel(perturbation=law)[1] < low.sel(perturbation=law)[0]
        and not cancels(law)
    ]
    if not together:
        return ""
    return (
        rf"The quantiles at $\delta={in_formula(least)}$ and ${in_formula(largest)}$ draw together under "
        rf"{joined(together)}, {widths(m)}; the printed and the sharp bound keep their "
        r"$\sqrt{\log(1/\delta)}$"
    )


def dimension(table: xr.Dataset, rates: xr.Dataset) -> str:
    """Under which laws the error is the same at every d, and under which it falls with d."""
    d = rates["d"].values
    row = rates.sel(quantity="linearization_error", alpha=nearest_to_one(rates["alpha"].values))
    same, falling = [], []
    for law in _laws(rates):
        point = row.sel(perturbation=law, statistic=typical_statistic(law))
        lower, upper = (point[f"constant_{end}"].values for end in ("lower", "upper"))
        if upper.max() <= (1.0 + FOLLOWS) * lower.min():
            same.append(law)
        elif (upper[1:] < lower[:-1]).all():
            falling.append(law)
    parts = [f"is the same within {100 * FOLLOWS:g} % under {joined(same)}"] if same else []
    parts += [f"falls with $d$ under {joined(falling)}"] if falling else []
    if not parts:
        return ""
    return f"From $d={d.min()}$ to ${d.max()}$ the error {', and '.join(parts)}"


def ladder(table: xr.Dataset, rates: xr.Dataset) -> str:
    """How many times the exact quantile of the supremum the printed and Bernstein's bound are, at δ and ‖x‖
    of the figure: numbers of theory, at every width of the grid. Empty where that quantile is 0 or unknown.
    """
    norm = nearest_to_one(table["x_norm"].values)
    error = _error(table).sel(
        x_norm=norm, delta=sorted({table["delta"].values.min(), table["delta"].values.max()})
    )
    ranges = {}
    for name, count in (("printed", 2), ("bernstein", 3)):
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = (error[f"bound_{name}"] / error["bound_exact"]).values
        if not np.isfinite(ratio).all():
            return ""
        least, largest = digits(ratio.min(), count), digits(ratio.max(), count)
        ranges[name] = least if least == largest else f"{least} to {largest}"
    return (
        rf"At $\|x\|={in_formula(norm)}$ Theorem 1 is {ranges['printed']} times the quantile that it bounds; "
        f"the corrected theorem is {ranges['bernstein']} times"
    )


def slope(table: xr.Dataset, rates: xr.Dataset) -> str:
    """How many of the local slopes that are drawn agree with those of the exact law."""
    error = _error(rates)
    hits = total = 0
    for law in _laws(rates):
        levels = [name for name in rates["statistic"].values if name not in RATE_STATISTICS]
        row = error.sel(perturbation=law, statistic=[typical_statistic(law), *levels])
        lower, exact, upper = (
            row[name].values for name in ("local_slope_lower", "exact_local_slope", "local_slope_upper")
        )
        comparable = np.isfinite(lower) & np.isfinite(exact) & np.isfinite(upper)
        total += int(comparable.sum())
        hits += int((comparable & (lower <= exact) & (exact <= upper)).sum())
    if not total:
        return ""
    if total == 1:
        return f"The interval of the local slope {'holds' if hits else 'misses'} the slope of the exact law"
    return f"{hits} of {total} intervals of local slopes hold the slope of the exact law"


def _error(dataset: xr.Dataset) -> xr.Dataset:
    """What the figures show of E: at the α nearest to 1 and the largest d."""
    alpha, d = nearest_to_one(dataset["alpha"].values), dataset["d"].values.max()
    return dataset.sel(quantity="linearization_error", alpha=alpha, d=d)


def _laws(dataset: xr.Dataset) -> list[str]:
    return [str(law) for law in dataset["perturbation"].values]


def _powers(error: str, exponents: dict[str, float | None], base: str, sign: str) -> str:
    """With which powers the mean grows or falls, and the root mean square under laws whose mean cancels.

    `The mean error falls as m^{-1/2} under a and b, and its root mean square as m^{-3/4} under c`.
    """
    parts: list[str] = []
    for statistic, words in (("mean", "mean"), ("rms", "root mean square of the")):
        groups: dict[float, list[str]] = {}
        for law, k in exponents.items():
            assert k is not None
            if typical_statistic(law) == statistic:
                groups.setdefault(k, []).append(law)
        powers = [f"as ${base}^{{{sign}{FRACTIONS[k]}}}$ under {joined(groups[k])}" for k in sorted(groups)]
        if powers:
            powers[0] = f"{'its root mean square' if parts else f'The {words} {error}'} {powers[0]}"
        parts += powers
    return ", and ".join(parts)


def runs_over_theorem_1(table: xr.Dataset) -> tuple[int, float]:
    """Most runs over the printed bound of Theorem 1 at any one ‖x‖, and the δ at which they are counted.

    That is the largest, at which the bound is lowest.
    """
    level = float(table["delta"].max())
    over = table["exceedances"].sel(bound="printed", quantity="linearization_error", delta=level)
    return int(over.sum(GRID_AXES).max()), level
