"""The trained experiments on the page: does training stay in the ball, in numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...claims.answer import Answer, Estimate, answer
from ...claims.headlines import finding
from ...claims.headlines.words import FRACTIONS
from ...claims.record import Number
from ...claims.wording import steps_text
from .experiments import versions
from .numbers import tex

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr


FINDING_FIGURES = ("radius", "training_rate", "crossover", "twin")
"""Figures whose findings the answer gives."""


@dataclass(frozen=True)
class Trained:
    """A trained experiment as the page shows it."""

    answer: Answer
    findings: list[str]
    rows: list[Number]
    versions: Mapping[str, str]
    table: xr.Dataset
    rates: xr.Dataset

    @property
    def name(self) -> str:
        """The name of the experiment."""
        return self.answer.name

    @property
    def spec(self) -> Mapping[str, Any]:
        """The spec of the experiment."""
        return self.answer.spec


def trained(table: xr.Dataset, rates: xr.Dataset) -> Trained:
    """The trained experiment of these datasets."""
    result = answer(table, rates)
    figures = () if result.diverged else FINDING_FIGURES
    findings = [text for name in figures if (text := finding(name, table, rates))]
    rows = _rows(result) if result.trained else []
    return Trained(result, list(dict.fromkeys(findings)), rows, versions(table), table, rates)


_OVER = "runs over that bound at one held-out input or more, at the time and level where most are"


_SHARE = (
    r"Largest $E$ in units of the bound for all radii at the $\hat\alpha$ of its run, of all widths and times"
)


def _rows(a: Answer) -> list[Number]:
    """The numbers of the answer that are not NaN, in the order of the page."""
    place = rf"$m={tex(a.m)}$ after {steps_text(a.time)}"
    level = rf"$\delta={tex(a.delta)}$, $\|x\|={tex(a.x_norm)}$"
    rows = [
        _row(rf"Radius $\hat\alpha$ at {place}: mean over the runs", a.radius),
        Number("the least run", a.least),
        Number("the largest run", a.largest),
        Number(r"what its limit as $m\to\infty$ is at most", a.limit_ceiling),
        Number("what it stays below at every width, while the loss does not grow", a.ceiling),
        _row(r"$\sqrt m$ times the mean displacement", a.displacement),
        Number(r"its limit as $m\to\infty$", a.displacement_limit),
        _row(r"Slope of the root mean square of $E$ at held-out inputs against $m$", a.rate),
        _row("the slope between the two largest widths", a.last_rate),
        Number(r"the slope in theory, as $m\to\infty$", -a.exponent),
        _row(rf"$m^{{{FRACTIONS[a.exponent]}}}$ times that root mean square", a.constant),
        Number(r"its limit as $m\to\infty$", a.constant_limit),
        *(
            Number(rf"$E$ over that of the {law} law at the same $\hat\alpha$, root mean squares", value)
            for law, value in a.position.items()
        ),
        _row(rf"Bound of Theorem 1 over the measured quantile of $E$, at {level}, {a.resolution}", a.loose),
        *([] if a.over is None else [Number(_OVER, a.over)]),
        Number(rf"{_SHARE}, $\delta={tex(a.share_delta)}$", a.share),
        _row("Test loss of the network", a.numbers["test_loss"]),
        _row("test loss of its linear twin", a.numbers["twin_test_loss"]),
        _row("distance of the two at held-out inputs, root mean square", a.numbers["twin_distance"]),
        _row("Pairs of neuron and training input that ever flipped, fraction", a.numbers["flipped_fraction"]),
        _row("neurons that ever flipped, fraction", a.numbers["flipped_neurons"]),
    ]
    return [row for row in rows if not math.isnan(row.value)]


def _row(what: str, estimate: Estimate) -> Number:
    has_interval = math.isfinite(estimate.lower) and estimate.lower < estimate.upper
    return Number(
        what,
        estimate.value,
        estimate.lower if has_interval else None,
        estimate.upper if has_interval else None,
    )
