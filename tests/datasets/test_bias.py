"""The size of a mean over inputs, estimated from the runs: its interval where values are skewed."""

from __future__ import annotations

import numpy as np
from scipy.stats import binom

from ntk_core.datasets.statistics import CONFIDENCE
from ntk_core.datasets.trained_quantiles import _bias

RUNS, SAMPLES = 24, 2000


def bias_of(values: np.ndarray) -> dict[str, np.ndarray]:
    """For each of the samples `(runs, samples)` as if it were a width, at one time and input."""
    return _bias(values[:, :, None, None], np.ones((*values.shape, 1, 1), bool))


def test_intervals_miss_as_rarely_as_they_say_also_of_skewed_values():
    """Intervals are given where the values drawn are not too skewed.

    If one is given and misses with a chance of 1 %, a false alarm has a chance of 1e-6 for each law.
    """
    rng = np.random.default_rng(5)
    for draw, mean, given in (
        (lambda size: 1.0 + rng.standard_normal(size), 1.0, SAMPLES // 2),
        (lambda size: rng.exponential(size=size), 1.0, SAMPLES // 20),
        (lambda size: (rng.random(size) < 0.2).astype(float), 0.2, SAMPLES // 100),
    ):
        parts = bias_of(draw((RUNS, SAMPLES)))
        lower, upper = parts["bias_lower"].ravel(), parts["bias_upper"].ravel()
        known = np.isfinite(lower)
        assert known.sum() >= given
        missed = np.count_nonzero(known & ((lower > mean) | (upper < mean)))
        assert missed <= binom.isf(1e-6, SAMPLES, 1.0 - CONFIDENCE)


def test_values_of_one_run_alone_have_no_interval():
    values = np.zeros((RUNS, 1))
    assert np.isnan(bias_of(values)["bias_upper"]).all()  # nothing is known of what other runs would have
    values[0] = 1.0
    parts = bias_of(values)
    assert parts["bias"].item() == 0.0
    assert np.isnan(parts["bias_lower"]).all()
    assert np.isnan(parts["bias_upper"]).all()
