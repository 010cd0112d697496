"""The radius: how far training moves the weights, against the width."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ..claims.headlines import headline
from ..claims.headlines.words import digits
from ..claims.wording import joined, steps_text
from . import palette, style
from .panels import Panels


def draw(table: xr.Dataset, rates: xr.Dataset) -> Figure:
    """Left: α̂ against m at a few times, below the limit's ceiling. Right: √m·mean displacement and limit."""
    m = table["m"].values.astype(float)
    times = style.spread(style.times_with_runs(table), 3)
    colours, labels = style.ordered_colours(times), {time: steps_text(int(time)) for time in times}
    panels = Panels(2, height=2.7, share_y=True)
    left, right = panels.axes
    cut = table.sel(steps=times)
    largest = style.with_limits(cut.sel(variable="alpha_hat"), "run_mean", "run_min", "run_max")
    mean = cut.sel(variable="mean_displacement")
    mean = np.sqrt(cut["m"]) * style.with_limits(mean, "run_mean", "run_mean_lower", "run_mean_upper")
    frames = [(part.to_dataframe().reset_index() if times.size else None) for part in (largest, mean)]
    if times.size:
        panels.points(left, frames[0], "m", "value", "steps", colours, labels, linestyle="-", linewidth=1.2)
        panels.points(right, frames[1], "m", "value", "steps", colours, labels)
    for ax, name, look in (
        (left, "alpha_hat_limit_ceiling", {"linestyle": (0, (4, 2)), "linewidth": 0.9, "zorder": 4}),
        (right, "displacement_limit", {"linewidth": 1.2}),
    ):
        levels = {time: rates[name].sel(steps=time).item() for time in times}
        for time, level in levels.items():
            if np.isfinite(level):
                ax.axhline(level, color=colours[time], **look)
    ceiling = rates["alpha_hat_limit_ceiling"].sel(steps=times)
    if (ceiling > 0.0).any():
        left.set_yscale("log")
        left.text(
            0.03, 0.97, "dashed: bounds on the limit $m\\to\\infty$", transform=left.transAxes, va="top",
            fontsize=style.SMALL, color=palette.MUTED,
        )  # fmt: skip
        left.set_ylim(top=max(left.get_ylim()[1], 1.8 * float(ceiling.max())))
    for ax, title in (
        (left, "largest over the neurons:\n" r"$\hat\alpha=\sqrt{m}\,\mathrm{max}_i\,\|w_i-w_i(0)\|$"),
        (right, "mean over the neurons:\n" r"$\sqrt{m}\,\mathrm{mean}_i\,\|w_i-w_i(0)\|$"),
    ):
        style.width_axis(ax, m)
        style.log_axis(ax, table)
        ax.set_title(title)
    left.set_ylabel(r"$\sqrt{m}\cdot$ displacement")
    panels.name_ends(panels.axes)
    last = int(times[-1] if times.size else table["steps"].values[-1])
    always = table["alpha_ceiling"].sel(steps=last).item()
    text = (
        r"Left: the radius $\hat\alpha$ that training reached, mean over the runs; bars: least and largest "
        "run. "
        + _dashed({labels[time]: ceiling.sel(steps=time).item() for time in times})
        + rf"While the loss does not grow, $\hat\alpha$ is at most {digits(always, 3)} at every width after "
        f"{steps_text(last)}, which is not drawn. "
        f"Right: lines are the limit, no fit; bars: {style.INTERVALS}. " + style.trained_provenance(table)
    )
    return panels.finish(headline("radius", table, rates), text)


def _dashed(ceilings: dict[str, float]) -> str:
    """A sentence on the dashed lines, by their names; empty without one."""
    values = [f"{digits(value, 4)} after {name}" for name, value in ceilings.items() if np.isfinite(value)]
    if not values:
        return ""
    return (
        rf"Dashed: what its limit as $m\to\infty$ is at most, {joined(values)}; at finite $m$ the mean may "
        "lie above. "
    )
