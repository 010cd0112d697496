"""The heading of each figure of a grid: what its data show, or else what it draws.

In: the quantiles and rates of one experiment, at the α and d that the figure shows. Out: one sentence. Each
function names the condition under which it states a finding; without that the heading is of `NEUTRAL`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..laws.moments import cancels, typical_statistic
from .wording import joined, percent, width

if TYPE_CHECKING:
    import xarray as xr

NEUTRAL = {
    "rate": "Linearization error against width",
    "collapse": r"Each quantity times $\sqrt{m}$ against width",
    "constant": r"The error's constant against the radius, and its quantile against the norm of $x$",
    "delta": r"Quantiles of the error and bounds against the level $\delta$",
    "dimension": "The error's constant against the input dimension",
    "ladder": "Each bound over the exact quantile of the largest error in the ball",
    "slope": "Slopes of the error from width to width",
    "failure": "How often the printed bounds fail, against the norm of $x$",
}
"""Headings that state no finding."""

NEAR = 0.05
"""Largest relative distance from a limit that a heading calls near."""

MIN_WIDTHS = 3
"""Fewest widths from which a heading states a rate."""

EXPONENTS = {0.5: "1/2", 0.75: "3/4"}
"""Rates that a heading names."""


def headline(figure: str, table: xr.Dataset, rates: xr.Dataset) -> str:
    """The heading of a figure, with formulas between dollar signs.

    `table` and `rates` are quantiles and rates at the α and d that the figure shows; a figure over all α or d
    gets all of them.
    """
    return FINDINGS[figure](table, rates) or NEUTRAL[figure]


def supported_exponents(rates: xr.Dataset, law: str) -> list[str]:
    """Of `EXPONENTS`, those -k that the interval of the fitted slope of E holds, for one law, α and d."""
    row = rates.sel(quantity="linearization_error", perturbation=law, statistic=typical_statistic(law))
    lower, upper = float(row["slope_lower"]), float(row["slope_upper"])
    if int(row["points"]) < MIN_WIDTHS:
        return []
    return [text for k, text in EXPONENTS.items() if lower <= -k <= upper]


def _rate(table: xr.Dataset, rates: xr.Dataset) -> str:
    """If the interval of each law's slope holds one of the exponents, and one only."""
    laws = _laws(table)
    supported = {law: supported_exponents(rates, law) for law in laws}
    if any(len(exponents) != 1 for exponents in supported.values()):
        return ""
    parts = []
    for text in EXPONENTS.values():
        group = [law for law in laws if supported[law] == [text]]
        if group:
            parts.append(f"as $m^{{-{text}}}$ under {joined(group)}")
    return f"The linearization error falls {', and '.join(parts)}"


def _collapse(table: xr.Dataset, rates: xr.Dataset) -> str:
    """If every mean whose limit is known is near it at the largest width."""
    shown = [name for name in rates["quantity"].values if name != "band_fraction"]
    ratio = _over_limit(rates.sel(statistic="mean", quantity=shown))
    if not ratio.size or np.max(np.abs(ratio - 1.0)) > NEAR or not _wide(table):
        return ""
    means = f"At $m={width(_last(table))}$ each mean whose limit is known"
    return f"{means} is within {percent(NEAR)} of it"


def _constant(table: xr.Dataset, rates: xr.Dataset) -> str:
    """If there are several radii, and at each the constant in front of the rate is near its limit."""
    error = rates.sel(quantity="linearization_error")
    laws = [law for law in _laws(table) if np.isfinite(error["constant_limit"].sel(perturbation=law)).any()]
    if rates["alpha"].size < 2 or not laws or not _wide(table):
        return ""
    for law in laws:
        ratio = _over_limit(error.sel(perturbation=law, statistic=typical_statistic(law)))
        if ratio.size < rates["alpha"].size or np.max(np.abs(ratio - 1.0)) > NEAR:
            return ""
    return f"Under {joined(laws)} the error's constant is within {percent(NEAR)} of theory at each radius"


