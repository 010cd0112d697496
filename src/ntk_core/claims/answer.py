"""The answer of a trained experiment: does training stay in the ball, and how far is it below the bound?

In: its quantiles and rates. Out: numbers for pages and claims.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets.comparisons import rounding_error
from ..datasets.statistics import ENDS, MIN_RUNS, why_no_interval
from ..datasets.trained_quantiles import MAX_DELTA
from ..storage.metadata import spec_of
from ..theory.all_radii import NAME as ALL_RADII
from ..theory.bounds import ROUNDING
from .wording import joined, nearest_to_one, runs_text, steps_text, task

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Estimate:
    """A measured number with confidence limits; these are NaN where the runs are too few."""

    value: float
    lower: float = math.nan
    upper: float = math.nan

    @classmethod
    def of(cls, row: xr.Dataset, name: str) -> Estimate:
        """The variable `name` of a row of a table, with its limits `_lower` and `_upper`."""
        return cls(*(float(row[name + end]) for end in ENDS))


@dataclass(frozen=True)
class Answer:
    """Numbers at the last time that a run has reached, and at the largest width with runs at that time.

    They are `runs_left` of all `runs`. `radius` is the mean of α̂ over the runs, `radius_rate` its slope
    against the width, `radius_grows` says that it grows between the outermost widths with intervals; the runs
    range from `least` to `largest`. `limit_ceiling` bounds α̂ as m grows, `ceiling` at every width while the
    loss does not grow. `inside` is true if all runs were below `ceiling` at all times; `grew` counts the runs
    whose loss grew from one recorded time to the next, those that diverged included; `twin_lost` are the
    widths at which the linear twin of a run diverged. `rate` and `constant` are of the rms of E, `last_rate`
    is between the two largest widths; `training_rate` is that of the rms of E at the training inputs,
    `training_bias` √m times the rms over them of the mean signed error.
    `twin_rate` and `twin_training_rate` are slopes of the distance of network and twin at held-out and at
    training inputs. `position` is the rms of E over that of each displacement law, `loose` the printed bound
    over the quantile of E at `x_norm` and `delta`, the least level at which the runs suffice for an upper
    limit on that quantile, else the least of all, without limits (NaN beyond δ = 1/2). `over` is the largest
    number of runs over the printed bound on E, of all times, norms and δ ≤ 1/2; None without such a δ.
    `share` is the largest E over the bound for all radii at the α̂ of its run, of all widths, times and
    inputs, at `share_delta`, the largest δ. `numbers` are means over the runs, by variable; `too_skewed` says
    that one of runs that differ, or a rate or constant of E, has no interval.
    """

    name: str
    spec: Mapping[str, Any]
    runs: int
    runs_left: int
    ends: Mapping[str, int]
    confidence: float
    step_size: float
    time: int
    m: int
    radius: Estimate
    radius_rate: Estimate
    radius_grows: bool
    least: float
    largest: float
    limit_ceiling: float
    ceiling: float
    inside: bool
    grew: int
    twin_lost: tuple[int, ...]
    displacement: Estimate
    displacement_limit: float
    rate: Estimate
    last_rate: Estimate
    training_rate: Estimate
    training_bias: Estimate
    twin_rate: Estimate
    twin_training_rate: Estimate
    exponent: float
    constant: Estimate
    constant_limit: float
    position: Mapping[str, float]
    delta: float
    x_norm: float
    loose: Estimate
    over: int | None
    share: float
    share_delta: float
    too_skewed: bool
    numbers: Mapping[str, Estimate]

    @property
    def diverged(self) -> int:
        """Number of runs that diverged."""
        return self.ends["diverged"]

    @property
    def trained(self) -> bool:
        """Whether any run has values after the first step."""
        return self.time > 0

    @property
    def stayed(self) -> bool:
        """Whether no run diverged and every run stayed below `ceiling` at all times."""
        return self.trained and not self.diverged and self.inside

    @property
    def verdict(self) -> str:
        """The answer in a sentence, where any run has values after the first step."""
        if self.diverged:
            return "Only while it does not diverge."
        if not self.inside:
            return "Not in every run."
        if self.radius_grows:
            return "Yes, below a bound that is proved for every width; but the radius grows with the width."
        return "Yes."

    @property
    def twin_diverged(self) -> str:
        """That the linear twin of a run diverged, and where, without a full stop; empty if none did."""
        if not self.twin_lost:
            return ""
        widths = joined(f"{m:,}" for m in self.twin_lost)
        return f"At m = {widths} the linear twin of at least one run diverged"

    @property
    def resolution(self) -> str:
        """What `delta` is among the levels, in words."""
        if math.isnan(self.loose.lower):
            return "at which so many runs give no interval"
        return "the least of its levels that so many runs resolve"

    @property
    def undecided(self) -> str:
        """Why means, or some of them, have no interval, in words; empty where all have one."""
        if self.runs_left < MIN_RUNS:
            return why_no_interval(self.runs_left)
        return f"some {why_no_interval(self.runs_left)}" if self.too_skewed else ""

    @property
    def task(self) -> str:
        """What was learned, for people."""
        return task(self.spec)

    @property
    def ended(self) -> str:
        """How the runs ended, in a sentence or two."""
        target = self.spec["target_loss"]
        steps = steps_text(self.spec["steps"])
        words = {
            "all_steps": f"took {steps}",
            "target_reached": f"reached the training loss {target}",
            "target_not_reached": f"missed the training loss {target} in {steps}",
            "diverged": "diverged and count up to there",
        }
        count = self.grew - self.diverged
        which = f"{runs_text(count)} that did not diverge" if self.diverged else runs_text(count)
        grew = f" In {which} the training loss grew on the way." if count else ""
        grew += f" {self.twin_diverged}." if self.twin_diverged and not self.diverged else ""
        endings = [(count, words[name]) for name, count in self.ends.items() if count]
        if len(endings) == 1:
            count, what = endings[0]
            return f"{f'All {count:,} runs' if count > 1 else 'The only run'} {what}.{grew}"
        counts = ", ".join(f"{count:,} {what}" for count, what in endings)
        return f"Of {self.runs:,} runs, {counts}.{grew}"


def answer(table: xr.Dataset, rates: xr.Dataset) -> Answer:
    """The answer of one trained experiment, from its quantiles and rates."""
    has_runs = table["runs"].values > 0  # (m, time)
    time = int(table["steps"].values[np.flatnonzero(has_runs.any(axis=0))[-1]])
    m = int(table["m"].values[table["runs"].sel(steps=time).values > 0][-1])
    row = table.sel(steps=time, m=m)
    rate = rates.sel(quantity="linearization_error", statistic="rms", steps=time)
    error = row.sel(quantity="linearization_error")
    alpha_hat = row.sel(variable="alpha_hat")
    farthest = table["run_max"].sel(variable="alpha_hat").max("m").fillna(0.0)
    delta = _least_level(error)
    x_norm = nearest_to_one(table["x_norm"].values)
    over = over_theorem_1(table["runs_exceeding"]).sum("m")
    share_delta = float(table["delta"].max())
    share = table["largest_share"].sel(quantity="linearization_error", uniform_bound=ALL_RADII)
    spec = spec_of(table)
    scale = math.sqrt(m)
    mean_displacement = _mean(row, "mean_displacement")
    return Answer(
        name=str(spec["name"]),
        spec=spec,
        runs=int(table["run_status"].sum()),
        runs_left=int(row["runs"]),
        ends={str(name): int(table["run_status"].sel(status=name).sum()) for name in table["status"].values},
        confidence=float(table.attrs["confidence_level"]),
        step_size=float(table["step_size"]),
        time=time,
        m=m,
        radius=_mean(row, "alpha_hat"),
        radius_rate=Estimate.of(rates.sel(variable="alpha_hat", steps=time), "run_slope"),
        radius_grows=change_beyond_chance(*outermost(table, time, "alpha_hat")) > 0,
        least=float(alpha_hat["run_min"]),
        largest=float(alpha_hat["run_max"]),
        limit_ceiling=float(rates["alpha_hat_limit_ceiling"].sel(steps=time)),
        ceiling=float(table["alpha_ceiling"].sel(steps=time)),
        inside=bool((farthest <= table["alpha_ceiling"] * (1.0 + ROUNDING)).all()),
        grew=int(table["loss_grew"].isel(steps=-1).sum()),
        twin_lost=_twin_lost(table),
        displacement=Estimate(*(scale * value for value in astuple(mean_displacement))),
        displacement_limit=float(rates["displacement_limit"].sel(steps=time)),
        rate=Estimate.of(rate, "slope"),
        last_rate=Estimate.of(rate, "local_slope_last"),
        training_rate=Estimate.of(rate, "training_slope"),
        training_bias=Estimate.of(rate, "training_bias_constant"),
        twin_rate=Estimate.of(rates.sel(variable="twin_distance", steps=time), "run_slope"),
        twin_training_rate=Estimate.of(rates.sel(variable="twin_training_distance", steps=time), "run_slope"),
        exponent=float(rate["exponent"]),
        constant=Estimate.of(rate, "constant"),
        constant_limit=float(rate["constant_limit"]),
        position={
            str(law): float(error["position"].sel(perturbation=law)) for law in table["perturbation"].values
        },
        delta=delta,
        x_norm=x_norm,
        loose=_looseness(error.sel(delta=delta, x_norm=x_norm)),
        over=int(over.max()) if over.size else None,
        share=float(share.sel(delta=share_delta).max()),
        share_delta=share_delta,
        too_skewed=_lacks_interval(row, rate),
        numbers={str(name): _mean(row, str(name)) for name in table["variable"].values},
    )


def over_theorem_1(counts: xr.DataArray) -> xr.DataArray:
    """Counts of what is over Theorem 1 at α̂, at the levels δ at which it holds there: up to `MAX_DELTA`."""
    delta = counts["delta"].values
    return counts.sel(
        quantity="linearization_error", uniform_bound="printed", delta=delta[delta <= MAX_DELTA]
    )


def outermost(
    table: xr.Dataset, time: int, variable: str, number: str = "run_mean_upper"
) -> tuple[xr.Dataset, xr.Dataset]:
    """Least and largest width that have a number at a time, by default an interval; else of all."""
    row = table.sel(variable=variable, steps=time)
    usable = np.flatnonzero(np.isfinite(row[number].values))
    return row.isel(m=usable[0] if usable.size else 0), row.isel(m=usable[-1] if usable.size else -1)


def change_beyond_chance(first: xr.Dataset, last: xr.Dataset) -> int:
    """1 if a mean grows from the first width to the last by both intervals, -1 if it falls, else 0."""
    grows = last["run_mean_lower"].item() > first["run_mean_upper"].item()
    falls = last["run_mean_upper"].item() < first["run_mean_lower"].item()
    return int(grows) - int(falls)


def _twin_lost(table: xr.Dataset) -> tuple[int, ...]:
    """Widths at which runs are left at a time and the twin of one of them has diverged."""
    lost = table["run_mean"].sel(variable="twin_training_loss").isnull() & (table["runs"] > 0)
    return tuple(int(m) for m in table["m"].values[lost.any("steps").values])


def _lacks_interval(row: xr.Dataset, rate: xr.Dataset) -> bool:
    """Whether a mean of runs that differ, or a rate or constant of E, has no interval."""
    means = ~np.isfinite(row["run_mean_lower"]) & (row["run_max"] > row["run_min"])
    names = ("slope", "local_slope_last", "training_slope", "constant", "training_bias_constant")
    return bool(means.any()) or any(
        np.isfinite(rate[name]) and not np.isfinite(rate[f"{name}_lower"]) for name in names
    )


def _least_level(error: xr.Dataset) -> float:
    """The least δ at which the quantile of E has an upper limit, else the least of all; δ ≤ `MAX_DELTA`."""
    delta, upper = error["delta"].values, error["quantile_upper"].values
    usable = delta[np.isfinite(upper) & (delta <= MAX_DELTA)]
    return float(usable.min() if usable.size else delta.min())


def _looseness(error: xr.Dataset) -> Estimate:
    """Theorem 1 over the quantile of E; no limits where that has no upper one, NaN for δ > `MAX_DELTA`."""
    ratio, upper = float(error["bound_ratio"].sel(bound="printed")), float(error["quantile_upper"])
    if float(error["delta"]) > MAX_DELTA:
        return Estimate(math.nan)
    if not 0.0 < upper < math.inf:
        return Estimate(ratio)
    bound, lower = float(error["bound_printed"]), float(error["quantile_lower"])
    scale, alpha = float(error["x_norm"]), float(error["run_mean"].sel(variable="alpha_hat"))
    resolved = lower > rounding_error("trained", "linearization_error", int(error["m"]), alpha)
    return Estimate(ratio, bound / (scale * upper), bound / (scale * lower) if resolved else math.inf)


def _mean(row: xr.Dataset, variable: str) -> Estimate:
    return Estimate.of(row.sel(variable=variable), "run_mean")
