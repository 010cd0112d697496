from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gammaln

from ntk_core.theory import unit_vector
from ntk_core.theory.gaussian import band_integral, band_probability


def density(t: float, d: int) -> float:
    constant = math.exp(gammaln(d / 2) - gammaln((d - 1) / 2)) / math.sqrt(math.pi)
    return constant * (1 - t * t) ** ((d - 3) / 2)


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
