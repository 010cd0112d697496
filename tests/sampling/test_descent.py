"""Gradient descent and its linear twin, each against an independent route; data, endings, limits."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from ntk_core import network
from ntk_core.datasets.trained_quantiles import alpha_ceiling, alpha_ceiling_always
from ntk_core.datasets.trained_rates import training_limit
from ntk_core.experiments.config import parse_config
from ntk_core.experiments.section import ConfigError
from ntk_core.experiments.trained import TrainedExperiment
from ntk_core.quantities import QUANTITIES, defined_quantities, flip_sums
from ntk_core.sampling.data import DIGIT_COUNTS, Data, load, nearest_angles, step_size
from ntk_core.sampling.descent import Status, start, tangent_kernel, trace, train
from ntk_core.sampling.training import INPUT_VARIABLES, RUN_VARIABLES
from ntk_core.theory.bounds import sharp
from ntk_core.theory.moments import CANCELLING_EXPONENT
from ntk_core.theory.training_limit import arc_cosine_kernel, exponent

SMALL = TrainedExperiment("teacher", (), 5, 9, 7, "squared", 1.0, 12, None, name="e", m=(10,), seeds=3)
LOSSES = ("squared", "logistic")


def losses(outputs, y, loss):
    return 0.5 * (outputs - y) ** 2 if loss == "squared" else np.log1p(np.exp(-y * outputs))


def slopes(outputs, y, loss):
    return outputs - y if loss == "squared" else -y / (1.0 + np.exp(y * outputs))


def gradient(w, c, x, y, loss):
    """∇L by the definitions: the mean over inputs of l'(F) ∇F."""
    outputs = np.array([network.scaled_network(one, w, c) for one in x])
    each = [network.gradient_f(one, w, c) / math.sqrt(c.size) for one in x]
    return np.mean(slopes(outputs, y, loss)[:, None, None] * each, axis=0)


def plain_descent(experiment, data, w0, c, steps):
    """Weights after so many steps, without kernels or pairs."""
    eta = step_size(data, experiment.loss, experiment.step)
    w = w0.copy()
    for _ in range(steps):
        w = w - eta * gradient(w, c, data.x, data.y, experiment.loss)
    return w


def number(run, name, time=-1):
    return run.numbers[RUN_VARIABLES.index(name), time]


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_is_that_of_the_loss(loss):
    """Central differences, exact up to rounding for F itself, which is linear away from kinks."""
    rng = np.random.default_rng(1)
    w, c = rng.standard_normal((8, 5)), np.where(np.arange(8) % 3 == 0, 1.0, -1.0)
    x = rng.standard_normal(5)
    u = rng.standard_normal((8, 5))
    h = 1e-4
    assert (np.abs(network.preactivation(x, w)) > 10 * h).all()
    slope = (network.scaled_network(x, w + h * u, c) - network.scaled_network(x, w - h * u, c)) / (2 * h)
    assert slope == pytest.approx(network.linearization(x, w, c, u), rel=1e-10)
    inputs, y = rng.standard_normal((4, 5)), np.array([1.0, -1.0, 1.0, 1.0])

    def mean_loss(w):
        return np.mean(losses(np.array([network.scaled_network(one, w, c) for one in inputs]), y, loss))

    slope = (mean_loss(w + h * u) - mean_loss(w - h * u)) / (2 * h)
    assert slope == pytest.approx(np.sum(gradient(w, c, inputs, y, loss) * u), rel=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("d", "inputs"), [(5, 9), (4, 8), (1, 1), (3, 2)])
