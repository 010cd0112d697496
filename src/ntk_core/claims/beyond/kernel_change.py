"""N7: the largest change of the tangent kernel over the ball is a count, at any angle between two inputs."""

from __future__ import annotations

import math

import numpy as np

from ...network import Array
from ...theory.kernel_change import (
    entry_probability,
    exit_probability,
    kernel_change,
    kernel_change_bound,
    kernel_change_limit,
    movable,
)
from ..record import PROVED, THIS_PROJECT, Judgement, Number, Statement, judge_agreement
from ..results import Results

STATEMENT = Statement(
    title="The tangent kernel changes by a count over $m$",
    statement=(
        r"Let $K_w(x,x')=\nabla F(x;w)^\top\nabla F(x';w)$, and let $\theta<\pi$ be the angle between $x$ "
        r"and $x'$. Over the ball, $$\sup_u|K_w-K_{w(0)}|=|x^\top x'|\,\tfrac2m\max(N_+,N_-)$$ with "
        r"$N_\pm\sim\operatorname{Binomial}(\frac m2,p_\pm)$, the numbers of pairs that can enter and leave "
        r"$\{w^\top x\ge0,\,w^\top x'\ge0\}$: "
        r"$p_+=\frac{p_r}2+\frac\theta{2\pi}(1-e^{-r^2/2})$, "
        r"$p_-=\mathbb P(0\le\min(w^\top\hat x,w^\top\hat x')<r)$. "
        r"So $\sqrt m\sup_u|K_w-K_{w(0)}|\to\alpha\varphi(0)\,|x^\top x'|$ in probability, at every "
        r"$\theta<\pi$."
    ),
    source=THIS_PROJECT,
    proof="The change of the tangent kernel",
)

ANGLES = {"0": 0.0, r"\pi/3": math.pi / 3, r"\pi/2": math.pi / 2, r"5\pi/6": 5 * math.pi / 6}
"""Angles between the two inputs, as LaTeX and in radians."""

WIDTH, RUNS = 1 << 12, 64
"""Of the networks drawn at each angle."""

LIMIT_WIDTH, LIMIT_ERROR = 1 << 40, 1e-5
"""A width at which √m p is this close to its limit αφ(0), relatively."""

ERRORS = 4.5
"""Standard errors within which a share agrees: a chance of 7e-6 for each of the eight."""


def judge(results: Results, factor: float = 1.0) -> Judgement:
    """N7, at α = 1 and in units of |x·x'|; `factor` multiplies the limit αφ(0)."""
    drawn, agree = _drawn()
    limits = _at_limit() / factor
    needed = max(_share_of_bound(m, a) for m in (4, 64, 1 << 12) for a in (0.1, 1.0, 4.0))
    evidence = (
        *(
            Number(
                rf"mean of $\frac2m\max(N_+,N_-)$ over its limit $\alpha\varphi(0)/\sqrt m$ at $m=2^{{22}}$, "
                rf"$\alpha=1$, $\theta={name}$",
                math.sqrt(1 << 22) * kernel_change(1 << 22, 1.0, angle).mean() / kernel_change_limit(1.0),
            )
            for name, angle in ANGLES.items()
        ),
        Number(
            r"$\sqrt m\,p_+$ at $m=2^{40}$ over the limit $\alpha\varphi(0)$, largest of these angles",
            float(limits.max()),
        ),
        Number(r"$\sqrt m\,p_-$ over it, smallest of these angles", float(limits.min())),
        Number(
            r"largest exact $(1-\delta)$-quantile over the bound "
            r"$p+2\sqrt{p\ell/m}+\frac{2\ell}{3m}$, $p=\varphi(0)r+\frac{\theta r^2}{4\pi}$, "
            r"$\ell=\log\frac2\delta$: at most 1",
            needed,
        ),
        *drawn,
    )
    near = bool(np.all(np.abs(limits - 1.0) < LIMIT_ERROR))
    return Judgement(judge_agreement(PROVED, near and agree and needed <= 1.0), evidence)


def _share_of_bound(m: int, alpha: float) -> float:
    """The largest exact quantile over the bound, over all angles and some levels."""
    return max(
        kernel_change(m, alpha, angle).quantile(delta) / float(kernel_change_bound(m, alpha, delta, angle))
        for angle in ANGLES.values()
        for delta in (0.5, 0.1, 1e-3)
    )


def _at_limit() -> Array:
    """√m p₊ and √m p₋ over αφ(0); shape `(2, angles)`."""
    radius = 1.0 / math.sqrt(LIMIT_WIDTH)
    return _chances(radius) / (radius * kernel_change_limit(1.0))


def _chances(radius: float) -> Array:
    """p₊ and p₋ at each of `ANGLES`; shape `(2, angles)`."""
    return np.array(
        [[p(angle, radius) for angle in ANGLES.values()] for p in (entry_probability, exit_probability)]
    )


def _drawn() -> tuple[list[Number], bool]:
    """Pairs drawn that can enter and leave, over their expectation, and whether all angles agree with it."""
    rng, radius, draws = np.random.default_rng(71), 1.0 / math.sqrt(WIDTH), RUNS * WIDTH // 2
    moves = []
    for angle in ANGLES.values():
        along, across = rng.standard_normal((2, draws))
        moves.append(movable(along, across, angle, radius))
    counts, expected = np.sum(moves, axis=2).T, draws * _chances(radius)
    numbers = []
    for words, count, mean in zip(("enter", "leave"), counts.sum(axis=1), expected.sum(axis=1), strict=True):
        drawn = draws * len(ANGLES)
        numbers.append(
            Number.share(
                rf"pairs that can {words} over their expectation ({RUNS} networks of $m=2^{{12}}$ at each of "
                "these angles)",
                int(count),
                drawn,
                mean / drawn,
            )
        )
    return numbers, bool(np.all(np.abs(counts - expected) < ERRORS * np.sqrt(expected)))
