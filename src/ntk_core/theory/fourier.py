"""Fourier sums of masses at any positions, at equally spaced frequencies.

Each mass is spread over 16 points of a grid by a Kaiser-Bessel kernel, the grid is transformed by
FFT and the kernel divided out (Beatty, Nishimura and Pauly, IEEE Trans. Med. Imaging 24, 2005).
At twice the points the frequencies need, that leaves about 1e-14 of the sum of the absolute masses.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy.special import i0e

from ..network import Array
from .tilt import Complex

_WIDTH = 16
_BLOCK = 64
_SHAPE = math.pi * math.sqrt((0.75 * _WIDTH) ** 2 - 0.8)


def fourier_sums(positions: Array, masses: Array, period: float, count: int) -> Complex:
    """Σ_k mass_k e^{iω_j x_k} at ω_j = 2πj/period, j = 0, …, count - 1, for `count` ≥ 16."""
    size = 4 * count
    scaled = positions * (size / period)
    first = np.ceil(scaled - 0.5 * _WIDTH)
    grid = np.zeros(size)
    for offset in range(_WIDTH):
        point = first + offset
        root = np.sqrt(np.maximum(1.0 - ((point - scaled) / (0.5 * _WIDTH)) ** 2, 0.0))
        kernel = i0e(_SHAPE * root) * np.exp(_SHAPE * (root - 1.0))
        grid += np.bincount(point.astype(np.int64) % size, masses * kernel, size)
    transform: Complex = np.conj(np.fft.rfft(grid)[:count])
    return np.asarray(transform / _spread(count))


@lru_cache(maxsize=8)
def _spread(count: int) -> Array:
    """The transform of the kernel at the frequencies."""
    root = np.sqrt(_SHAPE**2 - (_WIDTH * math.pi / (4 * count) * np.arange(count)) ** 2)
    return 0.5 * _WIDTH * np.exp(root - _SHAPE) * -np.expm1(-2.0 * root) / root


def waves(angle: float, count: int) -> Complex:
    """e^{-ij·angle} for j = 0, …, count - 1, each from two exponentials."""
    long = np.exp(-1j * angle * _BLOCK * np.arange(-(-count // _BLOCK)))
    return np.multiply.outer(long, np.exp(-1j * angle * np.arange(_BLOCK))).ravel()[:count]