def test_descent_goes_where_the_definitions_go(loss, d, inputs):
    experiment = replace(SMALL, loss=loss, d=d, training_inputs=inputs)
    data = load(experiment, 3)
    w0, c = start(experiment, 3, 10, 2)
    run, w = trace(experiment, data, w0, c)
    expected = plain_descent(experiment, data, w0, c, 12)
    np.testing.assert_allclose(w, expected, rtol=0, atol=1e-12)
    u = expected - w0
    assert number(run, "alpha_hat") == pytest.approx(
        math.sqrt(10) * np.linalg.norm(u, axis=1).max(), rel=1e-10
    )
    assert number(run, "mean_displacement") == pytest.approx(np.linalg.norm(u, axis=1).mean(), rel=1e-10)
    outputs = np.array([network.scaled_network(x, expected, c) for x in data.x])
    assert number(run, "training_loss") == pytest.approx(losses(outputs, data.y, loss).mean(), rel=1e-10)
    radius = np.linalg.norm(u, axis=1).max()
    for x_all, measured in ((data.held_x, run.quantities), (data.x, run.training_quantities)):
        assert measured.shape == (8, 6, len(x_all))
        for k, x in enumerate(x_all):
            definitions = defined_quantities(x, w0, c, u, radius)
            np.testing.assert_allclose(measured[:5, -1, k], definitions, rtol=1e-9, atol=1e-13)
            signed = network.scaled_network(x, expected, c) - network.linearization(x, w0, c, u)
            assert measured[5, -1, k] == pytest.approx(signed, rel=1e-9, abs=1e-13)
            assert measured[6, -1, k] == pytest.approx(network.scaled_network(x, expected, c), abs=1e-12)


def test_measures_at_training_inputs_are_sums_over_the_flips_alone():
    """A route without F or its gradient: E = |Δ₁ + Δ₂| from the neurons that change sign."""
    data = load(SMALL, 3)
    w0, c = start(SMALL, 3, 200, 1)
    run, w = trace(SMALL, data, w0, c)
    m, radius = c.size, np.linalg.norm(w - w0, axis=1).max()
    a = np.einsum("id,kd->ki", w0, data.x)
    b = np.einsum("id,kd->ki", w - w0, data.x)
    flips = flip_sums(a, b, np.broadcast_to(c, a.shape), radius)
    signed = (flips.projection - flips.position) * radius / math.sqrt(m)
    at_end = run.training_quantities[:, -1]
    assert np.abs(signed).max() > 1e-4
    np.testing.assert_allclose(at_end[5], signed, rtol=0, atol=1e-13)
    np.testing.assert_allclose(at_end[0], np.abs(signed), rtol=0, atol=1e-13)
    np.testing.assert_array_equal(at_end[1], flips.count / m)


def test_angles_are_to_the_nearest_training_input_or_its_reverse():
    data = load(SMALL, 3)
    angles = nearest_angles(data)
    cosines = np.abs(np.einsum("ad,kd->ak", data.held_x, data.x)).max(axis=1)
    np.testing.assert_allclose(np.cos(angles), cosines, rtol=0, atol=1e-14)
    assert not nearest_angles(load(replace(SMALL, d=1), 3)).any()
    near = np.array([math.cos(1e-9), math.sin(1e-9)])
    lone = Data(np.array([[1.0, 0.0]]), np.ones(1), np.array([near, -near]), np.ones(2))
    np.testing.assert_allclose(nearest_angles(lone), 1e-9, rtol=1e-6)


def test_ever_flipped_counts_every_step_not_only_the_recorded_ones():
    experiment = replace(SMALL, d=3, steps=16)
    data = load(experiment, 5)
    w0, c = start(experiment, 5, 10, 0)
    first = np.stack([network.preactivation(x, w0) >= 0 for x in data.x], axis=1)
    ever = np.zeros_like(first)
    for steps in range(1, 17):
        w = plain_descent(experiment, data, w0, c, steps)
        ever |= np.stack([network.preactivation(x, w) >= 0 for x in data.x], axis=1) != first
    run, _ = trace(experiment, data, w0, c)
    assert 0 < ever.mean() < 1
    assert number(run, "flipped_fraction") == ever.mean()
    assert number(run, "flipped_neurons") == ever.any(axis=1).mean()


