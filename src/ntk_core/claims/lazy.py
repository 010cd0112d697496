"""LT: does gradient descent stay in the ball, with α = O(1)? From the archived trained runs.

`factor` multiplies the ceiling on α̂ that is proved for every width (docs/theory.md, "Lazy training").
"""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from ..analysis import CHANCE
from .archive import Archive, ArchivedTrained
from .record import FALSE, UNDECIDED, Judgement, Number, judge_factor

CONSTANT = ("constant", "constant_lower", "constant_upper")


def lazy_training(archive: Archive, factor: float = 1.0) -> Judgement:
    """LT: α̂ ≤ η t g. `factor` multiplies the right-hand side."""
    if not archive.trainings:
        return Judgement(UNDECIDED, (Number("archived trained experiments", 0),))
    most = [float(item.table["alpha_hat_over_ceiling"].max()) / factor for item in archive.trainings]
    needed = max((value for value in most if math.isfinite(value)), default=math.nan)
    verdict = FALSE if any(_beyond_theorem_1(item) for item in archive.trainings) else judge_factor(needed)
    numbers = [number for item in archive.trainings for number in _evidence(item)]
    if math.isfinite(needed):
        what = r"least factor with which the ceiling on $\hat\alpha$ holds for all runs, widths and times"
        numbers = [Number(what, needed), *numbers]
    return Judgement(verdict, tuple(numbers))


def _beyond_theorem_1(item: ArchivedTrained) -> bool:
    """Whether an input has more runs over Theorem 1 than `CHANCE` puts down to δ, at any time.

    The theorem is about one input at a time: of all runs over the bound some input has at least its share,
    and Binomial(runs, δ) is so large with probability below `CHANCE`.
    """
    from scipy.stats import binom  # slow to import, and wanted here alone

    table = item.table
    over = table["exceedances"].sel(uniform_bound="printed", quantity="linearization_error")
    share = np.ceil(over / item.experiment.held_out_inputs)
    chance = xr.apply_ufunc(lambda k, n, p: binom.sf(k - 1, n, p), share, table["runs"], table["delta"])
    return bool(((share > 0) & (chance < CHANCE)).any())


def _evidence(item: ArchivedTrained) -> list[Number]:
    """What the experiment shows at its last time, and at its largest width where one has to be chosen."""
    name, table = item.experiment.name, item.table
    last, end = table.isel(m=-1, time=-1), item.rates.isel(time=-1)
    every = f"({name}, {int(last['time'])} steps)"
    here = f"({name}, {int(last['time'])} steps, $m={int(last['m'])}$)"
    radius = last.sel(variable="alpha_hat")
    displacement = math.sqrt(int(last["m"])) * last["run_mean"].sel(variable="mean_displacement")
    at = last.sel(quantity="linearization_error")
    error = end.sel(quantity="linearization_error", statistic="rms")
    numbers = [
        Number(
            rf"$\hat\alpha$: mean, least and largest run {here}",
            *(float(radius[n]) for n in ("run_mean", "run_min", "run_max")),
        ),
        _slope(rf"slope of $\log\hat\alpha$ {every}", end.sel(variable="alpha_hat"), "run_slope"),
        Number(
            rf"$\sqrt m$ times the mean of $\|u_i\|$ over its limit {here}",
            float(displacement / end["displacement_limit"]),
        ),
        _slope(f"slope of the rms of $E$ at held-out inputs {every}; in the limit $-3/4$", error, "slope"),
        Number(f"the same between the two largest widths {every}", float(error["local_slope_last"])),
        Number(
            f"$m^{{3/4}}$ times the rms of $E$ over its limit {here}",
            *(float(error[n] / error["constant_limit"]) for n in CONSTANT),
        ),
    ]
    for law in table["perturbation"].values:
        what = rf"rms of $E$ over that under `{law}` at the same $\hat\alpha$ {here}"
        numbers.append(Number(what, float(at["position"].sel(perturbation=law))))
    return [number for number in numbers + _counts(item, here) if math.isfinite(number.value)]


def _counts(item: ArchivedTrained, here: str) -> list[Number]:
    """How far below Theorem 1 training stays, which neurons flip, and how runs ended."""
    name, table = item.experiment.name, item.table
    last = table.isel(m=-1, time=-1)
    delta = float(table["delta"].min())
    x_norm = float(table["x_norm"][int(np.argmin(np.abs(np.log(table["x_norm"].values))))])
    point = rf"$\delta={delta:g}$, $\|x\|={x_norm:g}$"
    printed = last["bound_ratio"].sel(quantity="linearization_error", bound="printed")
    over = table["runs_exceeding"].sel(uniform_bound="printed", quantity="linearization_error")
    return [
        Number(
            rf"Theorem 1 at $\hat\alpha$ over the $(1-\delta)$-quantile of $E$, {point} {here}",
            float(printed.sel(delta=delta, x_norm=x_norm)),
        ),
        Number(rf"most runs over Theorem 1 at their own $\hat\alpha$, anywhere ({name})", int(over.max())),
        Number(
            f"fraction of neurons that ever changed sign at a training input {here}",
            float(last["run_mean"].sel(variable="flipped_neurons")),
        ),
        Number(f"runs whose training loss ever grew ({name})", int(table["loss_grew"].isel(time=-1).sum())),
        *(
            Number(
                f"runs that ended with: {str(status).replace('_', ' ')} ({name})",
                int(table["run_status"].sel(status=status).sum()),
            )
            for status in table["status"].values
        ),
    ]


def _slope(what: str, row: xr.Dataset, name: str) -> Number:
    value, lower, upper = (float(row[name + end]) for end in ("", "_lower", "_upper"))
    return Number(what, value, lower, upper)
