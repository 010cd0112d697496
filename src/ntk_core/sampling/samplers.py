"""All samplers in one function. `dense` evaluates the definitions, `band` draws only neurons that can flip.

These two share no arithmetic, so each checks the other. `tilted` draws large errors more often, with weights.
"""

from __future__ import annotations

import numpy as np

from ..laws import LawError
from ..network import Array
from .band import band_block
from .cell import Cell, stored_variables
from .dense import dense_block
from .tilted import tilted_block


def simulate(entropy: int, cell: Cell, start: int, stop: int) -> Array:
    """What is stored of the runs with seeds `start` … `stop - 1` of a cell; `(variables, stop - start)`.

    The rows are `stored_variables` of the sampler: the quantities, and the weight of a tilted run.

    The result of a seed depends on `entropy`, the cell and the seed only. Blocks are drawn from
    their first seed on, so a `start` inside a block costs the seeds before it. Raises `LawError` where a
    custom law leaves the ball.
    """
    sampler = {"band": band_block, "dense": dense_block, "tilted": tilted_block}[cell.sampler]
    size = cell.block
    values = np.empty((len(stored_variables(cell.sampler)), stop - start))
    for block in range(start // size, -(-stop // size)):
        first = block * size
        try:
            runs = sampler(cell, min(size, stop - first), cell.streams(entropy, block))
        except LawError as error:
            seeds = f"seeds {first} to {first + size - 1}"
            raise LawError(f"{error}; in the block of {seeds} of {cell.name}") from None
        place = max(first - start, 0)
        part = runs[:, max(start - first, 0) :]
        values[:, place : place + part.shape[1]] = part
    return values
