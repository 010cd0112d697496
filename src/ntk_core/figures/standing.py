"""Where training stands: its error beside those of the displacement laws at the radius it reached."""

from __future__ import annotations

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..claims.wording import nearest_to_one, steps_text
from ..laws import LAWS
from . import palette, style
from .panels import Panels


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """Root mean square of E: training, laws and bounds against m at the last time, and against time.

    An axis with one value has no panel.
    """
    m, times = table["m"].values, style.times_with_runs(table)
    delta, x_norm = float(table["delta"].min()), nearest_to_one(table["x_norm"].values)
    error = table.sel(quantity="linearization_error")
    bounds = {f"bound_{name}": {"delta": delta, "x_norm": x_norm} for name in palette.TRAINED_BOUND_STYLES}
    error = error.assign({name: error[name].sel(place) for name, place in bounds.items()})
    last = int(times[-1]) if times.size else int(table["steps"].values[-1])
    widths = m[table["runs"].sel(steps=last).values > 0]
    widest = int(widths[-1] if widths.size else m[-1])
    several = m.size > 1, table.sizes["steps"] > 2
    panels = Panels(sum(several), height=2.8, share_y=True)
    axes = panels.axes
    if several[0]:
        _curves(panels, axes[0], "m", error.sel(steps=last), x_norm)
        axes[0].set_title(f"after {steps_text(last)}")
    if several[1] and times.size:
        _curves(panels, axes[-1], "steps", error.sel(m=widest, steps=times), x_norm)
    if several[0]:
        style.width_axis(axes[0], m.astype(float))
    if several[1]:
        style.time_axis(axes[-1], times)
        axes[-1].set_title(f"at width $m$ = {style.width_label(widest)}")
    for ax in axes:
        style.log_axis(ax, table)
    axes[0].set_ylabel("linearization error $E$")
    panels.name_ends(axes)
    laws = ", ".join(LAWS[law].words for law in table["perturbation"].values)
    text = (
        rf"Root mean square of $E$ at held-out inputs, $\|x\|$ = {x_norm:g}; bars: {style.INTERVALS}. "
        r"Coloured lines: exact values of the displacement laws at the radius $\hat\alpha$ that training "
        f"reached: {laws}. "
        rf"Bounds at $\delta$ = {style.number(delta)}: Theorem 1, and the bound for all radii at once. "
        + style.trained_provenance(table)
    )
    return panels.finish(headline("standing", table, rates), text)


def _curves(panels: Panels, ax: Axes, x: str, error: xr.Dataset, x_norm: float) -> None:
    """Bounds, laws and training against m or time, from top to bottom."""
    for name, line_style in palette.TRAINED_BOUND_STYLES.items():
        look = dict(line_style)
        rows = error[f"bound_{name}"].reset_coords(drop=True).to_dataframe(name="value").assign(what=name)
        names, inked = {name: look.pop("label")}, {name: look.pop("color")}
        panels.curves(ax, rows.reset_index(), x, "value", "what", inked, names, **look)
    laws = (x_norm * error["law_rms"].reset_coords(drop=True)).to_dataframe(name="value").reset_index()
    colours = palette.law_colours(list(error["perturbation"].values))
    for law in error["perturbation"].values:
        rows, names = laws[laws["perturbation"] == law], {law: LAWS[law].label}
        panels.curves(ax, rows, x, "value", "perturbation", colours, names, linestyle=LAWS[law].dashes)
    radius = error["run_mean"].sel(variable="alpha_hat")
    trained = x_norm * style.with_limits(error, "rms", "rms_lower", "rms_upper")
    trained["value"] = trained["value"].where(style.without_rounding(error, error["rms"], radius) > 0.0)
    rows = trained.reset_coords(drop=True).to_dataframe().reset_index().assign(what="training")
    named, inked = {"training": "training"}, {"training": palette.INK}
    panels.points(ax, rows, x, "value", "what", inked, named, linestyle="-", linewidth=1.2, markersize=5.0)
