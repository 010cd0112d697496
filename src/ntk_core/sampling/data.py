"""Data sets: inputs of length 1, so that runs are at ‖x‖ = 1 as everywhere in the project.

A network without biases is 1-homogeneous in the input, so only the length of the image vectors, their
brightness, is lost. Digits are neither centred nor whitened: pixels are ink, from 0 to 16.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import distribution

import numpy as np

from .. import network
from ..network import Array
from .streams import Streams
from .training import Training

DIGIT_COUNTS = (178, 182, 177, 183, 181, 182, 181, 179, 174, 180)
"""Images of each digit in scikit-learn's `load_digits`, which is the test set of `DIGITS_SOURCE`."""

DIGITS_SOURCE = (
    "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, "
    "1998, doi:10.24432/C50P49"
)
DIGITS_LICENCE = "CC-BY-4.0"

DIGITS = "sklearn/datasets/data/digits.csv.gz"
"""The file that `load_digits` reads. Read directly, because scikit-learn takes a second to load."""

PIXELS = 64

TEACHER_WIDTH = 8
"""Neurons of the network that makes the targets of `teacher`."""


@dataclass(frozen=True)
class Data:
    """Training inputs `x` `(n, d)` with targets `y` `(n,)`, held-out ones `held_x`, `held_y`; ‖x‖ = 1."""

    x: Array
    y: Array
    held_x: Array
    held_y: Array

    @cached_property
    def inputs(self) -> Array:
        """All inputs, the training inputs first."""
        return np.concatenate([self.x, self.held_x])


def available(classes: tuple[int, ...]) -> int:
    """Number of images of the given digits; all images for one digit against the rest."""
    return sum(DIGIT_COUNTS) if len(classes) == 1 else sum(DIGIT_COUNTS[digit] for digit in classes)


@lru_cache(maxsize=8)
def load(training: Training, entropy: int) -> Data:
    """The data of an experiment; the same for every width and seed."""
    streams = Streams(entropy, training.data_key, 0)
    n, held_out = training.training_inputs, training.held_out_inputs
    x, y = (_digits if training.data == "digits" else _teacher)(training, streams)
    if training.loss == "logistic":
        y = np.where(y >= 0.0, 1.0, -1.0)
    return Data(x[:n], y[:n], x[n : n + held_out], y[n : n + held_out])


def _digits(training: Training, streams: Streams) -> tuple[Array, Array]:
    """Images in random order with targets +1 for the first class and -1 for the other, or the rest."""
    table = np.loadtxt(str(distribution("scikit-learn").locate_file(DIGITS)), delimiter=",")
    images, labels = table[:, :-1], table[:, -1]
    first, *other = training.classes
    selected = np.isin(labels, training.classes) if other else np.ones(labels.size, bool)
    order = np.argsort(streams.generator("order").random(int(selected.sum())), kind="stable")
    x = unit_length(images[selected])
    y = np.where(labels[selected] == first, 1.0, -1.0)
    return x[order], y[order]


def _teacher(training: Training, streams: Streams) -> tuple[Array, Array]:
    """Uniform directions, with targets by a ReLU network of `TEACHER_WIDTH` neurons, of mean square 1.

    In few dimensions no neuron may be active at any input: then all targets are 0.
    """
    rng = streams.generator("inputs")
    count = training.training_inputs + training.held_out_inputs
    x = unit_length(rng.standard_normal((count, training.d)))
    weights = streams.generator("teacher").standard_normal((TEACHER_WIDTH, training.d))
    signs = np.where(np.arange(TEACHER_WIDTH) % 2 == 0, 1.0, -1.0)
    y = np.array([network.f(one, weights, signs) for one in x])
    return x, y / np.sqrt(np.mean(y**2)) if y.any() else y


def unit_length(x: Array) -> Array:
    """Rows divided by their Euclidean norms."""
    return x / np.sqrt(np.sum(x**2, axis=1, keepdims=True))


def nearest_angles(data: Data) -> Array:
    """Angle in [0, π/2] of each held-out input to its nearest training input or the reverse of one.

    An input and its reverse share the hyperplane at which neurons change sign. `(held-out inputs,)`, radians.
    """
    chords = [
        min(np.min(np.sum((data.x - sign * one) ** 2, axis=1)) for sign in (1.0, -1.0)) for one in data.held_x
    ]
    return 2.0 * np.arcsin(0.5 * np.sqrt(np.array(chords)))


def step_size(data: Data, loss: str, step: float) -> float:
    """η = `step`/(bound on the curvature of the training loss); `step` < 2 is stable at every width.

    On a piece where no sign changes the loss has the Hessian (1/n) J^T diag(l'') J with J J^T = K, and
    K = (1/m) Σ_i D_i X X^T D_i with 0-1 diagonals D_i, so λ_max(K) ≤ λ_max(X X^T) whatever m and w; l'' is 1
    for the squared loss and at most 1/4 for the logistic one. The linear twin uses K at the start. That tends
    to X X^T ∘ P with P_kk = 1/2, and λ_max of it is at most λ_max(X X^T)/2 by Schur: in the limit of wide
    networks the twin is stable where `step` < 4.
    """
    n, d = data.x.shape  # X X^T and X^T X have the same largest eigenvalue
    gram = np.einsum("id,jd->ij", data.x, data.x) if n < d else np.einsum("ki,kj->ij", data.x, data.x)
    largest = float(np.linalg.eigvalsh(gram)[-1])
    curvature = {"squared": 1.0, "logistic": 0.25}[loss]
    # Eigenvalues come from a library whose last digits may differ between processors.
    return float(f"{step * data.y.size / (curvature * largest):.9g}")
