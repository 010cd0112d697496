"""Runs for a user, without a workflow: datasets like `runs.nc`, and single runs by the definitions."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from ..experiments.arguments import as_list, whole
from ..experiments.config import Config, parse_config
from ..experiments.config_errors import YAML_NUMBERS, shorten
from ..experiments.cost import WRITE_COPIES, check_memory
from ..experiments.experiment import Experiment
from ..experiments.section import ConfigError
from ..laws.queries import fault
from ..quantities import QUANTITIES
from ..sampling import definitions as sampled
from ..sampling import descent, samplers
from ..sampling.data import load
from ..storage.metadata import describe
from .runs import RUN_DIMS, run_coordinates, runs_attributes
from .trained_runs import joined, runs_dataset

Drawn = TypeVar("Drawn")

NAME = "simulation"
"""Name of the experiment in the attributes of the dataset."""

ARGUMENTS = {"perturbation": "law", "seeds": "runs", "first_seed": "seed"}
"""Keys of a config that are arguments of another name here."""


def simulate(
    *,
    law: Any = "adversarial",
    m: Any = 1024,
    d: Any = 2,
    alpha: Any = 1.0,
    runs: int = 1000,
    sampler: str = "band",
    entropy: int = 0,
) -> xr.Dataset:
    """Runs of every cell of a grid, at ‖x‖ = 1: one value a run of each quantity, `(law, m, d, alpha, seed)`.

    `law`, `m` (even), `d` (1 to 2^20) and `alpha` (1e-9 to 1e6) are one value or several: axes of the result,
    which are sorted. `law` is of the package; `frobenius`, whose moves may leave the ball of Theorem 1, goes
    with no other. `runs` is the number of runs of each cell, from seed 0 on, `entropy` (0 to 2^128 - 1) the
    root of all randomness. The sampler is `band` (m to 2^40) or `dense` (by the definitions on all weights, m
    to 2^26), or `tilted` (m to 2^40), which draws large errors more often and gives each run a `weight`: a
    mean over runs is then that of values times weights. A run has the bits that the workflow gives for the
    same entropy, cell and seed.

    Runs are drawn one after another in this process. A band run takes some nanoseconds for each of its
    0.8 α√m neurons in the band, a tilted one takes far longer. After Ctrl-C the block of up to 4,096
    runs that is being drawn goes on in the background. Quantities have no unit. The dimension `law` is called
    `perturbation`, as in `runs.nc`. Raises `ValueError` naming argument, value and what is allowed, also
    where the runs need more than half of this machine's memory.
    """
    keys = _axes(law, m, d, alpha) | {"sampler": sampler, "seeds": runs}
    experiment = _config(keys, entropy).drawn_experiment(NAME)
    _check_sizes(experiment, "m, d, alpha: a block of runs")
    runs, entropy = experiment.seeds, int(entropy)
    names = experiment.variables
    cells = np.empty((len(names), math.prod(experiment.shape), runs))
    for number, cell in enumerate(experiment.cells()):
        for start in range(0, runs, cell.block):
            stop = min(start + cell.block, runs)
            block = _interruptible(partial(samplers.simulate, entropy, cell, start, stop))
            cells[:, number, start:stop] = block
    values = cells.reshape(len(names), *experiment.shape, runs)
    dataset = xr.Dataset(
        {name: (RUN_DIMS, row) for name, row in zip(names, values, strict=True)},
        coords=run_coordinates(experiment),
    )
    return describe(dataset, runs_attributes(experiment, entropy), experiment)


def train(
    *,
    data: str,
    training_inputs: int,
    held_out_inputs: int,
    steps: int,
    m: Any,
    runs: int = 1,
    classes: Any = None,
    d: int | None = None,
    loss: str = "squared",
    step: float = 1.0,
    target_loss: float | None = None,
    entropy: int = 0,
) -> xr.Dataset:
    """Gradient descent beside its linear twin, at each width `m`: a dataset like a trained `runs.nc`.

    `data` is `digits`, images of 8 by 8 pixels of which `classes` tells one from another or from the rest
    (`[3, 8]`, `[0]`), or `teacher`: uniform directions in `d` dimensions, with targets by a network of 8
    neurons. Inputs have length 1. `m` (even, to 2^20) is one width or several, which are sorted; `runs` is
    the number of runs of each width, from seed 0 on, `entropy` (0 to 2^128 - 1) the root of all randomness.
    `step` is the step size times a bound on the curvature of the `loss` (`squared` or `logistic`), stable
    below 2. A run ends after `steps` steps, or at the training loss `target_loss`. It has the bits that the
    workflow gives for the same data, entropy, width and seed.

    Recorded are step 0, the powers of two and the last step: the quantities, the network's output and its
    twin's at each input `(m, seed, steps, input)` and `(…, training_input)`, and losses and displacements
    `(m, seed, steps)`. Inputs are the coordinates `x` and `training_x`. Runs are trained one after another
    in this process, at some m·d·steps·training_inputs/4 nanoseconds each. Nothing has a unit but
    `training_angle`, in radians. Raises `ValueError` naming argument, value and what is allowed, also where
    the runs need more than half of this machine's memory.
    """
    keys = {
        "kind": "trained", "data": data, "d": d, "training_inputs": training_inputs,
        "classes": None if classes is None else as_list("classes", classes),
        "held_out_inputs": held_out_inputs, "loss": loss, "step": step, "steps": steps,
        "target_loss": target_loss, "m": as_list("m", m), "seeds": runs,
    }  # fmt: skip
    experiment = _config(keys, entropy).trained_experiment(NAME)
    _check_sizes(experiment, "m, d, training_inputs, held_out_inputs: a run")
    entropy, inputs = int(entropy), load(experiment, int(entropy))
    widths = []
    for width in experiment.m:
        trained = [
            _interruptible(partial(descent.train, experiment, inputs, entropy, width, seed))
            for seed in experiment.numbers
        ]
        widths.append([runs_dataset(experiment, entropy, width, experiment.numbers, trained)])
    return joined(experiment, entropy, widths)


def _interruptible(draw: Callable[[], Drawn]) -> Drawn:
    """What `draw` returns or raises. It is called in a thread, because Ctrl-C does not end compiled code."""
    future: Future[Drawn] = Future()

    def call() -> None:
        try:
            future.set_result(draw())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    return future.result()


def definitions(
    *,
    seed: int,
    law: str = "adversarial",
    m: int = 1024,
    d: int = 2,
    alpha: float = 1.0,
    sampler: str = "band",
    entropy: int = 0,
) -> dict[str, float]:
    """The quantities of one run of `simulate` by the definitions, on a whole network, at ‖x‖ = 1.

    A band run has no weights: the network is one that matches it. They agree with the run up to rounding.
    Raises `ValueError` for an argument that is not allowed, or a network of more than 2^24 weights.
    """
    axes = _axes(law, m, d, alpha)
    for name, several in axes.items():
        if len(several) > 1:
            raise ValueError(f"{ARGUMENTS.get(name, name)} is {shorten(several)}; allowed: one value")
    keys = axes | {"sampler": sampler, "seeds": 1, "first_seed": seed}
    experiment = _config(keys, entropy).drawn_experiment(NAME)
    values = sampled.definitions(int(entropy), next(experiment.cells()), experiment.first_seed)
    return dict(zip(QUANTITIES, values.tolist(), strict=True))


def _axes(law: Any, m: Any, d: Any, alpha: Any) -> dict[str, list[Any]]:
    """The values of each axis as a list. Raises `ValueError` for a value that no grid has."""
    arguments = {"law": law, "m": m, "d": d, "alpha": alpha}
    axes = {name: as_list(name, values) for name, values in arguments.items()}
    faults = [text for name, values in axes.items() for value in values if (text := fault(name, value, 0))]
    if faults:
        raise ValueError("\n".join(faults))
    return {"perturbation": axes.pop("law"), **axes}


def _check_sizes(experiment: Experiment, together: str) -> None:
    """Raises `ValueError` where all runs, or those made `together`, need too much memory."""
    size = WRITE_COPIES * experiment.run_bytes * experiment.runs
    check_memory(f"runs: an experiment of {experiment.runs:,} runs", size)
    check_memory(f"{together} at m = {experiment.m[-1]:,}", experiment.memory(experiment.m[-1]))


def _config(keys: dict[str, Any], entropy: int) -> Config:
    """The config of one experiment with these keys. Raises `ValueError` in the words of the arguments."""
    grid = {name: value if isinstance(value, list) else whole(value) for name, value in keys.items()}
    try:
        return parse_config({"entropy": whole(entropy), "experiments": {NAME: grid}})
    except ConfigError as error:
        key = rf"^experiments\.{NAME}\.(\w+)"
        message = re.sub(key, lambda match: ARGUMENTS.get(match[1], match[1]), str(error), flags=re.M)
        message = message.replace("number of the first run", "number of the run")
        raise ValueError(message.replace(", and names under laws", "").replace(YAML_NUMBERS, "")) from None
