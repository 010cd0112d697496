"""N9: the worst input of the sphere costs a logarithm in the fluctuation, and nothing in the limit."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...datasets.chance import beyond_chance
from ...datasets.statistics import sample_mean
from ...network import Array
from ...theory.uniform_inputs import (
    asymptote,
    circle_bound,
    circle_level_by_tilt,
    fluctuation,
    largest_error,
    sphere_bound,
)
from ..record import PROVED, THIS_PROJECT, Judgement, Number, Statement, judge_agreement
from ..results import Results

STATEMENT = Statement(
    title="Uniformly over all inputs",
    statement=(
        r"Over the ball and over all inputs of norm 1, at fixed $d\ge2$ and $\alpha>0$, as $m\to\infty$, "
        r"$$\sqrt m\,\sup_{\|x\|=1}\sup_uE=\frac{\alpha^2\varphi(0)}2+\sqrt{\frac{\varphi(0)\alpha^3}3}\;"
        r"m^{-1/4}\sqrt{(d-1)\log m}\;\big(1+o(1)\big)$$ in probability. So the limit of the worst "
        r"of all inputs is that of one input."
    ),
    source=THIS_PROJECT,
    proof="Uniformly over inputs",
)

DELTA = 0.1
"""The level of the bounds that drawn networks are compared with."""

SLOPE_WIDTHS, SLOPE_ERROR = (1 << 78, 1 << 80), 1e-3
"""Widths between which the slope of the squared fluctuation is taken, and how near its limit it is there."""


class Draws(NamedTuple):
    """Networks drawn: width, dimension and number of runs."""

    m: int
    d: int
    runs: int


CIRCLE = (Draws(1 << 10, 2, 300), Draws(1 << 13, 2, 40))
SPHERE = Draws(1 << 6, 3, 24)
NETWORKS = (*CIRCLE, SPHERE)
"""All of them: the counts over a bound, each at most Binomial(runs, `DELTA`), are a family."""


def judge(results: Results, factor: float = 1.0) -> Judgement:
    """N9 at α = 1; `factor` multiplies the constant √(φ(0)α³/3)."""
    slope = _slope() / factor**2
    evidence = [
        Number(
            r"slope in $\log m$ of the squared fluctuation over $\frac{\varphi(0)\alpha^3}3m^{-1/2}$, "
            r"on the circle, by Rice's formula, from $m=2^{78}$ to $2^{80}$: tends to $d-1=1$",
            slope,
        )
    ]
    agree = abs(slope - 1.0) < SLOPE_ERROR
    for draws in NETWORKS:
        values = draw(draws)
        on_circle = draws.d == 2
        limit = circle_bound(draws.m, 1.0, DELTA) if on_circle else sphere_bound(draws.m, draws.d, 1.0, DELTA)
        by = "by Rice's formula" if on_circle else "by nets of inputs"
        at = rf"$m={draws.m}$, $d={draws.d}$, {draws.runs} networks"
        mean = sample_mean(values)
        evidence.append(Number.measured(rf"mean of $\sqrt m\sup_x\sup_uE$ ({at})", mean))
        evidence.append(Number("asymptote of the same", float(asymptote(draws.m, draws.d, 1.0))))
        evidence.append(Number(rf"bound on the same {by}, at $\delta={DELTA:g}$", limit))
        over = int(np.count_nonzero(values > limit))
        evidence.append(
            Number.share(
                rf"share of these networks over that bound: at most {DELTA:g}, but for chance",
                over,
                draws.runs,
            )
        )
        agree = agree and not beyond_chance(over, draws.runs, DELTA, len(NETWORKS))
    return Judgement(judge_agreement(PROVED, agree), tuple(evidence))


def draw(draws: Draws) -> Array:
    """√m times the largest error over the ball and all inputs, of networks at α = 1; shape `(runs,)`."""
    rng = np.random.default_rng([91, draws.m, draws.d])
    radius = 1.0 / math.sqrt(draws.m)
    shape = (draws.m // 2, draws.d)
    return np.array([largest_error(rng.standard_normal(shape), radius) for _ in range(draws.runs)])


def _slope() -> float:
    """Of the squared fluctuation, at the median on the circle, in log m."""
    limit = float(asymptote(1, 2, 1.0))
    squares = [
        ((circle_level_by_tilt(m, 1.0, math.log(2.0)) - limit) / float(fluctuation(m, 1.0))) ** 2
        for m in SLOPE_WIDTHS
    ]
    return (squares[1] - squares[0]) / math.log(SLOPE_WIDTHS[1] / SLOPE_WIDTHS[0])