def test_the_twin_follows_the_closed_form_of_linear_descent():
    """Outputs y - (1 - ηK/n)^t y on the training inputs, and what the same weights say elsewhere."""
    experiment = replace(SMALL, steps=40)
    data = load(experiment, 1)
    w0, c = start(experiment, 1, 10, 0)
    run, _ = trace(experiment, data, w0, c)
    x = data.inputs
    features = np.array([network.gradient_f(one, w0, c).ravel() / math.sqrt(10) for one in x])
    n, eta = data.y.size, step_size(data, "squared", 1.0)
    kernel = features @ features[:n].T
    values, vectors = np.linalg.eigh(kernel[:n])
    for index, time in enumerate(experiment.times):
        left = (1.0 - eta * values / n) ** time
        outputs = vectors @ ((1.0 - left) * (vectors.T @ data.y))
        assert number(run, "twin_training_loss", index) == pytest.approx(
            np.mean(0.5 * (outputs - data.y) ** 2), rel=1e-9
        )
        gained = np.where(values > 1e-12, (1.0 - left) / np.where(values > 1e-12, values, 1.0), 0.0)
        held = kernel[n:] @ (vectors @ (gained * (vectors.T @ data.y)))
        assert number(run, "twin_test_loss", index) == pytest.approx(
            np.mean(0.5 * (held - data.held_y) ** 2), rel=1e-9
        )
        twin = INPUT_VARIABLES.index("twin_output")
        np.testing.assert_allclose(run.quantities[twin, index], held, rtol=0, atol=1e-12)
        np.testing.assert_allclose(run.training_quantities[twin, index], outputs, rtol=0, atol=1e-12)


def test_the_twin_of_the_logistic_loss_is_the_linear_model_trained_in_its_weights():
    experiment = replace(SMALL, loss="logistic", steps=20)
    data = load(experiment, 2)
    w0, c = start(experiment, 2, 10, 1)
    run, w = trace(experiment, data, w0, c)
    x = data.inputs
    features = np.array([network.gradient_f(one, w0, c).ravel() / math.sqrt(10) for one in x])
    u, n = np.zeros(features.shape[1]), data.y.size
    for _ in range(20):
        u -= (
            step_size(data, "logistic", 1.0)
            * features[:n].T
            @ slopes(features[:n] @ u, data.y, "logistic")
            / n
        )
    held = features[n:] @ u
    assert number(run, "twin_test_loss") == pytest.approx(
        losses(held, data.held_y, "logistic").mean(), rel=1e-9
    )
    outputs = np.array([network.scaled_network(one, w, c) for one in data.held_x])
    assert number(run, "twin_distance") == pytest.approx(math.sqrt(np.mean((outputs - held) ** 2)), rel=1e-7)
    outputs = np.array([network.scaled_network(one, w, c) for one in data.x])
    distance = math.sqrt(np.mean((outputs - features[:n] @ u) ** 2))
    assert number(run, "twin_training_distance") == pytest.approx(distance, rel=1e-7)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("m", [2, 10, 200])
def test_the_step_is_stable_at_every_width(loss, m):
    experiment = replace(SMALL, loss=loss, steps=200, training_inputs=20)
    data = load(experiment, 4)
    for seed in range(3):
        w0, c = start(experiment, 4, m, seed)
        active = np.stack([network.preactivation(x, w0) >= 0 for x in data.x], axis=1)
        largest = np.linalg.eigvalsh(tangent_kernel(data.x, data.x, active, active))[-1]
        assert largest <= np.linalg.eigvalsh(data.x @ data.x.T)[-1] * (1 + 1e-12)
        run, _ = trace(experiment, data, w0, c)
        for name in ("training_loss", "twin_training_loss"):
            values = run.numbers[RUN_VARIABLES.index(name)]
            assert (np.diff(values) <= 1e-12).all()
            assert values[-1] < values[0]


def power_iteration(matrix):
    vector = np.ones(len(matrix))
    for _ in range(2000):
        vector = matrix @ vector
        vector /= np.linalg.norm(vector)
    return float(vector @ matrix @ vector)


def test_the_twins_edge_in_the_limit_is_4_or_more_and_4_98_on_the_default_digits():
    """λ_max(K∞) ≤ λ_max(X Xᵀ)/2 by Schur, in 20 random data sets too; eigenvalues by power iteration."""
    digits = TrainedExperiment(
        "digits", (3, 8), 64, 64, 64, "squared", 1.0, 64, None, name="e", m=(2,), seeds=1
    )
    data = load(digits, 20261123)
    unit = step_size(data, "squared", 1.0) / data.y.size
    edge = 2.0 / (unit * power_iteration(arc_cosine_kernel(data.x, data.x)))
    assert edge == pytest.approx(4.98, abs=0.005)
    for entropy in range(20):
        data = load(replace(SMALL, d=2 + entropy % 3), entropy)
        gram = power_iteration(data.x @ data.x.T)
        assert power_iteration(arc_cosine_kernel(data.x, data.x)) <= 0.5 * gram * (1 + 1e-12)


