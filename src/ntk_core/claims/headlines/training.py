"""Headlines of the figures of a trained experiment: what holds at the last time that a run has reached."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from ...datasets.statistics import half_width
from ...theory.moments import EXPONENT
from ..answer import Estimate, answer, change_beyond_chance, outermost
from ..wording import runs_text, steps_text, width
from .words import EXPONENTS, FRACTIONS, MIN_WIDTHS, NO_ERROR, digits, percent, resolved, single_exponent


def diverged(table: xr.Dataset) -> str:
    """That some runs diverged and how many, which is said instead of any finding; empty if none did."""
    ends = table["run_status"]
    count, runs = int(ends.sel(status="diverged").sum()), int(ends.sum())
    are = "is" if count == 1 else "are"
    return f"{count:,} of {runs_text(runs)} diverged, and {are} shown up to there" if count else ""


def radius(table: xr.Dataset, rates: xr.Dataset) -> str:
    """Whether one ball holds the weights at every width, by the interval of α̂'s slope, or α̂ grows.

    It grows if it does between the outermost widths whose means have intervals, and between the outermost of
    all. The means at these are stated, and between which widths it is beyond chance unless it is there.
    """
    if sentence := diverged(table):
        return sentence
    a = answer(table, rates)
    below = f", below {digits(a.ceiling, 3)}, its bound at every width" if a.stayed and not a.grew else ""
    rate = a.radius_rate
    if table.sizes["m"] >= MIN_WIDTHS and single_exponent(rate.lower, rate.upper, (0.0,)) is not None:
        return (
            r"One ball holds the weights at every width tried: the slope of $\hat\alpha$ is 0 within its "
            rf"interval; the mean of $\hat\alpha$ is {digits(a.radius.value, 3)} at $m={width(a.m)}${below}"
        )
    sure = outermost(table, a.time, "alpha_hat")
    ends = outermost(table, a.time, "alpha_hat", "run_mean")
    first, last = (float(end["run_mean"]) for end in ends)
    if (change := change_beyond_chance(*sure)) * (last - first) <= 0.0:
        return ""
    least, largest = (width(int(end["m"])) for end in ends)
    where = [width(int(end["m"])) for end in sure]
    by = " (means over runs; beyond chance where these have intervals, from $m={}$ to ${}$)".format(*where)
    if where == [least, largest]:
        by = ""
    return (
        rf"$\hat\alpha$ {'grows' if change > 0 else 'falls'} from {digits(first, 3)} at $m={least}$ "
        rf"to {digits(last, 3)} at $m={largest}${by}{below}"
    )


def training_rate(table: xr.Dataset, rates: xr.Dataset) -> str:
    """The exponents of E at held-out and at training inputs, or what they approach."""
    if sentence := diverged(table):
        return sentence
    if zero := _no_error(table):
        return zero
    if table.sizes["m"] < MIN_WIDTHS:
        return ""
    a = answer(table, rates)
    row = rates.sel(quantity="linearization_error", statistic="rms", steps=a.time)
    parts = [
        text
        for prefix, kind in (("", "held-out"), ("training_", "training"))
        if (text := _falls(row, prefix, f"at {kind} inputs"))
    ]
    if not parts:
        return ""
    return f"The error of training {', and '.join(parts)}"


def _falls(row: xr.Dataset, prefix: str, where: str) -> str:
    """How the error falls at one kind of input: as the power of the limit, or towards it; empty if neither.

    It approaches the exponent of the limit if the interval of the slope between the two largest widths
    singles it out, and this slope is nearer to it than the interval of the slope over all.
    """
    limit = row[f"{prefix}exponent"].item()
    every, last = (Estimate.of(row, f"{prefix}{name}") for name in ("slope", "local_slope_last"))
    power = f"$m^{{-{FRACTIONS[limit]}}}$ {where}"
    if _is_power(every, limit):
        return f"falls as {power}"
    distance = min(abs(every.lower + limit), abs(every.upper + limit))
    nearer = not every.lower <= -limit <= every.upper and abs(last.value + limit) < distance
    if nearer and _is_power(last, limit):
        return (
            f"approaches {power} (slope {digits(every.value, 3)} over all widths, {digits(last.value, 3)} "
            "between the two largest)"
        )
    return ""


def _is_power(slope: Estimate, exponent: float) -> bool:
    """Whether the interval of a slope singles out that of m to the minus this exponent."""
    return single_exponent(-slope.upper, -slope.lower, EXPONENTS) == exponent


def standing(table: xr.Dataset, rates: xr.Dataset) -> str:
    """The error of training over that of the worst and of random displacements, if it has an interval."""
    if sentence := diverged(table):
        return sentence
    if zero := _no_error(table):
        return zero
    a = answer(table, rates)
    row = table.sel(quantity="linearization_error", steps=a.time, m=a.m)
    if not math.isfinite(row["rms_upper"].item()):
        return ""
    worst, random = (percent(a.position[law]) for law in ("adversarial", "sphere"))
    return (
        f"At $m={width(a.m)}$ the error of training is {worst} that of the worst displacement of its ball, "
        f"and {random} that of a random one"
    )


def twin(table: xr.Dataset, rates: xr.Dataset) -> str:
    """How the distance of network and linear twin falls with the width, at both kinds of input.

    In the limit as m^{-1/2} (docs/theory.md): another power is given as the slope that it is.
    """
    if sentence := diverged(table):
        return sentence
    a = answer(table, rates)
    if a.twin_diverged:
        return f"{a.twin_diverged}, and is shown up to there"
    if table.sizes["m"] < MIN_WIDTHS:
        return ""
    parts, limit = [], ""
    for kind, slope in (("held-out", a.twin_rate), ("training", a.twin_training_rate)):
        if _is_power(slope, EXPONENT):
            parts.append(f"as $m^{{-{FRACTIONS[EXPONENT]}}}$ at {kind} inputs")
        elif slope.upper < 0.0:
            parts.append(f"with slope {digits(slope.value, 3)} at {kind} inputs")
            limit = f" (its limit: $-{FRACTIONS[EXPONENT]}$)"
    if not parts:
        return ""
    after = f"After {steps_text(a.time)}"
    return f"{after} the distance of a network from its linear twin falls {' and '.join(parts)}{limit}"


def crossover(table: xr.Dataset, rates: xr.Dataset) -> str:
    """√m times the mean signed error at the training input beside its limit, if it fades with the angle.

    Empty where there are several training inputs.
    """
    if sentence := diverged(table):
        return sentence
    if table.sizes["training_input"] > 1:
        return ""
    a = answer(table, rates)
    value, limit = a.training_bias, rates["training_bias_constant_limit"].sel(steps=a.time).item()
    row = table.sel(m=a.m, steps=a.time).sortby("training_angle")
    half = half_width(int(row["runs"]), row["signed_error_standard_error"].values, 0.0)
    mean = np.abs(row["signed_error_mean"].values)
    if not value.lower <= limit <= value.upper or not mean[0] - half[0] > mean[-1] + half[-1]:
        return ""
    return (
        r"At the training input $\sqrt{m}$ times the mean signed error has size "
        rf"{digits(value.value, 3)} at $m={width(a.m)}$, {digits(limit, 3)} as $m\to\infty$, "
        "and fades with the angle to it"
    )


def flips(table: xr.Dataset, rates: xr.Dataset) -> str:
    """Whether the share of signs that ever change falls from width to width, and by its intervals in all."""
    if sentence := diverged(table):
        return sentence
    a = answer(table, rates)
    if table["run_max"].sel(variable="flipped_neurons").max() == 0.0:
        return "No sign changes at any training input"
    shares = ["flipped_fraction", "flipped_neurons"]
    changes = table["run_mean"].sel(variable=shares, steps=a.time).dropna("m").diff("m")
    if (changes < 0.0).all() and all(
        change_beyond_chance(*outermost(table, a.time, name)) < 0 for name in shares
    ):
        return "The wider the network, the smaller the share of its signs that ever change"
    return ""


def _no_error(table: xr.Dataset) -> str:
    """That E is 0 in every run, if it is, but for rounding."""
    error = table["rms"].sel(quantity="linearization_error").values  # (m, time)
    alpha = table["run_mean"].sel(variable="alpha_hat").values
    return "" if resolved(table, error, table["m"].values[:, None], alpha).any() else NO_ERROR
