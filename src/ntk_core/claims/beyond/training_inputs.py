"""N6: at the inputs it is trained on, a network leaves its linearization at Theorem 1's own rate.

In: the archived trained experiments whose limits are known. Out: √m times the signed error at the training
inputs, and times the distance from the linear twin, over their limits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr

from ...datasets.statistics import Mean, half_width
from ..answer import Answer, answer
from ..record import (
    SUPPORTED,
    THIS_PROJECT,
    UNDECIDED,
    Judgement,
    Number,
    Statement,
    judge_agreement,
)
from ..results import Results, TrainedTables
from ..wording import HIDING_FLUCTUATIONS, steps_text

STATEMENT = Statement(
    title="Training leaves the linearization at the rate of Theorem 1",
    statement=(
        r"From symmetric initialization, train $F$ by full-batch gradient descent for $t$ steps, "
        r"$\|x_k\|=1$. As $m\to\infty$, in probability, at every "
        r"training input $$\sqrt m\,\big(F(x_k;w)-\nabla F(x_k;w(0))^\top u\big)\to e_t(x_k),$$ and at "
        r"every input $\sqrt m\,\big(F(x;w)-\text{twin}(x)\big)\to h_t(x)$, where the twin is the linearized "
        r"model trained by the same steps. At an input at the angle $s/\sqrt m$ to $x_k$ the first is "
        r"$e_t(x_k,s)$, which tends to 0 as $s$ grows. All limits follow from the neurons that cross "
        r"the kink of a training input while they are trained."
    ),
    source=THIS_PROJECT,
    proof="At the training inputs",
    figures=("crossover", "training_rate", "twin"),
)

ERRORS = 4.5
"""Standard errors within which a mean agrees: a chance of 2e-5 each for 95 degrees of freedom."""

LEAST_WIDTH = 1 << 10
"""Least width whose runs are compared with limits."""

FINITE_WIDTH = 0.1
"""At such widths a mean is within this times α̂²/√m of its limit, in all problems that were tried."""


@dataclass(frozen=True)
class _Comparison:
    """A measured number, described by `what`, and its limit; `room` is what a finite width may add."""

    what: str
    measured: Mean
    limit: float
    room: float

    def agrees(self, factor: float) -> bool:
        """Whether the number is that of `factor` times the limit."""
        distance = abs(self.measured.value - factor * self.limit)
        return distance < ERRORS * self.measured.standard_error + self.room


def judge(results: Results, factor: float = 1.0) -> Judgement:
    """N6; `factor` multiplies all limits. Undecided where none is known or no network is wide enough."""
    answers = [(item, answer(item.table, item.rates)) for item in results.trainings]
    compared = [one for item, a in answers for one in _comparisons(item, a)]
    evidence = [Number.measured(one.what, one.measured, one.limit) for one in compared]
    evidence += [number for _, a in answers for number in _slopes(a)]
    if not compared:
        what = rf"trained experiments of $m\ge{LEAST_WIDTH}$ whose intervals can be compared with limits"
        return Judgement(UNDECIDED, (Number(what, 0), *evidence))
    agrees = all(one.agrees(factor) for one in compared)
    return Judgement(judge_agreement(SUPPORTED, agrees), tuple(evidence))


def _comparisons(item: TrainedTables, a: Answer) -> list[_Comparison]:
    """What the last time of an experiment has beside its limits, where it has intervals."""
    table, rates = item.table.sel(steps=a.time), item.rates.sel(steps=a.time)
    wide = [int(m) for m in table["m"].values if LEAST_WIDTH <= m <= a.m]
    if a.diverged or not wide:
        return []
    square = a.radius.value**2
    at = f"({a.name}, {steps_text(a.time)}, $m={a.m}$)"
    root = math.sqrt(a.m)
    error = root * float(table["training_bias_standard_error"].sel(m=a.m))
    bias = Mean(a.training_bias.value, error, a.training_bias.lower, a.training_bias.upper)
    comparisons = [
        _Comparison(
            r"$\sqrt m$ times the mean signed error at training inputs over its limit, both as root mean "
            f"squares over these inputs {at}",
            bias,
            float(rates["training_bias_constant_limit"]),
            FINITE_WIDTH * square / root,
        )
    ]
    names = {"twin_training_distance": "training", "twin_distance": "held-out"} if len(wide) > 1 else {}
    for name, kind in names.items():
        before, last = (table.sel(m=m, variable=name) for m in wide[-2:])
        comparisons.append(
            _Comparison(
                rf"$\sqrt m$ times the distance from the twin at {kind} inputs over its limit, taken to "
                rf"$m\to\infty$ from the two largest widths ({a.name}, {steps_text(a.time)})",
                _extrapolated(before, last),
                float(rates[f"{name}_constant_limit"]),
                FINITE_WIDTH * square / math.sqrt(wide[-2]),
            )
        )
    return [
        one
        for one in comparisons
        if one.limit > 0.0 and np.isfinite([one.measured.lower, one.measured.standard_error]).all()
    ]


def _extrapolated(before: xr.Dataset, last: xr.Dataset) -> Mean:
    """The limit of √m times a distance d from two widths: m d² is h² + O(m^{-1/2}), by the fluctuations.

    All NaN where one of them has no interval.
    """
    if not np.isfinite([float(row["run_mean_lower"]) for row in (before, last)]).all():
        return Mean(math.nan, math.nan, math.nan, math.nan)
    factor = math.sqrt(float(last["m"]) / float(before["m"])) - 1.0
    squares, errors = [], []
    for row in (before, last):
        m, mean = float(row["m"]), float(row["run_mean"])
        squares.append(m * mean**2)
        errors.append(2.0 * m * mean * float(row["run_mean_standard_error"]))
    square = squares[1] + (squares[1] - squares[0]) / factor
    error = math.hypot((1.0 + 1.0 / factor) * errors[1], errors[0] / factor)
    value = math.sqrt(max(square, 0.0))
    if error > 0.0:
        error /= 2.0 * max(value, math.sqrt(error))
    half = float(half_width(int(last["runs"]), error, 0.0))
    return Mean(value, error, value - half, value + half)


def _slopes(a: Answer) -> list[Number]:
    """The slopes of one experiment, where its runs suffice."""
    slopes = {
        "slope of the rms of $E$ at training inputs": a.training_rate,
        "slope of the distance from the twin at training inputs": a.twin_training_rate,
    }
    return [
        Number.measured(
            f"{what}, expected in the limit: $-1/2$, {HIDING_FLUCTUATIONS} ({a.name}, {steps_text(a.time)})",
            slope,
        )
        for what, slope in slopes.items()
        if math.isfinite(slope.lower)
    ]
