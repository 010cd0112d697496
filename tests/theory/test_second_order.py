"""The quantile to second order beside the exact law: error, interval and constant."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from ntk_core.quantities import QUANTITIES
from ntk_core.sampling.cell import Cell
from ntk_core.sampling.samplers import simulate
from ntk_core.theory import bounds
from ntk_core.theory.second_order import quantile_interval, second_order_quantile


def exact(quantity, m, alpha, delta, x_norm=1.0):
    return float(bounds.exact(quantity, m, alpha, delta, x_norm))


def test_it_is_the_formula_of_the_theory_page():
    m, alpha, delta, x = 4096, 2.0, 0.05, 3.0
    phi0 = norm.pdf(0)
    expected = x * (
        alpha**2 * phi0 / (2 * math.sqrt(m)) + norm.isf(delta) * math.sqrt(phi0 / 3) * alpha**1.5 * m**-0.75
    )
    for quantity in ("linearization_error", "delta1"):
        assert second_order_quantile(quantity, m, alpha, delta, x) == pytest.approx(expected)
    pairs = phi0 * alpha * math.sqrt(m)
    count = pairs + norm.isf(delta) * math.sqrt(pairs)
    assert second_order_quantile("delta2", m, alpha, delta, x) == pytest.approx(alpha * x * count / m)
    assert second_order_quantile("band_fraction", m, alpha, delta, x) == pytest.approx(2 * count / m)


@pytest.mark.parametrize("delta", [0.9, 0.1, 0.01, 1e-6])
@pytest.mark.parametrize("alpha", [0.5, 1.0, 4.0])
def test_the_error_is_of_order_one_over_m_with_the_next_term(alpha, delta):
    """E and |Δ₁|: m times the error tends to α(z²-1)/8; a per cent of the constant is more than that."""
    term = alpha * (norm.isf(delta) ** 2 - 1) / 8
    for quantity in ("linearization_error", "delta1"):
        errors = [
            m * (exact(quantity, m, alpha, delta) - second_order_quantile(quantity, m, alpha, delta, 1.0))
            for m in (2**20, 2**30)
        ]
        assert abs(errors[1] - term) < 0.03 * alpha * (1 + abs(norm.isf(delta)) ** 3)
        assert abs(errors[1] - term) < 0.5 * abs(errors[0] - term)


def test_the_exact_quantile_is_inside_the_interval():
    """Both of E and |Δ₁|, where terms have a density, and of counts; and the interval closes."""
    for m in (64, 4096, 2**20, 2**30):
        for alpha in (0.5, 2.0):
            for delta in (0.9, 0.5, 0.1, 0.01):
                for quantity in ("linearization_error", "delta1", "delta2", "band_fraction"):
                    lower, upper = quantile_interval(quantity, m, alpha, delta)
                    assert lower <= exact(quantity, m, alpha, delta) * (1 + 1e-9)
                    assert upper >= exact(quantity, m, alpha, delta) * (1 - 1e-9)
    narrow = [
        np.subtract(*quantile_interval("linearization_error", m, 1.0, 0.1)[::-1]) * m for m in (2**20, 2**40)
    ]
    assert narrow[1] == pytest.approx(narrow[0], rel=0.05)  # of order 1/m, as is proved


def test_runs_have_the_constant():
    """At z = 1, where the next order vanishes, a share δ of runs is above the formula.

    The standard error is 0.26 %, and 4.5 of them a false-alarm rate of 1e-5; a constant off by a tenth would
    move the share by 2.4 %.
    """
    m, alpha, delta, runs = 2**20, 1.0, norm.sf(1.0), 20_000
    values = simulate(7, Cell("band", "adversarial", m, 2, alpha), 0, runs)[list(QUANTITIES).index("delta1")]
    limit = float(second_order_quantile("delta1", m, alpha, delta, 1.0))
    assert abs(float(np.mean(values > limit)) - delta) < 4.5 * 0.0026


def test_it_broadcasts():
    grid = np.ix_([64, 128], [0.5, 1.0, 2.0], [0.1, 0.01, 0.5, 0.3], [1.0])
    for quantity in QUANTITIES:
        assert second_order_quantile(quantity, *grid).shape == (2, 3, 4, 1)


def test_the_numbers_of_the_theory_page():
    for power, second, lower, upper in (
        (10, 0.99464, 0.83609, math.inf),
        (20, 0.99966, 0.99125, 1.01019),
        (30, 0.99999, 0.99969, 1.00030),
    ):
        place = ("linearization_error", 2**power, 1.0, 0.1)
        value = exact(*place)
        assert second_order_quantile(*place, 1.0) / value == pytest.approx(second, abs=6e-6)
        assert np.array(quantile_interval(*place)) / value == pytest.approx([lower, upper], abs=6e-6)
    for power, error in ((20, 0.5371), (30, 0.5490)):
        place = ("linearization_error", 2**power, 1.0, 0.01)
        assert 2**power * (exact(*place) - second_order_quantile(*place, 1.0)) == pytest.approx(
            error, abs=6e-5
        )
