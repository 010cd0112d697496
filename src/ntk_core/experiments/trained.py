"""A trained experiment: widths and seeds of one data set, loss and step size."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from ..sampling.streams import FORMAT_VERSIONS
from ..sampling.training import INPUT_VARIABLES, RUN_VARIABLES, VARIABLES, Training
from .experiment import axis_part, check_seeds

SHARD_COST = 2e10
"""Work of one shard in nanoseconds: much longer than the start of a job, much shorter than a night."""

STEP_NS = 0.25
"""Work of one step for each neuron, training input and coordinate (measured: 0.2)."""


@dataclass(frozen=True, kw_only=True)
class TrainedExperiment(Training):
    """`seeds` runs at each width, trained on the same inputs. `Experiment` describes the other members."""

    name: str
    m: tuple[int, ...]
    seeds: int
    kind: str = "trained"

    format_version = FORMAT_VERSIONS["trained"]
    cells_per_width = 1
    table_cells = 0

    def select(self, seeds: int | None, m: Iterable[int]) -> TrainedExperiment:
        """The part with these widths and the first `seeds` runs of each.

        Raises `ValueError` for a width or seeds that the experiment does not have.
        """
        if seeds is not None:
            check_seeds(seeds, self)
        widths = axis_part("m", m, self.m)
        return replace(self, seeds=self.seeds if seeds is None else seeds, m=widths)

    def part(self, m: int, seeds: range) -> Self:
        """The runs of one width with these seeds. The spec holds their number only."""
        return replace(self, m=(m,), seeds=len(seeds))

    @property
    def keep(self) -> str:
        """What is stored: every run."""
        return "runs"

    @property
    def numbers(self) -> range:
        """Numbers of the runs of a width."""
        return range(self.seeds)

    @property
    def runs(self) -> int:
        """Runs in the whole experiment."""
        return len(self.m) * self.seeds

    @property
    def runs_together(self) -> int:
        """All runs: the tables need all of them."""
        return self.runs

    @property
    def axes(self) -> dict[str, tuple[Any, ...]]:
        """Widths, steps at which a run is recorded, and numbers of the training inputs."""
        return {"m": self.m, "steps": self.times, "training_input": tuple(range(self.training_inputs))}

    @property
    def method(self) -> str:
        """How the runs are made, in words."""
        return f"gradient descent on {self.data}, {self.loss} loss"

    @property
    def run_bytes(self) -> int:
        """Bytes of one run."""
        inputs = self.training_inputs + self.held_out_inputs
        return 8 * len(self.times) * (len(INPUT_VARIABLES) * inputs + len(RUN_VARIABLES)) + 16

    def seed_cost(self, m: int) -> float:
        """Expected work of one run, roughly in nanoseconds on one core."""
        training = self.steps * self.training_inputs
        recording = 3 * len(self.times) * (self.training_inputs + self.held_out_inputs)
        return 1e5 + STEP_NS * m * self.d * (training + recording)

    def memory(self, m: int) -> int:
        """Bytes of one run in training at a width: weights twice, signs, kernels of the inputs."""
        n, inputs = self.training_inputs, self.training_inputs + self.held_out_inputs
        return 8 * (2 * m * self.d + m * inputs + inputs * (self.d + n) + n * n) + m * n

    def shard_seeds(self, m: int, maximum: int) -> int:
        """Seeds of one shard: `SHARD_COST` of work, at most `maximum`."""
        return max(1, min(maximum, int(SHARD_COST / self.seed_cost(m))))

    def spec(self) -> dict[str, Any]:
        """The whole experiment as plain data for a file."""
        return asdict(self)

    def content_key(self, entropy: int) -> str:
        """Ten hex digits naming everything a shard's content depends on besides its width and seeds."""
        content = {k: v for k, v in asdict(self).items() if k not in ("name", "m", "seeds")}
        for key in ("step", "target_loss"):
            content[key] = None if content[key] is None else float(content[key]).hex()
        content |= {"format": self.format_version, "entropy": entropy}
        content |= {"variables": tuple(VARIABLES), "ended_by": "network"}  # not by the twin, as before
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]
