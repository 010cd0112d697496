"""Errors at training inputs and distances from the twin: a grid of starts, closed forms, wide networks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ntk_core import network
from ntk_core.experiments.trained import TrainedExperiment
from ntk_core.sampling.data import load, step_size, unit_length
from ntk_core.sampling.descent import start, tangent_kernel, trace
from ntk_core.theory.crossing import LONGEST, deviation
from ntk_core.theory.training_limit import limit, path

PHI0 = 1.0 / math.sqrt(2.0 * math.pi)
NEVER = -math.inf
LOSSES = ("squared", "logistic")


def generator(seed=0):
    return np.random.default_rng(seed)


def limits(x, y, loss, eta, times, target=NEVER, held_x=None, rng=None):
    none = np.empty((0, x.shape[1]))
    held_x = none if held_x is None else held_x
    return deviation(x, y, loss, eta, times, target, held_x, generator() if rng is None else rng)


def derivative(outputs, y, loss):
    return outputs - y if loss == "squared" else -y / (1.0 + np.exp(y * outputs))


def slopes(x, y, loss, eta, steps):
    """l'(F_k) before each step of descent on E[1{w·x ≥ 0} 1{w·z ≥ 0}] x·z, `(steps, n)`."""
    angle = np.arctan2(
        np.linalg.norm(x[:, None] - x[None], axis=2), np.linalg.norm(x[:, None] + x[None], axis=2)
    )
    kernel = (x @ x.T) * (0.5 - angle / math.pi)
    outputs, out = np.zeros(y.size), []
    for _ in range(steps):
        out.append(derivative(outputs, y, loss))
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
    constants = limits(x, y, loss, eta, times).error
    scale = np.abs(constants).max(axis=1)
    for row, steps in enumerate(times):
        for k in (0, 3):
            expected = on_a_grid(x, y, loss, eta, steps, x[k], points, circle)
            assert constants[row, k] == pytest.approx(expected, abs=tolerance * scale[row])


@pytest.mark.parametrize("loss", LOSSES)
def test_parallel_inputs_share_one_kink(loss):
    """Duplicates and opposites: in d = 1 nothing else, in d = 2 beside others; at a new input too."""
    turned = np.array([math.cos(0.7), math.sin(0.7)])
    y = np.array([1.0, -1.0, 1.0, 1.0])
    for x in (
        np.array([[1.0], [-1.0], [1.0], [1.0]]),
        np.array([[1.0, 0.0], turned, [-1.0, 0.0], turned]),
    ):
        at = np.concatenate([x[:2], -x[1:2]])
        error = limits(x, y, loss, 2.0, (6,), held_x=-x[1:2]).error[0]
        constants = error[[0, 1, 4]]
        expected = [on_a_grid(x, y, loss, 2.0, 6, z) for z in at]
        np.testing.assert_allclose(constants, expected, atol=2e-4 * np.abs(expected).max())
        assert np.abs(expected).min() > 1e-3
    assert limits(x, y, loss, 2.0, (6,), held_x=np.array([[0.6, 0.8]])).error[0, 4] == 0.0


@pytest.mark.parametrize("loss", LOSSES)
def test_after_one_step_no_crossing_matters_and_later_it_does(loss):
    """Then the formula without crossings is wrong by a factor of 3 and more, at most inputs by far more."""
    x, y = inputs(3, 6, seed=2)
    constants = limits(x, y, loss, 1.0, (1, 12)).error
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
        constants = limits(x, y, "squared", eta, (0, steps)).error[:, k]
        assert constants[0] == 0.0
        assert constants[1] == pytest.approx(0.5 * PHI0 * total, rel=1e-8)


