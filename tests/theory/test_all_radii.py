"""Bounds for all radii at once: by their own suprema over the radius, and by the exact law at each."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, norm

from ntk_core.theory import bounds
from ntk_core.theory.all_radii import band_at_all_radii, error_at_all_radii


def test_they_are_the_formulas_of_the_theory_page():
    m, delta, x, start = 4096, 0.05, 3.0, 0.5
    phi0 = norm.pdf(0)

    def deviation(square):
        pairs = m / 2 * (2 * norm.cdf(start / 64) - 1)
        return math.sqrt(2 * square / pairs) + square / (3 * pairs)

    base = float(bounds.bernstein("linearization_error", m, start, delta / 2, x))
    assert error_at_all_radii(m, 0.1, delta, x, start) == pytest.approx(base / 5)
    rise = phi0 * x * (1 + deviation(math.log(2 / delta))) * (4 - 0.25) / 128
    assert error_at_all_radii(m, 2.0, delta, x, start) == pytest.approx(base + rise)
    band = 2 * phi0 * (1 + deviation(math.log(1 / delta))) / 64
    assert band_at_all_radii(m, 2.0, delta, start) == pytest.approx(2 * band)
    assert band_at_all_radii(m, 0.1, delta, start) == pytest.approx(start * band)


@pytest.mark.parametrize("m", [16, 256])
def test_the_largest_excess_over_all_radii_is_rarer_than_the_level(m):
    """2,000 networks, 150 radii each, from a hundredth to ten times α₀ = 1; false-alarm rate below 1e-5.

    Both suprema from the pre-activations alone, E as the sum of (r - |a|)+ over the pairs.
    """
    rng, runs = np.random.default_rng(3), 2000
    a = np.sort(np.abs(rng.standard_normal((runs, m // 2))), axis=1)
    over = {delta: np.zeros((2, runs), bool) for delta in (0.9, 0.5, 0.1, 0.01)}
    for alpha in np.geomspace(0.01, 10.0, 150):
        radius = alpha / math.sqrt(m)
        band = np.sum(a <= radius, axis=1) * 2 / m
        error = np.sum(np.maximum(radius - a, 0.0), axis=1) / math.sqrt(m)
        for delta, each in over.items():
            each[0] |= error > error_at_all_radii(m, alpha, delta, 1.0)
            each[1] |= band > band_at_all_radii(m, alpha, delta)
    for delta, each in over.items():
        assert np.all(binom.sf(each.sum(axis=1) - 1, runs, delta) > 1e-6), delta


def test_the_ratio_of_the_band_to_its_mean_is_a_martingale_towards_smaller_radii():
    """Given that N(t) of n uniform numbers are below t, those below s are Binomial(N(t), s/t)."""
    rng = np.random.default_rng(4)
    numbers = rng.random((200_000, 6))
    below = {t: np.sum(numbers < t, axis=1) for t in (0.2, 0.5)}
    for count in range(1, 7):
        mean = below[0.2][below[0.5] == count].mean() / 0.2
        error = 6 / (0.2 * math.sqrt(np.sum(below[0.5] == count)))
        assert abs(mean - count / 0.5) < 5 * error


def test_they_are_above_the_exact_quantile_and_tend_to_it_from_the_reference_on():
    for m in (2, 64, 4096, 2**30):
        for alpha in (0.05, 0.5, 1.0, 3.0, 8.0):
            for delta in (0.999, 0.5, 0.01, 1e-9):
                for quantity, limit in (
                    ("linearization_error", error_at_all_radii(m, alpha, delta, 1.0)),
                    ("band_fraction", band_at_all_radii(m, alpha, delta)),
                ):
                    assert limit >= bounds.exact(quantity, m, alpha, delta, 1.0)
    for alpha in (1.0, 4.0):
        wide = error_at_all_radii(2.0**120, alpha, 0.01, 1.0) * 2.0**60
        assert wide == pytest.approx(alpha**2 / (2 * math.sqrt(2 * math.pi)), rel=1e-6)
    small = error_at_all_radii(2.0**120, 1e-3, 0.01, 1.0, reference=2.0**-30) * 2.0**60
    assert small == pytest.approx(1e-6 / (2 * math.sqrt(2 * math.pi)), rel=1e-3)


def test_the_costs_of_the_theory_page():
    for power, over_one_radius, below_sharp in ((12, 1.04, 3.9), (20, 1.01, 6.2)):
        place = (2**power, 1.0, 0.01, 1.0)
        limit = error_at_all_radii(*place)
        one, sharp = (bounds.bound(n, "linearization_error", *place) for n in ("bernstein", "sharp"))
        assert limit / one == pytest.approx(over_one_radius, abs=0.006)
        assert sharp / limit == pytest.approx(below_sharp, abs=0.06)
