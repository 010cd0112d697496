"""LT: does gradient descent stay in the ball, with α = O(1)? From the archived trained runs.

`factor` multiplies the ceilings on α̂ that are proved for every width (docs/theory.md, "Lazy training").
How far α̂ is below them is a property of a data set: with one input and one step it reaches
them, if a neuron is active there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple

import xarray as xr

from ..datasets.chance import beyond_chance
from .answer import Estimate, answer, over_theorem_1
from .headlines.words import FRACTIONS
from .record import FALSE, TIE, TRUE, UNDECIDED, Judgement, Number, Verdict
from .results import Results, TrainedTables
from .wording import HIDING_FLUCTUATIONS, in_formula, steps_text

CEILINGS = {
    "alpha_hat_over_ceiling": (
        r"largest $\hat\alpha$ over its ceiling $\eta tg$, of all runs, widths and times before the loss grew"
    ),
    "alpha_hat_over_ceiling_always": (
        r"largest $\hat\alpha$ over the ceiling that needs no such condition, of all runs, widths and times"
    ),
}
"""Variables of a table with the largest α̂ over a ceiling that is proved, and what they are."""


def lazy_training(results: Results, factor: float = 1.0) -> Judgement:
    """LT: α̂ ≤ η t g while the loss does not grow, and the ceiling that holds always, times `factor`."""
    if not results.trainings:
        return Judgement(
            UNDECIDED, (Number("archived trained experiments; one, with `kind: trained`, is needed", 0),)
        )
    needed = [_largest(results, name) / factor for name in CEILINGS]
    verdict: Verdict = UNDECIDED if all(math.isnan(value) for value in needed) else TRUE
    over = [over_theorem_1(item.table["exceedances"]) for item in results.trainings]
    if any(value > 1.0 + TIE for value in needed) or beyond_chance_at_an_input(results.trainings, over):
        verdict = FALSE
    numbers = [
        Number(what, value)
        for what, value in zip(CEILINGS.values(), needed, strict=True)
        if math.isfinite(value)
    ]
    numbers += [number for item in results.trainings for number in _evidence(item)]
    return Judgement(verdict, tuple(numbers))


def _largest(results: Results, name: str) -> float:
    ratios = [float(item.table[name].max()) for item in results.trainings]
    return max((ratio for ratio in ratios if math.isfinite(ratio)), default=math.nan)


def beyond_chance_at_an_input(trainings: Sequence[TrainedTables], counts: Sequence[xr.DataArray]) -> bool:
    """Whether an input has more runs over a bound than chance explains, at any width and time.

    `counts` are the `exceedances` of each experiment at the levels δ at which the bound holds. A bound is
    about one input at a time. Some input has at least its share of all exceedances. Diverged runs count as
    not over it. The family of comparisons: all numbers in `counts`, for each input.
    """
    shares = [
        -(-over // item.experiment.held_out_inputs) for item, over in zip(trainings, counts, strict=True)
    ]
    family = sum(
        share.size * item.experiment.held_out_inputs for share, item in zip(shares, trainings, strict=True)
    )
    return any(
        bool(beyond_chance(share, item.experiment.seeds, share["delta"], family).any())
        for share, item in zip(shares, trainings, strict=True)
    )


def _evidence(item: TrainedTables) -> list[Number]:
    """Numbers of the experiment at the last time and largest width with runs, and how runs ended."""
    a = answer(item.table, item.rates)
    at = f"{a.name}, {steps_text(a.time)}"
    every, widest = f"({at})", f"({at}, $m={a.m}$)"
    point = rf"$\|x\|={in_formula(a.x_norm)}$, $\delta={in_formula(a.delta)}$"
    fraction = FRACTIONS[a.exponent]
    return [
        Number.measured(
            rf"$\hat\alpha$: mean, and in place of an interval the range of the runs {widest}",
            Estimate(a.radius.value, a.least, a.largest),
        ),
        Number.measured(rf"slope of $\log\hat\alpha$ {every}", a.radius_rate),
        Number(
            rf"$\sqrt m$ times the mean of $\|u_i\|$ over its limit {widest}",
            _ratio(a.displacement.value, a.displacement_limit),
        ),
        Number.measured(
            f"slope of the rms of $E$ at held-out inputs {every}; expected in the limit $-{fraction}$", a.rate
        ),
        Number.measured(f"the same between the two largest widths {every}", a.last_rate),
        Number.measured(
            f"slope of the rms of $E$ at training inputs {every}; expected in the limit: $-1/2$, "
            + HIDING_FLUCTUATIONS,
            a.training_rate,
        ),
        Number.measured(
            r"rms over training inputs of $\sqrt m$ times the mean signed error, less what chance adds, "
            f"{widest}",
            a.training_bias,
        ),
        *(
            Number.measured(f"slope of the distance of network and twin at {kind} inputs {every}", slope)
            for kind, slope in (("training", a.twin_training_rate), ("held-out", a.twin_rate))
        ),
        Number.measured(
            f"$m^{{{fraction}}}$ times the rms of $E$ over its limit {widest}",
            Estimate(*(_ratio(value, a.constant_limit) for value in astuple(a.constant))),
        ),
        *(
            Number(rf"rms of $E$ over that under `{law}` at the same $\hat\alpha$ {widest}", share)
            for law, share in a.position.items()
        ),
        Number.measured(
            rf"Theorem 1 at $\hat\alpha$ over the $(1-\delta)$-quantile of $E$, {point}, "
            f"{a.resolution} {widest}",
            a.loose,
        ),
        *(
            Number(
                rf"most runs over Theorem 1 at their own $\hat\alpha$ at any one time, level and $\|x\|$ "
                f"({a.name})",
                most,
            )
            for most in ([] if a.over is None else [a.over])
        ),
        Number(
            f"fraction of neurons that ever changed sign at a training input {widest}",
            a.numbers["flipped_neurons"].value,
        ),
        Number(
            f"runs whose training loss grew from one recorded time to the next ({a.name})",
            a.grew,
        ),
        *(
            Number(f"runs that ended with: {status.replace('_', ' ')} ({a.name})", count)
            for status, count in a.ends.items()
        ),
    ]


def _ratio(value: float, limit: float) -> float:
    return value / limit if limit else math.nan
