"""How many pairs of each run lie in the band, and fair halves of such counts, by the format of the streams.

A table and a word a run from version 4 on; NumPy's binomial before. NumPy's draws differ between its versions
in principle, and take longer than the rest of a small run.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..theory.gaussian import band_probability
from .binomial import CountPart, count_parts
from .streams import Streams

if TYPE_CHECKING:
    from .kernels.words import Stream

Counts = NDArray[np.int64]


def band_counts(streams: Streams, pairs: int, radius: float, runs: int) -> Counts:
    """K ~ Binomial(`pairs`, P(|z| ≤ r)) of so many runs, `(runs,)`."""
    if streams.format_version < 4:
        return _numpy_counts(streams, pairs, radius, runs)
    return counts_from(count_parts(pairs, radius), streams.words("pairs"), runs)


def counts_from(parts: Iterable[CountPart], words: Stream, runs: int) -> Counts:
    """Counts of so many runs by the parts of their law, `(runs,)`."""
    from .kernels.counts import add_counts  # compiled: slow to import

    counts = np.zeros(runs, dtype=np.int64)
    for repeats, table in parts:
        for _ in range(repeats):
            add_counts(table, words, counts)
    return counts


def half_counts(streams: Streams, counts: Counts) -> Counts:
    """Binomial(`counts[i]`, 1/2) for every run i; shape of `counts`."""
    if streams.format_version < 4:
        return _numpy_halves(streams, counts)
    from .kernels.counts import halves

    return halves(counts, streams.words("count"))


def _numpy_counts(streams: Streams, pairs: int, radius: float, runs: int) -> Counts:
    """Version 3."""
    return streams.generator("pairs").binomial(pairs, band_probability(radius), size=runs)


def _numpy_halves(streams: Streams, counts: Counts) -> Counts:
    """Version 3."""
    return streams.generator("count").binomial(counts, 0.5)