@pytest.mark.parametrize(("loss", "step"), [("squared", 30.0), ("logistic", 400.0)])
def test_a_ceiling_on_alpha_hat_holds_while_the_loss_grows(loss, step):
    """Descent by the definitions with a step that is too long: the loss grows, and α̂ stays below."""
    experiment = replace(SMALL, loss=loss, step=step, steps=4)
    data = load(experiment, 1)
    always, usual = (
        bound(experiment, data, step_size(data, loss, step), experiment.times)
        for bound in (alpha_ceiling_always, alpha_ceiling)
    )
    grew, over = False, 0.0
    for seed in range(3):
        w0, c = start(experiment, 1, 10, seed)
        values = []
        for time, ceiling in zip(experiment.times, always, strict=True):
            w = plain_descent(experiment, data, w0, c, time)
            outputs = np.array([network.scaled_network(x, w, c) for x in data.x])
            values.append(losses(outputs, data.y, loss).mean())
            alpha = math.sqrt(10) * np.linalg.norm(w - w0, axis=1).max()
            assert alpha <= ceiling * (1 + 1e-12)
            over = max(over, alpha - usual[list(experiment.times).index(time)])
        grew |= values[1] > values[0]
    assert grew
    assert (over > 0.0) == (loss == "squared")  # where the loss grows, the ceiling of a falling loss fails


def test_one_input_and_one_step_reach_both_ceilings():
    """Squared loss, ‖x‖ = 1: α̂ = η|y|, so nothing smaller holds for every data set."""
    experiment = replace(SMALL, d=3, training_inputs=1, steps=1)
    data = load(experiment, 1)
    run, _ = trace(experiment, data, *start(experiment, 1, 64, 0))
    for ceiling in (alpha_ceiling, alpha_ceiling_always):
        reached = ceiling(
            experiment, data, step_size(data, experiment.loss, experiment.step), experiment.steps
        )
        assert number(run, "alpha_hat") == pytest.approx(reached, rel=1e-9)


def test_alpha_hat_stays_below_its_ceiling_and_the_error_below_the_supremum_of_its_ball():
    for loss in LOSSES:
        experiment = replace(SMALL, loss=loss, steps=64)
        data = load(experiment, 6)
        for m in (2, 16, 128):
            w0, c = start(experiment, 6, m, 0)
            run, _ = trace(experiment, data, w0, c)
            alpha = run.numbers[RUN_VARIABLES.index("alpha_hat")]
            ceiling = alpha_ceiling(
                experiment, data, step_size(data, loss, experiment.step), experiment.times
            )
            assert (alpha <= ceiling * (1 + 1e-12)).all()
            assert alpha[1] > 0.03 * ceiling[1]
            a = np.abs(np.array([network.preactivation(x, w0) for x in data.held_x]))
            for index, value in enumerate(alpha):
                room = np.maximum(value / math.sqrt(m) - a, 0.0)[:, c > 0].sum(axis=1) / math.sqrt(m)
                assert (run.quantities[0, index] <= room + 1e-12).all()
                assert (run.quantities[1, index] <= run.quantities[4, index]).all()


def test_a_run_ends_at_its_target_and_rests():
    free, _ = trace(SMALL, load(SMALL, 1), *start(SMALL, 1, 10, 0))
    target = 0.5 * (number(free, "training_loss", 3) + number(free, "training_loss", 4))  # steps 4 and 8
    run = train(replace(SMALL, target_loss=target), load(SMALL, 1), 1, 10, 0)
    assert run.status is Status.TARGET_REACHED
    assert 4 < run.steps <= 8
    assert number(run, "training_loss") <= target
    np.testing.assert_array_equal(run.numbers[:, -1], run.numbers[:, 4])
    np.testing.assert_array_equal(run.quantities[:, :4], free.quantities[:, :4])
    missed = train(replace(SMALL, target_loss=1e-9), load(SMALL, 1), 1, 10, 0)
    assert missed.status is Status.TARGET_NOT_REACHED
    assert missed.steps == 12
    np.testing.assert_array_equal(missed.numbers, free.numbers)


def test_a_run_that_diverges_is_marked_and_has_no_numbers_from_there_on():
    run = train(replace(SMALL, step=80.0, steps=4096), load(SMALL, 1), 1, 10, 0)
    assert run.status is Status.DIVERGED
    assert run.steps < 4096
    known = np.isfinite(run.numbers).all(axis=0)
    assert known[0]
    assert not known[-1]
    assert (np.isfinite(run.quantities).all(axis=(0, 2)) == known).all()


