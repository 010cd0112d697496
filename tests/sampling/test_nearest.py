"""Runs of the worst displacement of the Frobenius ball: exact in law, on numbers that do not grow with m."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import ks_2samp

from ntk_core import network
from ntk_core.laws import LAWS
from ntk_core.quantities import QUANTITIES, FlipSums, defined_quantities, run_quantities
from ntk_core.sampling import nearest
from ntk_core.sampling.band import band_pairs
from ntk_core.sampling.cell import Cell
from ntk_core.sampling.definitions import definitions
from ntk_core.sampling.samplers import simulate
from ntk_core.theory import norm_ball

FALSE_ALARM = 1e-4
"""Of each comparison of two samples here, over all quantities together (Bonferroni)."""


def same_law(one: np.ndarray, other: np.ndarray) -> bool:
    pairs = [(np.round(a, 10), np.round(b, 10)) for a, b in zip(one, other, strict=True)]
    return all(ks_2samp(a, b, method="asymp").pvalue > FALSE_ALARM / len(pairs) for a, b in pairs)


def spacings(rng: np.random.Generator, m: int, alpha: float, runs: int, count: int) -> np.ndarray:
    """The quantities by exponential spacings of the smallest |a| (Rényi 1953), `count` of them."""
    left = m // 2 - np.arange(count)
    uniform = -np.expm1(-np.cumsum(rng.standard_exponential((runs, count)) / left, axis=1))
    sizes = ndtri(0.5 + 0.5 * uniform)
    k = np.arange(1, count + 1)
    gain = alpha * np.sqrt(k) - np.cumsum(sizes, axis=1)
    best = np.argmax(gain, axis=1)
    total = np.take_along_axis(np.cumsum(sizes, axis=1), best[:, None], 1)[:, 0]
    length = alpha / np.sqrt(best + 1.0)
    assert (sizes[:, -1] > length).all()
    moved = alpha * np.sqrt(best + 1.0)
    pairs = np.sum(sizes <= length[:, None], axis=1)
    return np.stack([(moved - total) / math.sqrt(m), (best + 1.0) / m, total / math.sqrt(m),
                     moved / math.sqrt(m), 2.0 * pairs / m])  # fmt: skip


def test_runs_have_the_law_of_exponential_spacings():
    m, alpha, runs = 2**16, 1.2, 1500
    band = simulate(1, Cell("band", "frobenius", m, 2, alpha), 0, runs)
    assert same_law(band, spacings(np.random.default_rng(2), m, alpha, runs, 1600))


def test_runs_have_the_law_of_dense_networks():
    for m, alpha in ((2, 1.5), (46, 0.6)):
        band = simulate(5, Cell("band", "frobenius", m, 2, alpha), 0, 1500)
        assert same_law(band, simulate(6, Cell("dense", "frobenius", m, 3, alpha), 0, 1500))


@pytest.mark.parametrize("reach", [-2.0, 0.5, 60.0])
def test_how_far_neurons_are_drawn_at_first_does_not_change_the_law(reach, monkeypatch):
    """Far too near, so that more are drawn in every run, and far beyond what is needed."""
    cell = Cell("band", "frobenius", 256, 2, 1.0)
    before = simulate(3, cell, 0, 1500)
    monkeypatch.setattr(norm_ball, "REACH", reach)
    assert not np.array_equal(after := simulate(4, cell, 0, 1500), before)
    assert same_law(before, after)


@pytest.mark.parametrize(("m", "alpha"), [(2, 2.0), (64, 0.3), (64, 5.0), (1024, 1.0), (4096, 40.0)])
def test_a_run_is_what_the_definitions_give_on_its_network(m, alpha):
    cell = Cell("band", "frobenius", m, 3, alpha)
    runs = simulate(7, cell, 0, 30)
    for seed in (0, 17, 29):
        assert definitions(7, cell, seed) == pytest.approx(runs[:, seed], rel=1e-9, abs=1e-13)


def test_both_forms_agree_on_the_same_draws():
    """A dense network, and the band form given its |a|, whole or up to a radius: the same to rounding."""
    rng = np.random.default_rng(8)
    for m, alpha in ((2, 1.0), (8, 3.0), (200, 1.0), (2000, 0.7)):
        x = np.array([0.6, -0.8])
        half = rng.standard_normal((m // 2, 2))
        w0, c = network.symmetric_initialization(half, 2.0 * rng.integers(0, 2, m // 2) - 1.0)
        u = LAWS["frobenius"].weights(rng, x, w0, c, alpha / math.sqrt(m))
        radius = float(np.linalg.norm(u, axis=1).max())
        defined = defined_quantities(x, w0, c, u, radius)
        sizes = np.abs(half @ x)
        run = nearest.worst(nearest.ball(2.0, m, alpha), sizes, 50.0, rng)
        unit = alpha / math.sqrt(m)
        sums = FlipSums(
            *(np.array([v]) for v in (run.flips, run.total / unit, run.flips * run.length / unit))
        )
        quantities = run_quantities(m, alpha, np.array([run.pairs]), sums)[:, 0]
        assert quantities == pytest.approx(defined, rel=1e-12, abs=1e-14)


def test_a_run_draws_no_more_than_it_needs_up_to_two_to_the_36():
    for power in (20, 30, 36):
        cell = Cell("band", "frobenius", 2**power, 2, 1.0)
        drawn = band_pairs(cell, cell.streams(1, 0)).max()
        assert drawn < 1.2 * (norm_ball.PHI0 * 2.0**power / 2) ** (2 / 3)
    row = list(QUANTITIES).index("linearization_error")
    error = simulate(1, cell, 0, 1)[row, 0] * 2.0**6
    assert error == pytest.approx(0.438216, rel=1e-3)  # six standard deviations


def test_a_block_cut_short_has_the_same_runs():
    cell = Cell("band", "frobenius", 16, 2, 0.5)  # most runs draw beyond what is drawn at first
    whole = simulate(9, cell, 0, 60)
    assert all(
        np.array_equal(simulate(9, cell, low, low + 2), whole[:, low : low + 2]) for low in (0, 31, 58)
    )
