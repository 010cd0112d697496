"""Exact moments and limits: closed forms, direct quadrature, and what theory says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from ntk_core.laws import THEOREM_LAWS, moments
from ntk_core.quantities import QUANTITIES
from ntk_core.sampling.cell import Cell
from ntk_core.sampling.samplers import simulate

PHI0 = norm.pdf(0)


@pytest.mark.parametrize(("m", "alpha"), [(2, 3.0), (64, 1.0), (64, 2.0), (1000, 0.1)])
def test_adversarial_mean_is_the_closed_form(m, alpha):
    r = alpha / math.sqrt(m)
    closed = math.sqrt(m) / 2 * (r * (2 * norm.cdf(r) - 1) - 2 * (PHI0 - norm.pdf(r)))
    assert moments.mean("adversarial", "linearization_error", m, 5, alpha) == pytest.approx(closed, rel=1e-9)


def test_means_come_within_r_squared_over_12_of_the_limit():
    for m in (64, 4096):
        mean = moments.mean("adversarial", "linearization_error", m, 2, 1.0) * math.sqrt(m)
        limit = moments.limit("adversarial", "linearization_error", 2, 1.0, "mean")
        assert 1 - mean / limit == pytest.approx(1 / m / 12, rel=0.02)


@pytest.mark.parametrize("alpha", [0.3, 1.0, 4.0])
def test_limits_are_those_of_the_theory(alpha):
    root = math.sqrt(2 * math.pi)
    expected = {
        "linearization_error": alpha**2 / (2 * root),
        "delta1": alpha**2 / (2 * root),
        "delta2": alpha**2 / root,
        "sign_change_fraction": alpha / root,
    }
    for quantity, value in expected.items():
        for statistic in ("mean", "rms", 0.5, 0.001):
            assert moments.limit("adversarial", quantity, 7, alpha, statistic) == pytest.approx(value)
            assert moments.limit("aligned", quantity, 7, alpha, statistic) == pytest.approx(value / 2)
    for law in THEOREM_LAWS:
        band = moments.limit(law, "band_fraction", 7, alpha, "mean")
        assert band == pytest.approx(alpha * math.sqrt(2 / math.pi))


def test_sphere_variance_constant():
    """α³ φ(0) [E|t|³/3 - 2∫(E(t-s)₊)²]; in d = 3 the bracket is 7/120, in others by quadrature."""
    rms = moments.limit("sphere", "linearization_error", 3, 2.0, "rms")
    assert rms**2 == pytest.approx(8 * PHI0 * 7 / 120)
    for d in (2, 5, 64):

        def g(t, d=d):
            c = math.exp(math.lgamma(d / 2) - math.lgamma((d - 1) / 2)) / math.sqrt(math.pi)
            return c * (1 - t * t) ** ((d - 3) / 2)

        third = 2 * quad(lambda t: t**3 * g(t), 0, 1)[0]
        inner = quad(lambda s: quad(lambda t: (t - s) * g(t), s, 1)[0] ** 2, 0, 1, epsabs=1e-12)[0]
        rms = moments.limit("sphere", "linearization_error", d, 1.0, "rms")
        assert rms**2 == pytest.approx(PHI0 * (third / 3 - 2 * inner), rel=1e-5)


def test_exponents():
    for law in THEOREM_LAWS:
        for quantity in QUANTITIES:
            centred = law == "sphere" and quantity in {"linearization_error", "delta1", "delta2"}
            assert moments.exponent(law, quantity) == (0.75 if centred else 0.5)


def test_gaussian_limit_of_sphere():
    rms = moments.limit("sphere", "delta2", 4, 1.0, "rms")
    assert moments.limit("sphere", "delta2", 4, 1.0, "mean") == pytest.approx(rms * math.sqrt(2 / math.pi))
    assert moments.limit("sphere", "delta2", 4, 1.0, 0.5) == pytest.approx(rms * norm.ppf(0.75))


@pytest.mark.parametrize("sampler", ["band", "dense"])
def test_simulated_moments_agree_with_the_exact_ones(sampler):
    """z-scores of all means and mean squares, largest below its 1e-3 false-alarm level."""
    scores = []
    for law in THEOREM_LAWS:
        for m, d, alpha in ((2, 1, 1.0), (6, 2, 3.0), (46, 3, 1.0), (90, 5, 0.5), (256, 20, 2.0)):
            runs = simulate(21, Cell(sampler, law, m, d, alpha), 0, 8192)
            for quantity, values in zip(QUANTITIES, runs, strict=True):
                mean = moments.mean(law, quantity, m, d, alpha)
                square = moments.root_mean_square(law, quantity, m, d, alpha) ** 2
                for sample, exact in ((values, mean), (values**2, square)):
                    if math.isfinite(exact):
                        scores.append((sample.mean() - exact) / (sample.std() / math.sqrt(sample.size)))
    scores = np.abs(scores)
    assert len(scores) > 100
    assert scores.max() < norm.isf(0.5e-3 / len(scores))


def test_a_law_without_theory_has_none():
    assert math.isnan(moments.mean("mine", "delta1", 64, 2, 1.0))
    assert math.isnan(moments.limit("mine", "delta1", 2, 1.0, 0.1))
    assert moments.exponent("mine", "delta1") == 0.5
    assert moments.mean("mine", "band_fraction", 64, 2, 1.0) > 0
