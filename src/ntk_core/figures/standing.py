"""(k) Where training stands: its error beside those of the displacement laws at the radius it reached."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..claims.headlines.words import nearest_to_one, resolved
from ..laws import LAWS
from ..network import Array
from . import style


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """Root mean square of E: training, laws and bounds against m at the last time, and against time.

    An axis with one value has no panel.
    """
    m, times = table["m"].values, style.times_with_runs(table)
    delta, x_norm = float(table["delta"].min()), nearest_to_one(table["x_norm"].values)
    error = table.sel(quantity="linearization_error")
    error = error.assign({f"bound_{n}": error[f"bound_{n}"].sel(delta=delta, x_norm=x_norm) for n in _BOUNDS})
    last = int(times[-1]) if times.size else int(table["steps"].values[-1])
    widths = m[table["runs"].sel(steps=last).values > 0]
    widest = int(widths[-1] if widths.size else m[-1])
    several = m.size > 1, table.sizes["steps"] > 2
    figure, axes = plt.subplots(
        1, sum(several), figsize=(4.5 * sum(several) + 2.0, 4.4), sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    if several[0]:
        _curves(axes[0, 0], m.astype(float), error.sel(steps=last), x_norm)
        style.width_axis(axes[0, 0], m.astype(float))
        axes[0, 0].set_title(f"after {style.steps_label(last)}")
    if several[1]:
        _curves(axes[0, -1], times.astype(float), error.sel(m=widest, steps=times), x_norm)
        style.time_axis(axes[0, -1], times)
        axes[0, -1].set_title(f"at width $m$ = {style.width_label(widest)}")
    for ax in axes[0]:
        style.log_axis(ax, table)
    axes[0, 0].set_ylabel("linearization error $E$")
    style.legend_beside(axes[0, -1])
    text = (
        rf"Root mean square of $E$ at held-out inputs, $\|x\|$ = {x_norm:g}; bars: 99% intervals. Coloured "
        r"lines: exact values of the displacement laws at the radius $\hat\alpha$ that training reached: the "
        "worst displacement, one along each neuron's gradient, one in random directions. "
        rf"Black: Theorem 1 at $\delta$ = {delta:g}, as printed and sharpened. "
        + style.trained_provenance(table)
    )
    style.caption(figure, headline("standing", table, rates), text)
    return figure


_BOUNDS = ("printed", "sharp")


def _curves(ax: Axes, x: Array, error: xr.Dataset, x_norm: float) -> None:
    """Bounds, laws and training against m or time, from top to bottom."""
    for name in _BOUNDS:
        bound = error[f"bound_{name}"].values
        visible = style.positive(bound)
        if visible.any():
            marker: dict[str, Any] = {"marker": style.single_point_marker(visible), "markersize": 14}
            ax.plot(x[visible], bound[visible], linewidth=1.4, **marker, **style.BOUND_STYLES[name])
    colours = style.law_colours(list(error["perturbation"].values))
    for law in error["perturbation"].values:
        value = x_norm * error["law_rms"].sel(perturbation=law).values
        visible = style.positive(value)
        if visible.any():
            ax.plot(
                x[visible], value[visible], color=colours[law], linewidth=1.6, linestyle=LAWS[law].dashes,
                label=LAWS[law].label, marker=style.single_point_marker(visible), markersize=14,
            )  # fmt: skip
    value = x_norm * error["rms"].values
    bar = style.bars(value, *(x_norm * error[f"rms_{end}"].values for end in ("lower", "upper")))
    visible = resolved(value / x_norm, error["m"].values, style.alpha_hat(error))
    if visible.any():
        ax.errorbar(
            x[visible], value[visible], bar[:, visible], marker="o", color=style.INK,
            markersize=5.5, linewidth=1.2, capsize=2, label="training",
        )  # fmt: skip