def test_draws_agree_with_the_arcs_of_the_circle():
    """Inputs of a three-dimensional space within five; in five standard errors: false alarms below 6e-4.

    Student with 39 degrees of freedom, 5 training and 3 new inputs, 2 limits at 3 times; fixed seed.
    """
    x, y = inputs(3, 5, seed=2)
    held_x, _ = inputs(3, 3, seed=5)
    times, rng = (2, 5, 12), generator(3)

    def both(x, held_x):
        values = limits(x, y, "squared", 2.0, times, held_x=held_x, rng=rng)
        return np.concatenate([values.error[:, :5], values.from_twin], axis=1)

    exact = both(x, held_x)
    assert rng.random() == generator(3).random()  # untouched
    x, held_x = (np.concatenate([each, np.zeros((each.shape[0], 2))], axis=1) for each in (x, held_x))
    drawn = np.array([both(x, held_x) for _ in range(40)])
    error = drawn.std(axis=0, ddof=1) / math.sqrt(40)
    assert (error < 0.02 * np.abs(exact).max()).all()
    assert (np.abs(drawn.mean(axis=0) - exact) <= 5 * error + 1e-15).all()


def test_a_descent_that_ends_rests_and_one_that_is_too_long_is_not_followed():
    x, y = inputs(3, 4, seed=1)
    times = (0, 1, 8, LONGEST, LONGEST + 1, 10**6)
    free = limits(x, y, "squared", 1.0, times)
    eighth = slopes(x, y, "squared", 1.0, 8)[-1]
    ended = limits(x, y, "squared", 1.0, times, target=float(np.mean(0.5 * eighth**2)) * 1.0001)
    seven = limits(x, y, "squared", 1.0, (7,))
    at_once = limits(x, y, "squared", 1.0, times, target=100.0)
    for name in ("error", "from_twin"):
        values = getattr(free, name)
        assert np.isfinite(values[:4]).all()
        assert np.isnan(values[4:]).all()
        assert (values[0] == 0.0).all()
        np.testing.assert_allclose(getattr(ended, name)[:2], values[:2], atol=1e-15)
        expected = np.broadcast_to(getattr(seven, name), (4, 4))
        np.testing.assert_array_equal(getattr(ended, name)[2:], expected)
        assert (getattr(at_once, name) == 0.0).all()


def test_the_first_step_leaves_the_twin_by_the_error_alone():
    x, y = inputs(3, 4, seed=1)
    held_x, _ = inputs(3, 2, seed=9)
    values = limits(x, y, "squared", 1.0, (1, 2), held_x=held_x)
    np.testing.assert_array_equal(values.from_twin[0], values.error[0])
    assert (np.abs(values.error[0, :4]) > 1e-3).all()
    assert (values.from_twin[0, 4:] == 0.0).all()
    assert (np.abs(values.from_twin[1, 4:]) > 1e-3).all()


def test_the_distance_follows_from_counts_of_crossings_on_a_grid():
    """The recursion of h in d = 2, with κ counted over starts on a grid, for the logistic loss."""
    x, y = inputs(2, 3, seed=4)
    points, eta, steps = np.concatenate([x, [[0.6, 0.8]]]), 6.0, 5
    slope = slopes(x, y, "logistic", eta, steps)
    cosine = points @ x.T
    kernel = cosine * (0.5 - 0.5 * np.arccos(np.clip(cosine, -1.0, 1.0)) / math.pi)
    h, rest = np.zeros(4), np.zeros(4)
    for t in range(steps):
        for k, z in enumerate(x):
            width = 2.0 * eta * np.abs(slope).sum() / 100_000
            z0 = width * (np.arange(100_000) - 50_000 + 0.5)
            counts = np.zeros(4)
            for w in directions(z, 1):
                for c in (1.0, -1.0):
                    now = z0.copy()
                    for each in slope[:t]:
                        active = [now >= 0.0 if j == k else x[j] @ w >= 0.0 for j in range(3)]
                        now -= c * eta / 3 * sum(active[j] * each[j] * (x[j] @ z) for j in range(3))
                    change = (now >= 0.0).astype(float) - (z0 >= 0.0)
                    for p in range(4):
                        counts[p] += np.sum(change * (z0 >= 0.0 if p == k else points[p] @ w >= 0.0))
            curvature = abs(slope[t, k]) * (1.0 - abs(slope[t, k]))
            kappa = 0.25 * PHI0 * width * counts
            rest = rest - eta / 3 * ((points @ z) * kappa * slope[t, k] + kernel[:, k] * curvature * h[k])
        values = limits(x, y, "logistic", eta, (t + 1,), held_x=points[3:])
        h = values.error[0] + rest
        np.testing.assert_allclose(values.from_twin[0], h, atol=1e-3 * np.abs(h).max())


