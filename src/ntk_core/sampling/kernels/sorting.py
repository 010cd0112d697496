"""Values in, the same values in ascending order out: a radix sort of float64s.

It is here because NumPy's sort takes four times as long on processors of the generation Zen 4 (issue 6 of
numpy/x86-simd-sort), where it was most of the time of the quantiles of stored runs.
"""

from __future__ import annotations

import numpy as np

from ...compiling import kernel
from ...network import Array

_BYTES = 8
_SIGN = np.uint64(1 << 63)
_LAST_BYTE = np.uint64(255)


@kernel
def ascending(values: Array) -> Array:
    """The values `(n,)` in ascending order, a new array; NaNs are at the ends, by their signs.

    A key is the bits of a value, changed so that keys ascend with values. Keys are distributed by one byte
    after another, the last byte first. A byte that all keys share is passed over: multiples of a power of
    two have many.
    """
    bits = values.view(np.uint64)
    keys, others = np.empty_like(bits), np.empty_like(bits)
    counts = np.zeros((_BYTES, 256), np.int64)
    for i in range(bits.size):
        keys[i] = ~bits[i] if bits[i] & _SIGN else bits[i] | _SIGN
        for byte in range(_BYTES):
            counts[byte, (keys[i] >> np.uint64(8 * byte)) & _LAST_BYTE] += 1
    place = np.empty(256, np.int64)
    for byte in range(_BYTES):
        largest, start = 0, 0
        for value in range(256):
            largest = max(largest, counts[byte, value])
            place[value] = start
            start += counts[byte, value]
        if largest == bits.size:
            continue
        for i in range(bits.size):
            value = (keys[i] >> np.uint64(8 * byte)) & _LAST_BYTE
            others[place[value]] = keys[i]
            place[value] += 1
        keys, others = others, keys
    for i in range(bits.size):
        keys[i] = keys[i] ^ _SIGN if keys[i] & _SIGN else ~keys[i]
    return keys.view(np.float64)
