"""The error at training inputs: against descent itself, a grid of starts, closed forms and wide networks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ntk_core import network
from ntk_core.experiments.trained import TrainedExperiment
from ntk_core.sampling.data import load, step_size, unit_length
from ntk_core.sampling.descent import start, trace
from ntk_core.theory.crossing import LONGEST, signed_error

PHI0 = 1.0 / math.sqrt(2.0 * math.pi)
NEVER = -math.inf
LOSSES = ("squared", "logistic")


def generator(seed=0):
    return np.random.default_rng(seed)


def slopes(x, y, loss, eta, steps):
    """l'(F_k) before each step of descent on E[1{w·x ≥ 0} 1{w·z ≥ 0}] x·z, `(steps, n)`."""
    angle = np.arctan2(
        np.linalg.norm(x[:, None] - x[None], axis=2), np.linalg.norm(x[:, None] + x[None], axis=2)
    )
    kernel = (x @ x.T) * (0.5 - angle / math.pi)
    outputs, out = np.zeros(y.size), []
    for _ in range(steps):
        out.append(outputs - y if loss == "squared" else -y / (1.0 + np.exp(y * outputs)))
        outputs = outputs - eta / y.size * kernel @ out[-1]
    return np.array(out)


def directions(z, count):
    """Unit vectors orthogonal to z, evenly around where there is a circle of them."""
    if z.size < 3:
        return np.zeros((1, 1)) if z.size == 1 else np.array([[-z[1], z[0]], [z[1], -z[0]]])
    _, _, basis = np.linalg.svd(z[None])
    angle = 2.0 * math.pi * (np.arange(count) + 0.5) / count
    return np.cos(angle)[:, None] * basis[1] + np.sin(angle)[:, None] * basis[2]


def on_a_grid(x, y, loss, eta, steps, z, points=200_000, circle=720):
    """The limit after so many steps at z by the definition: neurons w(0) on a grid, both c, all steps."""
    slope = slopes(x, y, loss, eta, steps)
    reach = eta / y.size * np.abs(slope).sum()
    width = 2.0 * reach / points
    z0 = -reach + width * (np.arange(points) + 0.5)
    along = np.abs(x @ z) > 1 - 1e-9
    total, w = 0.0, directions(z, circle)
    for one in w:
        for c in (1.0, -1.0):
            now = z0.copy()
            for each in slope:
                push = np.zeros_like(now)
                for k in range(y.size):
                    active = np.sign(x[k] @ z) * now >= 0.0 if along[k] else x[k] @ one >= 0.0
                    push += active * each[k] * (x[k] @ z)
                now = now - c * eta / y.size * push
            total += c * width * np.sum(np.maximum(now, 0.0) - (z0 >= 0.0) * now)
    return 0.5 * PHI0 * total / len(w)


def without_crossing(x, y, loss, eta, steps, z, circle=7200):
    """(φ(0)/4) E[p₋|p₋| - p₊|p₊|]: as if no neuron crossed the kink before the end."""
    pushes = -eta / y.size * slopes(x, y, loss, eta, steps).sum(axis=0) * (x @ z)
    own = np.abs(x @ z) > 1 - 1e-9
    active = directions(z, circle) @ x.T >= 0.0
    below = active[:, ~own] @ pushes[~own]
    above = below + pushes[own].sum()
    return 0.25 * PHI0 * np.mean(below * np.abs(below) - above * np.abs(above))


def inputs(d, n, seed=0):
    rng = generator(seed)
    return unit_length(rng.standard_normal((n, d))), np.where(rng.random(n) < 0.5, -1.0, 1.0)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("d", "eta"), [(2, 2.0), (2, 9.0), (3, 4.0)])
def test_the_integral_is_that_over_a_grid_of_starts(loss, d, eta):
    """Also where a long step sends neurons to and fro over the kink."""
    x, y = inputs(d, 5, seed=4)
    times = (2, 9)
    points, circle, tolerance = (200_000, 1, 2e-4) if d == 2 else (600, 360, 2e-2)
    constants = signed_error(x, y, loss, eta, times, NEVER, x, generator())
    scale = np.abs(constants).max(axis=1)
    for row, steps in enumerate(times):
        for k in (0, 3):
            expected = on_a_grid(x, y, loss, eta, steps, x[k], points, circle)
            assert constants[row, k] == pytest.approx(expected, abs=tolerance * scale[row])


@pytest.mark.parametrize("loss", LOSSES)
def test_parallel_inputs_share_one_kink(loss):
    """Duplicates and opposites: in d = 1 nothing else, in d = 2 beside others; at a new input on the line too."""
    turned = np.array([math.cos(0.7), math.sin(0.7)])
    y = np.array([1.0, -1.0, 1.0, 1.0])
    for x in (
        np.array([[1.0], [-1.0], [1.0], [1.0]]),
        np.array([[1.0, 0.0], turned, [-1.0, 0.0], turned]),
    ):
        at = np.concatenate([x[:2], -x[1:2]])
        constants = signed_error(x, y, loss, 2.0, (6,), NEVER, at, generator())[0]
        expected = [on_a_grid(x, y, loss, 2.0, 6, z) for z in at]
        np.testing.assert_allclose(constants, expected, atol=2e-4 * np.abs(expected).max())
        assert np.abs(expected).min() > 1e-3
    new = np.array([[0.6, 0.8]])
    assert abs(signed_error(x, y, loss, 2.0, (6,), NEVER, new, generator())[0, 0]) < 1e-15


