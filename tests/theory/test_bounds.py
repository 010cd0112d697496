from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from ntk_core.laws import THEOREM_LAWS
from ntk_core.laws.exact import exact_law
from ntk_core.quantities import QUANTITIES, Step
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


def test_bernsteins_bound_is_the_formula_of_the_theory_page():
    m, alpha, delta, x = 4096, 2.0, 0.05, 3.0
    phi0, square = norm.pdf(0), math.log(20)
    error = alpha**2 * phi0 / (2 * math.sqrt(m)) + alpha * square / (3 * m)
    error += alpha**1.5 * math.sqrt(2 * phi0 / 3 * square) * m**-0.75
    for quantity in ("linearization_error", "delta1"):
        assert bounds.bernstein(quantity, m, alpha, delta, x) == pytest.approx(x * error)
    fraction = 2 * phi0 * alpha / math.sqrt(m) + 2 * square / (3 * m)
    fraction += 2 * math.sqrt(2 * phi0 * alpha * square) * m**-0.75
    assert bounds.bernstein("delta2", m, alpha, delta, x) == pytest.approx(alpha * x / 2 * fraction)
    for quantity in ("band_fraction", "sign_change_fraction"):
        assert bounds.bernstein(quantity, m, alpha, delta, x) == pytest.approx(fraction)


@pytest.mark.parametrize("step", Step)
def test_the_moments_of_a_pair_are_below_their_limits(step):
    """The proof's first line: E X^k ≤ 2φ₀r ∫ step^k, and within r²/2 of it; by quadrature of the density."""
    s, weights = np.polynomial.legendre.leggauss(60)
    s, weights = (s + 1) / 2, weights / 2
    for k, integral in enumerate(step.moments, 1):
        assert integral == pytest.approx(np.sum(weights * step(s) ** k))
        for r in np.geomspace(1e-9, 5.0, 80):
            exact = 2 * r * np.sum(weights * step(s) ** k * norm.pdf(r * s))
            limit = 2 * norm.pdf(0) * r * integral
            assert limit * (1 - r**2 / 2) - 1e-15 * limit <= exact <= limit * (1 + 1e-14)


def test_each_line_of_the_proof_of_bernsteins_inequality():
    """On grids: the exponential below its square bound, its series, the tilt that gives e^-t."""
    tilt = np.linspace(1e-3, 2.999, 400)[:, None]
    y = np.linspace(0.0, 1.0, 201)
    series = tilt**2 / (2 * (1 - tilt / 3))
    assert np.all(np.expm1(tilt * y) - tilt * y <= y**2 * (np.expm1(tilt) - tilt) * (1 + 1e-9) + 1e-15)
    assert np.all(np.expm1(tilt) - tilt <= series * (1 + 1e-9))
    assert all(2 * 3 ** (k - 2) <= math.factorial(k) for k in range(2, 60))
    t, v = np.meshgrid(np.geomspace(1e-3, 100, 60), np.geomspace(1e-6, 1e9, 60))
    u = np.sqrt(2 * t / v)
    best = u / (1 + u / 3)
    excess = np.sqrt(2 * v * t) + t / 3
    assert np.all(best < 3)
    assert best * excess - v * best**2 / (2 * (1 - best / 3)) == pytest.approx(t, rel=1e-9)
    for r in np.geomspace(1e-4, 5.0, 30):  # the cumulant of a pair's term, by quadrature of its own density
        z, weights = np.polynomial.legendre.leggauss(80)
        z, weights = r * (z + 1) / 2, r * weights * norm.pdf(r * (z + 1) / 2)
        falling = 1 - z / r
        for theta in (0.1, 1.0, 2.0, 2.9):
            cumulant = np.log1p(np.sum(weights * np.expm1(theta * falling)))
            mean, square = np.sum(weights * falling), np.sum(weights * falling**2)
            assert cumulant - theta * mean <= square * theta**2 / (2 * (1 - theta / 3)) * (1 + 1e-9)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.sampled_from(["linearization_error", "delta1", "delta2", "sign_change_fraction", "band_fraction"]),
    st.floats(0, 39).map(lambda k: 2 * round(2**k)),
    st.floats(-9, 6).map(lambda k: 10.0**k),
    st.floats(1e-9, 0.999) | st.floats(-9, -0.001).map(lambda k: 10.0**k),
)
def test_bernsteins_bound_is_nowhere_below_the_exact_quantile(quantity, m, alpha, delta):
    """The whole range that may be asked. Nor at its ends, nor where the two are closest."""
    hard = [(2, 1e-9, 1e-9), (2, 1e6, 0.999), (2**40, 1e-9, 0.999), (2**40, 1e6, 1e-9), (2**40, 3162.0, 1e-9)]
    for place in [(m, alpha, delta), *hard] if m < 4 else [(m, alpha, delta)]:
        exact, limit = (bounds.bound(name, quantity, *place, 1.0) for name in ("exact", "bernstein"))
        assert np.isfinite(limit)
        assert limit > 0
        assert np.isnan(exact) or limit >= exact


