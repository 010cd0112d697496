"""Bounds for all radii at once: by their own suprema over the radius, and by the exact law at each."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, norm

from ntk_core.quantities import QUANTITIES
from ntk_core.theory import bounds
from ntk_core.theory.all_radii import all_radii

ERROR = "linearization_error"
PHI0 = norm.pdf(0)


def deviation(m, start, square):
    """η at the reference `start`, with `square` for L²."""
    pairs = m / 2 * (2 * norm.cdf(start / math.sqrt(m)) - 1)
    return math.sqrt(2 * square / pairs) + square / (3 * pairs)


def one_reference(m, alpha, delta, start):
    """The bound on E from one reference radius that is fixed in advance."""
    base = float(bounds.bernstein(ERROR, m, start, delta / 2, 1.0))
    rise = (1 + deviation(m, start, math.log(2 / delta))) * PHI0 / (2 * math.sqrt(m))
    return base * min(alpha / start, 1.0) + rise * max(alpha**2 - start**2, 0.0)


@pytest.mark.parametrize(
    ("alpha", "octave", "share", "number"),
    [
        (0.13, -3, 1 / 30, -23),  # 8 radii an octave at m = 4096
        (1.0, 0, 1 / 3, 0),
        (3.0, 1, 1 / 9, 13),
        (4.0, 2, 1 / 18, 16),
        (12.5, 3, 1 / 30, 30),
    ],
)
def test_they_are_the_formulas_of_the_theory_page(alpha, octave, share, number):
    m, delta, x = 4096, 0.05, 3.0
    level, start = delta * share, 2.0**octave
    assert all_radii(ERROR, m, alpha, delta, x) == pytest.approx(x * one_reference(m, alpha, level, start))
    band = 2 * PHI0 * (1 + deviation(m, start, -math.log(level))) * alpha / 64
    for name in ("band_fraction", "sign_change_fraction"):
        assert all_radii(name, m, alpha, delta, x) == pytest.approx(band)
    assert all_radii("delta2", m, alpha, delta, x) == pytest.approx(alpha * x * band / 2)
    assert 2 ** ((number - 1) / 8) < alpha <= 2 ** (number / 8) * (1 + 1e-15)
    part = 2 * delta / (3 * (abs(number) + 1) * (abs(number) + 2))
    here = bounds.bernstein("delta1", m, 2 ** (number / 8), part, x)
    assert all_radii("delta1", m, alpha, delta, x) == pytest.approx(float(here))


def test_the_shares_of_the_level_add_up_to_it():
    """Read off the bound on |Δ₁|, which is Bernstein's at the shares of its cells; 4/3/62 are further out."""
    m, delta, alpha = 16, 0.3, 2.0 ** (np.arange(-60, 61) / 2)  # 2 radii an octave
    pairs = all_radii("delta1", m, alpha * (1 - 1e-12), delta, 1.0) / (alpha / m)
    mean = PHI0 * alpha * math.sqrt(m)
    root = np.sqrt(2 * mean / 3)  # pairs = mean/2 + root L + L²/3
    level = 2 * (pairs - mean / 2) / (root + np.sqrt(root**2 + 4 / 3 * (pairs - mean / 2)))
    assert np.sum(np.exp(-(level**2))) == pytest.approx(delta * (1 - 4 / 3 / 62), rel=1e-6)


def test_no_radius_no_error():
    for name in QUANTITIES:
        assert np.array_equal(all_radii(name, 64, np.array([0.0, 1.0]), 0.1, 1.0) > 0.0, [False, True])


