"""N1: Theorem 1 with the optimal constant, by Bernstein's inequality on the m/2 independent pairs.

In: exact laws, and the archived runs over the bound. Out: the exact quantile of the suprema in units of the
bound, which is nowhere above 1 and comes to 1 in wide networks.
"""

from __future__ import annotations

import numpy as np

from ...quantities import QUANTITIES
from ...theory.bounds import bound
from ..brute_force import MEASURES
from ..inequalities import archived_exceedances
from ..record import PROVED, THIS_PROJECT, TIE, Judgement, Number, Statement, judge_agreement
from ..results import Results
from ..wording import in_formula, width

STATEMENT = Statement(
    title="Theorem 1 with the optimal constant",
    statement=(
        r"From symmetric initialization, for all even $m$, $\alpha>0$, $0<\delta<1$ and $x\ne0$, with "
        r"probability at least $1-\delta$, uniformly over $\max_i\|w_i-w_i(0)\|\le\alpha/\sqrt m$, "
        r"$$E\le\|x\|\left[\frac{\varphi(0)\alpha^2}2\,m^{-1/2}"
        r"+\sqrt{\frac{2\varphi(0)}3\log(1/\delta)}\,\alpha^{3/2}m^{-3/4}"
        r"+\frac{\alpha\log(1/\delta)}3\,m^{-1}\right]$$ "
        r"with $\varphi(0)=1/\sqrt{2\pi}$, and no bound that holds for all large $m$ has a smaller constant "
        r"before $m^{-1/2}$, at any $\delta$. With the same probability each, $|\Delta_1|$ has the same "
        r"bound; $|\Delta_2|$ has it with $\varphi(0)\alpha^2$ for $\frac{\varphi(0)\alpha^2}2$ and "
        r"$2\varphi(0)$ for $\frac{2\varphi(0)}3$; and $|S|/m$ and $|B|/m$ have $\frac2{\alpha\|x\|}$ times "
        r"that of $|\Delta_2|$."
    ),
    source=THIS_PROJECT,
    proof="The theorem with the optimal constant",
    figures=("ladder", "delta"),
)

GRID = ((2, 16, 256, 2**14, 2**26, 2**40), (0.1, 1.0, 10.0), (0.999, 0.5, 0.1, 0.01, 1e-3, 1e-9))
"""Widths, radii and levels at which the bound is tried, at ‖x‖ = 1: all it does with ‖x‖ is to scale."""

CLOSE = 0.995
"""The exact quantile is at least this share of the bound at the widest networks: the constant is optimal."""


def judge(results: Results, factor: float = 1.0) -> Judgement:
    """N1; `factor` multiplies the bound. It is false where the bound fails, and where it is not tight."""
    shares, evidence = [], []
    for quantity in MEASURES:  # |S|/m and |B|/m are |Δ₂| in other units
        share, at = _largest_share(quantity)
        shares.append(share / factor)
        symbol = QUANTITIES[quantity].symbol
        evidence.append(
            Number(
                rf"largest exact $(1-\delta)$-quantile of $\sup_u{symbol}$ over the bound, at "
                rf"{np.prod([len(axis) for axis in GRID])} points from end to end ({at})",
                share / factor,
            )
        )
    over, counts = (
        archived_exceedances(results, "linearization_error", "bernstein") if factor == 1.0 else (0, ())
    )
    agrees = not over and all(CLOSE <= share <= 1.0 + TIE for share in shares)
    return Judgement(judge_agreement(PROVED, agrees), (*evidence, *_ratios(factor), *counts))


def _largest_share(quantity: str) -> tuple[float, str]:
    """The largest exact quantile over the bound, and where."""
    m, alpha, delta = (axis.ravel() for axis in np.meshgrid(*GRID, indexing="ij"))
    exact, limit = (bound(name, quantity, m, alpha, delta, 1.0) for name in ("exact", "bernstein"))
    worst = int(np.argmax(exact / limit))
    place = rf"$\alpha={in_formula(alpha[worst])}$, $\delta={in_formula(delta[worst])}$"
    return float(exact[worst] / limit[worst]), rf"$m={width(int(m[worst]))}$, {place}"


def _ratios(factor: float) -> list[Number]:
    """The bound over the exact quantile of sup E as the width grows, at α = 1, and its leading constant."""
    numbers = []
    for power in (6, 10, 20, 40):
        place = (2**power, 1.0, 0.01, 1.0)
        limit, exact = (float(bound(n, "linearization_error", *place)) for n in ("bernstein", "exact"))
        numbers.append(
            Number(
                rf"bound divided by the exact quantile of $\sup_uE$, $m=2^{{{power}}}$, $\alpha=1$, "
                r"$\delta=0.01$",
                factor * limit / exact,
            )
        )
    return numbers
