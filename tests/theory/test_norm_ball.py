"""Other balls: the closed form is the supremum, it has these limits, and the bound holds."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize, minimize_scalar
from scipy.stats import norm

from ntk_core import network
from ntk_core.laws import LAWS
from ntk_core.sampling.band import suprema
from ntk_core.theory import norm_ball
from ntk_core.theory.exact import full_step_law

PHI0 = norm.pdf(0.0)
NORMS = (1.5, 2.0, 3.0, 8.0, math.inf)
QUANTITIES = ("linearization_error", "delta1", "delta2", "sign_change_fraction", "band_fraction")


def initialization(seed: int, m: int, d: int):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(d)
    w0, c = network.symmetric_initialization(
        rng.standard_normal((m // 2, d)), 2.0 * rng.integers(0, 2, m // 2) - 1.0
    )
    return rng, x / np.linalg.norm(x), w0, c


def closed_form(q: float, rho: float, sizes: np.ndarray) -> float:
    """max_k (ρ k^{1-1/q} - Σ_{j≤k} |a|_(j)), over all k."""
    k = np.arange(sizes.size + 1.0)
    gain = np.where(k > 0.0, rho * k ** (1.0 - 1.0 / q), 0.0)
    return float(np.max(gain - np.concatenate([[0.0], np.cumsum(np.sort(sizes))])))


@pytest.mark.parametrize("q", [*NORMS, 1.0])
def test_the_number_of_flips_maximises_the_closed_form_and_the_length_suffices(q):
    rng = np.random.default_rng(1)
    flips = set()
    for half, rho in itertools.product((1, 2, 3, 6, 40), (1e-3, 0.3, 1.0, 5.0, 300.0)):
        sizes = np.sort(np.abs(rng.standard_normal(half)))
        k = norm_ball.flips_of_the_worst(q, rho, sizes)
        value = rho * k ** (1.0 - 1.0 / q) * (k > 0) - sizes[:k].sum()
        assert value == pytest.approx(closed_form(q, rho, sizes), abs=1e-12 * rho)
        assert np.all(norm_ball.worst_length(q, rho, k) >= sizes[:k])
        flips.add(k)
    assert {0, 1} <= flips
    assert q == 1.0 or 40 in flips


@pytest.mark.parametrize(("q", "m", "d"), [(2.0, 4, 2), (1.5, 6, 1), (3.0, 8, 1), (2.0, 12, 1)])
def test_a_search_that_does_not_know_the_closed_form_finds_nothing_larger(q, m, d):
    """Over all of u, by the definition of E, from random starts: one network is solved, none is exceeded."""
    rho, shares = 2.0, []
    for seed in range(3):
        rng, x, w0, c = initialization(seed, m, d)

        def loss(v, x=x, w0=w0, c=c):
            u = v.reshape(w0.shape)
            size = np.sum(np.linalg.norm(u, axis=1) ** q) ** (1.0 / q)
            return -float(network.linearization_error(x, w0, c, u * rho / max(size, 1e-300)))

        starts = rng.standard_normal((4, m * d))
        best = max(-minimize(loss, start, method="Powell", options={"maxiter": 20}).fun for start in starts)
        shares.append(best * math.sqrt(m) / closed_form(q, rho, np.abs(w0 @ x)[c > 0.0]))
    assert max(shares) <= 1.0 + 1e-9
    assert max(shares) > 0.98


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test_the_law_attains_the_closed_form_and_stays_in_the_ball(alpha):
    for seed, (m, d) in enumerate(((2, 1), (6, 2), (64, 3), (500, 5))):
        rng, x, w0, c = initialization(seed, m, d)
        for scale in (1.0, 7.0):  # ‖x‖
            u = LAWS["frobenius"].weights(rng, scale * x, w0, c, alpha / math.sqrt(m))
            error = float(network.linearization_error(scale * x, w0, c, u))
            supremum = scale * closed_form(2.0, alpha, np.abs(w0 @ x)[c > 0.0]) / math.sqrt(m)
            assert error == pytest.approx(supremum, rel=1e-12, abs=1e-14)
            assert np.linalg.norm(u) <= alpha * (1.0 + 1e-14)


@pytest.mark.parametrize("q", [1.5, 2.0, 3.0, 8.0])
def test_limits_are_those_of_the_continuous_problem(q):
    """At m → ∞ the j-th |a| is j/(φ₀m); k flips gain ρ k^{1-1/q} - k²/(2φ₀m), here maximised numerically."""
    radius, m = 1.7, 1.0
    rho = norm_ball.budget(q, m, radius)
    loss = minimize_scalar(lambda k: k**2 / (2 * PHI0) - rho * k ** (1 - 1 / q), bounds=(1e-9, 50.0),
                           method="bounded", options={"xatol": 1e-12})  # fmt: skip
    k = loss.x
    expected = {
        "linearization_error": -loss.fun,
        "delta1": k**2 / (2 * PHI0),
        "delta2": rho * k ** (1 - 1 / q),
        "sign_change_fraction": k,
        "band_fraction": 2.0 * PHI0 * rho * k ** (-1 / q),  # both neurons of a pair, |a| up to max ‖u_i‖
    }
    for name, value in expected.items():
        assert norm_ball.limit(q, radius, name) == pytest.approx(value, rel=1e-5)
    literal = (q + 1) / (2 * q) * ((q - 1) * PHI0 / q) ** ((q - 1) / (q + 1)) * radius ** (2 * q / (q + 1))
    assert norm_ball.limit(q, radius) == pytest.approx(literal, rel=1e-13)


def test_the_family_joins_the_frobenius_ball_and_the_ball_of_theorem_1():
    assert norm_ball.limit(2.0, 1.0) == pytest.approx(0.43821572061, rel=1e-10)
    assert norm_ball.limit(math.inf, 1.5) == pytest.approx(1.5**2 * PHI0 / 2, rel=1e-13)
    for name in QUANTITIES:
        nearly = norm_ball.limit(1e7, 1.5, name), norm_ball.exponent(1e7, name)
        assert nearly == pytest.approx((norm_ball.limit(math.inf, 1.5, name), 0.5), rel=1e-5)
        assert norm_ball.limit(math.inf, 1.5, name) == pytest.approx(
            1.5 * {"sign_change_fraction": 1.0, "band_fraction": 2.0}.get(name, 0.75) * PHI0
            * {"delta2": 2.0}.get(name, 1.0), rel=1e-12)  # fmt: skip
    assert norm_ball.limit(1.0 + 1e-9, 1.5) == pytest.approx(1.5, rel=1e-6)
    assert [norm_ball.exponent(q) for q in (1.0, 2.0, 3.0)] == [0.0, pytest.approx(1 / 6), 0.25]


@pytest.mark.parametrize("q", NORMS)
def test_means_at_a_large_width_tell_the_constant_to_a_percent(q):
    """A chance of 1e-5: five standard errors, and 1/k* as the width is finite."""
    m, runs = 2**24, 300
    values = suprema(5, q, m, 1.3, runs) * m ** norm_ball.exponent(q)
    flips = norm_ball.limit(q, 1.3, "sign_change_fraction") * m ** (
        1 - norm_ball.exponent(q, "band_fraction")
    )
    limit, room = norm_ball.limit(q, 1.3), 5.0 * values.std() / math.sqrt(runs)
    assert abs(values.mean() - limit) < room + limit / flips < 0.01 * limit


def dual(q, rho, sizes, tau):
    """At least √m sup E: (1/q)((1-1/q)/τ)^{q-1} ρ^q + Σ (τ - |a|)₊ for any τ > 0; finite q > 1.

    `sizes` `(neurons,)` are the |a| with c = +1, `tau` `(values,)`.
    """
    price = rho**q / q * ((1.0 - 1.0 / q) / tau) ** (q - 1.0)
    return price + np.sum(np.maximum(tau[:, None] - sizes, 0.0), axis=-1)


def test_the_dual_is_never_below_the_supremum_and_nearly_meets_it():
    rng = np.random.default_rng(3)
    for q, half in itertools.product((1.5, 2.0, 3.0, 8.0), (1, 5, 400)):
        sizes, rho = np.sort(np.abs(rng.standard_normal(half))), 2.0
        values = dual(q, rho, sizes, np.geomspace(1e-3, 10.0, 4000))
        supremum = closed_form(q, rho, sizes)
        assert values.min() >= supremum * (1.0 - 1e-12)
        assert half < 400 or values.min() <= supremum * 1.001


def test_bernsteins_moments_are_bounds_at_every_threshold():
    for tau in (1e-3, 0.1, 1.0, 4.0, 30.0):
        for power, factor in ((1, 1.0), (2, 2.0 / 3.0)):
            moment = quad(lambda a: 2 * norm.pdf(a) * (1 - a / tau) ** power, 0.0, tau)[0]  # noqa: B023
            assert 0.0 < moment <= factor * PHI0 * tau * (1.0 + 1e-12)


@pytest.mark.parametrize("delta", [0.5, 0.01, 1e-6])
def test_the_bound_is_above_the_one_from_the_exact_law_and_near_it(delta):
    """The second route: the same dual with the exact quantile of Σ(τ - |a|)₊, which is √m E at r = τ."""
    for m, ratio in ((64, 2.0), (2**12, 1.2), (2**20, 1.04)):
        radius, tau = 1.0, norm_ball.threshold(2.0, m, 1.0)
        law = full_step_law("linearization_error", m, float(tau) * math.sqrt(m))
        exact = (radius**2 / (4 * tau) + math.sqrt(m) * law.quantile(delta).value) / math.sqrt(m)
        assert exact <= norm_ball.bound(2.0, m, radius, delta) <= ratio * exact


@pytest.mark.parametrize("q", NORMS)
def test_runs_are_over_the_bound_no_more_often_than_allowed(q):
    """δ = ½ at m = 64, where the bound is tightest in probability: 2,000 runs, five standard deviations."""
    over = np.count_nonzero(suprema(6, q, 64, 1.0, 2000) > norm_ball.bound(q, 64, 1.0, 0.5))
    assert over <= 1000 + 5 * math.sqrt(500)
    assert over > 0  # the bound is no triviality
