from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import beta, binom

from ntk_core.datasets import statistics


@pytest.mark.parametrize("runs", [10, 100, 5000])
@pytest.mark.parametrize("delta", [0.5, 0.1, 0.01, 0.001])
def test_quantile_ranks_cover_at_the_stated_level(runs, delta):
    """Exactly, not by simulation: P(X_(l) ≤ q < X_(u)) = P(l ≤ Binomial(runs, 1-δ) < u)."""
    estimate, lower, upper = (int(rank[0]) for rank in statistics.quantile_ranks(runs, np.array([delta])))
    below = binom(runs, 1 - delta)
    assert below.cdf(lower - 1) <= 0.005 + 1e-12
    assert below.sf(upper - 1) <= 0.005 + 1e-12
    assert lower == 0 or below.cdf(lower) > 0.005
    assert upper == runs + 1 or below.sf(upper - 2) > 0.005
    assert estimate == math.ceil(runs * (1 - delta) - 1e-9)
    assert lower <= estimate <= upper


def test_quantiles_say_when_runs_are_too_few():
    values = np.sort(np.random.default_rng(1).random(500))
    (estimate, lower, upper) = statistics.quantiles(values, np.array([0.5, 0.001])).T[1]
    assert upper == np.inf
    assert lower <= estimate == values[-1]
    assert np.isfinite(statistics.quantiles(values, np.array([0.5]))).all()


def test_rate_upper_limit_is_clopper_pearson():
    over, runs = np.array([0, 3, 99, 100]), 100
    got = statistics.rate_upper_limit(over, runs)
    assert got[:3] == pytest.approx(beta.ppf(0.99, over[:3] + 1, runs - over[:3]))
    assert got[3] == 1.0


def test_log_slope_recovers_a_power_law_and_its_error():
    x = 2.0 ** np.arange(6, 31, 3)
    exact = statistics.log_slope(x, 3.0 * x**-0.5, np.zeros_like(x))
    assert (exact.value, exact.lower, exact.upper) == pytest.approx((-0.5, -0.5, -0.5))
    rng = np.random.default_rng(7)
    inside = 0
    for _ in range(2000):
        y = x**-0.75 * (1 + 0.01 * rng.standard_normal(x.size))
        slope = statistics.log_slope(x, y, 0.01 * y)
        inside += slope.lower <= -0.75 <= slope.upper
    # 99 % coverage; Binomial(2000, 0.99) leaves [1957, 1999] with probability below 1e-4.
    assert 1957 <= inside <= 1999


def test_log_slope_leaves_out_what_has_no_logarithm():
    x = np.array([1.0, 2.0, 4.0, 8.0])
    slope = statistics.log_slope(x, np.array([0.0, 2.0, 1.0, 0.5]), np.array([0.1, 0.1, np.inf, 0.1]))
    assert slope.points == 2
    assert slope.value == pytest.approx(-1.0)
    assert statistics.log_slope(x, np.zeros(4), np.ones(4)).points == 0
    assert math.isnan(statistics.log_slope(x[:1], x[:1], x[:1]).value)
