"""The rate: quantiles of the error against the width, under every law, with the bounds above."""

from __future__ import annotations

import xarray as xr
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..claims.headlines.words import FRACTIONS, NO_ERROR, resolved
from ..claims.wording import joined, nearest_to_one
from ..datasets.statistics import QUANTILES
from ..laws import LAWS
from ..laws.moments import exponent, typical_statistic
from . import palette, style
from .panels import Panels


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """One panel a law: (1-δ)-quantiles of E, the printed and the sharp bound, the slope of theory."""
    laws = list(table["perturbation"].values)
    alpha, d = nearest_to_one(table["alpha"].values), int(table["d"].values.max())
    m, delta = table["m"].values, table["delta"].values
    norm = nearest_to_one(table["x_norm"].values)
    error = table.sel(quantity="linearization_error", alpha=alpha, d=d)
    bounds = error.sel(delta=delta.min(), x_norm=norm)
    quantiles = error[[*QUANTILES, "exact_quantile"]] * norm
    quantiles["quantile"] = norm * style.without_rounding(error, error["quantile"], alpha)
    data = quantiles.to_dataframe().reset_index()
    colours = style.ordered_colours(delta)
    labels = {level: style.level_label(level) for level in delta}
    panels = Panels(len(laws), share_y=True, height=2.8)
    for ax, law in zip(panels.axes, laws, strict=True):
        for name in ("printed", "sharp"):
            ax.plot(m, bounds[f"bound_{name}"], **palette.BOUND_STYLES[name])
        rows = data[data["perturbation"] == law]
        lines = "exact_quantile" if (rows["exact_quantile"] > 0).any() else "quantile"
        panels.curves(ax, rows, "m", lines, "delta", colours, labels, linewidth=1.2)
        panels.points(ax, rows, "m", "quantile", "delta", colours, labels)
        k = exponent(law, "linearization_error")
        panels.reference(ax, rows, "quantile", -k, f"slope −{FRACTIONS[k]}")
        has_error = resolved(error, error["rms"].sel(perturbation=law), m, alpha).any()
        ax.set_title(f"{law}\n{_fitted(rates, law, alpha, d) if has_error else NO_ERROR}")
    for ax in panels.axes:
        style.width_axis(ax, m)
        ax.set_yscale("log")
    panels.name_vertical("linearization error $E$")
    with_points = [i for i, ax in enumerate(panels.axes, 1) if ax.containers]
    panels.name_ends(panels.axes[: max(with_points, default=len(laws))])
    moves = "; ".join(f"{law}, {LAWS[law].words if law in LAWS else 'a law of the config'}" for law in laws)
    exact_laws = [law for law in laws if (error["exact_quantile"].sel(perturbation=law) > 0.0).any()]
    measured = (quantiles["quantile"] > 0.0).any(["m", "delta"])
    other_laws = [law for law in laws if law not in exact_laws and measured.sel(perturbation=law)]
    joining = "from the exact law" if exact_laws else "join the points"
    joining += f" (joining the points for {joined(other_laws)})" if exact_laws and other_laws else ""
    text = (
        rf"How the weights move: {moves}. "
        rf"Quantiles of $E=|F(x;w)-\nabla F(x;w(0))^\top(w-w(0))|$ over runs, at $\alpha$ = {alpha:g}, "
        rf"$d$ = {d}, $\|x\|$ = {norm:g}: points measured, lines {joining}. Bounds at "
        rf"$\delta$ = {style.number(delta.min())}: Theorem 1 as printed, and with the best constants of its "
        f"proof (sharp). Slopes: of the {style.typical(laws)} over all widths, ± half an "
        f"interval. {_zeros(quantiles['quantile'])}" + style.provenance(table)
    )
    return panels.finish(headline("rate", table, rates), text)


def _zeros(quantile: xr.DataArray) -> str:
    """A sentence on the measured quantiles that are 0 at every width; empty without any."""
    zero = (quantile == 0.0).all("m")
    parts = []
    for level in zero["delta"].values:
        row = zero.sel(delta=level)
        if row.any():
            laws = [str(law) for law in row["perturbation"].values[row.values]]
            parts.append(rf"$\delta$ = {style.number(level)} ({joined(laws)})")
    return style.without_points(parts)


def _fitted(rates: xr.Dataset, law: str, alpha: float, d: int) -> str:
    """The fitted slope with its interval: of the mean, or of the rms where the signed error is centred."""
    statistic = typical_statistic(law)
    row = rates.sel(quantity="linearization_error", perturbation=law, alpha=alpha, d=d, statistic=statistic)
    label = style.slope_label(row, 4)
    return f"slope {label}".replace(", ", "\n") if label else "too few values\nabove 0 for a slope"
