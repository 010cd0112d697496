"""N8: with slope λ on the negative side every quantity is that of the ReLU times |1 - λ|."""

from __future__ import annotations

import math

import numpy as np

from ... import network
from ...network import Array
from ..draws import COUNT, MOVES, ROUNDING, networks, rounding_unit
from ..record import PROVED, THIS_PROJECT, Judgement, Number, Statement, judge_agreement
from ..results import Results

STATEMENT = Statement(
    title=r"Leaky ReLU: everything times $|1-\lambda|$",
    statement=(
        r"Replace $\sigma$ by $\sigma_\lambda(z)=z$ for $z\ge0$ and $\lambda z$ for $z<0$, with any real "
        r"$\lambda$. For every symmetric initialization and every $u$, the linearization error, "
        r"$|\Delta_1|$ and $|\Delta_2|$ are those of the ReLU times $|1-\lambda|$, and the same neurons "
        r"change sign. So every bound, law and limit of these quantities holds with the factor $|1-\lambda|$."
    ),
    source=THIS_PROJECT,
    proof="Leaky ReLU",
)

SLOPES = (-1.0, -0.3, 0.01, 0.2, 1.0, 3.0)
"""Slopes λ: the absolute value, a negative one, two in use, the identity, and one above 1."""


def judge(results: Results, factor: float = 1.0) -> Judgement:
    """N8, on networks of all sizes; `factor` multiplies 1 - λ."""
    worst, exceptions = 0.0, 0
    for i, (x, w0, c, u) in enumerate(networks(81)):
        slope = SLOPES[i % len(SLOPES)]
        leaky = leaky_quantities(x, w0, c, u, slope)
        scaled = factor * (1.0 - slope) * _relu_quantities(x, w0, c, u)
        gap = np.abs(np.abs(leaky) - np.abs(scaled)) / ((1.0 + abs(slope)) * rounding_unit(x, w0, c, u))
        worst = max(worst, float(gap.max()))
        exceptions += int(np.count_nonzero((gap > ROUNDING).any(axis=0)))
    evidence = (
        Number(
            r"networks where a quantity is not $|1-\lambda|$ times that of the ReLU, beyond rounding",
            exceptions,
        ),
        Number(
            f"networks tried, in turn with $\\lambda=$ {', '.join(map(_signed, SLOPES))}, {MOVES}",
            COUNT,
        ),
        Number("largest relative difference", worst),
    )
    return Judgement(judge_agreement(PROVED, exceptions == 0), evidence)


def _signed(slope: float) -> str:
    return f"{slope:g}".replace("-", "−")


def leaky_quantities(x: Array, w0: Array, c: Array, u: Array, slope: float) -> Array:
    """F(w) - ∇F(w(0))ᵀu, Δ₁ and Δ₂ of the leaky network by their definitions, signed; shape `(3, ...)`.

    `x` `(d,)`, `w0` and `u` `(..., m, d)`, `c` `(..., m)`; σ_λ'(0) = 1.
    """
    root = math.sqrt(c.shape[-1])

    def gradient(w: Array) -> Array:
        a = network.preactivation(x, w)
        return (c * np.where(a >= 0.0, 1.0, slope))[..., None] * x / root

    def inner(v: Array, w: Array) -> Array:
        return np.asarray(np.sum(v * w, axis=(-2, -1)))

    a = network.preactivation(x, w0 + u)
    output = np.sum(c * np.where(a >= 0.0, a, slope * a), axis=-1) / root
    change = gradient(w0 + u) - gradient(w0)
    return np.stack([output - inner(gradient(w0), u), inner(change, w0), inner(change, u)])


def _relu_quantities(x: Array, w0: Array, c: Array, u: Array) -> Array:
    """The same of the network of the notes."""
    error = network.scaled_network(x, w0 + u, c) - network.linearization(x, w0, c, u)
    return np.stack([error, network.signed_delta1(x, w0, c, u), network.signed_delta2(x, w0, c, u)])
