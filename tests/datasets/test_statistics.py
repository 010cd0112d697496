from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr
from scipy.stats import beta, binom, norm

from ntk_core.datasets import statistics
from ntk_core.datasets.chance import CHANCE, beyond_chance
from ntk_core.datasets.simulation import simulate
from ntk_core.laws import moments


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


@pytest.mark.parametrize("runs", [1000, 1 << 17])
def test_few_and_many_values_are_sorted(runs):
    values = np.random.default_rng(runs).standard_normal(runs)
    assert np.array_equal(statistics.ascending(values), np.sort(values))


def test_rate_upper_limit_is_clopper_pearson():
    over, runs = np.array([0, 3, 99, 100]), 100
    got = statistics.rate_upper_limit(over, runs)
    assert got[:3] == pytest.approx(beta.ppf(0.99, over[:3] + 1, runs - over[:3]))
    assert got[3] == 1.0


def test_log_slope_recovers_a_power_law_and_its_error():
    x = 2.0 ** np.arange(6, 31, 3)
    exact = statistics.log_slope(x, *[3.0 * x**-0.5] * 3)
    assert (exact.value, exact.lower, exact.upper) == pytest.approx((-0.5, -0.5, -0.5))
    rng = np.random.default_rng(7)
    inside = 0
    for _ in range(2000):
        y = x**-0.75 * (1 + 0.01 * rng.standard_normal(x.size))
        slope = statistics.log_slope(x, y, *(y * np.exp(z * 0.01) for z in (-2.5758, 2.5758)))
        inside += slope.lower <= -0.75 <= slope.upper
    # 99 % coverage; Binomial(2000, 0.99) leaves [1957, 1999] with probability below 1e-4.
    assert 1957 <= inside <= 1999


@pytest.mark.parametrize("alpha", [1.0, 2.0])
def test_slopes_of_quantiles_of_counts_are_right_as_often_as_they_say(alpha):
    """Of neurons in the band; 10 of 200 or more are wrong with probability 4e-5, if 1 % are."""
    m, delta, rng = 2.0 ** np.arange(18, 31, 3), np.array([0.01, 0.1, 0.5]), np.random.default_rng(3)
    band = 2 * norm.cdf(alpha / np.sqrt(m)) - 1
    exact = np.array(
        [2 * binom.ppf(1 - delta, half, p) / (2 * half) for half, p in zip(m / 2, band, strict=True)]
    )
    wrong = {"spacing": np.zeros(3), "none": np.zeros(3)}
    for _ in range(200):
        draws = [
            np.sort(rng.binomial(int(half), p, 6144)) / half for half, p in zip(m / 2, band, strict=True)
        ]
        limits = np.array([statistics.quantiles(values, delta) for values in draws])  # (m, limit, level)
        for k in range(3):
            truth = statistics.log_slope(m, *[exact[:, k]] * 3).value
            for name, spacing in (("spacing", 2 / m), ("none", 0.0)):
                slope = statistics.log_slope(m, *limits[:, :, k].T, spacing)
                wrong[name][k] += not slope.lower <= truth <= slope.upper
    assert wrong["spacing"].max() < 10
    assert wrong["none"].max() >= 20


def test_log_slope_leaves_out_what_has_no_logarithm():
    x = np.array([1.0, 2.0, 4.0, 8.0])
    y, upper = np.array([0.0, 2.0, 1.0, 0.5]), np.array([0.1, 2.1, np.inf, 0.6])
    slope = statistics.log_slope(x, y, y - 0.1, upper)
    assert slope.points == 2
    assert slope.value == pytest.approx(-1.0)
    assert slope.lower < -1.0 < slope.upper
    assert statistics.log_slope(x, np.zeros(4), np.zeros(4), np.ones(4)).points == 0
    assert math.isnan(statistics.log_slope(x[:1], x[:1], x[:1], x[:1]).value)


