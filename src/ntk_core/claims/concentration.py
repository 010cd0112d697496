"""AC and H: the two probability bounds behind the proof of Lemma 4, compared with the exact laws.

`factor` multiplies the printed bound on the probability (AC) or the printed deviation (H).
"""

from __future__ import annotations

import math

import numpy as np

from ..network import preactivation
from ..theory.binomial import binomial_quantile, binomial_tail
from ..theory.gaussian import band_probability
from .record import Judgement, Number, judge_factor
from .results import Results
from .wording import in_formula, width


def anti_concentration(results: Results, factor: float = 1.0) -> Judgement:
    """AC: P(|U·x| ≤ ‖x‖ε) ≤ √(2/π) ε, whose constant is the best possible."""
    epsilon = np.geomspace(1e-8, 10.0, 2000)
    largest = max(map(_ratio, epsilon.tolist()))
    rng = np.random.default_rng(41)
    x = np.array([2.0, -1.0, 0.5])
    runs = 1_000_000
    projections = preactivation(x, rng.standard_normal((runs, 3)))
    inside = int(np.count_nonzero(np.abs(projections) <= 0.5 * np.linalg.norm(x)))
    return Judgement(
        judge_factor(largest / factor),
        (
            Number(
                r"largest ratio of the exact probability $2\Phi(\varepsilon)-1$ to the bound, over "
                r"$\varepsilon$ from $10^{-8}$ to $10$: it tends to 1 as $\varepsilon\to0$, so the constant "
                "is the best possible",
                largest / factor,
            ),
            Number(r"the ratio at $\varepsilon=0.5$", _ratio(0.5) / factor),
            Number(r"the ratio at $\varepsilon=2$", _ratio(2.0) / factor),
            Number.share(r"share of a million draws with $|U^\top x|\le\|x\|/2$, $d=3$", inside, runs),
            Number(r"exact probability $2\Phi(\frac12)-1$", band_probability(0.5)),
        ),
    )


def _ratio(epsilon: float) -> float:
    """The exact probability over the bound of AC."""
    return band_probability(epsilon) / (math.sqrt(2.0 / math.pi) * epsilon)


HALF_WIDTHS = (1, 2, 3, 8, 32, 512, 2**15, 2**20)
LEVELS = (0.9, 0.5, 0.1, 0.01, 1e-3, 1e-6, 1e-9)
PROBABILITIES = tuple(
    float(p) for p in np.concatenate([np.geomspace(1e-6, 0.1, 11), np.linspace(0.15, 0.95, 17)])
)
"""Pairs m/2, levels δ and band probabilities p_r on which Hoeffding's step is tried."""


def hoeffding(results: Results, factor: float = 1.0) -> Judgement:
    """H: |B|/m ≤ p_r + √(log(1/δ)/m) with probability ≥ 1-δ, though only m/2 terms are independent."""
    n, delta, p = (a.ravel() for a in np.meshgrid(HALF_WIDTHS, LEVELS, PROBABILITIES, indexing="ij"))
    deviation = np.sqrt(-np.log(delta) / (2.0 * n))
    needed = (binomial_quantile(delta, n, p) / n - p) / deviation
    worst = int(np.argmax(needed))
    return Judgement(
        judge_factor(float(needed.max()) / factor),
        (
            Number(
                r"least factor on $\sqrt{\log(1/\delta)/m}$ with which the step holds wherever it was tried "
                rf"(at $m={width(2 * int(n[worst]))}$, $\delta={in_formula(delta[worst])}$, "
                rf"$p_r={in_formula(p[worst], 3)}$)",
                float(needed.max()) / factor,
            ),
            Number(r"points $(m,\delta,p_r)$ tried by the exact binomial law of $m/2$ pairs", needed.size),
            Number(
                r"exact failure probability at $m=2^{16}$, $p_r=\frac12$, $\delta=10^{-6}$",
                _tail(2**15, 0.5, 1e-6, factor),
            ),
            Number(
                r"the same with $\sqrt{\log(1/\delta)/(2m)}$, which Hoeffding gives for $m$ independent "
                r"indicators: above $\delta$",
                _tail(2**15, 0.5, 1e-6, factor / math.sqrt(2.0)),
            ),
        ),
    )


def _tail(n: int, p: float, delta: float, factor: float) -> float:
    """P(Binomial(n, p)/n > p + factor·√(log(1/δ)/(2n)))."""
    deviation = factor * math.sqrt(-math.log(delta) / (2.0 * n))
    return float(binomial_tail(math.floor(n * (p + deviation)), n, p))
