"""The definitions against automatic differentiation by JAX, PyTorch and neural-tangents, in float64.

The networks here are written anew in each library, with its own relu. Away from kinks that is the notes' σ;
at a kink the libraries take another derivative, and `test_at_a_kink…` says which.
"""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
from scipy.stats import chi2, norm

from ntk_core import network
from ntk_core.laws import LAWS

MISSING = "is missing here; `make test-autodiff` sets up an environment with it"

pytestmark = pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node")  # torch.func.linearize


class Jax:
    """What the tests ask of a library, from JAX."""

    def __init__(self):
        self.jax = pytest.importorskip("jax", reason=f"JAX {MISSING}")
        self.jax.config.update("jax_enable_x64", True)
        self.array = self.jax.numpy.asarray
        self.relu, self.maximum = self.jax.nn.relu, self.jax.numpy.maximum
        self.where, self.logaddexp = self.jax.numpy.where, self.jax.numpy.logaddexp
        self.grad, self.vmap = self.jax.grad, self.jax.vmap

    def by_grad(self, function, w, u):
        return (self.grad(function)(w) * u).sum()

    def by_jvp(self, function, w, u):
        return self.jax.jvp(function, (w,), (u,))[1]

    def by_linearize(self, function, w, u):
        return self.jax.linearize(function, w)[1](u)


class Torch:
    """The same from PyTorch."""

    def __init__(self):
        torch = pytest.importorskip("torch", reason=f"PyTorch {MISSING}")
        self.array = torch.tensor
        self.relu, self.maximum = torch.relu, torch.maximum
        self.where, self.logaddexp = torch.where, torch.logaddexp
        self.func = torch.func
        self.grad, self.vmap = torch.func.grad, torch.func.vmap

    def by_grad(self, function, w, u):
        return (self.grad(function)(w) * u).sum()

    def by_jvp(self, function, w, u):
        return self.func.jvp(function, (w,), (u,))[1]

    def by_linearize(self, function, w, u):
        return self.func.linearize(function, w)[1](u)


@pytest.fixture(scope="module", params=[Jax, Torch], ids=["jax", "torch"])
def library(request):
    return request.param()


@pytest.fixture(scope="module")
def neural_tangents():
    """It imports TensorFlow for an interface that nothing here touches: a stand-in will do."""
    Jax()
    if importlib.util.find_spec("neural_tangents") is None:
        pytest.skip(f"neural-tangents {MISSING}")
    for name in ("tensorflow", "tf2jax", "jax.experimental.jax2tf"):
        sys.modules.setdefault(name, MagicMock())
    return pytest.importorskip("neural_tangents")


def network_in(library, x, relu=None):
    """(w, c) ↦ F(x; w, c) for arrays of the library's own."""
    x, relu = library.array(x), relu or library.relu
    return lambda w, c: (c * relu(w @ x)).sum() / math.sqrt(len(c))


def of_weights(library, x, c, relu=None):
    """w ↦ F(x; w, c)."""
    function, c = network_in(library, x, relu), library.array(c)
    return lambda w: function(w, c)


def notes_relu(library):
    """σ with σ'(0) = 1, written so that a library derives that."""
    return lambda z: library.where(z >= 0.0, z, 0.0)


def split_relu(library):
    """σ as the maximum of two arguments."""
    return lambda z: library.maximum(z, 0.0 * z)


@dataclass(frozen=True)
class Loss:
    """l(F, y) in the operations of a library, and ∂l/∂F."""

    value: Callable[..., Any]
    slope: Callable[[Any, float], Any]


LOSSES = {
    "squared": Loss(lambda library, F, y: (F - y) ** 2 / 2, lambda F, y: F - y),
    "logistic": Loss(
        lambda library, F, y: library.logaddexp(0.0 * F, -y * F), lambda F, y: -y / (1.0 + np.exp(y * F))
    ),
}


def loss_gradient(loss, inputs, targets, w, c):
    """∂L/∂w_i = (c_i/√m) mean_k l'(F_k) 1{w_i·x_k ≥ 0} x_k, where L is the mean of l over the data."""
    data = zip(inputs, targets, strict=True)
    terms = [loss.slope(network.scaled_network(x, w, c), y) * network.gradient_f(x, w, c) for x, y in data]
    return np.mean(terms, axis=0) / math.sqrt(len(c))


