"""The binomial law against `scipy.stats`, which takes too long to load for a job that wants nothing else."""

from __future__ import annotations

import numpy as np
from scipy.stats import binom

from ntk_core.theory.binomial import binomial_quantile, binomial_tail

N, DELTA, P = np.meshgrid(
    [1, 2, 3, 32, 2**20, 2**39], [0.999, 0.9, 0.5, 0.01, 1e-9], [0.0, 1e-12, 0.001, 0.3, 0.95, 1.0]
)


def test_quantiles_are_those_of_scipy():
    assert np.array_equal(binomial_quantile(DELTA, N, P), binom.isf(DELTA, N, P))


def test_tails_are_those_of_scipy():
    for k in (-1, 0, 1, np.floor(N * P), N):
        assert np.array_equal(binomial_tail(k, N, P), binom.sf(k, N, P))
