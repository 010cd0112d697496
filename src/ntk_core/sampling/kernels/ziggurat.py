"""The ziggurat method (Marsaglia and Tsang 2000) for two even densities that fall from 0 on.

f(x) = (1 - x²)^e on [-1, 1], for e = (d - 3)/2 the first coordinate of a uniform unit vector in R^d, and its
limit f(x) = exp(-x²/2). `LAYERS` boxes of one area cover the region below f; a word chooses a box, a sign and
a place in it, and in 99.5 % of cases f need not be evaluated there.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ...compiling import kernel
from ...network import Array
from .words import Stream, Words, next_word, signed_unit, unit

LAYERS = 1024
_NORMAL_END = 38.5
"""x at which exp(-x²/2) is the smallest positive number."""

_LAYER, _ONE = np.uint64(LAYERS - 1), np.uint64(1)


class Ziggurat(NamedTuple):
    """Right `edges` of the boxes from the lowest up, the `heights` between them, and e (∞ for the normal).

    Both arrays have shape `(LAYERS + 1,)`.
    """

    edges: Array
    heights: Array
    exponent: float


@lru_cache(maxsize=64)
def ziggurat(exponent: float) -> Ziggurat:
    """The boxes for e > 0. The lowest is as wide as the support, so there is no separate tail."""
    edges, heights = np.zeros(LAYERS + 1), np.ones(LAYERS + 1)
    edges[0], heights[0] = _NORMAL_END if math.isinf(exponent) else 1.0, 0.0
    low, high = 0.0, float(edges[0])
    while low < (area := 0.5 * (low + high)) < high:
        low, high = (area, high) if _stack(exponent, area, edges, heights) else (low, area)
    _stack(exponent, low, edges, heights)
    return Ziggurat(edges, heights, exponent)


@kernel
def _stack(exponent: float, area: float, edges: Array, heights: Array) -> Any:
    """Fill in boxes of an area from the lowest up; whether the last ends below f(0) = 1. Its top stays 1."""
    for layer in range(1, LAYERS):
        heights[layer] = heights[layer - 1] + area / edges[layer - 1]
        if heights[layer] >= 1.0:
            return False
        level = math.log(heights[layer])
        edges[layer] = math.sqrt(-2.0 * level if exponent == np.inf else -math.expm1(level / exponent))
    return heights[LAYERS - 1] + area / edges[LAYERS - 1] < 1.0


@kernel
def _density(x: float, exponent: float) -> Any:
    if exponent == np.inf:
        return math.exp(-0.5 * x * x)
    return math.exp(exponent * math.log1p(-x * x))


@kernel
def resolve(shape: Ziggurat, word: Any, reserve: Stream) -> Any:
    """The draw of a word; where one word does not decide, more come from `reserve`."""
    while True:
        layer = word & _LAYER
        x = signed_unit(word) * shape.edges[layer]
        if abs(x) < shape.edges[layer + _ONE]:
            return x
        low, high = shape.heights[layer], shape.heights[layer + _ONE]
        if low + unit(next_word(reserve)) * (high - low) < _density(x, shape.exponent):
            return x
        word = next_word(reserve)


@kernel
def draw(shape: Ziggurat, words: Words, reserve: Stream, out: Array) -> None:
    """One draw from each word, to `out`."""
    edges = shape.edges
    for i in range(words.size):
        layer = words[i] & _LAYER
        x = signed_unit(words[i]) * edges[layer]
        if abs(x) >= edges[layer + _ONE]:
            x = resolve(shape, words[i], reserve)
        out[i] = x
