"""N2: the theorem with the optimal constant for all radii at once, so for a radius that training reaches.

In: exact laws, and drawn networks at many radii. Out: the exact quantile at one radius in units of the bound,
which comes to 1 in wide networks, and the share of networks that are over it at any radius.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from ...datasets.statistics import proportion_interval
from ...network import Array
from ...theory.all_radii import error_at_all_radii
from ...theory.binomial import binomial_tail
from ...theory.bounds import exact
from ..record import PROVED, THIS_PROJECT, TIE, Judgement, Number, Statement, judge_agreement
from ..results import Results

STATEMENT = Statement(
    title="All radii at once",
    statement=(
        r"From symmetric initialization, fix $\alpha_0>0$ and $x$. "
        r"With probability at least $1-\delta$, for all $\alpha>0$ at once and uniformly "
        r"over each ball, with $b$ the bound of N1 on $E$ at $\alpha_0$ and level $\delta/2$, "
        r"$$E\le\frac\alpha{\alpha_0}\,b\ \ (\alpha\le\alpha_0),\qquad "
        r"E\le b+(1+\eta)\,\frac{\varphi(0)\|x\|}{2\sqrt m}"
        r"\,\big(\alpha^2-\alpha_0^2\big)\ \ (\alpha>\alpha_0),$$ "
        r"where $\eta=\sqrt{2\log(2/\delta)/K}+\log(2/\delta)/(3K)$ and $K$ is the expected number of pairs "
        r"in the band of $\alpha_0$. So it "
        r"holds at a radius $\hat\alpha$ that depends on $w(0)$, and from $\alpha_0$ on with the optimal "
        r"constant."
    ),
    source=THIS_PROJECT,
    proof="All radii at once",
)

PLACES = [*product((2, 64, 4096, 2**20, 2**40), (0.1, 1.0, 8.0), (0.5, 0.01, 1e-6))]
"""Widths, radii and levels at which the bound is compared with the exact quantile at that radius alone."""

CLOSE = 0.99
"""The exact quantile is at least this share of the bound at the widest networks."""

WIDTH, RUNS, SEED = 256, 2000, 3


def judge(results: Results, factor: float = 1.0) -> Judgement:
    """N2; `factor` multiplies the bound. It is false where the bound fails, and where it is not tight."""
    shares = [
        float(exact("linearization_error", m, alpha, delta, 1.0) / error_at_all_radii(m, alpha, delta, 1.0))
        for m, alpha, delta in PLACES
    ]
    largest, delta = max(shares) / factor, 0.1
    over = int(np.count_nonzero(_largest_ratio(delta) > factor))
    lower, upper = proportion_interval(over, RUNS)
    agrees = CLOSE <= largest <= 1.0 + TIE and float(binomial_tail(over - 1, RUNS, delta)) > 1e-6
    return Judgement(
        judge_agreement(PROVED, agrees),
        (
            Number(
                r"largest exact $(1-\delta)$-quantile of $\sup_uE$ at one radius over the bound for all "
                rf"radii, $\alpha_0=1$, at {len(PLACES)} points $(m,\alpha,\delta)$",
                largest,
            ),
            Number(
                rf"share of {RUNS:,} networks that exceed it at any of 200 radii, $m={WIDTH}$, "
                rf"$\delta={delta}$",
                over / RUNS,
                lower,
                upper,
            ),
            *(
                Number(
                    rf"bound for all radii over the exact quantile at $\alpha=1$, $m=2^{{{power}}}$, "
                    r"$\delta=0.01$",
                    factor
                    * float(
                        error_at_all_radii(2**power, 1.0, 0.01, 1.0)
                        / exact("linearization_error", 2**power, 1.0, 0.01, 1.0)
                    ),
                )
                for power in (12, 20, 40)
            ),
        ),
    )


def _largest_ratio(delta: float) -> Array:
    """sup E over the bound, the largest over radii of each drawn network; `(RUNS,)`."""
    a = np.abs(np.random.default_rng(SEED).standard_normal((RUNS, WIDTH // 2)))
    largest = np.zeros(RUNS)
    for alpha in np.geomspace(0.01, 10.0, 200):
        error = np.sum(np.maximum(alpha / math.sqrt(WIDTH) - a, 0.0), axis=1) / math.sqrt(WIDTH)
        largest = np.maximum(largest, error / error_at_all_radii(WIDTH, alpha, delta, 1.0))
    return largest
