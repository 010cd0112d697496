"""One trained run: gradient descent from a symmetric start, its linear twin, and the records of both."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..network import Array
from ..quantities import summed_quantities
from .data import Data, step_size
from .streams import Streams
from .training import INPUT_VARIABLES, RUN_VARIABLES, VARIABLES, Training

if TYPE_CHECKING:
    from .kernels.descent import Problem, State

DIVERGED = 1e6
"""Ratio of a training loss to that of the start above which a run, or its twin, has diverged."""


class Status(IntEnum):
    """How a run ended."""

    ALL_STEPS = 0
    TARGET_REACHED = 1
    TARGET_NOT_REACHED = 2
    DIVERGED = 3


@dataclass(frozen=True)
class Trained:
    """The stored results of a run.

    `quantities` `(variables, times, held-out inputs)` in the order of `INPUT_VARIABLES`,
    `training_quantities` `(variables, times, training inputs)` the same at the training inputs, `numbers`
    `(variables, times)` in the order of `RUN_VARIABLES`; NaN at times after a run has diverged, and what is
    of the twin at times after that has. A run that has reached its target stops: later times repeat its
    values.
    """

    quantities: Array
    training_quantities: Array
    numbers: Array
    status: Status
    steps: int

    def variables(self) -> dict[str, Array]:
        """All arrays by the names of their variables: `(times, inputs)` or `(times,)`."""
        arrays = (*self.quantities, *self.training_quantities, *self.numbers)
        return dict(zip(VARIABLES, arrays, strict=True))


def start(training: Training, entropy: int, m: int, seed: int) -> tuple[Array, Array]:
    """w(0) `(m, d)` and c `(m,)` of a run, by symmetric initialization."""
    from .kernels.neurons import symmetric_weights  # compiled: slow to import
    from .kernels.ziggurat import ziggurat

    streams = Streams(entropy, training.start_key(m), seed)
    w0 = np.empty((1, m, training.d))
    symmetric_weights(ziggurat(math.inf), streams.words("weights"), streams.words("again"), w0)
    signs = 2.0 * streams.generator("signs").integers(0, 2, m // 2).astype(np.float64) - 1.0
    return w0[0], np.concatenate([signs, -signs])


def tangent_kernel(x: Array, z: Array, active_x: NDArray[np.bool_], active_z: NDArray[np.bool_]) -> Array:
    """K(x_a, z_k) = (1/m) x_a·z_k #{i : both active} of the start; `active_*` `(m, inputs)`: 1{w·x ≥ 0}.

    Counts are whole numbers, so the matrix product is exact in any order.
    """
    both = active_x.T.astype(np.float64) @ active_z.astype(np.float64)
    return np.einsum("ad,kd->ak", x, z) * both / active_x.shape[0]


def train(training: Training, data: Data, entropy: int, m: int, seed: int) -> Trained:
    """The run with this width and seed. It depends on these, the training, entropy and data alone."""
    return trace(training, data, *start(training, entropy, m, seed))[0]


def trace(training: Training, data: Data, w0: Array, c: Array) -> tuple[Trained, Array]:
    """As `train`, from a given start; also the weights at the end, `(m, d)`."""
    from .kernels import descent as kernels  # compiled: slow to import

    n, logistic = data.y.size, training.loss == "logistic"
    problem = _problem(training, data, w0)
    targets = np.concatenate([data.y, data.held_y])
    state = kernels.State(
        w=w0.copy(),
        c=c,
        signs=np.empty((c.size, n), np.uint8),
        outputs=np.empty(n),
        twin=np.zeros(targets.size),
    )
    kernels.begin(problem, state)
    ceiling = DIVERGED * kernels.mean_loss(state.outputs, data.y, logistic)
    inputs_t = np.ascontiguousarray(data.inputs.T)
    times = training.times
    quantities = np.full((len(INPUT_VARIABLES), len(times), targets.size), np.nan)
    numbers = np.full((len(RUN_VARIABLES), len(times)), np.nan)
    status = Status.ALL_STEPS if training.target_loss is None else Status.TARGET_NOT_REACHED
    step_count = 0
    for index, time in enumerate(times):
        if time > step_count and status is not Status.TARGET_REACHED:
            step_count += kernels.descend(problem, state, time - step_count, ceiling)
            loss, twin_loss = (
                kernels.mean_loss(outputs, data.y, logistic) for outputs in (state.outputs, state.twin[:n])
            )
            if not loss <= ceiling:
                status = Status.DIVERGED
                break
            if loss <= training.target:
                status = Status.TARGET_REACHED
            if not twin_loss <= ceiling:
                state.twin[:] = np.nan
        at_inputs, at_time = _record(inputs_t, targets, w0, problem, state)
        quantities[:, index] = np.where(np.isnan(at_inputs), np.nan, at_inputs)  # one NaN on all processors
        numbers[:, index] = np.where(np.isnan(at_time), np.nan, at_time)
    return Trained(quantities[..., n:], quantities[..., :n], numbers, status, step_count), state.w


def _problem(training: Training, data: Data, w0: Array) -> Problem:
    """The data of descent from w(0): inputs, targets, loss, step size and the tangent kernel of the start."""
    from .kernels import descent as kernels

    n = data.y.size
    active = kernels.preactivations(w0, np.ascontiguousarray(data.inputs.T)) >= 0.0
    return kernels.Problem(
        x=data.x,
        x_t=np.ascontiguousarray(data.x.T),
        y=data.y,
        logistic=training.loss == "logistic",
        step_size=step_size(data, training.loss, training.step),
        target=training.target,
        kernel=tangent_kernel(data.inputs, data.x, active, active[:, :n]),
    )


def _record(
    inputs_t: Array, targets: Array, w0: Array, problem: Problem, state: State
) -> tuple[Array, list[float]]:
    """The input variables `(variables, inputs)` and the numbers of a run at one time.

    `inputs_t` `(d, inputs)` and their `targets` `(inputs,)`, training inputs first.
    """
    from .kernels import descent as kernels

    n, m = problem.y.size, state.c.size
    lengths = kernels.displacements(w0, state.w)
    radius = float(lengths.max())
    sums = kernels.measures(inputs_t, w0, state.w, state.c, radius)
    outputs = np.concatenate([state.outputs, sums[0, n:] / math.sqrt(m)])
    losses = [
        kernels.mean_loss(values[part], targets[part], problem.logistic)
        for values in (outputs, state.twin)
        for part in (slice(n), slice(n, None))
    ]
    changed = (state.signs & kernels.EVER) != 0
    numbers = [
        math.sqrt(m) * radius,
        radius,
        math.fsum(lengths) / m,
        *losses,
        *(
            math.sqrt(math.fsum((outputs[part] - state.twin[part]) ** 2) / targets[part].size)
            for part in (slice(n, None), slice(n))
        ),
        np.count_nonzero(changed) / changed.size,
        np.count_nonzero(changed.any(axis=1)) / m,
    ]
    signed_error = (sums[0] - sums[1]) / math.sqrt(m)
    return np.stack([*summed_quantities(m, sums), signed_error, outputs, state.twin]), numbers