def test_a_network_goes_on_where_its_twin_diverges():
    """A step too long for the linear model: the network finds a flatter place, and trains to the end."""
    experiment = replace(SMALL, d=4, training_inputs=8, step=9.0, steps=256)
    data = load(experiment, 1)
    w0, c = start(experiment, 1, 64, 0)
    run, w = trace(experiment, data, w0, c)
    assert run.status is Status.ALL_STEPS
    assert run.steps == 256
    np.testing.assert_allclose(w, plain_descent(experiment, data, w0, c, 256), rtol=1e-6)
    numbers = dict(zip(RUN_VARIABLES, run.numbers, strict=True))
    twins = [name for name in RUN_VARIABLES if name.startswith("twin_")]
    lost = np.isnan(numbers["twin_training_loss"])
    assert not lost[0]
    assert lost[-1]
    assert (np.diff(lost.astype(int)) >= 0).all()
    assert numbers["training_loss"][-1] < 1e-9 * numbers["training_loss"][0]
    for name, values in numbers.items():
        np.testing.assert_array_equal(np.isnan(values), lost if name in twins else False)
    for arrays in (run.quantities, run.training_quantities):
        for name, values in zip(INPUT_VARIABLES, arrays, strict=True):
            expected = lost if name == "twin_output" else np.zeros_like(lost)
            np.testing.assert_array_equal(np.isnan(values), np.broadcast_to(expected[:, None], values.shape))


def test_a_run_depends_on_nothing_but_its_own_name():
    data = load(SMALL, 1)
    run = train(SMALL, data, 1, 10, 2)
    other = train(replace(SMALL, m=(2, 10, 64), seeds=99, name="other"), data, 1, 10, 2)
    np.testing.assert_array_equal(run.numbers, other.numbers)
    for changed in (train(SMALL, data, 1, 10, 1), train(SMALL, data, 2, 10, 2)):
        assert number(changed, "alpha_hat") != number(run, "alpha_hat")


def test_a_part_of_an_experiment_is_its_first_runs_at_some_of_its_widths():
    whole = replace(SMALL, m=(4, 10))
    assert whole.select(2, [10]) == replace(SMALL, m=(10,), seeds=2)
    assert whole.select(None, [10, 4]) == whole
    for seeds, m, words in (
        (0, [4], "seeds is 0; archived: 1 to 3"),
        (4, [4], "seeds is 4; archived: 1 to 3"),
        (1, [6], "m is 6; archived: 4, 10"),
        (1, [], "m is empty; archived: 4, 10"),
    ):
        with pytest.raises(ValueError, match=words):
            whole.select(seeds, m)


def test_networks_start_symmetric_and_with_output_zero():
    w0, c = start(SMALL, 7, 64, 3)
    np.testing.assert_array_equal(w0[:32], w0[32:])
    np.testing.assert_array_equal(c[:32], -c[32:])
    run, _ = trace(SMALL, load(SMALL, 7), w0, c)
    assert (run.quantities[:4, 0] == 0.0).all()
    assert (run.training_quantities[[0, 1, 2, 3, 5], 0] == 0.0).all()
    assert number(run, "alpha_hat", 0) == 0.0


def test_digits_are_real_images_of_length_one():
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    assert tuple(np.bincount(labels)) == DIGIT_COUNTS
    pair = TrainedExperiment(
        "digits", (3, 8), 64, 200, 157, "squared", 1.0, 1, None, name="e", m=(2,), seeds=1
    )
    data = load(pair, 1)
    everything = data.inputs
    np.testing.assert_allclose(np.linalg.norm(everything, axis=1), 1.0, rtol=1e-14)
    assert len(np.unique(everything, axis=0)) == 357  # none twice: training and held-out are disjoint
    scaled = images / np.linalg.norm(images, axis=1, keepdims=True)
    for x, y in zip(data.held_x, data.held_y, strict=True):
        at = np.argmin(np.linalg.norm(scaled - x, axis=1))
        assert labels[at] == (3 if y > 0 else 8)
    rest = load(replace(pair, classes=(0,), held_out_inputs=1597), 1)
    assert np.sum(np.concatenate([rest.y, rest.held_y]) > 0) == DIGIT_COUNTS[0]
    assert not np.array_equal(load(pair, 2).x, data.x)


