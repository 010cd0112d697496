"""The change of the tangent kernel: its law against quadrature, enumeration, search and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from conftest import ROOT
from scipy.integrate import quad
from scipy.stats import binom, multivariate_normal

from ntk_core import network
from ntk_core.theory.gaussian import PHI0
from ntk_core.theory.kernel_change import (
    KernelChange,
    entry_probability,
    exit_probability,
    kernel_change,
    kernel_change_bound,
    kernel_change_limit,
    movable,
)

ANGLES = (0.0, 0.4, math.pi / 2, 2.5, 3.1)
RADII = (0.01, 0.3, 1.5)


def entry_by_directions(angle, radius):
    """P(distance to the wedge ≤ r) from outside, over the angle to the nearer ray; the norm is Rayleigh."""

    def chance(gap):
        reach = radius / math.sin(gap) if gap < math.pi / 2 else radius
        return -math.expm1(-0.5 * reach**2)

    middle = 0.5 * (math.pi + angle)  # the wedge has the angle π - θ, so half the rest is (π + θ)/2
    points = sorted({math.pi / 2, min(10 * radius, 1.0)})
    return 2.0 * quad(chance, 0.0, middle, points=points, epsabs=1e-12, limit=200)[0] / (2.0 * math.pi)


def exit_by_orthants(angle, radius):
    """P(both pre-activations ≥ 0) - P(both ≥ r)."""
    law = multivariate_normal(
        [0.0, 0.0], [[1.0, math.cos(angle)], [math.cos(angle), 1.0]], allow_singular=True
    )
    return law.cdf([0.0, 0.0]) - law.cdf([-radius, -radius])


@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("angle", ANGLES)
def test_probabilities_to_enter_and_leave_agree_with_quadrature(angle, radius):
    assert entry_probability(angle, radius) == pytest.approx(entry_by_directions(angle, radius), rel=1e-7)
    assert exit_probability(angle, radius) == pytest.approx(exit_by_orthants(angle, radius), rel=1e-6)


@pytest.mark.parametrize("angle", ANGLES)
def test_drawn_neurons_move_with_these_probabilities(angle):
    """A quarter of a million draws; false-alarm rate 1e-4 for each of ten."""
    along, across = np.random.default_rng(5).standard_normal((2, 250_000))
    enter, leave = movable(along, across, angle, 0.5)
    for mask, p in ((enter, entry_probability(angle, 0.5)), (leave, exit_probability(angle, 0.5))):
        assert abs(mask.mean() - p) < 3.9 * math.sqrt(p * (1 - p) / mask.size)


def kernel(x, z, w, c):
    """∇F(x; w)·∇F(x'; w), from the gradients."""
    return np.sum(network.gradient_f(x, w, c) * network.gradient_f(z, w, c)) / c.size


@pytest.mark.parametrize("angle", [0.0, 0.7, 1.5, 2.0])
def test_a_search_over_displacements_reaches_the_count_and_never_exceeds_it(angle):
    """Every neuron tries steps in 2,000 directions of R³ and 720 of the plane; K by the definition."""
    rng, radius, m = np.random.default_rng(6), 0.5, 60
    x, z = np.array([2.0, 0.0, 0.0]), 0.5 * np.array([math.cos(angle), math.sin(angle), 0.0])
    w0, c = network.symmetric_initialization(
        rng.standard_normal((m // 2, 3)), rng.choice([-1.0, 1.0], m // 2)
    )
    turn = np.linspace(0.0, 2.0 * math.pi, 721)[:-1]
    plane = np.stack([np.cos(turn), np.sin(turn), np.zeros_like(turn)], axis=1)
    space = rng.standard_normal((2000, 3))
    steps = radius * np.concatenate([plane, space / np.linalg.norm(space, axis=1, keepdims=True)])
    tried = w0[:, None, :] + np.concatenate([np.zeros((1, 3)), steps])
    counted = (tried @ x >= 0.0) & (tried @ z >= 0.0)
    neurons, start = np.arange(m), kernel(x, z, w0, c)
    for sign, mask in zip((1.0, -1.0), movable(w0[:, 0], w0[:, 1], angle, radius), strict=True):
        best = tried[neurons, np.argmax(sign * counted, axis=1)]
        change = sign * (kernel(x, z, best, c) - start) * np.sign(x @ z)
        assert mask.sum() >= 2
        assert change == pytest.approx(abs(x @ z) * mask.sum() / m, rel=1e-9)


def test_the_law_agrees_with_enumeration():
    law, n = kernel_change(12, 2.0, 1.0), 6
    p, q = law.entry, law.exit
    for k in range(-1, n + 1):
        below = sum(
            math.comb(n, i) * math.comb(n - i, j) * p**i * q**j * (1 - p - q) ** (n - i - j)
            for i in range(k + 1)
            for j in range(min(k, n - i) + 1)
        )
        assert law.survival(k / n) == pytest.approx(1.0 - below, abs=1e-12)
    survivals = [law.survival(k / n) for k in range(n + 1)]
    assert law.mean() == pytest.approx(sum(survivals) / n, rel=1e-10)
    for delta in (0.9, 0.5, 0.05, 1e-4):
        assert law.quantile(delta) == next(k for k in range(n + 1) if survivals[k] <= delta) / n


@pytest.mark.parametrize("m", [64, 1 << 22])
def test_draws_of_the_counts_have_this_law(m):
    """100,000 multinomial draws; false-alarm rate 1e-4 for each of two."""
    law, runs = kernel_change(m, 1.0, 2.0), 100_000
    chances = [law.entry, law.exit, 1.0 - law.entry - law.exit]
    largest = np.random.default_rng(7).multinomial(m // 2, chances, runs)[:, :2].max(axis=1) / law.pairs
    assert abs(largest.mean() - law.mean()) < 3.9 * largest.std() / math.sqrt(runs)
    median = law.quantile(0.5)
    assert np.mean(largest > median) <= 0.51
    assert np.mean(largest >= median) >= 0.49


@pytest.mark.parametrize("angle", ANGLES)
def test_the_limit_is_the_same_at_every_angle(angle):
    """The quantiles reach it like m^{-1/4}: with the maximum of two normals, to second order."""
    assert kernel_change_limit(2.0) == 2.0 * PHI0
    m = 1 << 40
    scaled = math.sqrt(m) * kernel_change(m, 2.0, angle).mean()
    second = kernel_change_limit(2.0) + math.sqrt(2.0 * PHI0 * 2.0 / math.pi) * m**-0.25
    assert scaled == pytest.approx(second, rel=2e-5)
    assert scaled == pytest.approx(kernel_change_limit(2.0), rel=2e-3)


def test_the_bound_holds_and_is_near():
    for m in (2, 16, 256, 1 << 16):
        for alpha in (0.1, 1.0, 5.0):
            for angle in ANGLES[::2]:
                for delta in (0.9, 0.1, 1e-3, 1e-9):
                    exact = kernel_change(m, alpha, angle).quantile(delta)
                    assert exact <= kernel_change_bound(m, alpha, delta, angle)
    ratio = kernel_change_bound(1 << 40, 1.0, 0.01, 1.0) / kernel_change(1 << 40, 1.0, 1.0).quantile(0.01)
    assert 1.0 < ratio < 1.01


def test_only_angles_below_pi_are_allowed():
    with pytest.raises(ValueError, match=r"3\.14159"):
        kernel_change(4, 1.0, math.pi)


def test_one_sided_laws_are_binomial():
    """With no pair that leaves, the law is that of the rise."""
    law = KernelChange(50, 0.1, 0.0)
    for k in (0, 3, 9):
        assert law.survival(k / 50) == pytest.approx(binom.sf(k, 50, 0.1), rel=1e-9)


def test_the_table_of_the_page_is_what_the_law_says():
    page = (ROOT / "docs/theory.md").read_text(encoding="utf-8")
    angles = {"0": 0.0, r"\pi/3": math.pi / 3, r"\pi/2": math.pi / 2, r"5\pi/6": 5 * math.pi / 6}
    for name, angle in angles.items():
        values = [8.0 * entry_probability(angle, 0.125), 8.0 * exit_probability(angle, 0.125)]
        values += [
            math.sqrt(m) * kernel_change(m, 1.0, angle).mean() for m in (4, 64, 1 << 10, 1 << 22, 1 << 40)
        ]
        assert f"| ${name}$ | " + " | ".join(f"{value:.4f}" for value in values) + " |" in page
