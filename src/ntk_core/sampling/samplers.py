"""Both samplers in one function: `dense` evaluates the definitions, `band` draws only neurons that can flip.

They share no arithmetic, so each checks the other.
"""

from __future__ import annotations

import numpy as np

from ..laws import LawError
from ..network import Array
from .band import band_block
from .cell import Cell
from .dense import dense_block
from .streams import Streams


def simulate(entropy: int, cell: Cell, start: int, stop: int) -> Array:
    """Quantities of the runs with seeds `start` … `stop - 1` of a cell; shape `(quantities, stop - start)`.

    The result of a seed depends on `entropy`, the cell and the seed only. Blocks are drawn from
    their first seed on, so a `start` inside a block costs the seeds before it. Raises `LawError` where a
    custom law leaves the ball.
    """
    sampler = {"band": band_block, "dense": dense_block}[cell.sampler]
    parts = []
    for block in range(start // cell.block, -(-stop // cell.block)):
        first = block * cell.block
        try:
            runs = sampler(cell, min(cell.block, stop - first), Streams(entropy, cell.key, block))
        except LawError as error:
            seeds = f"seeds {first} to {first + cell.block - 1}"
            raise LawError(f"{error}; in the block of {seeds} of {cell.name}") from None
        parts.append(runs[:, max(start - first, 0) :])
    return np.concatenate(parts, axis=1)
