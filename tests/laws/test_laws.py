"""Every law stays in the ball, and is what its name says."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import kstest

from ntk_core import network
from ntk_core.laws import LAWS, THEOREM_LAWS
from ntk_core.quantities import defined_quantities, flip_sums, run_quantities


def initialization(seed: int, runs: int, half: int, d: int):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(d)
    x /= np.linalg.norm(x)
    w0, c = network.symmetric_initialization(
        rng.standard_normal((runs, half, d)), 2.0 * rng.integers(0, 2, (runs, half)) - 1.0
    )
    return rng, x, w0, c


@pytest.mark.parametrize("law", THEOREM_LAWS)
def test_displacements_stay_in_the_ball(law):
    rng, x, w0, c = initialization(1, 50, 30, 4)
    u = LAWS[law].weights(rng, x, w0, c, 0.3)
    assert u.shape == w0.shape
    assert np.linalg.norm(u, axis=-1).max() <= 0.3 * (1 + 1e-14)


def test_adversarial_attains_every_supremum_over_sign_patterns():
    """At m = 6 each neuron either stays, or is pushed by ±r: no choice beats the law."""
    rng, x, w0, c = initialization(2, 200, 3, 2)
    radius = 0.8
    u = LAWS["adversarial"].weights(rng, x, w0, c, radius)
    attained = [
        network.linearization_error(x, w0, c, u),
        np.abs(network.signed_delta1(x, w0, c, u)),
        np.abs(network.signed_delta2(x, w0, c, u)),
    ]
    a = np.abs(w0 @ x)
    closed = np.sum((c > 0) * np.maximum(radius - a, 0.0), axis=-1) / math.sqrt(6)
    assert attained[0] == pytest.approx(closed, abs=1e-14)
    best = np.zeros((3, 200))
    for pattern in itertools.product((-radius, 0.0, radius), repeat=6):
        v = np.array(pattern)[None, :, None] * x
        v = np.broadcast_to(v, w0.shape)
        best[0] = np.maximum(best[0], network.linearization_error(x, w0, c, v))
        best[1] = np.maximum(best[1], np.abs(network.signed_delta1(x, w0, c, v)))
        best[2] = np.maximum(best[2], np.abs(network.signed_delta2(x, w0, c, v)))
    for law, pattern_best in zip(attained, best, strict=True):
        assert np.all(pattern_best <= law + 1e-14)
        assert law == pytest.approx(pattern_best, abs=1e-14)


def test_aligned_moves_along_each_neurons_own_gradient():
    rng, x, w0, c = initialization(3, 5, 20, 3)
    u = LAWS["aligned"].weights(rng, x, w0, c, 0.2)
    gradient = network.gradient_f(x, w0, c)
    assert u == pytest.approx(0.2 * gradient)


def test_sphere_is_uniform_and_independent_of_the_initialization():
    """Kolmogorov-Smirnov in d = 3, where a coordinate is uniform; false-alarm rate 1e-4."""
    rng, x, w0, c = initialization(4, 40, 500, 3)
    u = LAWS["sphere"].weights(rng, x, w0, c, 2.0)
    assert np.linalg.norm(u, axis=-1) == pytest.approx(2.0)
    for coordinate in (u @ x, u[..., 0]):
        assert kstest(coordinate.ravel() / 2.0, "uniform", args=(-1, 2)).pvalue > 5e-5
    partner = np.sum(u[:, :500] * u[:, 500:], axis=-1) / 4.0
    assert abs(partner.mean()) < 4.5 * math.sqrt(1 / 3 / partner.size)


@pytest.mark.parametrize("law", THEOREM_LAWS)
@pytest.mark.parametrize(("m", "d", "alpha"), [(2, 1, 2.0), (6, 3, 1.0), (90, 2, 0.5), (256, 20, 3.0)])
def test_band_formula_equals_the_definitions_on_the_same_draws(law, m, d, alpha):
    rng, x, w0, c = initialization(m, 300, m // 2, d)
    radius = alpha / math.sqrt(m)
    u = LAWS[law].weights(rng, x, w0, c, radius)
    band = network.band(x, w0, radius)
    inside = np.where(band, 1.0, np.nan)
    a, b = (w0 @ x) * inside, (u @ x) * inside
    a, b = np.nan_to_num(a, nan=9e9), np.nan_to_num(b, nan=0.0)  # outside the band nothing can flip
    got = run_quantities(m, alpha, band.sum(axis=-1) // 2, flip_sums(a, b, c, radius))
    expected = [defined_quantities(x, *run, radius) for run in zip(w0, c, u, strict=True)]
    assert got == pytest.approx(np.transpose(expected), abs=1e-12)
