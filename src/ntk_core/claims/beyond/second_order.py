"""N3: the exact quantile of the supremum over the ball to second order in the width.

In: exact laws, and simulated runs. Out: the constant of the second order, from the exact quantiles of wide
networks, beside the formula, and how often the interval that is proved misses the exact quantile.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import scipy

from ...quantities import QUANTITIES
from ...sampling.cell import Cell
from ...sampling.samplers import simulate
from ...theory.bounds import exact
from ...theory.second_order import quantile_interval, second_order_quantile
from ..record import PROVED, THIS_PROJECT, TIE, Judgement, Number, Statement, judge_agreement
from ..results import Results

STATEMENT = Statement(
    title="The quantile to second order",
    statement=(
        r"From symmetric initialization, the exact $(1-\delta)$-quantile of $\sup_uE$, "
        r"and that of $\sup_u|\Delta_1|$, is for fixed "
        r"$\alpha$ and $\delta$, as $m\to\infty$, $$\|x\|\left[\frac{\varphi(0)\alpha^2}2\,m^{-1/2}"
        r"+z_{1-\delta}\sqrt{\frac{\varphi(0)}3}\,\alpha^{3/2}m^{-3/4}+O(m^{-1})\right],$$ "
        r"where $z_{1-\delta}$ is the $(1-\delta)$-quantile of the standard normal law."
    ),
    source=THIS_PROJECT,
    proof="The quantile to second order",
)

WIDE, WIDER = 2**36, 2**40
"""Widths whose fourth roots are as 1 to 2: the next order cancels in twice the wider less the wide."""

TOLERANCE = 1e-3
"""Relative error within which the constant agrees: the order after the next is below it."""

RUNS, WIDTH, SEED = 40_000, 2**14, 7


def judge(results: Results, factor: float = 1.0) -> Judgement:
    """N3; `factor` multiplies the constant of the second order."""
    constants = [
        (quantity, delta, _constant(quantity, delta) / factor)
        for quantity, delta in product(("linearization_error", "delta1"), (0.1, 0.01))
    ]
    missed, tried = _outside()
    agrees = not missed and all(abs(value - 1.0) < TOLERANCE for *_, value in constants)
    evidence = [
        Number(
            r"second term of the exact quantile over "
            r"$z_{1-\delta}\sqrt{\varphi(0)/3}\,\alpha^{3/2}m^{-3/4}$, "
            rf"extrapolated from $m=2^{{36}}$ and $2^{{40}}$: ${QUANTITIES[quantity].symbol}$, "
            rf"$\alpha=2$, $\delta={delta:g}$",
            value,
        )
        for quantity, delta, value in constants
    ]
    return Judgement(
        judge_agreement(PROVED, agrees),
        (
            *evidence,
            Number(
                rf"of {tried} exact quantiles, those outside the interval of the Berry–Esseen inequality",
                missed,
            ),
            _remainder(20),
            _remainder(40),
            *_simulated(),
        ),
    )


def _constant(quantity: str, delta: float) -> float:
    """The measured second order over the formula's, in the limit."""
    ratios = []
    for m in (WIDE, WIDER):
        first = second_order_quantile(quantity, m, 2.0, 0.5, 1.0)  # z = 0
        formula = second_order_quantile(quantity, m, 2.0, delta, 1.0) - first
        ratios.append((exact(quantity, m, 2.0, delta, 1.0) - first) / formula)
    return float(2.0 * ratios[1] - ratios[0])


def _outside() -> tuple[int, int]:
    """How many exact quantiles lie outside the proved interval, and how many were tried."""
    places = [*product((64, 2**14, 2**26, WIDER), (0.5, 2.0), (0.9, 0.1, 0.01))]
    missed = 0
    for place in places:
        lower, upper = quantile_interval("linearization_error", *place)
        value = float(exact("linearization_error", *place, 1.0))
        missed += not lower * (1.0 - TIE) <= value <= upper * (1.0 + TIE)
    return missed, len(places)


def _remainder(power: int) -> Number:
    """m times what is left of the exact quantile, beside the next order, which is argued and not proved."""
    m, delta = 2**power, 0.01
    term = (scipy.special.ndtri(1.0 - delta) ** 2 - 1.0) / 8.0
    left = exact("linearization_error", m, 1.0, delta, 1.0) - second_order_quantile(
        "linearization_error", m, 1.0, delta, 1.0
    )
    return Number(
        rf"$m$ times the error at $m=2^{{{power}}}$, $\alpha=1$, $\delta=0.01$; the next order of a "
        rf"Cornish–Fisher expansion, $(z_{{1-\delta}}^2-1)/8$, is {term:.4f}",
        float(m * left),
    )


def _simulated() -> tuple[Number, ...]:
    """The share of runs above the formula at z = 1, where the next order vanishes, beside δ."""
    delta = 1.0 - float(scipy.special.ndtr(1.0))
    runs = simulate(SEED, Cell("band", "adversarial", WIDTH, 2, 1.0), 0, RUNS)
    limit = second_order_quantile("linearization_error", WIDTH, 1.0, delta, 1.0)
    over = int(np.count_nonzero(runs[list(QUANTITIES).index("linearization_error")] > limit))
    return (
        Number.share(
            rf"share of {RUNS:,} simulated runs above the formula at $m=2^{{14}}$, $\alpha=1$, "
            r"$z_{1-\delta}=1$",
            over,
            RUNS,
        ),
        Number(r"$\delta$ of that $z_{1-\delta}$", delta),
    )
