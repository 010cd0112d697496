"""Quantiles of the error from runs with weights, as lines of the summary."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..claims.wording import runs_text
from ..storage.metadata import spec_of


def left_out(table: xr.Dataset) -> str:
    """The experiment's name, and that only tables speak of its runs."""
    return (
        f"{table.attrs['experiment']}: {runs_text(int(table['runs'].sum()))} with weights, which no claim, "
        "figure or page counts; the quantiles of their error are below."
    )


def tails(table: xr.Dataset) -> str:
    """A line for each cell and δ: quantile of the error, interval, effective runs and exact quantile."""
    name, sampler = table.attrs["experiment"], f"{spec_of(table)['sampler']} sampler"
    error = table.sel(quantity="linearization_error")
    wide = max(map(len, (*table["perturbation"].values, "law")))
    lines = [
        f"{name}: {runs_text(int(table['runs'].sum()))} with weights, {sampler}",
        "",
        f"  {'law':<{wide}}{'m':>14}{'d':>8}{'alpha':>8}{'delta':>8}{'quantile':>11}"
        f"{'99 % interval':>25}{'effective':>11}{'exact':>11}",
    ]
    for index in np.ndindex(error["quantile"].shape):
        cell = error.isel(dict(zip(error["quantile"].dims, index, strict=True)))
        exact = float(cell["exact_quantile"])
        interval = f"[{float(cell['quantile_lower']):.5g}, {float(cell['quantile_upper']):.5g}]"
        lines.append(
            f"  {cell['perturbation'].item():<{wide}}{int(cell['m']):>14}{int(cell['d']):>8}"
            f"{float(cell['alpha']):>8g}{float(cell['delta']):>8g}{float(cell['quantile']):>11.5g}"
            f"{interval:>25}{float(cell['effective_runs']):>11,.0f}"
            f"{'unknown' if np.isnan(exact) else f'{exact:.5g}':>11}"
        )
    if np.isinf(error["quantile_upper"]).any():
        lines += ["", "  Intervals up to inf: too few runs above, or weights too skewed; more seeds help."]
    return "\n".join(lines)
