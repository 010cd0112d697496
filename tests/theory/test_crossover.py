"""The law of the error by the angle to a training input: grids of starts, its two ends, wide networks."""

from __future__ import annotations

import math
from itertools import islice

import numpy as np
import pytest
from scipy.special import ndtri

from ntk_core import network
from ntk_core.experiments.trained import TrainedExperiment
from ntk_core.sampling.data import Data, load, step_size, unit_length
from ntk_core.sampling.descent import start, trace
from ntk_core.theory import crossover as module
from ntk_core.theory.crossing import deviation
from ntk_core.theory.crossover import crossover
from ntk_core.theory.training_limit import limit, loss_derivatives, path

PHI0 = 1.0 / math.sqrt(2.0 * math.pi)
NEVER = -math.inf


def generator(seed=0):
    return np.random.default_rng(seed)


def problem(d, n, seed=0):
    rng = generator(seed)
    return unit_length(rng.standard_normal((n, d))), rng.standard_normal(n)


def beside(x, v, angle):
    """The input at this angle from x towards the unit vector v."""
    return math.cos(angle) * x + math.sin(angle) * v


def across(x, seed=1):
    """A unit vector orthogonal to x."""
    v = generator(seed).standard_normal(x.size)
    v -= (v @ x) * x
    return v / np.linalg.norm(v)


def on_a_grid(x, y, eta, steps, k, v, s, points=4000, normals=60):
    """Both constants at the angle s/√m as m → ∞ by the definition: w and z_0 on grids, all steps."""
    slopes = list(islice(loss_derivatives(x, y, "squared", eta, NEVER), steps))
    quantiles = ndtri((np.arange(normals) + 0.5) / normals)
    other = np.cross(x[k], v) if x.shape[1] == 3 else np.zeros_like(v)
    reach = eta / y.size * np.sum(np.abs(slopes)) + 1e-9
    total = np.zeros(2)
    grid = [(a, b) for a in quantiles for b in (quantiles if x.shape[1] == 3 else [0.0])]
    for a, b in grid:
        w = a * v + b * other
        q = s * a
        z0 = (np.arange(points) + 0.5) / points * 2.0 * reach - reach - q  # only these flip at x
        added = np.zeros(points)
        for c in (1.0, -1.0):
            z = z0.copy()
            for slope in slopes:
                move = np.zeros(points)
                for j in range(y.size):
                    active = z >= 0.0 if j == k else x[j] @ w >= 0.0
                    move -= c * eta / y.size * slope[j] * (x[j] @ x[k]) * active
                z += move
            added += c * (np.maximum(z + q, 0.0) - (z0 + q >= 0.0) * (z + q))
        total += np.array([added.sum(), (added**2).sum()]) * 2.0 * reach / points
    return 0.5 * PHI0 * total / len(grid)


@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_at_the_training_input_it_is_the_error_of_the_crossing_dynamics(d, loss):
    """Two computations that share nothing but the pushes; a percent apart would be seen."""
    x, y = problem(d, 4)
    y = np.sign(y) if loss == "logistic" else y
    times = (0, 1, 3, 9)
    law = crossover(x, y, loss, 2.5, times, NEVER, x, [16, 64])
    expected = deviation(x, y, loss, 2.5, times, NEVER, np.empty((0, d)), generator()).error
    assert np.abs(expected[-1]).max() > 0.01
    for mean in law.mean:
        np.testing.assert_allclose(mean, expected, rtol=2e-3 if d == 3 else 1e-9, atol=1e-12)
    reverse = crossover(x, y, loss, 2.5, times, NEVER, -x, [64]).mean[0]
    np.testing.assert_allclose(reverse, law.mean[1], atol=1e-12)


@pytest.mark.parametrize(("d", "s"), [(2, 0.3), (2, 2.0), (2, 12.0), (3, 0.7)])
def test_both_integrals_are_those_over_a_grid(d, s):
    x, y = problem(d, 3)
    m, steps = 10**12, 6
    v = across(x[1])
    law = crossover(x, y, "squared", 2.0, (steps,), NEVER, beside(x[1], v, s / 1e6)[None], [m])
    mean, variance = on_a_grid(x, y, 2.0, steps, 1, v, s, *((4000, 600) if d == 2 else (800, 40)))
    room = 0.01 if d == 2 else 0.03
    assert law.mean.item() == pytest.approx(mean, abs=room * abs(law.mean).item() + 0.002)
    assert law.variance.item() == pytest.approx(variance, rel=room)


def test_far_from_it_the_mean_falls_as_the_inverse_angle_and_the_variance_is_that_of_a_new_input():
    x, y = problem(2, 3)
    held_x = unit_length(generator(3).standard_normal((5, 2)))
    times = (6,)
    law = crossover(x, y, "squared", 2.0, times, NEVER, held_x, [2**40, 2**42])
    np.testing.assert_allclose(law.mean[0], 2.0 * law.mean[1], rtol=1e-3, atol=1e-12)
    sums = path(x, y, "squared", 2.0, times, NEVER)
    expected = limit(x, held_x, sums, generator()).rms["linearization_error"][0]  # from 2^14 directions
    assert math.sqrt(np.mean(law.variance[0])) == pytest.approx(expected, rel=0.02)


def test_wide_networks_have_this_mean_and_variance():
    """64 runs of 2^14 neurons at six angles: means in 4.5 standard errors and a twentieth of the largest, the
    ratio of mean squares in 5 of its own. False-alarm rate below 7 · 3e-5, fixed seeds.
    """
    m, runs, steps = 2**14, 64, 8
    training = TrainedExperiment(
        "teacher", (), 2, 2, 6, "squared", 1.0, steps, None, name="e", m=(m,), seeds=runs
    )
    data = load(training, 5)
    v = np.array([-data.x[0, 1], data.x[0, 0]])
    near = np.array([beside(data.x[0], v, s / math.sqrt(m)) for s in (0.0, 0.3, -0.3, 1.0, -3.0, 10.0)])
    data = Data(data.x, data.y, near, data.held_y)
    eta = step_size(data, "squared", 1.0)
    law = crossover(data.x, data.y, "squared", eta, (steps,), NEVER, near, [m])
    errors = np.empty((runs, 6))
    for seed in range(runs):
        w0, c = start(training, 5, m, seed)
        _, w = trace(training, data, w0, c)
        errors[seed] = [
            network.scaled_network(z, w, c) - network.linearization(z, w0, c, w - w0) for z in near
        ]
    errors *= math.sqrt(m)
    mean, variance = law.mean[0, 0], law.variance[0, 0] / math.sqrt(m)
    room = 0.05 * np.abs(mean).max()
    assert (np.abs(errors.mean(axis=0) - mean) < 4.5 * np.sqrt(variance / runs) + room).all()
    assert (np.abs(mean) > 4.5 * np.sqrt(variance / runs) + room).sum() >= 2
    ratio = np.mean(errors**2, axis=1) / np.mean(mean**2 + variance)
    assert abs(ratio.mean() - 1.0) < 5.0 * ratio.std(ddof=1) / math.sqrt(runs) + 0.02


def test_a_path_of_too_many_pieces_is_not_followed(monkeypatch):
    x, y = problem(2, 3)
    whole = crossover(x, y, "squared", 2.0, (1, 8), NEVER, x, [4])
    monkeypatch.setattr(module, "PIECES", 2)
    cut = crossover(x, y, "squared", 2.0, (1, 8), NEVER, x, [4])
    assert np.isnan(cut.mean[:, 1]).all()
    np.testing.assert_array_equal(cut.mean[:, 0], whole.mean[:, 0])
