"""What the page shows of an experiment, drawn or trained, as plain lists for JSON.

Both kinds are axes, and quantities with lines; a line is a number along some of the axes, with what belongs
to it. All that tells the two apart is which lines they have.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ...datasets.comparisons import rounding_error
from ...datasets.statistics import ENDS
from ...datasets.trained_quantiles import MAX_DELTA, UNIFORM
from ...experiments.drawn import GRID_AXES
from ...quantities import QUANTITIES
from ...storage.metadata import spec_of
from ...theory.bounds import BOUNDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIGITS = 8
"""Significant digits of every number on the page."""

AXES = (*GRID_AXES, "steps", "delta", "x_norm")
"""All axes that an experiment may have, in the order of their controls."""

RUN_QUANTITIES = {
    "alpha_hat": ("α̂", "√m times the largest displacement of a neuron"),
    "twin_distance": ("F − twin", "root mean square distance of the network from its linear twin"),
    "loss": ("L", "loss of the network and of its linear twin"),
    "flipped": ("sign changes", "neurons that changed sign at a training input so far"),
}
"""Symbol and words of what a trained run has besides the stored quantities."""

RUN_LINES = {
    "twin_distance": ("twin_distance", "twin_training_distance"),
    "loss": ("training_loss", "twin_training_loss", "test_loss", "twin_test_loss"),
    "flipped": ("flipped_fraction", "flipped_neurons"),
}
"""Their variables, the means over the runs of which are lines."""

DECAYING = {*QUANTITIES, "twin_distance"}
"""Quantities that theory compares with the slopes -1/2 and -3/4."""


@dataclass(frozen=True)
class Line:
    """A line of the charts: a value along some of the axes.

    `lower` and `upper` are its limits or range, `slope` its slope against m with limits if it is measured,
    `fitted` the least m of that fit, `over` counts the runs above it. Values at ‖x‖ = 1 have a `scale` for
    every x_norm, to be multiplied by.
    """

    name: str
    value: xr.DataArray
    lower: xr.DataArray | None = None
    upper: xr.DataArray | None = None
    slope: tuple[xr.DataArray, ...] | None = None
    fitted: xr.DataArray | None = None
    over: xr.DataArray | None = None
    scale: Sequence[float] | None = None

    def lists(self) -> dict[str, Any]:
        """The line for JSON, without what it has not."""
        parts = {"value": self.value, "lower": self.lower, "upper": self.upper, "over": self.over}
        parts["fitted"] = self.fitted
        parts |= dict(zip(("slope", "slope_lower", "slope_upper"), self.slope or (), strict=False))
        lists = {name: _along_axes(part) for name, part in parts.items() if part is not None}
        return {"name": self.name, "scale": self.scale, **lists}


def drawn_data(table: xr.Dataset, rates: xr.Dataset) -> dict[str, Any]:
    """A grid from its quantiles, with histograms, and its rates."""
    quantities = []
    for name in QUANTITIES:
        of = table.sel(quantity=name)
        lines = _drawn_lines(of, rates.sel(quantity=name), name)
        quantities.append(_quantity(name, "quantile", lines) | {"bars": _bars(of)})
    return _experiment(table, table["runs"].max(), quantities) | {"sampler": spec_of(table)["sampler"]}


def trained_data(table: xr.Dataset, rates: xr.Dataset) -> dict[str, Any]:
    """A trained experiment from its quantiles and rates."""
    quantities = [
        _quantity(
            name,
            "held_out_quantile",
            _trained_lines(table.sel(quantity=name), rates.sel(quantity=name), name),
        )
        for name in QUANTITIES
    ]
    means = {str(name): _run_line(table, rates, str(name)) for name in table["variable"].values}
    over_runs = {side: table[f"run_{side}"].sel(variable="alpha_hat") for side in ("max", "min")}
    radius = [
        Line("alpha_ceiling", table["alpha_ceiling"]),
        Line("alpha_hat_limit_ceiling", rates["alpha_hat_limit_ceiling"]),
        *(Line(f"alpha_hat_{side}", value) for side, value in over_runs.items()),
        means["alpha_hat"],
    ]
    quantities.append(_quantity("alpha_hat", "alpha_hat", radius))
    quantities += [
        _quantity(name, names[0], [means[one] for one in names]) for name, names in RUN_LINES.items()
    ]
    return _experiment(table, table["runs"], quantities)


def _experiment(table: xr.Dataset, runs: xr.DataArray, quantities: list[dict[str, Any]]) -> dict[str, Any]:
    chosen = (*table["runs"].dims, "delta", "x_norm")
    return {
        "name": spec_of(table)["name"],
        "runs": _along_axes(runs),
        "confidence": float(table.attrs["confidence_level"]),
        "axes": {name: table[name].values.tolist() for name in AXES if name in chosen},
        "quantities": quantities,
    }


def _quantity(name: str, measured: str, lines: Sequence[Line]) -> dict[str, Any]:
    """A quantity for JSON; its bounds are compared with the line called `measured`."""
    quantity = QUANTITIES.get(name)
    symbol, words = (quantity.text, quantity.words) if quantity else RUN_QUANTITIES[name]
    return {
        "name": name,
        "symbol": symbol,
        "words": words,
        "measured": measured,
        "decays": name in DECAYING,
        "lines": [line.lists() for line in lines],
    }


def _drawn_lines(table: xr.Dataset, rates: xr.Dataset, name: str) -> list[Line]:
    scale = QUANTITIES[name].at_norm(table["x_norm"].values).tolist()
    floor = rounding_error(spec_of(table)["sampler"], name, table["m"], table["alpha"])
    levels = rates.sel(statistic=[repr(float(level)) for level in table["delta"].values])
    levels = levels.rename(statistic="delta").assign_coords(delta=table["delta"].values)
    exact = (levels["exact_slope"],)
    quantile, lower, upper = (_above(table[f"quantile{end}"], floor) for end in ENDS)
    return [
        *_bounds(table, {name: table["exceedances"].sel(bound=name) for name in BOUNDS}, scale),
        Line("exact_quantile", table["exact_quantile"], slope=exact, fitted=levels["m_fit"], scale=scale),
        Line("quantile", quantile, lower, upper, _slope(levels, ""), levels["m_fit"], scale=scale),
    ]


def _trained_lines(table: xr.Dataset, rates: xr.Dataset, name: str) -> list[Line]:
    scale = QUANTITIES[name].at_norm(table["x_norm"].values).tolist()
    floor = rounding_error("trained", name, table["m"], table["run_mean"].sel(variable="alpha_hat"))
    over = {bound: table["runs_exceeding"].sel(uniform_bound=bound) for bound in UNIFORM}
    over["printed"] = over["printed"].where((name == "linearization_error") & (table["delta"] <= MAX_DELTA))
    rms = rates.sel(statistic="rms")

    def line(of: str, variable: str, slope: Any = None) -> Line:
        value, lower, upper = (_above(table[f"{variable}{end}"], floor) for end in ENDS)
        return Line(of, value, lower, upper, slope, scale=scale)

    return [
        *_bounds(table, {**over, "exact": None}, scale),
        line("held_out_quantile", "quantile"),
        line("training_rms", "training_rms", _slope(rms, "training_")),
        line("held_out_rms", "rms", _slope(rms, "")),
    ]


def _bounds(
    table: xr.Dataset, over_bounds: Mapping[str, xr.DataArray | None], scale: Sequence[float]
) -> list[Line]:
    """The bounds, at ‖x‖ = 1 where they grow like the runs, with the runs over those that are counted."""
    lines = []
    for name, over in over_bounds.items():
        value = table[f"bound_{name}"]
        at_one, factors = value.isel(x_norm=0) / scale[0], xr.DataArray(list(scale), dims="x_norm")
        same = over is None or bool(((over == over.isel(x_norm=0)) | over.isnull()).all())
        if same and np.allclose(value, at_one * factors, rtol=1e-12, atol=0.0, equal_nan=True):
            lines.append(Line(name, at_one, over=over if over is None else over.isel(x_norm=0), scale=scale))
        else:
            lines.append(Line(name, value, over=over))
    return lines


def _run_line(table: xr.Dataset, rates: xr.Dataset, variable: str) -> Line:
    of = table.sel(variable=variable)
    ends = (of["run_mean"], of["run_mean_lower"], of["run_mean_upper"])
    return Line(variable, *ends, _slope(rates.sel(variable=variable), "run_"))


def _slope(rates: xr.Dataset, prefix: str) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    return rates[f"{prefix}slope"], rates[f"{prefix}slope_lower"], rates[f"{prefix}slope_upper"]


def _above(values: xr.DataArray, floor: xr.DataArray) -> xr.DataArray:
    """The values, with 0 for rounding around an exact zero."""
    return values.where(~(values <= floor), 0.0)


def _bars(table: xr.Dataset) -> dict[str, Any]:
    """The histogram of each cell, for JSON; its last bar is the last that has runs.

    A single bar is that of runs which are all equal: it has no width, and begins at their value.
    """
    start, width, runs = (
        table[name].transpose(*GRID_AXES, ...).values for name in ("first_bar", "bar_width", "bar_runs")
    )
    cells: NDArray[np.object_] = np.empty(start.shape, dtype=object)
    for index in np.ndindex(cells.shape):
        counts = np.trim_zeros(runs[index], "b").tolist()
        first, each = float(start[index]), float(width[index])
        if len(counts) == 1:
            first, each = first + 0.5 * each, 0.0
        cells[index] = {"start": _rounded(first), "width": _rounded(each), "counts": counts}
    return {"dims": list(GRID_AXES), "values": cells.tolist()}


def _along_axes(part: xr.DataArray) -> dict[str, Any]:
    """Names of the axes of an array, and its numbers as nested lists; None where a number is not finite."""
    dims = [name for name in AXES if name in part.dims]
    values = part.transpose(*dims).values
    if values.dtype.kind != "f":
        return {"dims": dims, "values": values.tolist()}
    flat: NDArray[np.object_] = np.empty(values.size, dtype=object)
    flat[:] = [_rounded(value) if math.isfinite(value) else None for value in values.ravel().tolist()]
    return {"dims": dims, "values": flat.reshape(values.shape).tolist()}


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS - 1}e}")
