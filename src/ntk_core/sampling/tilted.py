"""The sampler `tilted`: draws large errors more often than they occur, and says how much in a weight.

For each pair of the band the law is asked for `CANDIDATES` pairs, one of which is chosen with a probability
proportional to e^{θX}, where X is the signed term of the pair. Any law that draws pairs independently can be
tilted so: nothing has to be known of it. The weight is the ratio of two densities on the space of all
candidates and choices, so weighted means are unbiased (docs/rare-events.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..laws.law import PAIRS
from ..network import Array
from ..quantities import FLIP_SUMS, FlipSums, run_quantities
from .band import BandBlock, pair_terms
from .binomial import PRECISION, CountPart, count_parts, count_parts_of
from .cell import CANDIDATES, Cell
from .counts import counts_from
from .mixture import Mixture, mixture
from .streams import Streams


@dataclass(frozen=True)
class ChosenPairs:
    """The chosen pairs of one call of the law, each of a run.

    `run` `(pairs,)` ascends; `a` `(pairs,)` is a/(r‖x‖), `t` `(2, pairs)` the projections of the neurons with
    c = +1 and c = -1; `log_means` `(components, pairs)` is the log of the mean of e^{θX} over the candidates.
    """

    run: NDArray[np.int64]
    a: Array
    t: Array
    log_means: Array


def tilted_block(cell: Cell, runs: int, streams: Streams) -> Array:
    """The first `runs` runs of a block: the quantities, then the weights; `(variables, runs)`."""
    components = mixture(streams.entropy, cell)
    component, pairs = (of_block[:runs] for of_block in tilted_pairs(cell, streams))
    sums = np.zeros((FLIP_SUMS + len(components.tilts), runs))
    for chosen in chosen_pairs(cell, component, pairs, streams):
        first = np.flatnonzero(np.diff(chosen.run, prepend=-1))
        rows = np.concatenate([pair_terms(chosen.a, chosen.t), chosen.log_means])
        sums[:, chosen.run[first]] += np.add.reduceat(rows, first, axis=1)
    flips = FlipSums(*sums[:FLIP_SUMS])
    quantities = run_quantities(cell.m, cell.alpha, pairs, flips)
    total = flips.projection - flips.position
    log_weights = components.log_weights(cell.m // 2, pairs, total, sums[FLIP_SUMS:])
    return np.concatenate([quantities, np.exp(log_weights)[None]])


def tilted_pairs(cell: Cell, streams: Streams) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The component of each run of a whole block, and its K; `(block,)` each."""
    components = mixture(streams.entropy, cell)
    component = streams.generator("component").integers(0, len(components.tilts), cell.block)
    counts = [
        counts_from(_count_parts(cell, components, number), streams.words(f"pairs {number}"), cell.block)
        for number in range(len(components.tilts))
    ]
    return component, np.stack(counts)[component, np.arange(cell.block)]


def _count_parts(cell: Cell, components: Mixture, number: int) -> tuple[CountPart, ...]:
    """The law of K under a component; that of the first is the law's own."""
    if number == 0:
        return count_parts(cell.m // 2, cell.reach)
    numerator, denominator = float(components.probabilities[number]).as_integer_ratio()
    return count_parts_of(cell.m // 2, (numerator << PRECISION) // denominator)


def chosen_pairs(
    cell: Cell, component: NDArray[np.int64], pairs: NDArray[np.int64], streams: Streams
) -> Iterator[ChosenPairs]:
    """The pairs of the first runs of a block, run after run, by the component and K of each, `(runs,)`."""
    tilts = mixture(streams.entropy, cell).tilts
    project, at_once = cell.law.projection, PAIRS // CANDIDATES
    assert project is not None  # a config refuses such a law
    ends = np.cumsum(pairs)
    total = int(ends[-1])
    block = BandBlock.of(cell, pairs, pairs.size, streams)
    choice = streams.generator("choice")
    for number, (a, t) in enumerate(block.projected(CANDIDATES * total, project)):
        these = np.arange(number * at_once, min((number + 1) * at_once, total))
        of_run = np.searchsorted(ends, these, side="right")
        shape = (at_once, CANDIDATES)
        _, position, moved = pair_terms(a, t)
        boost = np.exp(tilts[:, None, None] * (moved - position).reshape(shape))
        rows = np.arange(of_run.size)
        below = np.cumsum(boost[component[of_run], rows], axis=1)
        level = choice.random(at_once)[: of_run.size] * below[:, -1]
        place = np.minimum((below <= level[:, None]).sum(axis=1), CANDIDATES - 1)
        log_means = np.log(boost[:, rows].mean(axis=2))
        yield ChosenPairs(
            of_run, a.reshape(shape)[rows, place], t.reshape(2, *shape)[:, rows, place], log_means
        )
