"""The slope: from width to width, measured and exact, towards the limit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from ..claims.headlines import headline
from ..claims.headlines.words import FRACTIONS
from ..claims.wording import nearest_to_one
from ..datasets.statistics import RATE_STATISTICS
from ..laws.moments import typical_statistic
from . import palette, style
from .panels import Panels

LEAST, MOST = (-0.32, 0.12), (-0.8, 0.6)
"""Least and largest distances of a panel's lower and upper edge from its level line, the same in all."""

REFERENCE = "the slope of the limit where it is known, else that of Theorem 1"


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """One panel a law: local slopes of E's mean or rms and quantiles against m, exact ones as lines."""
    laws = list(rates["perturbation"].values)
    alpha, d = nearest_to_one(rates["alpha"].values), int(rates["d"].values.max())
    error = rates.sel(quantity="linearization_error", alpha=alpha, d=d)
    m = rates["m"].values
    names = ("local_slope", "local_slope_lower", "local_slope_upper", "exact_local_slope", "exponent")
    data = error[list(names)].to_dataframe().reset_index()
    levels = [name for name in rates["statistic"].values if name not in RATE_STATISTICS]
    colours = {"mean": palette.INK, "rms": palette.INK} | style.ordered_colours(levels)
    typical = " or ".join(dict.fromkeys(map(typical_statistic, laws)))
    labels = {"mean": typical, "rms": typical} | {name: style.level_label(float(name)) for name in levels}
    typical_of = data["perturbation"].map(typical_statistic)
    data = data[data["statistic"].isin(levels) | (data["statistic"] == typical_of)]
    low, high = _edges(data)
    panels, exact, beyond = Panels(len(laws), height=2.8), False, 0
    for ax, law in zip(panels.axes, laws, strict=True):
        law_rates = error.sel(perturbation=law)
        k = float(law_rates["exponent"].values.flat[0])
        rows = data[data["perturbation"] == law]
        near = {
            key: _above_line(rows, key).between(low, high) for key in ("local_slope", "exact_local_slope")
        }
        ax.axhline(-k, color=palette.MUTED, linewidth=1.0)
        seen = rows[rows["statistic"].isin(rows["statistic"][near["exact_local_slope"]])]
        exact |= not seen.empty
        beyond += int((np.isfinite(rows["local_slope"]) & ~near["local_slope"]).sum())
        panels.curves(
            ax, seen, "m", "exact_local_slope", "statistic", colours, labels, linear=True, linewidth=1.2
        )
        at = style.dodge(rows, "m", "statistic", float(m[1] / m[0]) ** (1 / 12))[near["local_slope"]]
        panels.points(ax, at, "m", "local_slope", "statistic", colours, labels, linear=True)
        style.width_axis(ax, m)
        ax.set_ylim(low - k, high - k)
        ax.yaxis.set_major_locator(MultipleLocator(0.1))
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:.1f}".replace("-", "−"))
        finite = np.isfinite(law_rates["constant_limit"].values).any()
        ax.set_title(f"{law}\n{'limit' if finite else 'Theorem 1:'} −{FRACTIONS[k]}")
        if not ax.containers:
            missing = "no slope near it" if rows["local_slope"].notna().any() else "no measured slope"
            ax.text(0.5, 0.25, missing, transform=ax.transAxes, ha="center", color=palette.MUTED)
    panels.name_ends(panels.axes)
    panels.name_vertical(r"slope of $\log E$ against $\log m$")
    text = (
        f"Slope of the logarithm of the {style.typical(laws)} and of the quantiles, from the next smaller "
        rf"width to this one, at $\alpha$ = {alpha:g}, $d$ = {d}. Points: measured"
        + (f"; {beyond} more beyond the panels" if beyond else "")
        + ("; lines: from the exact law, no fit" if exact else "")
        + f". Level line: {REFERENCE}. {style.provenance(table)}"
    )
    return panels.finish(headline("slope", table, rates), text)


def _above_line(rows: pd.DataFrame, key: str) -> pd.Series:
    """How far each slope lies above the level line of its law."""
    return rows[key] + rows["exponent"]


def _edges(rows: pd.DataFrame) -> tuple[float, float]:
    """Of each panel, from its level line. Nine in ten slopes of all are between them, where `MOST` allows."""
    heights = _above_line(rows, "local_slope")
    low, high = heights.quantile([0.05, 0.95]).fillna(0.0)
    return float(np.clip(low, MOST[0], LEAST[0])), float(np.clip(high, LEAST[1], MOST[1]))
