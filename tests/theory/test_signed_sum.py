"""The exact laws of E, |Δ₁| and |Δ₂| under random directions, against routes that share nothing with them."""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

import numpy as np
import pytest
from scipy.stats import binom, norm
from scores import exceedance_scores

from ntk_core.laws import moments
from ntk_core.laws.exact import exact_law, exact_quantile
from ntk_core.quantities import QUANTITIES
from ntk_core.sampling.cell import Cell
from ntk_core.sampling.samplers import simulate
from ntk_core.theory import signed_sum
from ntk_core.theory.counts import CountSum
from ntk_core.theory.fourier import fourier_sums
from ntk_core.theory.signed_sum import SignedSum
from ntk_core.theory.tilt import TARGET

SIGNED = ("linearization_error", "delta1", "delta2")
NODES, WEIGHTS = np.polynomial.legendre.leggauss(48)
NODES, WEIGHTS = 0.5 * (NODES + 1), 0.5 * WEIGHTS


def tail_of_coordinate(s, d):
    """P(t > s) for s ≥ 0 in closed form."""
    s = np.minimum(s, 1.0)
    return {1: 0.5 * (s < 1), 2: np.arccos(s) / np.pi, 3: 0.5 * (1 - s), 5: 0.5 - 0.75 * (s - s**3 / 3)}[d]


def coordinate_in_angle(angle, d):
    """Density of arcsin t."""
    return {2: 1 / np.pi + 0 * angle, 3: 0.5 * np.cos(angle), 5: 0.75 * np.cos(angle) ** 3}[d]


def tail_of_term(quantity, y, d, radius):
    """P(X > y) of one pair for y ≥ 0, `(k,)`: one neuron flips at position s, or both do and one is ahead."""

    def over(low, high, function):
        """∫ function(angle) from low to high, whose integrand may be a root of the distance to high."""
        angle = low + (high - low) * (1 - NODES**2)
        return np.sum(2 * (high - low) * NODES * WEIGHTS * function(angle), axis=-1)

    def at(angle):
        return 2 * radius * norm.pdf(radius * np.sin(angle)) * np.cos(angle)

    def tail(s):
        return tail_of_coordinate(s, d)

    y = np.minimum(y, 1.0)[:, None]
    start, stop, right = np.arcsin(y), np.arcsin(1 - y), np.full_like(y, np.pi / 2)
    alone = {
        "delta1": lambda: over(start, right, lambda a: at(a) * tail(np.sin(a)) * (1 - tail(np.sin(a)))),
        "linearization_error": lambda: over(
            0 * y, stop, lambda a: at(a) * tail(np.sin(a) + y) * (1 - tail(np.sin(a)))
        ),
        "delta2": lambda: (
            over(0 * y, start, lambda a: at(a) * tail(y) * (1 - tail(np.sin(a))))
            + over(start, right, lambda a: at(a) * tail(np.sin(a)) * (1 - tail(np.sin(a))))
        ),
    }[quantity]()
    if quantity == "delta1" or d == 1:  # both flip by as much
        return alone

    def both(a):
        return coordinate_in_angle(a, d) * (2 * norm.cdf(radius * np.sin(a)) - 1) * tail(np.sin(a) + y)

    return alone + over(0 * y, stop, both)


@pytest.mark.parametrize("quantity", SIGNED)
@pytest.mark.parametrize(("d", "alpha"), [(1, 1.0), (2, 0.3), (2, 5.0), (3, 1.0), (5, 2.0)])
def test_a_single_pair_agrees_with_direct_integration(quantity, d, alpha):
    if d == 1 and quantity == "delta2":
        return
    exact = exact_law("sphere", quantity, 2, d, alpha)
    y = np.array([1e-6, 0.05, 0.3, 0.7, 0.98])
    expected = 2 * tail_of_term(quantity, y, d, alpha / math.sqrt(2))
    assert [exact.survival(v * alpha / 2) for v in y] == pytest.approx(expected, rel=1e-9)


