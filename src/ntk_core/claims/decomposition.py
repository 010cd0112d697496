"""D and S: statements on every run, checked on all archived runs.

`factor` multiplies the right-hand side of the printed statement (1 is the statement itself).
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from .. import network
from ..datasets.quantiles import NOISE
from ..laws import LAWS
from ..network import Array
from ..quantities import QUANTITIES
from ..sampling.cell import Cell
from .draws import ROUNDING, count, networks, signs, size
from .record import FALSE, Judgement, Number, judge_exceptions, judge_factor
from .results import Results

ARCHIVED_ROUNDING = 1e-10
"""Largest residual of a stored run, relative to |Δ₁| + |Δ₂|, that rounding of a million terms explains."""


def delta_split(results: Results, factor: float = 1.0) -> Judgement:
    """D: Δ = Δ₁ + Δ₂. `factor` multiplies Δ₂."""
    exceptions, worst = 0, 0.0
    for x, w0, c, u in networks(31):
        change = network.gradient_f(x, w0 + u, c) - network.gradient_f(x, w0, c)
        total = np.sum(change * (w0 + u), axis=(-2, -1)) / np.sqrt(c.shape[-1])
        parts = network.signed_delta1(x, w0, c, u) + factor * network.signed_delta2(x, w0, c, u)
        relative = np.abs(total - parts) / size(x, w0, c, u)
        worst = max(worst, float(relative.max()))
        exceptions += int(np.count_nonzero(relative > ROUNDING))
    pieces = np.array(
        results.scan(partial(_split, factor), ("linearization_error", "delta1", "delta2"))
    ).reshape(-1, 3)
    runs, archived_exceptions = int(pieces[:, 0].sum()), int(pieces[:, 1].sum())
    return Judgement(
        judge_exceptions(exceptions + archived_exceptions),
        (
            Number(
                r"archived runs with $E$ neither $|\Delta_1|+|\Delta_2|$ nor "
                r"$\big||\Delta_1|-|\Delta_2|\big|$",
                archived_exceptions,
            ),
            Number("archived runs checked: all", runs),
            Number(
                r"largest residual of an archived run, relative to $|\Delta_1|+|\Delta_2|$",
                float(pieces[:, 2].max(initial=0.0)),
            ),
            Number("networks drawn in all sizes", count()),
            Number("of them where the signed identity fails beyond rounding", exceptions),
            Number("largest relative residual there", worst),
        ),
    )


def _split(factor: float, cell: Cell, runs: Array) -> Array:
    """Number of runs and of exceptions, and the largest relative residual, of some runs of a cell."""
    error, delta1, delta2 = runs
    scaled = factor * delta2
    residual = np.minimum(np.abs(error - np.abs(delta1 - scaled)), np.abs(error - (delta1 + scaled)))
    noise = NOISE * QUANTITIES["delta1"].unit(cell.m, cell.alpha)
    total = delta1 + delta2
    over = residual > ARCHIVED_ROUNDING * total + noise
    relative = residual / np.maximum(total, noise / ARCHIVED_ROUNDING)
    return np.array([error.size, np.count_nonzero(over), relative.max(initial=0.0)])


def sign_changes_in_band(results: Results, factor: float = 1.0) -> Judgement:
    """S: a sign change needs |w_i(0)·x| ≤ ‖u_i‖‖x‖ ≤ α‖x‖/√m. `factor` multiplies ‖u_i‖‖x‖."""
    pieces = np.array(results.scan(_outside, ("sign_change_fraction", "band_fraction"))).reshape(-1, 2)
    changes, largest, outside = _per_neuron()
    exceptions = int(pieces[:, 1].sum())
    return Judgement(
        FALSE if exceptions or outside else judge_factor(largest / factor),
        (
            Number(r"archived runs with $|S(x)|>|B|$", exceptions),
            Number("archived runs checked: all", int(pieces[:, 0].sum())),
            Number("sign changes checked neuron by neuron, in networks drawn under every law", changes),
            Number(r"of them outside the band $|w_i(0)^\top x|\le\alpha\|x\|/\sqrt m$", outside),
            Number(r"largest $|w_i(0)^\top x|/(\|u_i\|\,\|x\|)$ of a sign change", largest),
        ),
    )


def _outside(cell: Cell, runs: Array) -> Array:
    """Number of runs, and of runs with more sign changes than neurons in the band."""
    flips, band = runs
    return np.array([flips.size, np.count_nonzero(flips > band * (1.0 + ROUNDING))])


def _per_neuron() -> tuple[int, float, int]:
    """Sign changes, their largest |a_i|/(‖u_i‖‖x‖), and how many lie outside the band."""
    rng = np.random.default_rng(32)
    changes, outside, largest = 0, 0, 0.0
    for name in sorted(LAWS):
        for d, m, alpha in ((1, 64, 2.0), (3, 256, 1.0), (20, 256, 4.0)):
            x = rng.standard_normal(d)
            half = (500, m // 2)
            w0, c = network.symmetric_initialization(rng.standard_normal((*half, d)), signs(rng, half))
            radius = alpha / math.sqrt(m)
            u = LAWS[name].weights(rng, x, w0, c, radius)
            flipped = network.sign_changes(x, w0, u)
            reach = np.linalg.norm(u, axis=-1) * np.linalg.norm(x)
            share = np.abs(network.preactivation(x, w0))[flipped] / reach[flipped]
            changes += share.size
            outside += int(np.count_nonzero(flipped & ~network.band(x, w0, radius * (1.0 + 1e-12))))
            largest = max(largest, float(share.max(initial=0.0)))
    return changes, largest, outside
