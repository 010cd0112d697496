from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gammaln
from scipy.stats import kstest

from ntk_core import unit_vector
from ntk_core.gaussian import band_integral, band_probability


def density(t: float, d: int) -> float:
    constant = math.exp(gammaln(d / 2) - gammaln((d - 1) / 2)) / math.sqrt(math.pi)
    return constant * (1 - t * t) ** ((d - 3) / 2)


@pytest.mark.parametrize("d", [1, 2, 3, 4, 9, 64])
def test_coordinate_has_the_law_of_a_normalised_gaussian_vector(d):
    """Two-sample Kolmogorov-Smirnov; false-alarm rate 1e-4 over the six dimensions."""
    from scipy.stats import ks_2samp

    rng = np.random.default_rng(d)
    vector = rng.standard_normal((20000, d))
    direct = vector[:, 0] / np.linalg.norm(vector, axis=1)
    assert ks_2samp(np.round(unit_vector.coordinate(rng, d, 20000), 9), np.round(direct, 9)).pvalue > 1.6e-5


@pytest.mark.parametrize("d", [2, 3, 5, 64])
def test_size_biased_coordinate(d):
    """P(T ≤ t) = 1 - (1 - t²)^{(d-1)/2}, from integrating t g(t); false-alarm rate 1e-4."""
    draws = unit_vector.size_biased_coordinate(np.random.default_rng(d), d, 20000)
    mean = quad(lambda t: t * density(t, d), 0, 1)[0]
    for t in (0.1, 0.5, 0.9):
        share = quad(lambda s: s * density(s, d), 0, t)[0] / mean
        assert share == pytest.approx(1 - (1 - t * t) ** ((d - 1) / 2), rel=1e-7)
    assert kstest(draws, lambda t: 1 - (1 - t * t) ** ((d - 1) / 2)).pvalue > 2.5e-5


@pytest.mark.parametrize("d", [2, 3, 4, 17, 300])
def test_partial_moments_agree_with_quadrature(d):
    for s in (0.01, 0.3, 0.8):
        at = np.array([s])
        for function, power in (
            (unit_vector.upper_tail, 0),
            (unit_vector.upper_mean, 1),
            (unit_vector.upper_second_moment, 2),
        ):
            expected = quad(lambda t, p=power: t**p * density(t, d), s, 1, epsabs=1e-14, points=[0.1, 0.5])[0]
            assert function(at, d)[0] == pytest.approx(expected, rel=1e-7, abs=1e-13)
    assert unit_vector.mean_absolute_coordinate(d) == pytest.approx(
        2 * unit_vector.upper_mean(np.array([0.0]), d)[0]
    )


def test_one_dimension_is_a_fair_sign():
    s = np.array([0.0, 0.5, 0.99])
    for function in (unit_vector.upper_tail, unit_vector.upper_mean, unit_vector.upper_second_moment):
        assert function(s, 1).tolist() == pytest.approx([0.5, 0.5, 0.5])


@pytest.mark.parametrize("radius", [1e-9, 0.1, 1.0, 5.0, 200.0])
def test_band_integral_agrees_with_closed_forms(radius):
    p = band_probability(radius)
    assert band_integral(np.ones_like, radius) == pytest.approx(p, rel=1e-12)
    square = p - 2 * radius * math.exp(-(radius**2) / 2) / math.sqrt(2 * math.pi)
    if radius > 0.05:  # below, the closed form cancels
        assert band_integral(lambda s: (radius * s) ** 2, radius) == pytest.approx(square, rel=1e-9)
    else:
        cube = 2 * radius**3 / 3 / math.sqrt(2 * math.pi)
        assert band_integral(lambda s: (radius * s) ** 2, radius) == pytest.approx(cube, rel=1e-2)


@pytest.mark.parametrize("d", [1, 2, 3, 4, 64, 1000])
def test_band_integral_of_a_tail_is_half_the_mean_coordinate(d):
    """∫₀¹ P(t > s) ds = E|t|/2, though the tail ends like a root at s = 1: the flat limit of small r."""
    flat = band_integral(lambda s: unit_vector.upper_tail(s, d), 1e-9) / (2e-9 / math.sqrt(2 * math.pi))
    assert flat == pytest.approx(unit_vector.mean_absolute_coordinate(d) / 2, rel=1e-12)
