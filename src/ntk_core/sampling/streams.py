"""The source of all random numbers.

A stream depends on its name (entropy, cell, block, variate) alone: not on other cells, order, sharding or
workers. Seeds are drawn in blocks of fixed size, and within a block every variate is drawn in the order of
the seeds, so the first k seeds of a block are the same whether the block is drawn whole or cut at k.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .kernels.words import Stream

FORMAT_VERSION = 3
"""Version of the mapping from (entropy, cell, seed) to bits. A change of any draw raises it."""


@dataclass(frozen=True)
class Streams:
    """The streams of one block of seeds, one for each variate.

    `entropy` is the non-negative root of all randomness, `cell` the cell's key (`Cell.key`), `block` the
    block number. A stream is seeded through `numpy.random.SeedSequence` from a SHA-256 digest of its
    full name.
    """

    entropy: int
    cell: str
    block: int

    def generator(self, variate: str) -> np.random.Generator:
        """The stream of a variate as one of NumPy's generators (SFC64)."""
        return np.random.Generator(np.random.SFC64(self._seed(variate)))

    def words(self, variate: str) -> Stream:
        """The stream of a variate as words in bulk, for the compiled kernels."""
        from .kernels.words import stream  # compiled: slow to import

        return stream(self._seed(variate))

    def _seed(self, variate: str) -> np.random.SeedSequence:
        name = f"ntk-core/{FORMAT_VERSION}|{self.entropy}|{self.cell}|{self.block}|{variate}"
        digest = hashlib.sha256(name.encode()).digest()
        return np.random.SeedSequence(np.frombuffer(digest, dtype="<u4"))
