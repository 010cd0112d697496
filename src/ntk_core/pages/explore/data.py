"""The data of an experiment on the page, as plain lists for JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ...datasets.quantiles import NOISE
from ...network import Array
from ...quantities import QUANTITIES
from ...theory.bounds import BOUNDS
from .histograms import Histogram

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIGITS = 8
"""Significant digits of every number on the page."""

CELL = ("quantity", "perturbation", "m", "d", "alpha")


def experiment_data(table: xr.Dataset, histograms: Sequence[Sequence[Histogram]]) -> dict[str, Any]:
    """An experiment from its quantiles and the histograms of its runs, by quantity and cell.

    Nested lists over (quantity, perturbation, m, d, alpha) and, where they matter, bound, delta and x_norm;
    None where a number is not finite. Quantiles and histograms are at ‖x‖ = 1, to be multiplied by `scale`;
    bounds and runs over them are at ‖x‖. Rounding around an exact zero is 0.
    """
    spec = json.loads(table.attrs["spec"])
    level = (*CELL, "delta")
    floor = xr.concat(
        [NOISE * QUANTITIES[q].unit(table["m"], table["alpha"]) + 0.0 * table["alpha"] for q in QUANTITIES],
        table["quantity"],
    )
    measured = {
        name: table[name].where(~(table[name] <= floor), 0.0)
        for name in ("quantile", "quantile_lower", "quantile_upper")
    }
    shape = tuple(table.sizes[name] for name in CELL)
    bins = np.empty(math.prod(shape), dtype=object)
    bins[:] = [_bins(histogram) for row in histograms for histogram in row]
    x_norm = table["x_norm"].values
    return {
        "name": spec["name"],
        "sampler": spec["sampler"],
        "runs": int(table["runs"].max()),
        "confidence": float(table.attrs["confidence_level"]),
        "axes": {name: table[name].values.tolist() for name in (*CELL[1:], "delta", "x_norm")},
        "scale": [QUANTITIES[quantity].at_norm(x_norm).tolist() for quantity in QUANTITIES],
        "exact_quantile": _lists(table["exact_quantile"].transpose(*level).values),
        **{name: _lists(value.transpose(*level).values) for name, value in measured.items()},
        "bounds": {
            name: _lists(table[f"bound_{name}"].transpose("quantity", "m", "alpha", "delta", "x_norm").values)
            for name in BOUNDS
        },
        "over": table["exceedances"].transpose(*CELL, "bound", "delta", "x_norm").values.tolist(),
        "histograms": bins.reshape(shape).tolist(),
    }


def _bins(histogram: Histogram) -> dict[str, Any]:
    return {
        "start": _rounded(histogram.start),
        "width": _rounded(histogram.width),
        "counts": histogram.counts.tolist(),
    }


def _lists(values: Array) -> Any:
    flat: NDArray[np.object_] = np.empty(values.size, dtype=object)
    flat[:] = [_rounded(value) if math.isfinite(value) else None for value in values.ravel().tolist()]
    return flat.reshape(values.shape).tolist()


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS - 1}e}")
