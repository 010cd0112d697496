"""Counts from words: the pairs of runs in the band, by a table of their law, and fair halves of counts.

A guide table says where to begin among the thresholds (H.-C. Chen and Y. Asau 1974; L. Devroye, Non-Uniform
Random Variate Generation, 1986, section III.2.4), so one word and a comparison or two give a count.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...compiling import inlined, kernel
from .words import CHUNK, Stream, Words, chunk, next_word, next_words

GUIDE_BITS = 1
"""Entries of a guide table, at least, for each threshold: two to this power."""

_WORD = 64
_1, _2, _4, _56 = (np.uint64(n) for n in (1, 2, 4, 56))
_TWOS, _FOURS = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333)
_EIGHTS, _BYTES = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x0101010101010101)


class CountTable(NamedTuple):
    """A law: `first`, plus the number of thresholds that are at most a uniform integer of 128 bits.

    `high` and `low` are their words. `guide[w >> shift]` thresholds lie below all words that begin as w does.
    """

    first: int
    high: Words
    low: Words
    guide: NDArray[np.int32]
    shift: Any


def count_table(first: int, thresholds: list[int]) -> CountTable:
    """The table of thresholds below 2^128 in ascending order."""
    high = np.array([threshold >> _WORD for threshold in thresholds], dtype=np.uint64)
    low = np.array([threshold & (1 << _WORD) - 1 for threshold in thresholds], dtype=np.uint64)
    bits = GUIDE_BITS + len(thresholds).bit_length()
    shift = np.uint64(_WORD - bits)
    guide = np.searchsorted(high, np.arange(1 << bits, dtype=np.uint64) << shift)
    return CountTable(first, high, low, guide.astype(np.int32), shift)


@kernel
def add_counts(table: CountTable, stream: Stream, counts: NDArray[np.int64]) -> None:
    """Add a draw of the table to each of the counts.

    A word for each comes first, then a second word for each of those that the first did not decide.
    """
    words = np.empty(counts.size, dtype=np.uint64)
    filled = 0
    while filled < words.size:
        part = next_words(stream, words.size - filled)
        for i in range(part.size):
            words[filled + i] = part[i]
        filled += part.size
    first, high, guide, shift = table.first, table.high, table.guide, table.shift
    for i in range(counts.size):
        word, rank = words[i], guide[words[i] >> shift]
        while rank < high.size and high[rank] < word:
            rank += 1
        if rank < high.size and high[rank] == word:
            rank = _second_word(table, rank, next_word(stream))
        counts[i] += first + rank


@kernel
def _second_word(table: CountTable, rank: int, word: Any) -> int:
    """The number of thresholds that are at most a uniform integer of two words, the first that of `rank`."""
    first = table.high[rank]
    while rank < table.high.size and table.high[rank] == first and table.low[rank] <= word:
        rank += 1
    return rank


@kernel
def halves(counts: NDArray[np.int64], stream: Stream) -> NDArray[np.int64]:
    """How many of `counts[i]` fair coins show heads, for every i: the ones among as many bits."""
    heads = np.zeros_like(counts)
    words, used = stream.words, CHUNK
    for run in range(counts.size):
        whole, rest, total = counts[run] // _WORD, counts[run] % _WORD, 0
        while whole > 0:
            if used == CHUNK:
                words, used = chunk(stream), 0
            stop = min(used + whole, CHUNK)
            for i in range(used, stop):
                total += _ones(words[i])
            whole -= stop - used
            used = stop
        if rest:
            if used == CHUNK:
                words, used = chunk(stream), 0
            total += _ones(words[used] >> np.uint64(_WORD - rest))
            used += 1
        heads[run] = total
    return heads


@inlined
def _ones(word: Any) -> Any:
    """The ones among the bits of a word, summed side by side in twos, fours and bytes."""
    pairs = word - ((word >> _1) & _TWOS)
    fours = (pairs & _FOURS) + ((pairs >> _2) & _FOURS)
    return np.int64((((fours + (fours >> _4)) & _EIGHTS) * _BYTES) >> _56)