@pytest.mark.parametrize("m", [16, 256])
def test_the_largest_excess_over_all_radii_is_rarer_than_the_level(m):
    """2,000 networks, 150 radii each, from a hundredth to twenty; false-alarm rate below 1e-5.

    All suprema from the pre-activations alone: E as the sum of (r - |a|)+ over the pairs, |Δ₁| of |a|.
    """
    rng, runs = np.random.default_rng(3), 2000
    a = np.abs(rng.standard_normal((runs, m // 2)))
    over = {delta: np.zeros((len(QUANTITIES), runs), bool) for delta in (0.999, 0.5, 0.1, 0.01)}
    for alpha in np.geomspace(0.01, 20.0, 150):
        radius = alpha / math.sqrt(m)
        band = np.mean(a <= radius, axis=1)
        suprema = {
            ERROR: np.sum(np.maximum(radius - a, 0.0), axis=1) / math.sqrt(m),
            "delta1": np.sum(np.where(a <= radius, a, 0.0), axis=1) / math.sqrt(m),
            "delta2": alpha * band / 2,
            "sign_change_fraction": band,
            "band_fraction": band,
        }
        for delta, each in over.items():
            for row, name in enumerate(QUANTITIES):
                each[row] |= suprema[name] > all_radii(name, m, alpha, delta, 1.0)
    for delta, each in over.items():
        assert np.all(binom.sf(each.sum(axis=1) - 1, runs, delta) > 1e-6), delta
    assert over[0.999].any(axis=1).all()  # it is not far from what it bounds


def test_the_ratio_of_the_band_to_its_mean_is_a_martingale_towards_smaller_radii():
    """Given that N(t) of n uniform numbers are below t, those below s are Binomial(N(t), s/t)."""
    rng = np.random.default_rng(4)
    numbers = rng.random((200_000, 6))
    below = {t: np.sum(numbers < t, axis=1) for t in (0.2, 0.5)}
    for count in range(1, 7):
        mean = below[0.2][below[0.5] == count].mean() / 0.2
        error = 6 / (0.2 * math.sqrt(np.sum(below[0.5] == count)))
        assert abs(mean - count / 0.5) < 5 * error


@pytest.mark.parametrize("name", QUANTITIES)
def test_they_are_above_the_exact_quantile_and_tend_to_the_optimal_constant(name):
    for m in (2, 64, 4096, 2**30):
        for alpha in (0.05, 0.5, 1.0, 3.0, 8.0, 13.0):
            for delta in (0.999, 0.5, 0.01, 1e-9):
                limit = all_radii(name, m, alpha, delta, 1.0)
                assert not limit < bounds.exact(name, m, alpha, delta, 1.0)  # not known beyond r = 8
    for alpha in (1e-3, 0.7, 1.0, 13.0):
        optimal = {ERROR: alpha**2 / 2, "delta1": alpha**2 / 2, "delta2": alpha**2}.get(name, 2 * alpha)
        wide = all_radii(name, 2.0**120, alpha, 0.01, 1.0) * 2.0**60
        assert wide == pytest.approx(optimal * PHI0, rel=1e-6)


def test_the_costs_of_the_theory_page():
    """Over Bernstein's bound at one radius, and under the uniform form of `sharp`, at δ = 0.01."""

    def cost(name, m, alpha, delta=0.01):
        place = (name, m, alpha, delta, 1.0)
        return float(all_radii(*place) / bounds.bernstein(*place))

    table = {
        (ERROR, 1.0): (1.18, 1.09, 1.029, 1.0010),
        (ERROR, 12.0): (1.27, 1.10, 1.027, 1.0009),
        ("band_fraction", 12.0): (1.29, 1.10, 1.026, 1.0008),
        ("sign_change_fraction", 12.0): (1.29, 1.10, 1.026, 1.0008),
        ("delta2", 12.0): (1.29, 1.10, 1.026, 1.0008),
        ("delta1", 12.0): (1.35, 1.17, 1.051, 1.0032),
    }
    widths = (2**6, 2**12, 2**20, 2**40)
    for (name, alpha), row in table.items():
        for m, stated, digits in zip(widths, row, (2, 2, 3, 4), strict=True):
            assert f"{cost(name, m, alpha):.{digits}f}" == f"{stated:.{digits}f}", (name, m)
    for m, stated in zip((*widths, 2), (1.17, 1.84, 2.27, 2.44, 0.38), strict=True):
        place = (ERROR, m, 12.0, 0.01, 1.0)
        assert f"{bounds.sharp(*place) / all_radii(*place):.2f}" == f"{stated:.2f}"
    for m, alpha, starts, stated in (
        (64, 0.383, (1.0, 0.1755, 1.262), "1.86 1.45 2.13 1.91"),
        (64, 8.35, (1.0, 4.142, 39.09), "1.75 1.18 3.86 1.28"),
        (4096, 0.524, (1.0, 0.1755, 1.262), "1.74 1.35 2.10 1.28"),
        (4096, 13.83, (1.0, 4.142, 39.09), "1.34 1.10 2.72 1.12"),
    ):
        unit = float(bounds.bernstein(ERROR, m, alpha, 0.1, 1.0))
        costs = [one_reference(m, alpha, 0.1, start) / unit for start in starts]
        assert " ".join(f"{value:.2f}" for value in [*costs, cost(ERROR, m, alpha, 0.1)]) == stated
