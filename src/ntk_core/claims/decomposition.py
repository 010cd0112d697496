"""D and S: statements on every run, checked where they could fail: by the definitions, on all weights.

That is on networks drawn here and on the archived runs of the sampler `dense`, which adds up F, its
linearization, Δ₁, Δ₂, S and B independently of each other. The sampler `band` makes E from Δ₁ + Δ₂ and lets
only neurons of the band flip, so on its runs both statements hold by construction: they are no evidence.
`factor` multiplies the right-hand side of the printed statement (1 is the statement itself).
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from .. import network
from ..datasets.comparisons import rounding_error
from ..laws import LAWS, THEOREM_LAWS
from ..network import Array
from ..sampling.cell import Cell
from .draws import COUNT, ROUNDING, networks, rounding_unit, signs
from .record import FALSE, Judgement, Number, judge_exceptions, judge_factor
from .results import Results

ARCHIVED_ROUNDING = 1e-10
"""Largest residual of a stored run, relative to |Δ₁| + |Δ₂|, that rounding of a million terms explains."""


def delta_split(results: Results, factor: float = 1.0) -> Judgement:
    """D: Δ = Δ₁ + Δ₂. `factor` multiplies Δ₂."""
    exceptions, worst = 0, 0.0
    for x, w0, c, u in networks(31):
        parts = network.signed_delta1(x, w0, c, u) + factor * network.signed_delta2(x, w0, c, u)
        difference = network.linearization_error(x, w0, c, u) - np.abs(parts)
        relative = np.abs(difference) / rounding_unit(x, w0, c, u)
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
                r"networks where $E$ differs from $|\Delta_1+\Delta_2|$ beyond rounding, each side by its "
                "definition",
                exceptions,
            ),
            Number("networks drawn in all sizes", COUNT),
            Number("largest relative difference there", worst),
            Number(
                r"archived dense runs with $E$ neither $|\Delta_1|+|\Delta_2|$ nor "
                r"$\big||\Delta_1|-|\Delta_2|\big|$",
                archived_exceptions,
            ),
            Number("archived dense runs checked: all", runs),
            Number(
                r"largest residual of an archived dense run, relative to $|\Delta_1|+|\Delta_2|$",
                float(pieces[:, 2].max(initial=0.0)),
            ),
            _by_construction(results),
        ),
    )


def _split(factor: float, cell: Cell, runs: Array) -> Array:
    """Number of runs and of exceptions, and the largest relative residual, of some runs of a cell."""
    error, delta1, delta2 = runs
    scaled = factor * delta2
    residual = np.minimum(np.abs(error - np.abs(delta1 - scaled)), np.abs(error - (delta1 + scaled)))
    noise = rounding_error("dense", "delta1", cell.m, cell.alpha)
    total = delta1 + delta2
    over = residual > ARCHIVED_ROUNDING * total + noise
    relative = residual / np.maximum(total, noise / ARCHIVED_ROUNDING)
    return np.array([error.size, np.count_nonzero(over), relative.max(initial=0.0)])


def sign_changes_in_band(results: Results, factor: float = 1.0) -> Judgement:
    """S: a sign change needs |w_i(0)·x| ≤ ‖u_i‖‖x‖ ≤ α‖x‖/√m. `factor` multiplies ‖u_i‖‖x‖."""
    pieces = np.array(
        results.scan(_outside, ("sign_change_fraction", "band_fraction")),
    ).reshape(-1, 2)
    changes, largest, outside = _per_neuron()
    exceptions = int(pieces[:, 1].sum())
    return Judgement(
        FALSE if exceptions or outside else judge_factor(largest / factor),
        (
            Number(
                r"sign changes outside the band $|w_i(0)^\top x|\le\alpha\|x\|/\sqrt m$, neuron by neuron, "
                "in networks drawn under every law",
                outside,
            ),
            Number("sign changes checked in this way", changes),
            Number(r"largest $|w_i(0)^\top x|/(\|u_i\|\,\|x\|)$ of a sign change", largest),
            Number(r"archived dense runs with $|S(x)|>|B|$", exceptions),
            Number("archived dense runs checked: all", int(pieces[:, 0].sum())),
            _by_construction(results),
        ),
    )


def _by_construction(results: Results) -> Number:
    """Number of archived band runs, which cannot contradict D or S."""
    runs = sum(item.experiment.runs for item in results.of("band"))
    return Number("archived band runs, for which the statement holds by construction: not counted", runs)


def _outside(cell: Cell, runs: Array) -> Array:
    """Number of runs, and of runs with more sign changes than neurons in the band."""
    flips, band = runs
    return np.array([flips.size, np.count_nonzero(flips > band * (1.0 + ROUNDING))])


def _per_neuron() -> tuple[int, float, int]:
    """Sign changes, their largest |a_i|/(‖u_i‖‖x‖), and how many lie outside the band."""
    rng = np.random.default_rng(32)
    changes, outside, largest = 0, 0, 0.0
    for name in sorted(THEOREM_LAWS):
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
