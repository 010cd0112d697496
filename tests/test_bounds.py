from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, norm

from ntk_core import bounds
from ntk_core.band import QUANTITIES
from ntk_core.displacement import LAWS
from ntk_core.grid import Cell
from ntk_core.samplers import simulate


def test_printed_bounds_are_those_of_the_notes():
    m, alpha, delta, x = 100, 2.0, 0.01, 3.0
    level = math.sqrt(math.log(100))
    expected = {
        "linearization_error": 0.2 * 4 * (6 + level),
        "delta1": 0.2 * (6 + level),
        "delta2": 0.6 * (6 + level),
        "sign_change_fraction": 0.1 * (6 + level),
        "band_fraction": 0.1 * (6 + level),
    }
    for quantity, value in expected.items():
        assert bounds.printed(quantity, m, alpha, delta, x) == pytest.approx(value)


def test_sharp_bounds():
    fraction = (math.sqrt(2 / math.pi) * 2 + math.sqrt(math.log(100))) / 10
    assert bounds.sharp("band_fraction", 100, 2.0, 0.01, 3.0) == pytest.approx(fraction)
    for quantity in ("linearization_error", "delta1", "delta2"):
        assert bounds.sharp(quantity, 100, 2.0, 0.01, 3.0) == pytest.approx(3.0 * fraction)


@pytest.mark.parametrize("m", [2, 64, 4096, 2**30, 2**40])
@pytest.mark.parametrize("delta", [0.5, 0.01, 1e-9])
def test_the_ladder_is_ordered_and_binomial_is_a_quantile(m, delta):
    for alpha in (0.1, 1.0, 4.0):
        r = alpha / math.sqrt(m)
        fraction = float(bounds.binomial("band_fraction", m, alpha, delta, 1.0))
        count = round(fraction * m / 2)
        p = 2 * norm.cdf(r) - 1 if r > 1e-3 else 2 * r * norm.pdf(0)
        assert binom.sf(count, m // 2, p) <= delta * (1 + 1e-6)
        assert count == 0 or binom.sf(count - 1, m // 2, p) > delta * (1 - 1e-6)
        for quantity in QUANTITIES:
            ladder = [float(bounds.bound(b, quantity, m, alpha, delta, 1.0)) for b in bounds.BOUNDS]
            assert ladder[1] >= ladder[2]
            assert ladder[0] >= ladder[1] * (1 - 1e-12)


def test_binomial_bound_forgets_delta():
    for delta in (0.5, 1e-6):
        value = float(bounds.binomial("linearization_error", 2**40, 1.0, delta, 1.0)) * 2**20
        assert value == pytest.approx(1 / math.sqrt(2 * math.pi), rel=0.01)


@pytest.mark.parametrize("law", LAWS)
def test_no_sharp_or_binomial_bound_is_exceeded_more_often_than_delta(law):
    """Exceedances below the binomial quantile at 1e-6 in every cell: false-alarm rate below 1e-3."""
    delta = np.array([0.5, 0.1, 0.01])
    for m, alpha in ((2, 1.0), (10, 3.0), (64, 0.5), (1024, 2.0)):
        runs = simulate(5, Cell("band", law, m, 2, alpha), 0, 20000)
        for quantity, values in zip(QUANTITIES, runs, strict=True):
            for name in ("sharp", "binomial"):
                limit = bounds.bound(name, quantity, m, alpha, delta, 1.0) * (1 + 1e-12)
                over = np.sum(values[:, None] > limit, axis=0)
                assert np.all(binom.sf(over - 1, values.size, delta) > 1e-6), (m, alpha, quantity, name)


def test_bounds_broadcast():
    grid = np.ix_([64, 128], [0.5, 1.0, 2.0], [0.1, 0.01, 0.5, 0.3], [1.0])
    for name in bounds.BOUNDS:
        for quantity in QUANTITIES:
            assert bounds.bound(name, quantity, *grid).shape == (2, 3, 4, 1)
