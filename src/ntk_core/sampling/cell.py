"""A cell: one point of a grid of drawn displacements."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..laws import LAWS, CustomLaw, DisplacementLaw, ball_norm
from ..laws.custom import NEURON_NS, PAIR_NS
from ..quantities import QUANTITIES
from ..theory.gaussian import band_probability
from .streams import FORMAT_VERSIONS, Streams

BLOCK = {"band": 1024, "dense": 64, "tilted": 1024}
"""Seeds drawn together, by sampler. Part of the format: a run is replayed by replaying its block."""

LARGE_BLOCK = 4096
"""Seeds drawn together where runs are cheap, from version 4 on: a block costs some hundred such runs."""

CHEAP_NEURONS = 1024
"""α√m up to which band runs are cheap; a run has 0.8 α√m neurons in its band."""

WEIGHT_COPIES = 8
"""Arrays of the size of a network's weights in a dense run that needs them all, those of its law included."""

PAIR_COPIES = 4
"""Arrays as long as the drawn pairs of a band run whose law needs them all."""

CANDIDATES = 32
"""Candidates for each pair of a tilted run."""

CANDIDATE_NS = 300.0
"""Work of a tilted run for each candidate, in nanoseconds; steers scheduling only."""


def stored_variables(sampler: str) -> tuple[str, ...]:
    """Names of what is stored of a run: the quantities, and of a tilted run the weight."""
    return (*QUANTITIES, "weight") if sampler == "tilted" else tuple(QUANTITIES)


@dataclass(frozen=True)
class Cell:
    """One point of a grid; its runs differ in the seed alone.

    `version` is the format in which its runs are drawn; 0 stands for the newest of the sampler.
    """

    sampler: str
    perturbation: str
    m: int
    d: int
    alpha: float
    custom: CustomLaw | None = None
    version: int = 0

    @property
    def format_version(self) -> int:
        """The format in which its runs are drawn."""
        return self.version or FORMAT_VERSIONS[self.sampler]

    @property
    def law(self) -> DisplacementLaw:
        """The law of the displacements. Raises `LawError` for a custom law that cannot be run."""
        return LAWS[self.perturbation] if self.custom is None else self.custom.law()

    @property
    def whole(self) -> bool:
        """Whether the dense sampler needs whole networks at once."""
        return self.custom is not None or math.isfinite(ball_norm(self.perturbation))

    @property
    def radius(self) -> float:
        """α/√m, which no displacement in the ball of Theorem 1 exceeds."""
        return self.alpha / math.sqrt(self.m)

    @property
    def reach(self) -> float:
        """The |a|/‖x‖ up to which the band sampler draws the pairs of a run."""
        if self.custom is not None:
            return self.radius
        return LAWS[self.perturbation].reach(self.m, self.alpha)

    @property
    def block(self) -> int:
        """Seeds drawn together."""
        cheap = (
            self.sampler == "band"
            and self.format_version >= 4
            and self.alpha * math.sqrt(self.m) <= CHEAP_NEURONS
            and math.isinf(ball_norm(self.perturbation))
        )
        return LARGE_BLOCK if cheap else BLOCK[self.sampler]

    @property
    def name(self) -> str:
        """The cell in words."""
        return f"{self.sampler}, {self.perturbation}, m = {self.m}, d = {self.d}, alpha = {self.alpha:g}"

    @property
    def key(self) -> str:
        """The name under which the cell's random streams are drawn; exact in α."""
        return f"{self.sampler}|{self.perturbation}|m={self.m}|d={self.d}|alpha={self.alpha.hex()}"

    def streams(self, entropy: int, block: int) -> Streams:
        """The streams of a block of its seeds."""
        return Streams(entropy, self.key, block, self.format_version)

    def memory(self) -> int:
        """Bytes of one run that grow with the width; 0 where it is drawn in parts."""
        if self.sampler == "dense":
            return 8 * WEIGHT_COPIES * self.m * self.d if self.whole else 0
        if math.isinf(ball_norm(self.perturbation)):
            return 0
        return int(8 * PAIR_COPIES * 0.5 * self.m * band_probability(self.reach))

    def cost(self) -> float:
        """Expected work of one run, roughly in nanoseconds on one core. Steers scheduling only."""
        if self.sampler == "dense":
            return 3000.0 + (6.0 if self.custom is None else NEURON_NS) * self.m * self.d
        pairs = 0.5 * self.m * band_probability(self.reach)
        if self.sampler == "tilted":
            return DisplacementLaw.run_cost + CANDIDATES * CANDIDATE_NS * 1.5 * pairs
        if self.custom is not None:
            return DisplacementLaw.run_cost + PAIR_NS * pairs
        law = LAWS[self.perturbation]
        return law.run_cost + law.pair_cost(self.d) * pairs