@lru_cache
def lattice_tails(quantity, n, d, radius, fineness):
    """P(Y > y) at y = (k + 1/2)/fineness, k ≥ 0, where every term is rounded to a multiple of 1/fineness."""
    half = (np.arange(fineness + 1) + 0.5) / fineness
    tails = np.append(tail_of_term(quantity, half, d, radius), 0.0)
    masses = tails[:-2] - tails[1:-1]
    size = 1 << (2 * min(n, 24) * fineness).bit_length()
    law = np.zeros(size)
    law[1 : fineness + 1] = masses
    law[-fineness:] = masses[::-1]
    law[0] = 1 - 2 * masses.sum()
    total = np.fft.irfft(np.fft.rfft(law) ** n, size)
    return np.cumsum(total[size // 2 - 1 :: -1])[-2::-1]


@pytest.mark.parametrize("quantity", SIGNED)
@pytest.mark.parametrize(
    ("m", "d", "alpha"), [(4, 3, 1.0), (4, 2, 4.0), (6, 5, 0.5), (64, 2, 1.0), (64, 3, 4.0), (1000, 5, 2.0)]
)
def test_survival_agrees_with_convolution_on_a_lattice(quantity, m, d, alpha):
    """Two lattices, extrapolated, away from the kinks at the integers.

    The error falls with the square of the step; where the density has a root in its denominator, as 3/2.
    """
    exact, radius = exact_law("sphere", quantity, m, d, alpha), alpha / math.sqrt(m)
    gain = 3 ** (1.5 if (quantity, d) == ("delta2", 2) else 2.0) - 1
    for y in (0.5, 1.5, 2.5, 4.5):
        if y < m / 2:  # with an odd number of steps to the unit, y lies half way between two multiples
            coarse, fine = (
                lattice_tails(quantity, m // 2, d, radius, steps)[round(y * steps - 0.5)]
                for steps in (729, 2187)
            )
            expected = 2 * (fine + (fine - coarse) / gain)
            assert exact.survival(y * alpha / m) == pytest.approx(expected, rel=1e-6, abs=1e-13), y


@pytest.mark.parametrize("m", [2, 4, 64, 2**20, 2**30, 2**40])
@pytest.mark.parametrize("d", [1, 2, 64, 10**4])
def test_quantiles_meet_their_error_target_and_invert_the_survival_function(m, d):
    for quantity, alpha in itertools.product(SIGNED, (0.05, 4.0)):
        exact = exact_law("sphere", quantity, m, d, alpha)
        if d == 1 and quantity == "delta2":
            assert isinstance(exact, CountSum)
            continue
        assert isinstance(exact, SignedSum)
        last = math.inf
        for delta in (1e-9, 1e-5, 0.001, 0.1, 0.5, 0.9):
            quantile = exact.quantile(delta)
            assert quantile.error <= TARGET
            assert 0 <= quantile.value <= last
            last = quantile.value
            some = exact.survival(0.0)
            assert (quantile.value == 0) == (some <= delta)
            if 0 < quantile.value < 0.999 * exact.n * exact.unit:
                assert exact.survival(quantile.value) == pytest.approx(delta, rel=1e-4)


def test_stated_error_meets_its_target_and_covers_the_distance_to_a_longer_series(monkeypatch):
    """At random places, and with another tilt."""
    rng = np.random.default_rng(5)
    cases = []
    for _ in range(60):
        m, d = 2 * int(2 ** rng.uniform(1, 12)), int(rng.choice([2, 3, 4, 64]))
        exact = exact_law("sphere", str(rng.choice(SIGNED)), m, d, float(2 ** rng.uniform(-2, 2)))
        delta = float(10 ** rng.uniform(-9, -0.1))
        cases.append((exact, delta, exact.quantile(delta)))
    monkeypatch.setattr(signed_sum, "_TERMS", (1 << 16,))
    series = SignedSum._series
    monkeypatch.setattr(SignedSum, "_series", lambda self, tilt, terms: series(self, 0.8 * tilt, terms))
    for exact, delta, quantile in cases:
        assert quantile.error <= TARGET
        other = exact.quantile(delta)
        assert abs(quantile.value - other.value) <= (quantile.error + other.error) * other.value


@pytest.mark.parametrize("quantity", SIGNED)
@pytest.mark.parametrize(("m", "d", "alpha"), [(2, 3, 1.0), (4, 5, 2.0), (64, 64, 1.0), (1024, 3, 1.0)])
def test_mean_squares_are_integrals_of_the_survival_function(quantity, m, d, alpha):
    exact = exact_law("sphere", quantity, m, d, alpha)
    rms = moments.root_mean_square("sphere", quantity, m, d, alpha)
    top = min(exact.n, 14 * rms / exact.unit + 2)
    edges = np.unique(np.concatenate([top * 2.0 ** np.arange(-12, 1), np.arange(0, min(top, 3.5), 0.5)]))
    nodes, weights = np.polynomial.legendre.leggauss(12 if quantity == "delta2" else 8)
    square = 0.0
    for low, high in itertools.pairwise(edges):
        for node, weight in zip(nodes, weights, strict=True):
            y = exact.unit * (0.5 * (high - low) * node + 0.5 * (high + low))
            square += 2 * y * exact.survival(y) * 0.5 * (high - low) * weight * exact.unit
    assert square == pytest.approx(rms**2, rel=1e-6)


def test_simulation_agrees_and_a_wrong_constant_is_found():
    """Largest of 70 or so z-scores below its 1e-3 level; a law 1 % off fails by far."""
    points = (
        (2, 2, 1.0),
        (6, 3, 2.0),
        (64, 2, 0.5),
        (64, 64, 2.0),
        (64, 1, 2.0),
        (1002, 2, 1.0),
        (2**20, 64, 1.0),
    )
    cases = [
        (Cell("band", "sphere", m, d, alpha), [name for name in SIGNED if d > 1 or name != "delta2"])
        for m, d, alpha in points
    ]
    scores, wrong = exceedance_scores(37, cases, (0.0, 0.01))
    limit = norm.isf(0.5e-3 / len(scores))
    assert len(scores) > 65
    assert scores.max() < limit
    assert wrong.max() > 1.5 * limit


def test_dense_simulation_agrees():
    """From the definitions, weights and all: 12 two-sided levels of 1e-4 each."""
    for d in (2, 5):
        runs = simulate(38, Cell("dense", "sphere", 16, d, 4.0), 0, 20000)
        for quantity, delta in itertools.product(SIGNED, (0.2, 0.01)):
            quantile = exact_quantile("sphere", quantity, 16, d, 4.0, delta)
            over = np.count_nonzero(runs[list(QUANTITIES).index(quantity)] > quantile)
            assert binom.sf(over - 1, 20000, delta) > 0.5e-4
            assert binom.cdf(over, 20000, delta) > 0.5e-4


LEVELS = (0.999, 0.99, 0.9, 0.5, 0.1, 0.001, 1e-9)


@pytest.mark.parametrize(
    ("d", "alpha", "levels", "apart"),
    [
        *((d, 1.0, LEVELS, 1e-3) for d in (1, 2, 64)),
        (1, 1e6, (0.999, 1e-9), 0.02),
        *((d, 1e6, (0.999, 0.1, 1e-9), 0.02) for d in (2, 64)),
    ],
)
def test_quantiles_become_gaussian(d, alpha, levels, apart):
    """At α = 10⁶, where 3·10¹¹ pairs flip, rounding is seen near δ = 1, and a count takes seconds a level."""
    for quantity in SIGNED:
        rms = moments.root_mean_square("sphere", quantity, 2**40, d, alpha)
        for delta in levels:
            value = exact_quantile("sphere", quantity, 2**40, d, alpha, delta)
            assert value == pytest.approx(rms * norm.isf(delta / 2), rel=apart)


@pytest.mark.parametrize(("m", "alpha"), [(2, 1.0), (6, 3.0), (90, 2.0), (2**20, 1.0)])
def test_delta2_in_one_dimension_is_a_difference_of_counts(m, alpha):
    """t = ±1: a flip adds ±1, both flips of a pair nothing. Against simulation and, at m = 6, convolution."""
    exact = exact_law("sphere", "delta2", m, 1, alpha)
    values = np.rint(simulate(14, Cell("band", "sphere", m, 1, alpha), 0, 20000)[3] * m / alpha)
    for count in np.unique(values)[:-1]:
        p, over = exact.survival(count * alpha / m), np.count_nonzero(values > count)
        assert binom.sf(over - 1, 20000, p) > 1e-6
        assert binom.cdf(over, 20000, p) > 1e-6
    for delta in (0.9, 0.5, 0.01, 1e-6, 1e-9):
        quantile = exact.quantile(delta).value
        assert exact.survival(quantile) <= delta * (1 + 1e-9)
        assert quantile == 0 or exact.survival(quantile - alpha / m) > delta
    if m == 6:
        q = (2 * norm.cdf(alpha / math.sqrt(m)) - 1) / 4
        law = np.convolve(np.convolve([q, 1 - 2 * q, q], [q, 1 - 2 * q, q]), [q, 1 - 2 * q, q])
        for count in range(3):
            expected = 2 * law[4 + count :].sum()
            assert exact.survival(count * alpha / m) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("count", "period"), [(64, 3.0), (256, 1e4), (4096, 20.0)])
def test_fourier_sums_agree_with_their_definition(count, period):
    rng = np.random.default_rng(3)
    positions, masses = rng.uniform(-1, 1, 500), rng.uniform(-0.2, 1, 500)
    expected = np.exp(2j * np.pi / period * np.outer(np.arange(count), positions)) @ masses
    got = fourier_sums(positions, masses, period, count)
    assert np.abs(got - expected).max() < 3e-14 * np.abs(masses).sum()


def test_few_flips_among_very_many_pairs_by_a_real_characteristic_function():
    """Δ₁ in d = 1, where E[cos(ωX)] - 1 is real: no complex logarithm of a number next to 1."""
    m, alpha, delta = 2**38, 0.05, 0.5
    radius = alpha / math.sqrt(m)
    y = exact_quantile("sphere", "delta1", m, 1, alpha, delta) * m / alpha
    chance = 0.5 * radius * norm.pdf(radius * NODES) * WEIGHTS  # of X in ds, either sign
    deviation = math.sqrt(m * float(np.sum(chance * NODES**2)))
    omega = np.linspace(0.0, 9.0 / deviation, 4001)[1:]
    term = -4.0 * np.sin(0.5 * np.multiply.outer(omega, NODES)) ** 2 @ chance
    waves = np.sin(omega * y) / omega * np.exp(m // 2 * np.log1p(term))
    below = 2.0 / math.pi * omega[0] * (0.5 * y + float(np.sum(waves)))
    assert below == pytest.approx(1.0 - delta, rel=1e-8)
