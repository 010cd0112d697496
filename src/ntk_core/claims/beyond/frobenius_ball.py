"""N4: the worst error of the Frobenius ball ‖W - W(0)‖_F ≤ R, with its rate m^{-1/6} and sharp constant.

In: runs of the law `frobenius`, archived and drawn here. Out: m^{1/6} times their mean beside the limit, how
many are over the bound that is proved, and what a search finds that does not know the closed form.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import scipy

from ...datasets.chance import CHANCE, beyond_chance
from ...datasets.file_reader import FileReader
from ...datasets.statistics import sample_mean
from ...network import Array
from ...sampling.band import suprema
from ...theory import norm_ball
from ...theory.norm_ball import FROBENIUS
from ..answer import Estimate
from ..record import PROVED, THIS_PROJECT, Judgement, Number, Statement, judge_agreement
from ..results import DrawnTables, Results
from ..wording import width

STATEMENT = Statement(
    title="In the Frobenius ball the error falls as $m^{-1/6}$ only",
    statement=(
        r"From symmetric initialization, let $\|W-W(0)\|_F\le R$ in place of "
        r"$\max_i\|u_i\|\le\alpha/\sqrt m$, and let "
        r"$A_j$ be the $j$-th smallest of the $|w_i(0)^\top x|$ with $c_i=+1$. Then "
        r"$$\sup_uE=\frac1{\sqrt m}\max_{0\le k\le m/2}\Big(R\|x\|\sqrt k-\sum_{j\le k}A_j\Big),\qquad "
        r"m^{1/6}\sup_uE\to\frac34\Big(\frac{\varphi(0)}2\Big)^{1/3}R^{4/3}\|x\|"
        r"=0.43822\,R^{4/3}\|x\|$$ "
        r"in probability and in mean, and for all even $m$, $R>0$ and $0<\delta<1$, with probability at "
        r"least $1-\delta$, with "
        r"$L=\sqrt{\log(1/\delta)}$ and $\tau=(R^2/(4\varphi(0)m))^{1/3}$, "
        r"$$\sup_uE\le\|x\|\Big[0.43823\,R^{4/3}m^{-1/6}+\frac{RL}{\sqrt{6m}}"
        r"+\frac{\tau L^2}{3\sqrt m}\Big].$$"
    ),
    source=THIS_PROJECT,
    proof="The Frobenius ball",
    figures=("norms",),
)

WIDTH, RUNS, ENTROPY = 2**24, 128, 20261123
"""Networks that are drawn for the constant: their mean is known to 0.02 %."""

ERRORS = 5.0
"""Standard errors within which a mean agrees with a limit."""

LEVEL = 0.01
"""δ at which runs are counted over the bound."""

SMALL, NETWORKS, STARTS = 6, 8, 4
"""Width, number of networks, and starts of the search on each."""


def judge(results: Results, factor: float = 1.0) -> Judgement:
    """N4; `factor` multiplies the constant of the limit, and of the bound."""
    drawn = suprema(ENTROPY, FROBENIUS, WIDTH, 1.0, RUNS) * WIDTH ** norm_ball.exponent(FROBENIUS)
    mean, limit = sample_mean(drawn), factor * float(norm_ball.limit(FROBENIUS, 1.0))
    evidence = [
        Number.measured(
            rf"$m^{{1/6}}\,\mathbb E[\sup_uE]$ over its limit at $m=2^{{24}}$, $R=\|x\|=1$, {RUNS} networks",
            mean,
            limit,
        ),
        Number(r"the limit $\frac34(\varphi(0)/2)^{1/3}$", limit),
        Number(
            rf"largest share of the closed form that a search finds, free in all of $u$, on {NETWORKS} "
            rf"networks, $m={SMALL}$, $d=2$",
            search()[1],
        ),
        Number("smallest share that the search finds", search()[0]),
    ]
    agrees = agrees_with_limit(mean.value, mean.standard_error, limit, WIDTH) and search()[1] <= 1.0 + 1e-9
    for item in (ball for ball in results.balls if ball.experiment.keep == "runs"):
        if item.experiment.norm == FROBENIUS:
            fits, numbers = _archived(item, factor)
            agrees, evidence = agrees and fits, evidence + numbers
    return Judgement(judge_agreement(PROVED, agrees), tuple(evidence))


def agrees_with_limit(value: float, error: float, limit: float, m: int, q: float = FROBENIUS) -> bool:
    """Whether a mean of m^k sup E at ‖x‖ = 1, with its standard error, agrees with its limit at width m.

    It may be off by `ERRORS` standard errors, and because m is finite by the limit over the number of neurons
    that the worst displacement of R = 1 flips.
    """
    flips = float(norm_ball.limit(q, 1.0, "sign_change_fraction")) * m ** (
        1.0 - norm_ball.exponent(q, "sign_change_fraction")
    )
    return abs(value - limit) <= ERRORS * error + limit / flips


def _archived(item: DrawnTables, factor: float) -> tuple[bool, list[Number]]:
    """Whether archived runs keep the bound, and the numbers.

    The family of comparisons: all cells. A cell's runs over the bound are Binomial(runs, δ) at most.
    """
    grid, name = item.experiment, item.experiment.name
    counts = _over(item, factor)
    failures = int(beyond_chance(np.array(counts), grid.seeds, LEVEL).sum())
    rates = item.rates.sel(quantity="linearization_error", statistic="mean").isel(
        perturbation=0, d=-1, alpha=0
    )
    limit = factor * float(rates["constant_limit"])
    slope, constant = (Estimate.of(rates, name) for name in ("slope", "constant"))
    numbers = [
        Number(
            rf"archived runs over the bound at $\delta={LEVEL:g}$, of {grid.runs:,} ({name})", sum(counts)
        ),
        Number(
            rf"cells where $\delta$ does not allow as many, beyond a chance of {CHANCE:g} for all", failures
        ),
    ]
    if math.isfinite(slope.lower) and math.isfinite(constant.lower):
        numbers += [
            Number.measured(
                rf"$m^{{1/6}}$ times the archived mean over its limit at $m={width(grid.m[-1])}$ ({name})",
                constant,
                limit,
            ),
            Number.measured(
                f"slope of the archived mean against $m$, over all widths ({name}); tends to $-1/6$", slope
            ),
        ]
    return not failures, numbers


def _over(item: DrawnTables, factor: float) -> list[int]:
    """Runs of each cell over the bound at `LEVEL`, whose leading constant is multiplied by `factor`."""
    counts, grid = [], item.experiment
    with FileReader(str(item.data.resolve())) as runs:
        for index, cell in grid.indexed_cells():
            leading = norm_ball.limit(FROBENIUS, cell.alpha) * cell.m ** -norm_ball.exponent(FROBENIUS)
            bound = norm_ball.bound(FROBENIUS, cell.m, cell.alpha, LEVEL) + (factor - 1.0) * leading
            values = runs.read("linearization_error", (*index, slice(0, grid.seeds)))
            counts.append(int(np.count_nonzero(values > bound)))
    return counts


@cache
def search() -> tuple[float, float]:
    """The smallest and the largest share of the closed form that an optimiser free in all of u finds."""
    rng = np.random.default_rng(4)
    shares = []
    for _ in range(NETWORKS):
        a = np.tile(rng.standard_normal(SMALL // 2), 2)  # w(0)·x at ‖x‖ = 1
        c = np.repeat([1.0, -1.0], SMALL // 2)
        sizes, limit = np.sort(np.abs(a[c > 0.0])), 2.0
        k = norm_ball.flips_of_the_worst(FROBENIUS, limit, sizes)
        closed = limit * math.sqrt(k) - float(np.sum(sizes[:k]))
        shares.append(max(_best(a, c, limit, rng) for _ in range(STARTS)) / closed)
    return min(shares), max(shares)


def _best(a: Array, c: Array, limit: float, rng: np.random.Generator) -> float:
    """√m E at a local maximum over the moves b along x with ‖b‖ ≤ limit, from a random start."""

    def loss(v: Array) -> float:
        b = limit * v / max(float(np.linalg.norm(v)), 1.0)
        error = c * (np.maximum(a + b, 0.0) - np.where(a >= 0.0, a + b, 0.0))
        return -abs(float(np.sum(error)))

    start = rng.standard_normal(a.size)
    optimum = scipy.optimize.minimize(
        loss, start, method="Powell", options={"xtol": 1e-10, "ftol": 1e-14, "maxiter": 400}
    )
    return -float(optimum.fun)
