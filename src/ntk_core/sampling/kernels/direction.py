"""Projections of random displacements: the first coordinate t of a uniform unit vector in R^d.

d = 1: a fair sign. d = 2: sin(πv/2) for v uniform on [-1, 1), by its series. d = 3: v itself. Beyond:
ziggurat.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ...compiling import kernel
from ...network import Array
from .words import Stream, chunk, units
from .ziggurat import Ziggurat, draw, ziggurat

_SINE = tuple((-1) ** k * (0.5 * math.pi) ** (2 * k + 1) / math.factorial(2 * k + 1) for k in range(11))
"""Coefficients of sin(πv/2); the next term is below 2e-18."""


class Directions(NamedTuple):
    """The method for projections in R^d."""

    d: int
    shape: Ziggurat


def directions(d: int) -> Directions:
    """The method for d ≥ 1."""
    return Directions(d, ziggurat(0.5 * max(d - 3, 1)))


@kernel
def draw_directions(method: Directions, stream: Stream, reserve: Stream, out: Array) -> None:
    """The next chunk of projections in [-1, 1], to `out`."""
    words = chunk(stream)
    if method.d > 3:
        draw(method.shape, words, reserve, out)
        return
    units(words, -1.0, out)
    if method.d == 1:
        for i in range(out.size):
            out[i] = 1.0 if out[i] >= 0.0 else -1.0
    if method.d == 2:
        c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10 = _SINE
        for i in range(out.size):
            v = out[i]
            q = v * v
            # fmt: off
            out[i] = v * (c0 + q * (c1 + q * (c2 + q * (c3 + q * (c4 + q * (c5 + q * (c6
                     + q * (c7 + q * (c8 + q * (c9 + q * c10))))))))))
            # fmt: on