@pytest.mark.parametrize("loss", LOSSES)
def test_wide_networks_have_these_errors_and_distances(loss):
    """Means over 128 runs, in 4.5 standard errors and a relative 2.5 m^{-1/2} of the finite width.

    5 training inputs and 2 new ones. False-alarm rate below 28 · 2e-5 = 6e-4, fixed seeds.
    """
    m, runs, steps = 2**12, 128, 12
    training = TrainedExperiment("teacher", (), 3, 5, 2, loss, 1.0, steps, None, name="e", m=(m,), seeds=runs)
    data = load(training, 2)
    eta = step_size(data, loss, 1.0)
    theory = limits(data.x, data.y, loss, eta, (steps,), held_x=data.held_x)
    everywhere = data.inputs
    errors, distances = np.empty((runs, 7)), np.empty((runs, 7))
    for seed in range(runs):
        w0, c = start(training, 2, m, seed)
        _, w = trace(training, data, w0, c)
        outputs = np.array([network.scaled_network(z, w, c) for z in everywhere])
        linear = np.array([network.linearization(z, w0, c, w - w0) for z in everywhere])
        active = np.stack([network.preactivation(z, w0) >= 0.0 for z in everywhere], axis=1)
        kernel, twin = tangent_kernel(everywhere, data.x, active, active[:, :5]), np.zeros(7)
        for _ in range(steps):
            twin = twin - eta / 5 * kernel @ derivative(twin[:5], data.y, loss)
        errors[seed], distances[seed] = outputs - linear, outputs - twin
    for values, expected, significant in (
        (errors, theory.error[0], 3),
        (distances, theory.from_twin[0], 5),
    ):
        values = math.sqrt(m) * values
        error = values.std(axis=0, ddof=1) / math.sqrt(runs)
        left = 2.5 * np.abs(expected).max() / math.sqrt(m)
        assert (np.abs(values.mean(axis=0) - expected) < 4.5 * error + left).all()
        assert (np.abs(expected) > 4.5 * error + left).sum() >= significant


def test_on_digits_fluctuations_hide_both_limits_up_to_large_widths(monkeypatch):
    """Where e² or h² equals the variance, of order m^{-1/2}, in the default trained experiment."""
    monkeypatch.setattr("ntk_core.theory.training_limit.DIRECTIONS", 1 << 10)
    monkeypatch.setattr("ntk_core.theory.crossing.DRAWS", 1 << 10)
    training = TrainedExperiment(
        "digits", (3, 8), 64, 64, 64, "squared", 1.0, 64, None, name="e", m=(4,), seeds=2
    )
    data = load(training, 20261123)
    eta = step_size(data, "squared", 1.0)
    theory = limits(data.x, data.y, "squared", eta, (64,), held_x=data.held_x)
    sums = path(data.x, data.y, "squared", eta, (64,), NEVER)
    variance = limit(data.x, data.held_x, sums, generator()).rms["linearization_error"][0] ** 2
    squares = [
        float(np.mean(values**2))
        for values in (theory.error[0, :64], theory.from_twin[0, :64], theory.from_twin[0, 64:])
    ]
    assert variance == pytest.approx(9.0, abs=1.0)
    assert squares == pytest.approx([0.007, 0.04, 0.0009], rel=0.1)
    widths = (variance / np.array(squares)) ** 2
    assert np.log10(widths) == pytest.approx([6.2, 4.7, 8.0], abs=0.2)
