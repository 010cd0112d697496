"""The definitions against the notes' statements and against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntk_core import network


def draw(seed: int, half: int, d: int, scale: float):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(d) * 10.0 ** rng.integers(-2, 3)
    w0, c = network.symmetric_initialization(
        rng.standard_normal((half, d)), 2.0 * rng.integers(0, 2, half) - 1.0
    )
    return x, w0, c, scale * rng.standard_normal(w0.shape)


cases = given(
    seed=st.integers(0, 2**32),
    half=st.integers(1, 20),
    d=st.integers(1, 8),
    scale=st.sampled_from([0.0, 1e-6, 1e-2, 1.0, 100.0]),
)


def by_loop(x, w0, c, u):
    """E, |S|, signed Δ₁ and Δ₂ neuron by neuron, from the formulas with c_i, a_i and b_i."""
    value = linear = delta1 = delta2 = 0.0
    flips = 0
    for w_i, c_i, u_i in zip(w0.tolist(), c.tolist(), u.tolist(), strict=True):
        a = math.fsum(p * q for p, q in zip(w_i, x.tolist(), strict=True))
        b = math.fsum(p * q for p, q in zip(u_i, x.tolist(), strict=True))
        value += c_i * max(a + b, 0.0)
        linear += c_i * b if a >= 0 else 0.0
        if (a >= 0) != (a + b >= 0):
            flips += 1
            delta1 -= c_i * abs(a)
            delta2 += c_i * abs(b)
    scale = 1 / math.sqrt(len(c))
    return abs(value - linear) * scale, flips, delta1 * scale, delta2 * scale


@cases
@settings(max_examples=150)
def test_definitions_agree_with_plain_loops(seed, half, d, scale):
    x, w0, c, u = draw(seed, half, d, scale)
    error, flips, delta1, delta2 = by_loop(x, w0, c, u)
    size = 1e-12 * (1 + scale) * np.linalg.norm(x) * half * d
    assert network.linearization_error(x, w0, c, u) == pytest.approx(error, abs=size)
    assert np.count_nonzero(network.sign_changes(x, w0, u)) == flips
    assert network.signed_delta1(x, w0, c, u) == pytest.approx(delta1, abs=size)
    assert network.signed_delta2(x, w0, c, u) == pytest.approx(delta2, abs=size)


@given(seed=st.integers(0, 2**32), d=st.integers(1, 6), kink=st.booleans())
def test_lemma_1_1_gradient_of_a_neuron_is_a_subgradient(seed, d, kink):
    rng = np.random.default_rng(seed)
    x, theta, other = rng.standard_normal((3, d))
    if kink:
        theta -= (theta @ x) / (x @ x) * x
        theta = np.where(np.abs(theta @ x) > 0, 0.0, theta)
    slope = network.relu_derivative(np.array(theta @ x)) * x
    gap = network.relu(np.array(other @ x)) - network.relu(np.array(theta @ x)) - slope @ (other - theta)
    assert gap >= -1e-12


def test_the_derivative_at_the_kink_is_one():
    assert network.relu_derivative(np.array([-1e-300, -0.0, 0.0, 1.0])).tolist() == [0, 1, 1, 1]


@cases
def test_lemma_1_2_gradient_times_weights_is_the_network(seed, half, d, scale):
    x, w0, c, u = draw(seed, half, d, scale)
    w = w0 + u
    inner = np.sum(network.gradient_f(x, w, c) * w)
    assert inner == pytest.approx(network.f(x, w, c), abs=1e-12 * (1 + scale) * np.linalg.norm(x) * half * d)


@cases
def test_lemma_2_symmetric_initialization_gives_zero_and_another_does_not(seed, half, d, scale):
    x, w0, c, _ = draw(seed, half, d, scale)
    assert abs(network.scaled_network(x, w0, c)) <= 1e-13 * np.linalg.norm(x) * half
    assert np.array_equal(w0[:half], w0[half:])
    assert np.array_equal(c[:half], -c[half:])
    independent = np.random.default_rng(seed).standard_normal((400, d))
    signs = np.random.default_rng(seed + 1).choice([-1.0, 1.0], 400)
    # Var F = ‖x‖²/2; |F| below a millionth of that scale has probability below 1e-6.
    assert abs(network.scaled_network(x, independent, signs)) > 1e-6 * np.linalg.norm(x)


@cases
def test_lemma_3_and_delta_split(seed, half, d, scale):
    x, w0, c, u = draw(seed, half, d, scale)
    w = w0 + u
    change = network.gradient_f(x, w, c) - network.gradient_f(x, w0, c)
    root = math.sqrt(2 * half)
    size = 1e-12 * (1 + scale) * np.linalg.norm(x) * half * d
    delta = np.sum(change * w) / root
    assert network.scaled_network(x, w, c) == pytest.approx(
        network.linearization(x, w0, c, u) + delta, abs=size
    )
    parts = network.signed_delta1(x, w0, c, u) + network.signed_delta2(x, w0, c, u)
    assert delta == pytest.approx(parts, abs=size)
    assert network.linearization_error(x, w0, c, u) == pytest.approx(abs(parts), abs=size)


@cases
def test_sign_changes_lie_in_the_band(seed, half, d, scale):
    x, w0, _, u = draw(seed, half, d, scale)
    radius = float(np.linalg.norm(u, axis=-1).max())
    in_band = network.band(x, w0, radius * (1 + 1e-12))
    assert not np.any(network.sign_changes(x, w0, u) & ~in_band)


def test_gradient_agrees_with_finite_differences_away_from_kinks():
    x, w0, c, u = draw(3, 10, 5, 0.1)
    step = 1e-6
    assert np.abs(w0 @ x).min() > 10 * step * np.linalg.norm(x)
    plus, minus = (network.f(x, w0 + sign * step * u, c) for sign in (1, -1))
    slope = (plus - minus) / (2 * step)
    assert slope == pytest.approx(np.sum(network.gradient_f(x, w0, c) * u), rel=1e-8)


def test_leading_axes_are_independent_networks():
    rng = np.random.default_rng(5)
    w0, c = network.symmetric_initialization(rng.standard_normal((7, 6, 3)), np.ones((7, 6)))
    u = rng.standard_normal(w0.shape)
    x = rng.standard_normal(3)
    together = network.linearization_error(x, w0, c, u)
    assert together.tolist() == [
        network.linearization_error(x, *one).item() for one in zip(w0, c, u, strict=True)
    ]
