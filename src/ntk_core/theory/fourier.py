"""Fourier sums of masses at any positions, at equally spaced frequencies.

Each mass is spread over 16 points of a grid by a Kaiser-Bessel kernel, the grid is transformed by
FFT and the kernel divided out (Beatty, Nishimura and Pauly, IEEE Trans. Med. Imaging 24, 2005).
At twice the points the frequencies need, that leaves about 1e-14 of the sum of the absolute masses.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import scipy

from ..network import Array
from .tilt import Complex

_WIDTH = 16
_BLOCK = 64
_SHAPE = math.pi * math.sqrt((0.75 * _WIDTH) ** 2 - 0.8)
_DEGREE = 16
"""Of the polynomials that stand for the kernel between two points of the grid, to its last bits."""
_NODES = 40
"""Points at which each polynomial is found."""


def fourier_sums(positions: Array, masses: Array, period: float, count: int) -> Complex:
    """Σ_k mass_k e^{iω_j x_k} at ω_j = 2πj/period, j = 0, …, count - 1, for `count` ≥ 16."""
    size = 4 * count
    start = positions * (size / period) - 0.5 * _WIDTH
    first = np.ceil(start)
    place = 2.0 * (first - start) - 1.0
    point = first.astype(np.int64)
    grid = np.zeros(size)
    for offset, (highest, *rest) in enumerate(_kernel_polynomials()):
        kernel = np.full_like(place, highest)
        for coefficient in rest:
            kernel *= place
            kernel += coefficient
        grid += np.bincount((point + offset) % size, masses * kernel, size)
    transform: Complex = np.conj(np.fft.rfft(grid)[:count])
    return np.asarray(transform / _spread(count))


@lru_cache(maxsize=1)
def _kernel_polynomials() -> list[list[float]]:
    """The kernel at each of the points it reaches, as a polynomial; from the highest power.

    Its variable runs from -1 to 1 as the first point is 0 to 1 behind the lower end of the kernel.
    """
    angle = math.pi * (np.arange(_NODES) + 0.5) / _NODES
    behind = np.add.outer(np.arange(_WIDTH), 0.5 * (np.cos(angle) + 1.0))
    root = np.sqrt(1.0 - (behind / (0.5 * _WIDTH) - 1.0) ** 2)
    kernel = scipy.special.i0e(_SHAPE * root) * np.exp(_SHAPE * (root - 1.0))
    # By sums, not by a fit, whose last digits depend on the version of LAPACK.
    cosines = np.cos(np.multiply.outer(np.arange(_DEGREE + 1), angle))
    series = 2.0 / _NODES * np.sum(kernel[:, None] * cosines, axis=-1)
    series[:, 0] *= 0.5
    return [np.polynomial.chebyshev.cheb2poly(row)[::-1].tolist() for row in series]


@lru_cache(maxsize=8)
def _spread(count: int) -> Array:
    """The transform of the kernel at the frequencies."""
    root = np.sqrt(_SHAPE**2 - (_WIDTH * math.pi / (4 * count) * np.arange(count)) ** 2)
    return 0.5 * _WIDTH * np.exp(root - _SHAPE) * -np.expm1(-2.0 * root) / root


def waves(angle: float, count: int) -> Complex:
    """e^{-ij·angle} for j = 0, …, count - 1, each from two exponentials."""
    long = np.exp(-1j * angle * _BLOCK * np.arange(-(-count // _BLOCK)))
    return np.multiply.outer(long, np.exp(-1j * angle * np.arange(_BLOCK))).ravel()[:count]
