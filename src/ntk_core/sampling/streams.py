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

FORMAT_VERSIONS = {"band": 4, "dense": 3, "tilted": 4, "trained": 3}
"""Version of the mapping from (entropy, cell, seed) to bits, by sampler. A change of any draw raises it."""

FORMER_VERSIONS = {"band": (3,), "dense": (), "tilted": (), "trained": ()}
"""Versions in which runs were made before, and can still be made: archives name theirs."""


@dataclass(frozen=True)
class Streams:
    """The streams of one block of seeds, one for each variate.

    `entropy` is the non-negative root of all randomness, `cell` the cell's key (`Cell.key`), `block` the
    block number. Generators are seeded through `numpy.random.SeedSequence` from a SHA-256 digest of the full
    name, words by SHAKE-256 of the name itself; before version 4, words by `SeedSequence` too.
    """

    entropy: int
    cell: str
    block: int
    format_version: int = FORMAT_VERSIONS["trained"]

    def generator(self, variate: str) -> np.random.Generator:
        """The stream of a variate as one of NumPy's generators (SFC64)."""
        return np.random.Generator(np.random.SFC64(self._seed(variate)))

    def words(self, variate: str) -> Stream:
        """The stream of a variate as words in bulk, for the compiled kernels."""
        from .kernels.words import hashed_stream, stream  # compiled: slow to import

        return stream(self._seed(variate)) if self.format_version < 4 else hashed_stream(self._name(variate))

    def _seed(self, variate: str) -> np.random.SeedSequence:
        digest = hashlib.sha256(self._name(variate)).digest()
        return np.random.SeedSequence(np.frombuffer(digest, dtype="<u4"))

    def _name(self, variate: str) -> bytes:
        return f"ntk-core/{self.format_version}|{self.entropy}|{self.cell}|{self.block}|{variate}".encode()
