"""Thresholds of ‖x‖ and extreme ratios against other formulas, another optimiser, and the exact laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import differential_evolution, minimize_scalar
from scipy.special import erf, erfcx
from scipy.stats import binom, norm

from ntk_core.theory.bounds import bound
from ntk_core.theory.counts import Binomial
from ntk_core.theory.exact import full_step_law
from ntk_core.theory.extremes import (
    largest_norm,
    largest_share_of_sharp,
    least_looseness,
    least_norm,
)

WIDTHS = (2, 16, 64)


def rate(r, y, falling):
    """Cramér's exponent of P(Y > my)/m by its definition, a supremum over tilts, and E e^{tX} in closed form.

    2 ∫₀^r e^{t z/r} φ(z) dz = e^{k²/2} (erf((r - k)/√2) + erf(k/√2)), k = t/r, and for t(1 - z/r) e^t times
    that at -t.
    """

    def log_moment(t):
        if falling:  # e^{t + k²/2} (erfc(k/√2) - erfc((r + k)/√2)), k = t/r
            k = t / r
            inner = erfcx(k / math.sqrt(2)) - math.exp(-0.5 * r * r - t) * erfcx((r + k) / math.sqrt(2))
            return math.log(math.erfc(r / math.sqrt(2)) + math.exp(t) * inner)
        s = (np.arange(2000) + 0.5) / 2000  # the middle rule: another route than Gauss-Legendre
        weights = 2 * r * norm.pdf(r * s) / 2000
        return math.log(math.erfc(r / math.sqrt(2)) + float(np.sum(weights * np.exp(t * s))))

    best = minimize_scalar(lambda t: log_moment(t) - 2 * y * t, bounds=(0, 300), method="bounded")
    return max(-0.5 * best.fun, 0.0)


OBJECTIVES = {
    "norm": (lambda r, y, level: level / (y - r) if y > r else 1e3, False),
    "looseness": (lambda r, y, level: (math.sqrt(r) + math.sqrt(level)) ** 2 / y, True),
    "share": (lambda r, y, level: (math.sqrt(2 / math.pi) * r + level) / (2 * y), True),
}


@pytest.mark.parametrize(
    ("name", "extreme"),
    [
        ("norm", lambda: largest_norm().value),
        ("looseness", lambda: least_looseness().value),
        ("share", lambda: 1 / largest_share_of_sharp("linearization_error").value),
    ],
)
def test_another_optimiser_with_other_formulas_reaches_the_same_extreme(name, extreme):
    """Differential evolution over r and y, with ℓ from the supremum that defines the exponent."""
    objective, falling = OBJECTIVES[name]

    def value(point):
        r, y = math.exp(point[0]), point[1]
        mean = 0.5 * (erf(r / math.sqrt(2)) * (1 if falling else 0) - (1 if falling else -1) * first(r))
        return objective(r, y, math.sqrt(rate(r, y, falling))) if y > mean else 1e3

    def first(r):
        """E[s; s < 1] = (2/r)(φ(0) - φ(r))."""
        return 2 / r * (norm.pdf(0) - norm.pdf(r))

    best = differential_evolution(
        value, [(-7, 1), (0.01, 0.499)], rng=1, maxiter=40, popsize=8, tol=1e-8, polish=True
    )
    assert best.fun == pytest.approx(extreme(), rel=2e-6)


def test_the_digits_that_texts_quote():
    assert f"{largest_norm().value:.4f}" == "3.7512"
    assert f"{least_looseness().value:.4f}" == "4.4719"
    assert f"{largest_share_of_sharp('linearization_error').value:.4f}" == "0.6483"
    assert f"{largest_norm(2).value:.3f} {largest_norm(64).value:.3f}" == "4.107 3.784"


def test_the_threshold_of_one_pair_is_that_of_its_closed_form():
    """m = 2: Y is one term, and P(Y > 2y) = erf(r/√2) - erf(2yr/√2)."""

    def value(point):
        r, y = math.exp(point[0]), point[1]
        chance = erf(r / math.sqrt(2)) - erf(2 * y * r / math.sqrt(2))
        return math.sqrt(-math.log(chance) / 2) / (y - r) if y > r and chance > 0 else 1e3

    best = differential_evolution(value, [(-7, -0.7), (0.01, 0.5)], rng=1, tol=1e-10)
    assert largest_norm(2).value == pytest.approx(best.fun, rel=1e-7)


@pytest.mark.parametrize("extreme", [largest_norm, least_looseness])
def test_the_extreme_of_all_widths_is_below_that_of_each_and_approached(extreme):
    """Chernoff's inequality for the one, Cramér's theorem for the other: the distance falls as log(m)/m."""
    values = [extreme(m).value for m in WIDTHS]
    limit = extreme().value
    assert values == sorted(values, reverse=True)
    assert limit < values[-1] < 1.01 * limit
    scaled = [(value - limit) * m / math.log(m) for m, value in zip(WIDTHS[1:], values[1:], strict=True)]
    assert scaled[0] == pytest.approx(scaled[1], rel=0.1)


@pytest.mark.parametrize("m", WIDTHS)
def test_the_bound_on_delta1_fails_just_beyond_its_threshold_and_nowhere_below(m):
    """The exact probability that sup|Δ₁| is over the printed bound, at 1 ± 0.001 times the threshold."""
    threshold = largest_norm(m)
    alpha, delta = threshold.radius * math.sqrt(m), math.exp(-m * threshold.level)

    def excess(x_norm, alpha, delta):
        limit = float(bound("printed", "delta1", m, alpha, delta, x_norm)) / x_norm
        return full_step_law("delta1", m, alpha).survival(limit) / delta

    assert excess(1.001 * threshold.value, alpha, delta) > 1.0
    assert excess(0.999 * threshold.value, alpha, delta) < 1.0
    rng = np.random.default_rng(5)
    for _ in range(40):
        near = alpha * math.exp(rng.normal(0, 0.5)), delta ** math.exp(rng.normal(0, 0.5))
        assert excess(0.999 * threshold.value, *near) < 1.0


@pytest.mark.parametrize("quantity", ["band_fraction", "delta2"])
def test_the_bounds_on_counts_hold_from_their_threshold_on_and_fail_below(quantity):
    """At any (m, α, δ) the quantile of the binomial law, and at large m and α one per cent below."""
    rng = np.random.default_rng(6)
    m = 2 * np.round(2 ** rng.uniform(0, 29, 3000))
    alpha, delta = np.sqrt(m) * 10 ** rng.uniform(-6, 0.9, 3000), 10 ** rng.uniform(-9, -0.0005, 3000)
    norm_ = least_norm(quantity)
    scale = 1.0 if quantity == "band_fraction" else 0.5 * alpha * norm_
    supremum = scale * 2 / m * binom.isf(delta, m / 2, erf(alpha / np.sqrt(2 * m)))
    ratio = supremum / bound("printed", quantity, m, alpha, delta, norm_)
    assert 0.9 < ratio.max() <= 1.0
    below = bound("printed", quantity, 2.0**40, 1000.0, 0.5, 0.99 * norm_)
    scale = 1.0 if quantity == "band_fraction" else 500.0 * 0.99 * norm_
    chance = binom.sf(math.floor(float(below) / scale * 2**39), 2**39, erf(1000 / math.sqrt(2.0**41)))
    assert chance > 0.999


def test_at_one_width_event_a1_may_hold_below_the_threshold_of_all_widths():
    """m = 2: it fails exactly where a pair is in the band with p_r > δ, and r‖x‖ + √(log(1/δ)/2) < 1."""
    radius = np.geomspace(0.01, 8, 20000)
    threshold = float(np.max((1 - np.sqrt(-np.log(erf(radius / math.sqrt(2))) / 2)) / radius))
    assert f"{threshold:.3f}" == "0.617"
    assert threshold < least_norm("band_fraction")


def test_tails_of_a_count_are_there_at_every_width():
    """2³⁹ pairs, beyond what a 32-bit count holds, against the normal law."""
    n, p = 2**39, 1e-3
    spread = math.sqrt(n * p * (1 - p))
    for sigmas in (-1.0, 0.0, 2.0):
        value = n * p + sigmas * spread
        assert Binomial(n, p, 1.0).survival(value) == pytest.approx(norm.sf(sigmas), abs=1e-4)
