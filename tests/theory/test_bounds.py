from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, norm

from ntk_core.laws import THEOREM_LAWS
from ntk_core.laws.exact import exact_law
from ntk_core.quantities import QUANTITIES
from ntk_core.sampling.cell import Cell
from ntk_core.sampling.samplers import simulate
from ntk_core.theory import bounds


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
            assert ladder[2] >= ladder[3] * (1 - 1e-6)  # the error the exact quantile may have
            assert ladder[0] >= ladder[1] * (1 - 1e-12)


def test_binomial_bound_forgets_delta():
    for delta in (0.5, 1e-6):
        value = float(bounds.binomial("linearization_error", 2**40, 1.0, delta, 1.0)) * 2**20
        assert value == pytest.approx(1 / math.sqrt(2 * math.pi), rel=0.01)


@pytest.mark.parametrize("law", THEOREM_LAWS)
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


def test_printed_lemma_4_and_event_a1_fail_off_norm_one_and_the_sharp_bounds_do_not():
    """Exact probabilities, no simulation: how often the worst displacement exceeds each bound."""

    def failure(bound, quantity, m, alpha, delta, x):
        scale = 1.0 if quantity == "band_fraction" else x
        limit = float(bounds.bound(bound, quantity, m, alpha, delta, x)) / scale
        return exact_law("adversarial", quantity, m, 2, alpha).survival(limit)

    for m in (2, 4, 8, 16):
        case = (m, 0.5 / math.sqrt(m), 0.001, 1e4)
        assert failure("printed", "delta1", *case) == pytest.approx(0.095, abs=0.004)
        assert failure("sharp", "delta1", *case) <= 0.001
    case = (2**20, 10.0, 0.01, 0.1)
    for quantity in ("band_fraction", "delta2"):
        assert failure("printed", quantity, *case) > 1 - 1e-9
        assert failure("sharp", quantity, *case) <= 0.01
    for x in (1e-3, 0.1, 1.0, 10.0, 1e3):
        for m in (2, 64, 2**20):
            assert failure("printed", "linearization_error", m, 1.0, 0.1, x) <= 0.1


def test_theorem_1_is_above_the_sharp_bound_everywhere():
    grid = np.ix_([2, 1024], np.geomspace(1e-6, 1e6, 13), [1e-9, 0.1, 0.999], np.geomspace(1e-9, 1e9, 19))
    for bound in ("sharp", "binomial"):
        smaller = bounds.bound(bound, "linearization_error", *grid)
        assert np.all(bounds.printed("linearization_error", *grid) >= smaller * (1 - 1e-12))


def test_bounds_broadcast():
    grid = np.ix_([64, 128], [0.5, 1.0, 2.0], [0.1, 0.01, 0.5, 0.3], [1.0])
    for name in bounds.BOUNDS:
        for quantity in QUANTITIES:
            assert bounds.bound(name, quantity, *grid).shape == (2, 3, 4, 1)
