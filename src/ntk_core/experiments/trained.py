"""A trained experiment: widths and seeds of one data set, loss and step size."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from ..quantities import QUANTITIES
from ..sampling.streams import FORMAT_VERSION

SHARD_COST = 2e10
"""Work of one shard in nanoseconds: long against the start of a job, short against a night."""

STEP_NS = 0.25
"""Work of one step for each neuron, training input and coordinate (measured: 0.2)."""

RUN_VARIABLES = (
    "alpha_hat", "max_displacement", "mean_displacement", "training_loss", "test_loss",
    "twin_training_loss", "twin_test_loss", "twin_distance", "flipped_fraction", "flipped_neurons",
)  # fmt: skip
"""What a run has one number of at every recorded time, besides the quantities, which have one an input."""


@dataclass(frozen=True)
class Training:
    """`seeds` runs at each width, trained on the same inputs.

    `classes` are the digits that are told apart (two), or the one against the rest; none for `teacher`.
    `step` is the step size in units of the inverse of the loss's largest curvature (`data.step_size`).
    """

    name: str
    data: str
    classes: tuple[int, ...]
    d: int
    training_inputs: int
    held_out_inputs: int
    loss: str
    step: float
    steps: int
    target_loss: float | None
    m: tuple[int, ...]
    seeds: int
    kind: str = "trained"

    def select(self, seeds: int | None, m: Iterable[int]) -> Training:
        """The part with these widths and the first `seeds` runs of each.

        Raises `ValueError` for a width or seeds that are not there.
        """
        widths = set(m)
        if seeds is not None and not 0 < seeds <= self.seeds:
            raise ValueError(f"seeds is {seeds}; archived: 1 to {self.seeds}")
        if not widths or widths - set(self.m):
            told = ", ".join(map(str, sorted(widths - set(self.m)))) or "empty"
            raise ValueError(f"m is {told}; archived: {', '.join(map(str, self.m))}")
        kept = tuple(width for width in self.m if width in widths)
        return replace(self, seeds=self.seeds if seeds is None else seeds, m=kept)

    @property
    def times(self) -> tuple[int, ...]:
        """Steps after which a run is recorded: 0, the powers of two, and the last."""
        powers = (1 << k for k in range(self.steps.bit_length()))
        return tuple(sorted({0, *powers, self.steps}))

    @property
    def numbers(self) -> range:
        """Numbers of the runs of a width."""
        return range(self.seeds)

    @property
    def runs(self) -> int:
        """Runs in the whole experiment."""
        return len(self.m) * self.seeds

    @property
    def cells_per_width(self) -> int:
        """Runs of one width and seed."""
        return 1

    @property
    def method(self) -> str:
        """How the runs are made, for people."""
        return f"gradient descent on {self.data}, {self.loss} loss"

    @property
    def run_bytes(self) -> int:
        """Bytes of one run."""
        return 8 * len(self.times) * (len(QUANTITIES) * self.held_out_inputs + len(RUN_VARIABLES)) + 16

    def start_key(self, m: int) -> str:
        """The name under which w(0) and c are drawn: runs that differ in the loss alone start alike."""
        return f"trained|m={m}|d={self.d}"

    @property
    def data_key(self) -> str:
        """The name under which the data are chosen or drawn."""
        return f"{self.data}|classes={','.join(map(str, self.classes))}|d={self.d}"

    def seed_cost(self, m: int) -> float:
        """Expected work of one run, roughly in nanoseconds on one core."""
        training = self.steps * self.training_inputs
        recording = 3 * len(self.times) * self.held_out_inputs
        return 1e5 + STEP_NS * m * self.d * (training + recording)

    def memory(self, m: int) -> int:
        """Bytes one run at a width takes while it is trained: weights twice, signs, kernels of the inputs."""
        n, inputs = self.training_inputs, self.training_inputs + self.held_out_inputs
        return 8 * (2 * m * self.d + m * inputs + inputs * (self.d + n) + n * n) + m * n

    def shard_seeds(self, m: int, most: int) -> int:
        """Seeds of one shard: `SHARD_COST` of work, at most `most`."""
        return max(1, min(most, int(SHARD_COST / self.seed_cost(m))))

    def content_key(self, entropy: int) -> str:
        """As `grid.Experiment.content_key`: everything a shard depends on besides width and seeds."""
        content = {k: v for k, v in asdict(self).items() if k not in ("name", "m", "seeds")}
        for key in ("step", "target_loss"):
            content[key] = None if content[key] is None else float(content[key]).hex()
        content |= {"format": FORMAT_VERSION, "entropy": entropy}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]

    @property
    def target(self) -> float:
        """The training loss at which a run stops; -∞ where none is asked for."""
        return -math.inf if self.target_loss is None else self.target_loss
