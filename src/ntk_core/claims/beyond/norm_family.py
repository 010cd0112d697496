"""N5: the worst error over the balls of all ℓ_q norms, from the Frobenius ball to the ball of Theorem 1.

In: random networks, drawn here as far as needed. Out: m^k times the worst error beside its limit, and its
exponent, for several q.
"""

from __future__ import annotations

import math

import numpy as np

from ...datasets.statistics import Mean, log_slope, sample_mean
from ...network import Array
from ...sampling.band import suprema
from ...theory import norm_ball
from ..headlines.norms import NORMS
from ..record import PROVED, THIS_PROJECT, Judgement, Number, Statement, judge_agreement
from ..results import Results
from .frobenius_ball import agrees_with_limit

STATEMENT = Statement(
    title="What makes $1/\\sqrt m$ is that no single neuron moves far",
    statement=(
        r"From symmetric initialization, let "
        r"$\big(\sum_i\|u_i\|^q\big)^{1/q}\le R\,m^{1/q-1/2}$, $1<q\le\infty$, which is Theorem 1's ball "
        r"at $q=\infty$ and the Frobenius ball at $q=2$. As $m\to\infty$, "
        r"$$m^{\frac{q-1}{2(q+1)}}\sup_uE\to\frac{q+1}{2q}\Big(\frac{(q-1)\varphi(0)}q\Big)"
        r"^{\frac{q-1}{q+1}}R^{\frac{2q}{q+1}}\|x\|$$ in probability and in mean. "
        r"At $q=1$ the error tends to $R\|x\|$ and does not fall: one neuron moves alone."
    ),
    source=THIS_PROJECT,
    proof="All norms",
    figures=("norms",),
)

WIDTHS, RUNS, ENTROPY = (2**12, 2**24), 256, 20261124
"""Widths between which slopes are taken, and networks at each: means at the larger are known to 0.3 %."""

RADIUS = 1.5

CURVATURE = 0.005
"""Distance of a slope between these widths from that of the limit which is due to finite m."""


def judge(results: Results, factor: float = 1.0) -> Judgement:
    """N5; `factor` multiplies the constants of the limits."""
    agrees, numbers = True, []
    for q in NORMS:
        low, high = (sample_mean(suprema(ENTROPY, q, m, RADIUS, RUNS)) for m in WIDTHS)
        k, m = norm_ball.exponent(q), WIDTHS[1]
        limit = factor * float(norm_ball.limit(q, RADIUS))
        scale = m**k
        agrees &= agrees_with_limit(high.value * scale, high.standard_error * scale, limit, m, q)
        slope = log_slope(*_columns(low, high))
        agrees &= abs(slope.value + k) <= CURVATURE + 0.5 * (slope.upper - slope.lower)
        name = r"\infty" if math.isinf(q) else f"{q:g}"
        numbers += [
            Number.measured(
                rf"$m^k\,\mathbb E[\sup_uE]$ over its limit at $q={name}$, $m=2^{{24}}$, $R={RADIUS:g}$",
                high,
                limit / scale,
            ),
            Number.measured(
                rf"its slope against $m$ from $2^{{12}}$ to $2^{{24}}$ (theory: ${-k:.4f}$)",
                slope,
            ),
        ]
    return Judgement(judge_agreement(PROVED, agrees), tuple(numbers))


def _columns(low: Mean, high: Mean) -> tuple[Array, ...]:
    """Widths, means and limits of both."""
    rows = ((m, mean.value, mean.lower, mean.upper) for m, mean in zip(WIDTHS, (low, high), strict=True))
    return tuple(np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