@pytest.mark.parametrize("lower", [0.0, np.nan])
def test_a_slope_has_no_interval_where_a_point_has_none(lower):
    y = np.array([4.0, 2.0, 1.0])
    slope = statistics.log_slope(1 / y, y, np.array([3.9, lower, 0.9]), y + 0.1)
    assert slope.value == pytest.approx(-1.0)
    assert math.isnan(slope.lower)
    assert math.isnan(slope.upper)
    local, low, _ = statistics.local_slopes(1 / y, y, np.array([3.9, lower, 0.9]), y + 0.1)
    assert local[1:] == pytest.approx([-1.0, -1.0])
    assert np.isnan(low).all()


SAMPLES = 500
CELLS = {  # law, quantity, d
    "nearly normal": ("adversarial", "linearization_error", 2),
    "skewed": ("sphere", "linearization_error", 2),
    "counts": ("aligned", "sign_change_fraction", 2),
    "mostly zero": ("sphere", "delta1", 64),
}


@pytest.mark.parametrize("runs", [2, 3, 4, 8, 16, 24, 64, 256])
@pytest.mark.parametrize("cell", CELLS)
def test_intervals_of_means_and_rms_are_right_as_often_as_promised_or_withheld(cell, runs):
    """Of 500 samples at most as many are given and wrong as 1 % explains; false-alarm rate 64 · 1e-5."""
    law, quantity, d = CELLS[cell]
    m, alpha = 64, 1.0
    samples = simulate(law=law, m=m, d=d, alpha=alpha, runs=SAMPLES * runs, entropy=9)[quantity].values
    exact = moments.mean(law, quantity, m, d, alpha), moments.root_mean_square(law, quantity, m, d, alpha)
    if not np.isfinite(exact[0]):
        exact = samples.mean(), exact[1]
    wrong = given = 0
    for values in samples.reshape(SAMPLES, runs):
        got = statistics.sample_moments(values)
        limits = np.array([[got.mean_lower, got.rms_lower], [got.mean_upper, got.rms_upper]])
        given += np.isfinite(limits[0])
        wrong += (limits[0] > exact) | (exact > limits[1])
    assert (wrong <= binom.isf(1e-5, SAMPLES, 0.01)).all()
    if runs < 24:
        assert (given == 0).all()
    if runs == 256 and cell == "nearly normal":
        assert given[0] == SAMPLES


@pytest.mark.parametrize("copies", [1, 16])
def test_quantiles_of_inputs_of_a_run_have_limits_however_they_depend(copies):
    """Inputs that are independent, or all alike: 99 % of 1000 samples of 16 runs; false-alarm rate 2e-5."""
    rng, delta = np.random.default_rng(5), np.array([0.001, 0.1, 0.5])
    exact, outside = -np.log(delta), 0
    for _ in range(1000):
        values = np.repeat(rng.exponential(size=(16, 16 // copies)), copies, axis=1)
        value, lower, upper = statistics.clustered_quantiles(values, delta)
        assert value[1] == np.sort(values, axis=None)[230]
        assert np.isinf(upper[0])  # 16 runs have no upper limit, though there are 256 values
        assert np.isfinite(upper[2])
        outside += (exact < lower) | (exact > upper)
    assert (outside <= binom.isf(1e-5, 1000, 0.01)).all()


@pytest.mark.parametrize("runs", [1, 2, 3, 4, 8, 16, 64, 512, 6144])
@pytest.mark.parametrize("delta", [0.999, 0.5, 0.1, 0.001])
@pytest.mark.parametrize("comparisons", [1, 1000])
def test_a_count_is_called_beyond_chance_with_no_more_than_its_share_of_it(runs, delta, comparisons):
    """Exactly, not by simulation: the probability under Binomial(runs, δ) of counts that are called so."""
    counts = np.arange(runs + 1)
    called = beyond_chance(xr.DataArray(counts), runs, delta, comparisons).values
    chance = binom.pmf(counts[called], runs, delta).sum()
    assert chance <= CHANCE / comparisons
    if called.any():
        first = int(counts[called][0])
        assert binom.sf(first - 2, runs, delta) >= CHANCE / comparisons
