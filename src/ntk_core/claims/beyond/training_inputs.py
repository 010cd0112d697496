"""N6: at the inputs it is trained on, a network leaves its linearization at Theorem 1's own rate.

In: a small problem of its own, whose limits are exact, and the archived trained experiments. Out: the limits
of √m times the signed error and of √m times the distance from the linear twin, beside what runs measure.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ... import network
from ...datasets.statistics import Mean, sample_mean
from ...network import Array
from ...sampling.data import Data, load, step_size
from ...sampling.descent import start, tangent_kernel, trace
from ...sampling.training import Training
from ..answer import answer
from ..record import SUPPORTED, THIS_PROJECT, Judgement, Number, Statement, judge_agreement
from ..results import Results

if TYPE_CHECKING:
    from ...theory.crossing import Deviation

STATEMENT = Statement(
    title="Training leaves the linearization at the rate of Theorem 1",
    statement=(
        r"From symmetric initialization, train $F$ by full-batch gradient descent for $t$ steps, "
        r"$\|x_k\|=1$. As $m\to\infty$, in probability, at every "
        r"training input $$\sqrt m\,\big(F(x_k;w)-\nabla F(x_k;w(0))^\top u\big)\to e_t(x_k),$$ and at "
        r"every input $\sqrt m\,\big(F(x;w)-\text{twin}(x)\big)\to h_t(x)$, where the twin is the linearized "
        r"model trained by the same steps. Both limits follow from the neurons that cross the kink of a "
        r"training input while they are trained."
    ),
    source=THIS_PROJECT,
    proof="At the training inputs",
    figures=("training_rate", "twin"),
)

PROBLEM = Training("teacher", (), 3, 5, 2, "squared", 1.0, 12, None)
"""Five training inputs and two new ones in d = 3, where the limits are exact; 12 steps."""

ENTROPY, WIDTH, RUNS = 2, 1 << 10, 192

FINITE_WIDTH = 2.5
"""A mean is within this over √m of its limit, relatively, at all widths that were tried."""

ERRORS = 4.5
"""Standard errors within which a mean agrees: a chance of 1e-5 each for 191 degrees of freedom."""


def judge(results: Results, factor: float = 1.0) -> Judgement:
    """N6; `factor` multiplies both limits."""
    point = f"5 training inputs, $d=3$, {PROBLEM.steps} steps, $m={WIDTH}$, {RUNS} runs"
    error, distance, limits = measure()
    n = PROBLEM.training_inputs
    evidence = [
        Number.measured(
            rf"$\sqrt m$ times the signed error at training inputs over its limit ({point})", error
        ),
        Number.measured(rf"$\sqrt m\,(F-\text{{twin}})$ at all inputs over its limit ({point})", distance),
        Number(r"root mean square of $e_t(x_k)$ over these training inputs", rms(limits.error[0, :n])),
        Number(r"root mean square of $h_t(x_k)$ over the same inputs", rms(limits.from_twin[0, :n])),
    ]
    agrees = all(
        abs(mean.value - factor) < ERRORS * mean.standard_error + FINITE_WIDTH / math.sqrt(WIDTH)
        for mean in (error, distance)
    )
    return Judgement(judge_agreement(SUPPORTED, agrees), (*evidence, *_archived(results)))


def measure() -> tuple[Mean, Mean, Deviation]:
    """√m times the error and the distance from the twin, projected on their limits, and the limits.

    A run's values at the inputs are v·e/(e·e), which has the mean 1 where v has the mean e.
    """
    from ...theory.crossing import deviation  # compiled: slow to import

    data = load(PROBLEM, ENTROPY)
    n, eta = data.y.size, step_size(data, PROBLEM.loss, PROBLEM.step)
    limits = deviation(
        data.x, data.y, PROBLEM.loss, eta, (PROBLEM.steps,), -math.inf, data.held_x, np.random.default_rng(0)
    )
    pairs = [_run(data, eta, seed) for seed in range(RUNS)]
    values = [math.sqrt(WIDTH) * np.array(each) for each in zip(*pairs, strict=True)]
    error, distance = (
        sample_mean(np.einsum("rp,p->r", each, limit) / np.sum(limit**2))
        for each, limit in zip(values, (limits.error[0, :n], limits.from_twin[0]), strict=True)
    )
    return error, distance, limits


def rms(values: Array) -> float:
    """Root mean square."""
    return math.sqrt(float(np.mean(values**2)))


def _run(data: Data, eta: float, seed: int) -> tuple[Array, Array]:
    """The signed error at the training inputs, and F - twin at all inputs, of one run."""
    n, inputs = data.y.size, np.concatenate([data.x, data.held_x])
    w0, c = start(PROBLEM, ENTROPY, WIDTH, seed)
    _, w = trace(PROBLEM, data, w0, c)
    outputs = np.array([network.scaled_network(x, w, c) for x in inputs])
    linear = np.array([network.linearization(x, w0, c, w - w0) for x in inputs[:n]])
    active = np.stack([network.preactivation(x, w0) >= 0.0 for x in inputs], axis=1)
    kernel = tangent_kernel(inputs, data.x, active, active[:, :n])
    twin = np.zeros(len(inputs))
    for _ in range(PROBLEM.steps):
        twin = twin - eta / n * np.einsum("pk,k->p", kernel, twin[:n] - data.y)
    return outputs[:n] - linear, outputs - twin


def _archived(results: Results) -> list[Number]:
    """What archived trained experiments measured, where their runs suffice."""
    numbers = []
    for item in results.trainings:
        a = answer(item.table, item.rates)
        at = f"({a.name}, {a.time} steps)"
        for what, number in (
            ("slope of the rms of $E$ at training inputs", a.training_rate),
            (r"$\sqrt m$ times the mean signed error there, rms over the inputs", a.training_bias),
            ("slope of the distance from the twin at training inputs", a.twin_training_rate),
        ):
            if math.isfinite(number.lower):
                numbers.append(Number.measured(f"{what} {at}", number))
    return numbers