def test_teacher_targets_are_of_mean_square_one_and_signs_for_the_logistic_loss():
    data = load(SMALL, 1)
    assert np.mean(np.concatenate([data.y, data.held_y]) ** 2) == pytest.approx(1.0)
    signs = load(replace(SMALL, loss="logistic"), 1)
    np.testing.assert_array_equal(signs.y, np.sign(data.y))
    np.testing.assert_array_equal(signs.x, data.x)


def test_the_kernel_of_the_start_tends_to_the_arc_cosine_kernel():
    """Each entry within five standard errors: false-alarm rate below 81 · 6e-7 = 5e-5, fixed seed."""
    data = load(SMALL, 1)
    m = 2**14
    w0, _ = start(SMALL, 1, m, 0)
    active = np.stack([network.preactivation(x, w0) >= 0 for x in data.x], axis=1)
    expected = arc_cosine_kernel(data.x, data.x)
    gram = data.x @ data.x.T
    share = np.divide(expected, gram)
    error = np.abs(gram) * np.sqrt(share * (1 - share) / (m / 2))
    distance = np.abs(tangent_kernel(data.x, data.x, active, active) - expected)
    assert (distance <= 5 * error).all()
    assert distance.max() > 0.2 * error.min()


@pytest.mark.parametrize("p", [0.3, -2.0])
def test_the_variance_of_a_pair_gives_the_constants_of_the_limit(p):
    """E², Δ₁² and Δ₂² of one pair that moves by ±p/√m along x, integrated over where it starts."""
    m = 2**20
    a = np.linspace(-2.0, 2.0, 400_001) * abs(p) / math.sqrt(m)
    w0 = np.stack([a, a], axis=1)[..., None]
    u = np.broadcast_to(np.array([p, -p])[:, None] / math.sqrt(m), w0.shape)
    x, c = np.ones(1), np.broadcast_to([1.0, -1.0], (*a.shape, 2))
    density = np.exp(-0.5 * a**2) / math.sqrt(2.0 * math.pi)
    for function, third in (
        (network.linearization_error, 1.0 / 3.0),
        (network.signed_delta1, 1.0 / 3.0),
        (network.signed_delta2, 1.0),
    ):
        # m/2 pairs, each with 2 E² of its network of two neurons, over m.
        square = m**1.5 * np.trapezoid(density * function(x, w0, c, u) ** 2, a)
        assert square == pytest.approx(abs(p) ** 3 * third / math.sqrt(2.0 * math.pi), rel=1e-4)


@pytest.mark.parametrize("loss", LOSSES)
def test_wide_runs_have_the_constants_of_the_limit(loss):
    """Moments over 256 runs and 16 inputs, in 3.5 standard errors and what is left of the finite width.

    That is of relative order m^{-1/2}. False-alarm rate below 16 · 5e-4 = 8e-3, fixed seeds.
    """
    m, runs = 4096, 256
    experiment = TrainedExperiment("teacher", (), 3, 6, 16, loss, 1.0, 4, None, name="e", m=(m,), seeds=runs)
    data = load(experiment, 2)
    theory = training_limit(experiment, 2)
    trained = [train(experiment, data, 2, m, seed) for seed in range(runs)]
    values = np.stack([run.quantities[:, -1] for run in trained])
    for index, name in enumerate(list(QUANTITIES)[:4]):
        left = 0.1 if exponent(name, 3) == CANCELLING_EXPONENT else 0.06
        scaled = values[:, index] * m ** exponent(name, 3)
        for each, expected in ((scaled**2, theory.rms[name][-1] ** 2), (scaled, theory.mean[name][-1])):
            by_run = each.mean(axis=1)
            error = by_run.std(ddof=1) / math.sqrt(runs)
            assert error < 0.04 * expected
            assert abs(by_run.mean() - expected) < 3.5 * error + left * expected, name
    moved = np.array([number(run, "mean_displacement") for run in trained]) * math.sqrt(m)
    assert moved.mean() == pytest.approx(theory.displacement[-1], rel=0.01)
    assert max(number(run, "alpha_hat") for run in trained) <= theory.ceiling[-1]


