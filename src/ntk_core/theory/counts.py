"""Laws of counts: of pairs in the band, of pairs that flip, of flips, and of flips with a sign."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..network import Array
from .binomial import binomial_quantile, binomial_tail
from .tilt import LOG_EXCESS, Quantile, chernoff_tilt, falling_zero, log1p


@dataclass(frozen=True)
class Binomial:
    """`unit` times Binomial(n, p)."""

    n: int
    p: float
    unit: float

    def survival(self, value: float) -> float:
        """P(quantity > value)."""
        count = math.floor(value / self.unit * (1.0 + 1e-12))
        return float(binomial_tail(count, self.n, self.p))

    def quantile(self, delta: float) -> Quantile:
        """The least value with P(quantity > value) ≤ δ, for δ in (0, 1)."""
        return Quantile(self.unit * float(binomial_quantile(delta, self.n, self.p)), 0.0)


@dataclass(frozen=True)
class CountSum:
    """`unit` times |Y|, Y the sum of n iid counts: `chances` has the values and their probabilities, else 0.

    Values are all positive, or come with their negatives at the same probability.
    """

    n: int
    chances: tuple[tuple[int, float], ...]
    unit: float

    def survival(self, value: float) -> float:
        """P(quantity > value)."""
        count = math.floor(value / self.unit * (1.0 + 1e-12))
        if not 0 <= count < self.n * self._largest:
            return float(count < 0)
        low, tails = self._tails(falling_zero(lambda t: count - self._moments(t)[0]))
        return self._sides * float(tails[count - low]) if count >= low else 1.0

    def quantile(self, delta: float) -> Quantile:
        """The least value with P(quantity > value) ≤ δ, for δ in (0, 1)."""
        share = delta / self._sides
        low, tails = self._tails(chernoff_tilt(self._log_moment, lambda t: self._moments(t)[0], share))
        above = np.flatnonzero(tails > share)
        count = low + above[-1] + 1 if above.size else low
        return Quantile(self.unit * float(max(count, 0)), 0.0)

    @property
    def _largest(self) -> int:
        return max(value for value, _ in self.chances)

    @property
    def _sides(self) -> int:
        """Number of tails of Y in a tail of |Y|."""
        return 2 if min(value for value, _ in self.chances) < 0 else 1

    def _log_moment(self, tilt: float) -> float:
        return self.n * math.log1p(sum(p * math.expm1(value * tilt) for value, p in self.chances))

    def _moments(self, tilt: float) -> tuple[float, float]:
        """Mean and a bound on the variance under the tilt."""
        total = math.exp(self._log_moment(tilt) / self.n)
        tilted = [(value, p * math.exp(value * tilt)) for value, p in self.chances]
        mean, square = (sum(value**power * p for value, p in tilted) for power in (1, 2))
        return self.n * mean / total, self.n * square / total

    def _tails(self, tilt: float) -> tuple[int, Array]:
        """A count k₀ and P(Y > k) for k = k₀, k₀ + 1, …, around the tilted mean, by FFT of the tilted law.

        Beyond fourteen standard deviations plus sixty the probability is negligible.
        """
        mean, variance = self._moments(tilt)
        reach = 14.0 * math.sqrt(variance) + 60.0
        low = max(-self.n * self._largest if self._sides == 2 else 0, math.floor(mean - reach))
        counts = np.arange(low, min(self.n * self._largest, int(mean + reach)) + 1)
        size = 1 << (counts.size - 1).bit_length()
        turn = -2j * math.pi / size * np.arange(size // 2 + 1)
        log_moment = self._log_moment(tilt)
        total = math.exp(log_moment / self.n)
        shares = [(value, p * math.exp(value * tilt) / total) for value, p in self.chances]
        rise = np.sum([p * np.expm1(value * turn) for value, p in shares], axis=0)
        log_ratio = self.n * log1p(rise)
        tilted = np.fft.irfft(np.exp(log_ratio), size)[counts % size]
        masses = np.maximum(tilted, 0.0) * np.exp(np.minimum(log_moment - tilt * counts, LOG_EXCESS))
        return low, np.append(np.cumsum(masses[::-1])[-2::-1], 0.0)
