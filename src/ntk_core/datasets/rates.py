"""`rates.nc` from `quantiles.nc`: slopes against the width, and the constants in front.

A slope fitted over many widths averages over the curvature of the law at finite m. So each comes with the
slope of the exact values on the same widths (`exact_slope`), and with `limit_slope`, the fitted slope less
that curvature: an estimate for the limit m → ∞. Local slopes, between neighbouring widths, show the curvature
itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..experiments.drawn import GRID_AXES, DrawnExperiment
from ..laws import moments
from ..network import Array
from ..quantities import QUANTITIES, Step
from ..storage.metadata import attributes, describe
from .comparisons import rounding_error
from .statistics import CONFIDENCE, RATE_STATISTICS, local_slopes, log_slope

FOLLOWS = 0.05
"""Relative distance from the limit within which a statistic counts as following it."""

SCALARS = (
    "slope", "slope_lower", "slope_upper", "exact_slope", "limit_slope", "limit_slope_lower",
    "limit_slope_upper", "m_fit", "points", "exponent", "constant", "constant_lower", "constant_upper",
    "constant_limit", "follows_from",
)  # fmt: skip
CURVE = ("quantity", *(name for name in GRID_AXES if name != "m"))
"""Dimensions of a curve against the width, before its statistic."""

LOCAL = ("local_slope", "local_slope_lower", "local_slope_upper", "exact_local_slope")


def rate_dataset(table: xr.Dataset, experiment: DrawnExperiment, entropy: int) -> xr.Dataset:
    """Slopes against m and the constants in front, from a quantiles dataset.

    Means and root mean squares are fitted on all widths. Quantiles are fitted on the upper half of the
    widths, but on three if there are: their distance from the mean, of relative order m^{-1/4}, bends the
    curve at small m.
    """
    statistics = [*RATE_STATISTICS, *(repr(float(value)) for value in table["delta"].values)]
    axes = {name: table[name].values for name in CURVE}
    shape = (*(len(axis) for axis in axes.values()), len(statistics))
    m = table["m"].values.astype(np.float64)
    arrays = {name: np.full(shape, np.nan) for name in SCALARS}
    arrays |= {name: np.full((*shape, m.size), np.nan) for name in LOCAL}
    curves = _curves(table)
    for index in np.ndindex(shape[:-1]):
        point = {name: axis[i] for (name, axis), i in zip(axes.items(), index, strict=True)}
        point["sampler"] = experiment.sampler
        for number, statistic in enumerate(statistics):
            curve = {name: values[(*index, number)] for name, values in curves.items()}
            for name, value in _rate(m, curve, point, statistic).items():
                arrays[name][(*index, number)] = value
    dims = (*axes, "statistic")
    dataset = xr.Dataset(
        {name: ((*dims, "m") if name in LOCAL else dims, array) for name, array in arrays.items()},
        coords={**axes, "statistic": np.array(statistics, dtype=object), "m": table["m"].values},
    )
    attrs = attributes(
        "rates of",
        "Fitted and local slopes of means, root mean squares and quantiles against the width, with "
        "intervals and beside those of the exact laws, and the constants in front beside their limits.",
        experiment,
        entropy,
        delta=[float(value) for value in table["delta"].values],
    )
    return describe(dataset, attrs | {"confidence_level": CONFIDENCE}, experiment)


def _curves(table: xr.Dataset) -> dict[str, Array]:
    """Values, their limits and exact values, each `(quantity, perturbation, d, alpha, statistic, m)`."""

    def values(name: str) -> Array:
        array = table[name] if "delta" in table[name].dims else table[name].expand_dims("delta")
        return array.transpose(*CURVE, "delta", "m").values

    forms = {"value": "{}", "lower": "{}_lower", "upper": "{}_upper", "exact": "exact_{}"}
    return {
        name: np.concatenate([values(form.format(s)) for s in (*RATE_STATISTICS, "quantile")], axis=4)
        for name, form in forms.items()
    }


def _rate(m: Array, curve: dict[str, Array], point: dict[str, Any], statistic: str) -> dict[str, Any]:
    """The rate of one statistic along m, at one (quantity, perturbation, d, alpha) by a sampler."""
    value, lower, upper, exact = (curve[n] for n in ("value", "lower", "upper", "exact"))
    first = 0 if statistic in RATE_STATISTICS else min(m.size // 2, max(m.size - 3, 0))
    quantity, law = str(point["quantity"]), str(point["perturbation"])
    rounding = rounding_error(point["sampler"], quantity, m, float(point["alpha"]))
    resolved = np.where(value > rounding, value, 0.0)
    fitted = (np.arange(m.size) >= first) & (resolved > 0.0) & ~np.isinf(upper)
    spacing = np.zeros(m.size) if statistic in RATE_STATISTICS else _spacing(law, quantity, m, point["alpha"])
    slope = log_slope(m[fitted], resolved[fitted], lower[fitted], upper[fitted], spacing[fitted])
    exact_slope = log_slope(m[fitted], exact[fitted], exact[fitted], exact[fitted])
    curvature = exact_slope.value if exact_slope.points == slope.points else np.nan
    k = moments.exponent(law, quantity)
    level = statistic if statistic in RATE_STATISTICS else float(statistic)
    limit = moments.limit(law, quantity, int(point["d"]), float(point["alpha"]), level)
    scaled = value * m**k
    near = _near(np.where(np.isnan(exact), [lower, upper], exact) * m**k, limit)
    following = np.flatnonzero(np.logical_and.accumulate(near[::-1])[::-1])
    local, local_lower, local_upper = local_slopes(m, resolved, lower, upper, spacing)
    return {
        "slope": slope.value,
        "slope_lower": slope.lower,
        "slope_upper": slope.upper,
        "exact_slope": curvature,
        "limit_slope": slope.value - curvature - k,
        "limit_slope_lower": slope.lower - curvature - k,
        "limit_slope_upper": slope.upper - curvature - k,
        "m_fit": slope.first,
        "points": slope.points,
        "exponent": k,
        "constant": scaled[-1],
        "constant_lower": lower[-1] * m[-1] ** k,
        "constant_upper": upper[-1] * m[-1] ** k,
        "constant_limit": limit,
        "follows_from": m[following[0]] if following.size else np.nan,
        "local_slope": local,
        "local_slope_lower": local_lower,
        "local_slope_upper": local_upper,
        "exact_local_slope": local_slopes(m, exact, exact, exact)[0],
    }


def _spacing(law: str, quantity: str, m: Array, alpha: float) -> Array:
    """What a pair of neurons adds to a quantity that is a count of neurons in some unit; else 0."""
    record = QUANTITIES[quantity]
    counts = record.fraction or (record.full_step is Step.CONSTANT and not moments.cancels(law, quantity))
    return 2.0 * record.unit(m, float(alpha)) if counts else np.zeros(m.size)


def _near(limits: Array, limit: float) -> NDArray[np.bool_]:
    """At which widths both `limits` `(2, widths)` are within `FOLLOWS` of `limit`; none if it is NaN or 0."""
    return np.all((np.abs(limits - limit) <= FOLLOWS * limit) & (limit > 0.0), axis=0)