@pytest.mark.parametrize("d", [1, 2])
def test_with_one_input_half_of_the_neurons_move_in_the_limit(d):
    """So the mean displacement is half of what one neuron moves by at most, however it is averaged."""
    experiment = TrainedExperiment("teacher", (), d, 1, 3, "squared", 1.0, 4, None, name="e", m=(4,), seeds=2)
    theory = training_limit(experiment, 2)
    assert theory.displacement[1:] == pytest.approx(theory.ceiling[1:] / 2, rel=1e-12)


def test_the_sharp_bound_holds_for_all_radii_at_once():
    """P(some α has |B|/m over it) ≤ δ, by Dvoretzky, Kiefer, Wolfowitz and Massart.

    20,000 draws of |w·x| at m = 64; false-alarm rate below 1e-6 for each δ, fixed seed.
    """
    m, draws = 64, 20_000
    a = np.sort(np.abs(np.random.default_rng(8).standard_normal((draws, m // 2))), axis=1)
    fraction = np.arange(1, m // 2 + 1) / (m // 2)  # of the band at radius a, the moment a neuron enters
    for delta in (0.5, 0.1, 0.01):
        bound = sharp("band_fraction", m, a * math.sqrt(m), delta, 1.0)
        over = int((fraction > bound).any(axis=1).sum())
        assert over <= binom.ppf(1 - 1e-6, draws, delta)
        assert over > 0 or delta < 0.1  # it is not far from what it bounds


TRAINED = {
    "kind": "trained", "data": "digits", "classes": [3, 8], "training_inputs": 10, "held_out_inputs": 10,
    "loss": "squared", "steps": 4, "m": [2, 4], "seeds": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"kind": "grown"},
            "experiments.e.kind is 'grown' (did you mean 'drawn'?); allowed: 'drawn' or 'trained'",
        ),
        ({"classes": None}, "experiments.e.classes is None (data is 'digits')"),
        ({"classes": [3, 3]}, "experiments.e.classes is [3, 3] (3 appears twice)"),
        ({"classes": [1, 2, 3]}, "experiments.e.classes"),
        ({"data": "teacher", "d": 3}, "experiments.e.classes is [3, 8] (data is 'teacher')"),
        ({"data": "teacher", "classes": None}, "experiments.e.d is None (data is 'teacher')"),
        ({"d": 64}, "experiments.e.d is 64 (data is 'digits')"),
        (
            {"held_out_inputs": 348},
            "held_out_inputs is 348 (358 with training_inputs, but there are 357 images)",
        ),
        ({"m": [3]}, "experiments.e.m[0] is 3; allowed: a list, each once, of even whole numbers, 2 to 2^20"),
        ({"loss": "hinge"}, "experiments.e.loss is 'hinge'; allowed: 'squared' or 'logistic'"),
        ({"step": 0.0}, "experiments.e.step is 0.0; allowed: a number, above 0"),
        ({"target_loss": -1.0}, "experiments.e.target_loss is -1.0"),
        ({"target_loss": 0.5}, "experiments.e.target_loss is 0.5 (that of the start is 0.5); allowed: null"),
        ({"loss": "logistic", "target_loss": 0.7}, "target_loss is 0.7 (that of the start is 0.693147)"),
        ({"alpha": [1.0]}, "experiments.e.alpha: unknown key; allowed here: kind, data, classes"),
        ({"kind": ["trained"]}, "experiments.e.kind is \"['trained']\""),
    ],
)
def test_a_trained_experiment_that_cannot_be_run_is_refused(change, message):
    parse_config({"entropy": 1, "experiments": {"e": TRAINED}})
    with pytest.raises(ConfigError) as error:
        parse_config({"entropy": 1, "experiments": {"e": {**TRAINED, **change}}})
    assert message in str(error.value)


def test_misspelt_data_are_the_only_fault():
    with pytest.raises(ConfigError) as error:
        parse_config({"entropy": 1, "experiments": {"e": {**TRAINED, "data": "digit"}}})
    assert str(error.value).startswith("experiments.e.data is 'digit' (did you mean 'digits'?); allowed: ")
    assert "\n" not in str(error.value)


def test_data_are_typed_as_arrays_of_doubles():
    data = load(SMALL, 1)
    assert isinstance(data, Data)
    assert {array.dtype for array in (data.x, data.y, data.held_x, data.held_y)} == {np.dtype("f8")}
