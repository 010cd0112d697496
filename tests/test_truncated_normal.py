from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest, truncnorm

from ntk_core.truncated_normal import SERIES_RADIUS, relative_position

RADII = (1e-9, 1e-4, 0.01, 0.2, 0.499, SERIES_RADIUS, 0.501, 1.0, 3.0, 30.0)


@pytest.mark.parametrize("radius", RADII)
def test_inverse_cdf_agrees_with_scipy(radius):
    uniform = np.linspace(0, 1, 999, endpoint=False)
    got = relative_position(uniform.copy(), radius)
    expected = truncnorm.ppf(0.5 + 0.5 * uniform, -radius, radius) / radius
    assert got == pytest.approx(expected, rel=1e-9, abs=max(1e-9, 3e-16 / radius))  # scipy's own error
    ends = relative_position(np.array([0.0, 2.0**-53, 1 - 2**-53]), radius)
    assert ends[0] == 0
    assert np.all((ends[1:] > 0) & (ends[1:] <= 1))


@pytest.mark.parametrize("radius", [0.01, 0.3, SERIES_RADIUS])
def test_series_is_accurate_to_two_units_in_the_last_place(radius):
    """Against the forward function summed in extended precision: h(s) = v·h(r)."""
    uniform = np.random.default_rng(1).random(2000)
    s = relative_position(uniform.copy(), radius).astype(np.longdouble) * np.longdouble(radius)
    k = np.arange(40)
    sign = np.where(k % 2, -1, 1).astype(np.longdouble)
    coefficient = sign / np.cumprod(np.concatenate([[1], 2.0 * k[1:]]).astype(np.longdouble)) / (2 * k + 1)

    def h(value):
        return np.sum(coefficient * np.asarray(value, np.longdouble)[..., None] ** (2 * k + 1), axis=-1)

    residual = h(s) - uniform.astype(np.longdouble) * h(np.longdouble(radius))
    relative = residual / (np.exp(-s * s / 2) * s)  # Newton: the error in s, relative to s
    assert float(np.abs(relative).max()) < 2 * 2.0**-52


def test_draws_have_the_law():
    """Kolmogorov-Smirnov at three radii; false-alarm rate 1e-4."""
    rng = np.random.default_rng(2)
    for radius in (0.3, 1.0, 4.0):
        draws = relative_position(rng.random(20000), radius)
        law = truncnorm(-radius, radius)
        assert kstest(draws, lambda s, law=law, r=radius: 2 * law.cdf(s * r) - 1).pvalue > 3e-5


def test_works_in_place():
    uniform = np.random.default_rng(3).random(10)
    for radius in (0.1, 2.0):
        assert relative_position(uniform, radius) is uniform