def _delta(table: xr.Dataset, rates: xr.Dataset) -> str:
    """If at the largest width the quantiles of some law are near each other, and at the smallest are not."""
    error = table.sel(quantity="linearization_error")
    if table["delta"].size < 2 or not _wide(table):
        return ""
    near = []
    for law in _laws(table):
        quantile = error["quantile"].sel(perturbation=law).transpose("m", "delta").values
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = quantile.max(axis=1) / quantile.min(axis=1) - 1.0
        if spread[-1] <= NEAR < spread[0]:
            near.append((law, float(spread[-1])))
    if not near:
        return ""
    largest = max(spread for _, spread in near)
    levels = rf"$\delta={table['delta'].values.min():g}$ and ${table['delta'].values.max():g}$"
    return (
        f"At $m={width(_last(table))}$ the quantiles at {levels} differ by at most {percent(largest)} "
        f"under {joined(law for law, _ in near)}"
    )


def _dimension(table: xr.Dataset, rates: xr.Dataset) -> str:
    """If the constants of the laws along x are alike in each d; if those of other laws fall as d grows."""
    error = rates.sel(quantity="linearization_error").sortby("d")
    if rates["d"].size < 2:
        return ""
    alike, falling = [], []
    for law in _laws(table):
        row = error.sel(perturbation=law, statistic=typical_statistic(law))
        value, lower, upper = (row[f"constant{end}"].values for end in ("", "_lower", "_upper"))
        if not cancels(law) and value.min() > 0.0 and value.max() <= (1.0 + NEAR) * value.min():
            alike.append(law)
        elif (upper[1:] < lower[:-1]).all():
            falling.append(law)
    parts = [f"stays within {percent(NEAR)} under {joined(alike)}"] if alike else []
    parts += [f"falls under {joined(falling)}"] if falling else []
    first, last = (int(d) for d in error["d"].values[[0, -1]])
    return f"From $d={first}$ to ${last}$ the error's constant {', and '.join(parts)}" if parts else ""


def _ladder(table: xr.Dataset, rates: xr.Dataset) -> str:
    """If the exact quantile is known at each width: by how much the printed bound is above it at least."""
    cells = table.sel(quantity="linearization_error")
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (cells["bound_printed"] / cells["bound_exact"]).values
    if not np.isfinite(ratio).any():
        return ""
    least = math.floor(10.0 * float(ratio[np.isfinite(ratio)].min())) / 10.0
    if least <= 1.0:
        return ""
    return f"Theorem 1 is at least {least:g} times the exact quantile of the largest error in the ball"


def _slope(table: xr.Dataset, rates: xr.Dataset) -> str:
    """If exact slopes are known: how many of the measured ones have them in their interval."""
    error = rates.sel(quantity="linearization_error")
    exact, lower, upper = (
        error[name].values for name in ("exact_local_slope", "local_slope_lower", "local_slope_upper")
    )
    compared = np.isfinite(exact) & np.isfinite(lower) & np.isfinite(upper)
    if not compared.any():
        return ""
    hits = int((compared & (lower <= exact) & (exact <= upper)).sum())
    return f"The exact slope is in the 99% interval of {hits:,} of {int(compared.sum()):,} measured slopes"


def _failure(table: xr.Dataset, rates: xr.Dataset) -> str:
    """What holds of the printed bounds whatever the data: the figure is exact and has no data."""
    return r"Away from $\|x\|=1$ Lemma 4 and event $A_1$ fail as printed; Theorem 1 does not"


FINDINGS: dict[str, Callable[[xr.Dataset, xr.Dataset], str]] = {
    "rate": _rate,
    "collapse": _collapse,
    "constant": _constant,
    "delta": _delta,
    "dimension": _dimension,
    "ladder": _ladder,
    "slope": _slope,
    "failure": _failure,
}
"""For each figure, from quantiles and rates to the finding that they carry; empty for none."""


def _laws(table: xr.Dataset) -> Sequence[str]:
    return [str(law) for law in table["perturbation"].values]


def _last(table: xr.Dataset) -> int:
    return int(table["m"].values.max())


def _wide(table: xr.Dataset) -> bool:
    """Whether the widths are enough to speak of what happens as m grows."""
    return int(table["m"].size) >= MIN_WIDTHS


def _over_limit(rates: xr.Dataset) -> Any:
    """Constants over their limits, where these are known and not 0."""
    constant, limit = rates["constant"].values.ravel(), rates["constant_limit"].values.ravel()
    known = np.isfinite(limit) & (limit > 0.0)
    return constant[known] / limit[known]