@pytest.mark.parametrize("loss", LOSSES)
def test_after_one_step_no_crossing_matters_and_later_it_does(loss):
    """Then the formula without crossings is wrong by a factor of 3 and more, at most inputs by far more."""
    x, y = inputs(3, 6, seed=2)
    constants = signed_error(x, y, loss, 1.0, (1, 12), NEVER, x, generator())
    naive = np.array([[without_crossing(x, y, loss, 1.0, steps, z) for z in x] for steps in (1, 12)])
    np.testing.assert_allclose(constants[0], naive[0], atol=1e-3 * np.abs(naive[0]).max())
    factor = np.abs(naive[1] / constants[1])
    assert factor.min() > 3
    assert np.median(factor) > 10


def test_neurons_that_move_one_way_leave_the_area_between_the_two_pushes():
    """Pushes of one sign: Σ_{s<t} (g₋,s g₊,t - g₊,s g₋,t) + ½ Σ (g₋² - g₊²), for g₊ = g₋ + g_k ≥ 0."""
    x = np.array([[1.0, 0.0], [math.cos(0.9), math.sin(0.9)]])
    y, eta, steps = np.array([1.0, 1.5]), 0.3, 20
    slope = slopes(x, y, "squared", eta, steps)
    assert (slope < 0.0).all()
    for k, other in ((0, 1), (1, 0)):
        own, total = -eta / 2 * slope[:, k], 0.0
        for active in (0.0, 1.0):  # w on either side of the other input
            below = -eta / 2 * slope[:, other] * (x[0] @ x[1]) * active
            above = below + own
            area = np.triu(np.outer(below, above) - np.outer(above, below), 1).sum()
            total += 0.5 * (area + 0.5 * np.sum(below**2 - above**2))
        constants = signed_error(x, y, "squared", eta, (0, steps), NEVER, x[[k]], generator())
        assert constants[0, 0] == 0.0
        assert constants[1, 0] == pytest.approx(0.5 * PHI0 * total, rel=1e-8)


def test_draws_agree_with_the_arcs_of_the_circle():
    """Inputs of a three-dimensional space within five; in five standard errors: false alarms below 4e-4.

    Student with 39 degrees of freedom, 5 inputs at 3 times; fixed seed.
    """
    x, y = inputs(3, 5, seed=2)
    within = np.concatenate([x, np.zeros((5, 2))], axis=1)
    exact = signed_error(x, y, "squared", 2.0, (2, 5, 12), NEVER, x, generator())
    rng = generator(3)
    drawn = np.array(
        [signed_error(within, y, "squared", 2.0, (2, 5, 12), NEVER, within, rng) for _ in range(40)]
    )
    error = drawn.std(axis=0, ddof=1) / math.sqrt(40)
    assert (error < 0.02 * np.abs(exact).max()).all()
    assert (np.abs(drawn.mean(axis=0) - exact) < 5 * error).all()


def test_a_descent_that_ends_rests_and_one_that_is_too_long_is_not_followed():
    x, y = inputs(3, 4, seed=1)
    times = (0, 1, 8, LONGEST, LONGEST + 1, 10**6)
    free = signed_error(x, y, "squared", 1.0, times, NEVER, x, generator())
    assert np.isfinite(free[:4]).all()
    assert np.isnan(free[4:]).all()
    assert (free[0] == 0.0).all()
    eighth = slopes(x, y, "squared", 1.0, 8)[-1]
    ended = signed_error(
        x, y, "squared", 1.0, times, float(np.mean(0.5 * eighth**2)) * 1.0001, x, generator()
    )
    seven = signed_error(x, y, "squared", 1.0, (7,), NEVER, x, generator())
    np.testing.assert_array_equal(ended[:2], free[:2])
    np.testing.assert_array_equal(ended[2:], np.broadcast_to(seven, (4, 4)))
    at_once = signed_error(x, y, "squared", 1.0, times, 100.0, x, generator())
    assert (at_once == 0.0).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_wide_networks_have_these_errors_at_their_training_inputs(loss):
    """Means over 128 runs, in 4.5 standard errors and a relative m^{-1/2} of the finite width.

    False-alarm rate below 10 · 2e-5, fixed seeds.
    """
    m, runs = 2**12, 128
    training = TrainedExperiment("teacher", (), 3, 5, 1, loss, 1.0, 12, None, name="e", m=(m,), seeds=runs)
    data = load(training, 2)
    eta = step_size(data, loss, 1.0)
    expected = signed_error(data.x, data.y, loss, eta, (12,), NEVER, data.x, generator())[0]
    errors = np.empty((runs, 5))
    for seed in range(runs):
        w0, c = start(training, 2, m, seed)
        _, w = trace(training, data, w0, c)
        for k, x in enumerate(data.x):
            errors[seed, k] = network.scaled_network(x, w, c) - network.linearization(x, w0, c, w - w0)
    errors *= math.sqrt(m)
    error = errors.std(axis=0, ddof=1) / math.sqrt(runs)
    left = np.abs(expected).max() / math.sqrt(m)
    assert (np.abs(errors.mean(axis=0) - expected) < 4.5 * error + left).all()
    assert (np.abs(expected) > 6 * error).sum() >= 3