def test_bernsteins_bound_comes_to_the_exact_quantile_at_every_level():
    """Over the exact quantile, the figures of the theory page; and the leading constant, in the limit."""
    for quantity in ("linearization_error", "delta1"):
        for m, ratio in ((2**6, 1.44), (2**10, 1.22), (2**20, 1.040), (2**40, 1.0013)):
            limit, exact = (bounds.bound(n, quantity, m, 1.0, 0.01, 1.0) for n in ("bernstein", "exact"))
            assert limit / exact == pytest.approx(ratio, abs=0.05 if m < 2**20 else 5e-4)
        for delta in (0.999, 0.5, 1e-9):
            value = bounds.bernstein(quantity, 2.0**120, 1.0, delta, 1.0) * 2.0**60
            assert value == pytest.approx(1 / (2 * math.sqrt(2 * math.pi)), rel=1e-6)


def test_bernsteins_bound_is_below_the_sharp_one_wherever_that_says_anything():
    """E and |Δ₁|: `sharp` below α‖x‖/2, which holds always, is enough, and so is δ ≥ e^(-9m/16).

    Counts: from where A = φ₀α√m is above (√m/2 - L/3)²/2 on, `sharp` is the smaller.
    """
    grid = np.ix_([2, 4, 10, 64, 1024, 2**20], np.geomspace(1e-6, 1e6, 400), np.geomspace(1e-9, 0.999, 60))
    m, alpha, delta = np.broadcast_arrays(*grid)
    low, high = (bounds.bound(n, "delta1", m, alpha, delta, 1.0) for n in ("bernstein", "sharp"))
    assert np.all((low < high) | (high >= alpha / 2))
    assert np.all((low <= high * (1 + 1e-12)) | (np.log(delta) < -9 * m / 16))
    assert np.any(low > high)
    low, high = (bounds.bound(n, "delta2", m, alpha, delta, 1.0) for n in ("bernstein", "sharp"))
    room = np.maximum(np.sqrt(m) / 2 - np.sqrt(-np.log(delta)) / 3, 0.0)
    assert np.all((low <= high * (1 + 1e-9)) == (norm.pdf(0) * alpha * np.sqrt(m) <= room**2 / 2))


def test_bernsteins_bound_is_below_the_binomial_one_once_the_band_has_pairs():
    """The table of the theory page: A = φ₀α√m from which on E's bound is the smaller."""
    for delta, start in ((0.9, 10.6), (0.5, 4.7), (0.1, 1.75), (0.01, 1.28), (1e-3, 1.11), (1e-9, 1.02)):
        for m in (2**20, 2**30):
            pairs = np.append(np.geomspace(0.5, 12, 1500), np.geomspace(12, 0.9 * m, 200))  # up to r = 2.26
            alpha = pairs / (norm.pdf(0) * math.sqrt(m))
            low, high = (
                bounds.bound(n, "linearization_error", m, alpha, delta, 1.0)
                for n in ("bernstein", "binomial")
            )
            last = pairs[low > high][-1]
            assert 0.985 * start < last <= start
    m = np.arange(2, 4000, 2)
    low, high = (bounds.bound(n, "linearization_error", m, 1.0, 0.01, 1.0) for n in ("bernstein", "binomial"))
    assert m[low > high][-1] == 26


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
            ladder = {b: float(bounds.bound(b, quantity, m, alpha, delta, 1.0)) for b in bounds.BOUNDS}
            assert ladder["sharp"] >= ladder["binomial"]
            assert ladder["binomial"] >= ladder["exact"] * (1 - 1e-6)  # the error the exact quantile may have
            assert ladder["bernstein"] >= ladder["exact"]
            assert ladder["printed"] >= ladder["sharp"] * (1 - 1e-12)
            if m >= 4096 and quantity in ("linearization_error", "delta1") and alpha >= 1.0:
                assert list(ladder.values()) == sorted(ladder.values(), reverse=True)


def test_binomial_bound_forgets_delta():
    for delta in (0.5, 1e-6):
        value = float(bounds.binomial("linearization_error", 2**40, 1.0, delta, 1.0)) * 2**20
        assert value == pytest.approx(1 / math.sqrt(2 * math.pi), rel=0.01)


@pytest.mark.parametrize("law", THEOREM_LAWS)
def test_no_sharp_binomial_or_bernstein_bound_is_exceeded_more_often_than_delta(law):
    """Exceedances below the binomial quantile at 1e-6 in every cell: false-alarm rate below 1e-3."""
    delta = np.array([0.5, 0.1, 0.01])
    for m, alpha in ((2, 1.0), (10, 3.0), (64, 0.5), (1024, 2.0)):
        runs = simulate(5, Cell("band", law, m, 2, alpha), 0, 20000)
        for quantity, values in zip(QUANTITIES, runs, strict=True):
            for name in ("sharp", "binomial", "bernstein"):
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
    for bound in ("sharp", "binomial", "bernstein"):
        smaller = bounds.bound(bound, "linearization_error", *grid)
        nothing = smaller >= grid[1] * grid[3] / 2 if bound == "bernstein" else False
        assert np.all((bounds.printed("linearization_error", *grid) >= smaller * (1 - 1e-12)) | nothing)


def test_bounds_broadcast():
    grid = np.ix_([64, 128], [0.5, 1.0, 2.0], [0.1, 0.01, 0.5, 0.3], [1.0])
    for name in bounds.BOUNDS:
        for quantity in QUANTITIES:
            assert bounds.bound(name, quantity, *grid).shape == (2, 3, 4, 1)
