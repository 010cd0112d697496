"""Where every random number comes from.

A stream is named by (entropy, cell, block, variate) and by nothing else: not by which other cells
exist, nor by order, sharding or workers. Seeds are drawn in blocks of fixed size, and within a
block every variate is drawn in the order of the seeds, so the first k seeds of a block are the
same whether the block is drawn whole or cut at k.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np

FORMAT_VERSION = 2
"""Version of the mapping from (entropy, cell, seed) to bits. A change of any draw raises it."""

Streams = Callable[[str], np.random.Generator]
"""The streams of one block: the name of a variate to its generator."""


def streams(entropy: int, cell: str, block: int) -> Streams:
    """Streams of one block of seeds.

    `entropy` is the non-negative root of all randomness, `cell` the cell's key (`Cell.key`),
    `block` the block number. Each variate gets an SFC64 generator of its own, seeded through
    `numpy.random.SeedSequence` from a SHA-256 digest of the stream's full name.
    """

    def stream(variate: str) -> np.random.Generator:
        name = f"ntk-core/{FORMAT_VERSION}|{entropy}|{cell}|{block}|{variate}"
        digest = hashlib.sha256(name.encode()).digest()
        words = np.frombuffer(digest, dtype="<u4")
        return np.random.Generator(np.random.SFC64(np.random.SeedSequence(words)))

    return stream
