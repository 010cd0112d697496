"""Random 64-bit words in bulk: `LANES` SFC64 generators side by side.

Word k of generator l is word k·LANES + l of the stream. Generators that do not wait for each other are
drawn by vector instructions; one alone takes as long as NumPy's. Each is the SFC64 of C. Doty-Humphrey
(PractRand) that NumPy also has. NumPy's provides the initial states, or a hash does.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...compiling import inlined, kernel
from ...network import Array

Words = NDArray[np.uint64]

LANES = 32
CHUNK = 512
"""Words drawn at once, a multiple of `LANES`: 4 KiB, so that four such arrays fit the first cache easily."""

_ONE, _3, _11, _12, _24, _40 = (np.uint64(n) for n in (1, 3, 11, 12, 24, 40))
_FROM_1, _FROM_2 = np.uint64(0x3FF << 52), np.uint64(0x400 << 52)
_UNIT = 2.0**-53


class Stream(NamedTuple):
    """A stream of words: the generators `(4, LANES)`, the last chunk, and the number of its words in use."""

    state: Words
    words: Words
    used: NDArray[np.int64]


def stream(seed: np.random.SeedSequence) -> Stream:
    """A new stream of a seed."""
    state = np.ones((4, LANES), dtype=np.uint64)
    state[:3] = np.random.SFC64(seed).random_raw(3 * LANES).reshape(3, LANES)
    new = Stream(state, np.empty(CHUNK, dtype=np.uint64), np.full(1, CHUNK))
    _discard(new)
    return new


def hashed_stream(name: bytes) -> Stream:
    """A new stream of a name: SHAKE-256 gives the states, but for the counters, which start at 1.

    States that a hash has mixed need no words discarded.
    """
    digest = hashlib.shake_256(name).digest(4 * LANES * 8)
    state = np.frombuffer(digest, dtype="<u8").astype(np.uint64).reshape(4, LANES)
    state[3] = 1
    return Stream(state, np.empty(CHUNK, dtype=np.uint64), np.array([CHUNK]))


@kernel
def _discard(stream: Stream) -> None:
    """Skip the twelve words that SFC64 discards after seeding."""
    _draw(stream.state, stream.words[: 12 * LANES])


@kernel
def _draw(state: Words, words: Words) -> None:
    a, b, c, count = state[0], state[1], state[2], state[3]
    lanes = count.size  # not the constant: a loop of known length would be unrolled, not vectorised
    for start in range(0, words.size, lanes):
        out = words[start : start + lanes]
        for i in range(lanes):
            old_b, old_c = b[i], c[i]
            word = a[i] + old_b + count[i]
            count[i] += _ONE
            a[i] = old_b ^ (old_b >> _11)
            b[i] = old_c + (old_c << _3)
            c[i] = ((old_c << _24) | (old_c >> _40)) + word
            out[i] = word


@kernel
def chunk(stream: Stream) -> Words:
    """The next `CHUNK` words, valid until the next call; the rest of the last chunk is dropped."""
    _draw(stream.state, stream.words)
    stream.used[0] = CHUNK
    return stream.words


@kernel
def next_words(stream: Stream, maximum: int) -> Words:
    """The next words, up to the end of the chunk and at most `maximum` ≥ 1; valid until the next call."""
    if stream.used[0] == CHUNK:
        chunk(stream)
        stream.used[0] = 0
    first = stream.used[0]
    stream.used[0] = min(first + maximum, CHUNK)
    return stream.words[first : stream.used[0]]


@kernel
def next_word(stream: Stream) -> Any:
    """The next word."""
    return next_words(stream, 1)[0]


@inlined
def unit(word: Any) -> Any:
    """A uniform in [0, 1) from the upper 53 bits of a word."""
    return np.float64(np.int64(word >> _11)) * _UNIT


@inlined
def signed_unit(word: Any) -> Any:
    """A uniform in [-1, 1) from the upper 53 bits of a word."""
    return np.float64(np.int64(word) >> 11) * (2.0 * _UNIT)


@kernel
def units(words: Words, low: float, out: Array) -> None:
    """Uniforms on [`low`, 1), `low` 0 or -1, from the upper 52 bits of as many words, to `out`.

    The bits become the fraction of a number in [1, 2) or [2, 4): integer operations on vectors, which
    conversion from integers is not on every processor.
    """
    base = _FROM_1 if low == 0.0 else _FROM_2
    bits = out.view(np.uint64)
    for i in range(words.size):
        bits[i] = (words[i] >> _12) | base
    shift = low - (1.0 if low == 0.0 else 2.0)
    for i in range(words.size):
        out[i] += shift