def loss_in(library, loss, inputs, targets, c, relu=None):
    """w ↦ L(w)."""
    data = [(of_weights(library, x, c, relu), y) for x, y in zip(inputs, targets, strict=True)]
    return lambda w: sum(loss.value(library, function(w), y) for function, y in data) / len(data)


def descend(gradient, w, steps=20, rate=0.8):
    """Plain gradient descent on all data."""
    for _ in range(steps):
        w = w - rate * gradient(w)
    return w


M, D, ALPHA = 64, 4, 3.0
DATA = np.random.default_rng(7).standard_normal((8, D))
TARGETS = (1.0, -1.0, -1.0, 1.0, 1.0, -1.0, 1.0, -1.0)


@dataclass(frozen=True)
class Case:
    """Weights w(0) and w(0) + u, and inputs to look at."""

    w0: np.ndarray
    c: np.ndarray
    u: np.ndarray
    inputs: np.ndarray

    @property
    def weights(self):
        return self.w0, self.w0 + self.u

    def each(self):
        """Inputs, each with the size that rounding is relative to: of the terms of F and ∇Fᵀu together."""
        for x in self.inputs:
            yield x, np.sum(np.abs(self.w0 @ x) + np.abs(self.u @ x)) / math.sqrt(M)


@cache
def case(name):
    """`random` is neither symmetric nor in a ball; the others start symmetrically and move a little."""
    rng = np.random.default_rng(20261124)
    inputs = rng.standard_normal((5, D)) * [[1.0], [0.1], [1.0], [1.0], [10.0]]
    w0, c = rng.standard_normal((M, D)), rng.choice([-1.0, 1.0], M)
    if name == "random":
        return Case(w0, c, rng.standard_normal((M, D)), inputs)
    w0, c = network.symmetric_initialization(w0[: M // 2], c[: M // 2])
    if name == "descent":
        w = descend(lambda w: loss_gradient(LOSSES["squared"], DATA, TARGETS, w, c), w0)
        return Case(w0, c, w - w0, np.concatenate([DATA[:3], inputs]))
    return Case(w0, c, LAWS[name].weights(rng, inputs[0], w0, c, ALPHA / math.sqrt(M)), inputs)


each_case = pytest.mark.parametrize("name", ["random", *LAWS, "descent"])


@each_case
def test_cases_lie_off_the_kinks_and_change_signs(name):
    """Else the libraries' derivative at a kink would show, or Δ₁ and Δ₂ would be compared at zero."""
    example = case(name)
    for x in [*example.inputs, *DATA]:
        for w in example.weights:
            assert np.abs(w @ x).min() > 1e-6
    flips = [np.count_nonzero(network.sign_changes(x, example.w0, example.u)) for x in example.inputs]
    assert max(flips) >= 4


@each_case
def test_network_and_gradient(library, name):
    example = case(name)
    for x, size in example.each():
        for w in example.weights:
            function = of_weights(library, x, example.c)
            value = network.scaled_network(x, w, example.c)
            assert value == pytest.approx(float(function(library.array(w))), abs=1e-14 * size)
            gradient = network.gradient_f(x, w, example.c) / math.sqrt(M)
            theirs = np.asarray(library.grad(function)(library.array(w)))
            np.testing.assert_allclose(gradient, theirs, rtol=1e-14, atol=0, strict=True)


@each_case
def test_gradient_is_the_slope_of_central_differences(name):
    """F is linear in a weight as far as the nearest kink: a step of half that way errs by rounding alone."""
    example = case(name)
    directions = np.eye(M * D).reshape(M * D, M, D)
    for x, size in example.each():
        for w in example.weights:
            step = 0.5 * np.abs(w @ x).min() / np.linalg.norm(x)
            plus, minus = (network.scaled_network(x, w + h * directions, example.c) for h in (step, -step))
            gradient = network.gradient_f(x, w, example.c) / math.sqrt(M)
            rounding = 1e-15 * size / step
            assert rounding < 1e-2 * np.abs(x).max() / math.sqrt(M)
            np.testing.assert_allclose((plus - minus) / (2 * step), gradient.ravel(), rtol=0, atol=rounding)


@each_case
@pytest.mark.parametrize("way", ["by_grad", "by_jvp", "by_linearize"])
def test_linearization_and_its_error(library, way, name):
    example = case(name)
    w0, u = library.array(example.w0), library.array(example.u)
    for x, size in example.each():
        function = of_weights(library, x, example.c)
        linear = getattr(library, way)(function, w0, u)
        compare_linearization(example, x, linear, function(w0 + u), 1e-14 * size)


@each_case
def test_linearization_by_neural_tangents_and_its_error(neural_tangents, name):
    """Its affine map has no constant term if the start is symmetric (Lemma 2)."""
    example = case(name)
    library = Jax()
    w0, w = map(library.array, example.weights)
    for x, size in example.each():
        function = of_weights(library, x, example.c)
        constant = function(w0) if name == "random" else 0.0
        linear = neural_tangents.linearize(function, w0)(w) - constant
        compare_linearization(example, x, linear, function(w), 1e-14 * size)


def compare_linearization(example, x, linear, value, size):
    ours = network.linearization(x, example.w0, example.c, example.u)
    assert ours == pytest.approx(float(linear), abs=size)
    ours = network.linearization_error(x, example.w0, example.c, example.u)
    assert ours == pytest.approx(float(abs(value - linear)), abs=size)


@each_case
def test_deltas_from_gradients_at_both_ends(library, name):
    example = case(name)
    for x, size in example.each():
        gradient = library.grad(of_weights(library, x, example.c))
        before, after = (np.asarray(gradient(library.array(w))) for w in example.weights)
        delta1, delta2 = (np.sum((after - before) * v) for v in (example.w0, example.u))
        ours = network.signed_delta1(x, example.w0, example.c, example.u)
        assert ours == pytest.approx(delta1, abs=1e-14 * size)
        ours = network.signed_delta2(x, example.w0, example.c, example.u)
        assert ours == pytest.approx(delta2, abs=1e-14 * size)


KINK_X = np.array([1.0, 2.0, -1.0])
KINK_W0 = np.array([[2.0, -1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [-1.0, 0.0, 0.0]])
KINK_U = np.array([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, -1.0, 1.0], [-2.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
KINK_C = np.array([1.0, -1.0, 1.0, 1.0, -1.0])
AT_KINK = np.array([True, True, True, False, False])
"""Three neurons start at their kink and leave it; the fourth ends at its kink; the last crosses it."""


@pytest.mark.parametrize(
    ("relu", "slope"), [(None, 0.0), (split_relu, 0.5), (notes_relu, 1.0)], ids=["own", "maximum", "notes"]
)
def test_at_a_kink_the_notes_convention_must_be_written_out(library, relu, slope):
    """σ'(0): both libraries' relu has 0, the maximum of z and 0 has 1/2, 1{z ≥ 0} has 1 as the notes want."""
    assert np.array_equal(KINK_W0 @ KINK_X == 0.0, AT_KINK)
    assert ((KINK_W0 + KINK_U) @ KINK_X)[3] == 0.0
    function = of_weights(library, KINK_X, KINK_C, relu and relu(library))
    w0, u = library.array(KINK_W0), library.array(KINK_U)
    assert float(function(w0)) == network.scaled_network(KINK_X, KINK_W0, KINK_C)
    ours = network.gradient_f(KINK_X, KINK_W0, KINK_C) / math.sqrt(5)
    theirs = np.asarray(library.grad(function)(w0))
    np.testing.assert_allclose(theirs, ours * np.where(AT_KINK, slope, 1.0)[:, None], rtol=1e-15)
    missed = (1.0 - slope) * np.sum((KINK_C * (KINK_U @ KINK_X))[AT_KINK]) / math.sqrt(5)
    for linearize in (library.by_grad, library.by_jvp, library.by_linearize):
        linear = network.linearization(KINK_X, KINK_W0, KINK_C, KINK_U) - missed
        assert float(linearize(function, w0, u)) == pytest.approx(linear, abs=1e-15)


def test_at_a_kink_with_the_convention_all_agrees(library):
    function = of_weights(library, KINK_X, KINK_C, notes_relu(library))
    w0, u = library.array(KINK_W0), library.array(KINK_U)
    before, after = (np.asarray(library.grad(function)(w)) for w in (w0, w0 + u))
    assert np.array_equal(np.any(before != after, axis=-1), network.sign_changes(KINK_X, KINK_W0, KINK_U))
    error = abs(function(w0 + u) - library.by_jvp(function, w0, u))
    network_at = (KINK_X, KINK_W0, KINK_C, KINK_U)
    assert network.linearization_error(*network_at) == pytest.approx(float(error), abs=1e-15)
    assert network.signed_delta1(*network_at) == pytest.approx(np.sum((after - before) * KINK_W0), abs=1e-15)
    assert network.signed_delta2(*network_at) == pytest.approx(np.sum((after - before) * KINK_U), abs=1e-15)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_at_a_kink_the_loss_follows_the_same_convention(library, loss):
    inputs, targets = np.array([KINK_X, [1.0, 1.0, 1.0]]), (1.0, -1.0)
    ours = loss_gradient(loss, inputs, targets, KINK_W0, KINK_C)
    by_notes, by_own = (
        library.grad(loss_in(library, loss, inputs, targets, KINK_C, relu))(library.array(KINK_W0))
        for relu in (notes_relu(library), library.relu)
    )
    np.testing.assert_allclose(ours, np.asarray(by_notes), rtol=1e-14, atol=1e-16)
    differs = np.any(np.abs(ours - np.asarray(by_own)) > 1e-3, axis=-1)
    assert np.array_equal(differs, AT_KINK)


@each_case
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_gradient_of_the_loss(library, loss, name):
    example = case(name)
    theirs = library.grad(loss_in(library, loss, DATA, TARGETS, example.c))
    for w in example.weights:
        ours = loss_gradient(loss, DATA, TARGETS, w, example.c)
        size = np.abs(ours).max()
        assert size > 1e-6
        np.testing.assert_allclose(ours, np.asarray(theirs(library.array(w))), rtol=0, atol=1e-13 * size)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_descent_by_the_formula_and_by_the_library_end_at_the_same_weights(library, loss):
    example = case("descent")
    value = loss_in(library, loss, DATA, TARGETS, example.c)
    start = library.array(example.w0)
    theirs = descend(library.grad(value), start)
    assert value(theirs) < 0.9 * value(start)
    ours = descend(lambda w: loss_gradient(loss, DATA, TARGETS, w, example.c), example.w0)
    np.testing.assert_allclose(ours, np.asarray(theirs), rtol=0, atol=1e-13)


FALSE_ALARM = 1e-6
"""Chance, over seeds, that a test of the kernel's limit fails although all is right."""

KERNEL_INPUTS = np.array([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [-1.0, 0.5, 2.0], [0.1, 0.2, 0.3]])
PAIRS = [(i, k) for i in range(4) for k in range(i + 1)]


def on_at_both(x, y):
    """P(w·x ≥ 0 and w·y ≥ 0) = (π - θ)/2π for w ~ N(0, I), with θ the angle between x and y."""
    cosine = x @ y / (np.linalg.norm(x) * np.linalg.norm(y))
    return (math.pi - math.acos(min(1.0, cosine))) / (2.0 * math.pi)


def kernel_limit(x, y):
    """K(x, y) of an infinitely wide network: the arc-cosine kernel of order 0."""
    return x @ y * on_at_both(x, y)


def symmetric(seed, *shape):
    rng = np.random.default_rng(seed)
    *runs, m, d = shape
    signs = rng.choice([-1.0, 1.0], (*runs, m // 2))
    return network.symmetric_initialization(rng.standard_normal((*runs, m // 2, d)), signs)


def kernel_in(library, inputs, w, c):
    """K(x, y) = Σ_i ⟨∂F(x)/∂w_i, ∂F(y)/∂w_i⟩ for all pairs of inputs, by the library's gradients."""
    gradients = [
        np.asarray(library.grad(of_weights(library, x, c))(library.array(w))).ravel() for x in inputs
    ]
    return np.array(gradients) @ np.array(gradients).T


def kernel_by_neural_tangents(neural_tangents, inputs, w, c):
    library = Jax()

    def outputs(w, inputs):
        return (library.relu(inputs @ w.T) @ c / math.sqrt(len(c)))[:, None]

    kernel = neural_tangents.empirical_ntk_fn(outputs)
    return np.asarray(kernel(library.array(inputs), None, library.array(w)))


def compare_kernel(inputs, w, c, theirs):
    gradients = np.array([network.gradient_f(x, w, c).ravel() for x in inputs]) / math.sqrt(len(c))
    norms = np.linalg.norm(inputs, axis=-1)
    size = 1e-13 * norms[:, None] * norms
    assert np.all(np.abs(gradients @ gradients.T - theirs) <= size)


@each_case
def test_empirical_kernel(library, name):
    example = case(name)
    for w in example.weights:
        compare_kernel(example.inputs, w, example.c, kernel_in(library, example.inputs, w, example.c))


@each_case
def test_empirical_kernel_by_neural_tangents(neural_tangents, name):
    example = case(name)
    for w in example.weights:
        theirs = kernel_by_neural_tangents(neural_tangents, example.inputs, w, example.c)
        compare_kernel(example.inputs, w, example.c, theirs)


def test_kernel_at_initialization_is_near_the_arc_cosine_kernel(library):
    w0, c = symmetric(1, 1 << 15, 3)
    compare_limit(kernel_in(library, KERNEL_INPUTS, w0, c), len(c))


def test_kernel_by_neural_tangents_is_near_the_arc_cosine_kernel(neural_tangents):
    w0, c = symmetric(2, 1 << 15, 3)
    compare_limit(kernel_by_neural_tangents(neural_tangents, KERNEL_INPUTS, w0, c), len(c))


def compare_limit(kernel, m):
    """K/x·y is a mean of m/2 indicators, one a pair, of probability p.

    The tolerance is Bernstein's: √(2L) standard errors √(p(1-p)/(m/2)), and 2L/3(m/2) beside them, where
    L = log(2·comparisons/FALSE_ALARM).
    """
    log = math.log(2 * len(PAIRS) / FALSE_ALARM)
    for i, k in PAIRS:
        x, y = KERNEL_INPUTS[[i, k]]
        p = on_at_both(x, y)
        standard_error = math.sqrt(p * (1 - p) / (m / 2))
        tolerance = math.sqrt(2 * log) * standard_error + 2 * log / (3 * (m / 2))
        assert kernel[i, k] == pytest.approx(kernel_limit(x, y), abs=abs(x @ y) * tolerance)


def test_limit_is_the_kernel_of_neural_tangents(neural_tangents):
    """Its infinite network divides by √d and trains the output layer too, whose share is the NNGP kernel."""
    stax = neural_tangents.stax
    _, _, kernel = stax.serial(stax.Dense(1), stax.Relu(), stax.Dense(1))
    both = kernel(Jax().array(KERNEL_INPUTS), None, ("ntk", "nngp"))
    theirs = 3 * np.asarray(both.ntk - both.nngp)
    ours = np.array([[kernel_limit(x, y) for y in KERNEL_INPUTS] for x in KERNEL_INPUTS])
    np.testing.assert_allclose(ours, theirs, rtol=1e-7)


def test_kernel_nears_its_limit_as_one_over_the_root_of_the_width(library):
    """z, the deviation over its standard error, has mean 0 and variance 1 at every width.

    Compared are, of 400 networks at each of four widths, the mean of z and the sum of z² (χ²), and over the
    widths the slope of the logarithm of the root mean square deviation, which at one width has standard
    deviation 1/√800. z is nearly normal; FALSE_ALARM is shared by the nine two-sided comparisons.
    """
    runs, widths = 400, (64, 256, 1024, 4096)
    x, y = KERNEL_INPUTS[1:3]
    p = on_at_both(x, y)
    share = FALSE_ALARM / (2 * len(widths) + 1)
    quantile = norm.isf(share / 2)
    deviations = []
    for m in widths:
        w0, c = map(library.array, symmetric(m, runs, m, 3))
        at_x, at_y = (np.asarray(library.vmap(library.grad(network_in(library, v)))(w0, c)) for v in (x, y))
        deviation = np.sum(at_x * at_y, axis=(1, 2)) - kernel_limit(x, y)
        z = deviation / (abs(x @ y) * math.sqrt(p * (1 - p) / (m / 2)))
        assert abs(np.mean(z)) <= quantile / math.sqrt(runs)
        assert chi2.ppf(share / 2, runs) <= np.sum(z**2) <= chi2.isf(share / 2, runs)
        deviations.append(np.sqrt(np.mean(deviation**2)))
    logs = np.log(widths) - np.mean(np.log(widths))
    slope = logs @ np.log(deviations) / (logs @ logs)
    assert slope == pytest.approx(-0.5, abs=quantile / math.sqrt(2 * runs * (logs @ logs)))
