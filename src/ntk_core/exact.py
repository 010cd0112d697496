"""Exact laws of the stored quantities at ‖x‖ = 1: survival functions and quantiles without simulation.

|Δ₂|, |S|/m and |B|/m of the laws along x are binomial; |S|/m of `sphere` is a sum of m/2 iid counts of
0, 1 or 2 flips a pair, by FFT. E and |Δ₁| are compound binomial: with
K ~ Binomial(m/2, p) contributing pairs, the sum of K iid terms X in [0, 1] (1 - s for E, s for
|Δ₁|, s = |z|/r for z ~ N(0, 1) given |z| < r). Their survival function comes from Fourier inversion:
K = 0 and K = 1 are closed forms; the rest has a continuous density, whose Fourier series on
an interval that holds it is summed under an exponential tilt e^{σY}, so that the relative
accuracy is the same in the tail (δ = 1e-9) as in the bulk. Every quantile comes with an error bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import bdtrc, erf, wofz

from .band import quantum
from .gaussian import PHI0, band_integral, band_probability
from .network import Array
from .unit_vector import upper_tail

Complex = NDArray[np.complexfloating]

MAX_RADIUS = 8.0
"""Largest r of a compound law: beyond it the band is everything, and no grid of interest goes there."""

TARGET = 1e-6
"""Relative error bound asked of a quantile."""

_MAX_TERMS = 1 << 18
_MAX_TILT = 300.0
_FAR = 14.0
_REMAINDERS = (1e-6, 1e-8, 1e-10)
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(192)
_NODES, _WEIGHTS = 0.5 * (_NODES + 1.0), 0.5 * _WEIGHTS


@dataclass(frozen=True)
class Quantile:
    """A quantile and a bound on its relative error."""

    value: float
    error: float


@dataclass(frozen=True)
class Binomial:
    """`unit` times Binomial(n, p)."""

    n: int
    p: float
    unit: float

    def survival(self, value: float) -> float:
        """P(quantity > value)."""
        count = math.floor(value / self.unit * (1.0 + 1e-12))
        return float(bdtrc(count, self.n, self.p)) if 0 <= count < self.n else float(count < 0)

    def quantile(self, delta: float) -> Quantile:
        """The least value with P(quantity > value) ≤ δ, for δ in (0, 1)."""
        from scipy.stats import binom  # slow to import, and wanted here alone

        return Quantile(self.unit * float(binom.isf(delta, self.n, self.p)), 0.0)


@dataclass(frozen=True)
class PairCount:
    """`unit` times the sum of n iid counts that are 1 with probability `one`, 2 with `two`, else 0."""

    n: int
    one: float
    two: float
    unit: float

    def survival(self, value: float) -> float:
        """P(quantity > value)."""
        count = math.floor(value / self.unit * (1.0 + 1e-12))
        if not 0 <= count < 2 * self.n:
            return float(count < 0)
        low, tails = self._tails(_falling_zero(lambda t: count - self._moments(t)[0]))
        return float(tails[count - low]) if count >= low else 1.0

    def quantile(self, delta: float) -> Quantile:
        """The least value with P(quantity > value) ≤ δ, for δ in (0, 1)."""
        tilt = _chernoff_tilt(self._log_moment, lambda t: self._moments(t)[0], delta)
        low, tails = self._tails(tilt)
        above = np.flatnonzero(tails > delta)
        return Quantile(self.unit * float(low + above[-1] + 1 if above.size else low), 0.0)

    def _log_moment(self, tilt: float) -> float:
        up = self.one * math.expm1(tilt) + self.two * math.expm1(2.0 * tilt)
        return self.n * math.log1p(up)

    def _moments(self, tilt: float) -> tuple[float, float]:
        """Mean and a bound on the variance under the tilt."""
        one, two = self.one * math.exp(tilt), self.two * math.exp(2.0 * tilt)
        whole = 1.0 - self.one - self.two + one + two
        return self.n * (one + 2.0 * two) / whole, self.n * (one + 4.0 * two) / whole

    def _tails(self, tilt: float) -> tuple[int, Array]:
        """A count k₀ and P(Y > k) for k = k₀, k₀ + 1, …, around the tilted mean, by FFT of the tilted law.

        Beyond fourteen standard deviations, and sixty more, there is nothing to see.
        """
        mean, variance = self._moments(tilt)
        reach = 14.0 * math.sqrt(variance) + 60.0
        low = max(0, int(mean - reach))
        counts = np.arange(low, min(2 * self.n, int(mean + reach)) + 1)
        size = 1 << (counts.size - 1).bit_length()
        z = tilt - 2j * math.pi / size * np.arange(size // 2 + 1)
        log_ratio = self.n * np.log1p(self.one * np.expm1(z) + self.two * np.expm1(2.0 * z))
        log_moment = self._log_moment(tilt)
        tilted = np.fft.irfft(np.exp(log_ratio - log_moment), size)[counts % size]
        masses = np.maximum(tilted, 0.0) * np.exp(np.minimum(log_moment - tilt * counts, _FAR))
        return low, np.append(np.cumsum(masses[::-1])[-2::-1], 0.0)


@dataclass(frozen=True)
class CompoundBinomial:
    """`unit` times the sum of K ~ Binomial(n, p) iid terms X, X = 1 - s or s (`falling` or not).

    s = |z|/radius for z ~ N(0, 1) given |z| < radius. n ≥ 1, 0 < p ≤ 1, 0 < radius ≤ 8.
    """

    n: int
    p: float
    radius: float
    falling: bool
    unit: float

    def survival(self, value: float) -> float:
        """P(quantity > value) for value ≥ 0, to about 1e-9 relative."""
        y = value / self.unit
        if y >= self.n:
            return 0.0
        centre = max(y, 1e-3 * self.n * self.p)
        tilt = _falling_zero(lambda t: centre - self._mean_at(t))
        return self._tail(y, self._series(tilt, _REMAINDERS[-1]))[0]

    def quantile(self, delta: float) -> Quantile:
        """The least value with P(quantity > value) ≤ δ, for δ in (0, 1), with its error bound.

        The bound is below `TARGET`, except right beside the atom at 0 and for bands that hold far less
        than one neuron on average; there it says how far it is off.
        """
        if -math.expm1(self.n * math.log1p(-self.p) if self.p < 1.0 else -math.inf) <= delta:
            return Quantile(0.0, 0.0)
        tilt = _chernoff_tilt(self._log_moment, self._mean_at, delta)
        for remainder in _REMAINDERS:
            quantile = self._quantile(delta, self._series(tilt, remainder))
            if quantile.error <= TARGET:
                break
        return quantile

    def _quantile(self, delta: float, series: _Series) -> Quantile:
        def excess(y: float) -> float:
            if self.n > 1 and series.log_moment - series.tilt * y > math.log(delta) + _FAR:
                return 1.0  # so far below the quantile that only the sign is known
            return math.log(max(self._tail(y, series)[0], 1e-300)) - math.log(delta)

        top = min(float(self.n), self._mean_at(series.tilt) * (1.0 + 1e-9) + 1e-9)
        if excess(top) > 0.0:
            top = float(self.n)
        y = float(brentq(excess, 0.0, top, xtol=1e-14 * top, rtol=1e-14))
        tail, error = self._tail(y, series)
        step = 1e-5 * y
        slope = (self._tail(y - step, series)[0] - tail) / step
        return Quantile(self.unit * y, error * tail / (slope * y) + 1e-13 if slope > 0.0 else math.inf)

    @cached_property
    def _share(self) -> float:
        """Density of s at 0: 2 r φ(0)/p_r."""
        return 2.0 * self.radius * PHI0 / band_probability(self.radius)

    def _scaled_transform(self, z: Complex) -> Complex:
        """e^{-z} E[e^{zX}] for Re z ≥ 0."""
        if self.falling:
            return self._share * self._laplace(z)
        square = self.radius**2
        return self._share * math.exp(-0.5 * square) * self._laplace(z - square)

    def _laplace(self, z: Complex) -> Complex:
        """∫₀¹ e^{-zt - r²t²/2} dt: by Gauss-Legendre near 0, by the Faddeeva function beyond."""
        r = self.radius
        out = np.empty_like(z)
        near = np.abs(z) <= max(30.0, 2.0 * r * r)
        exponent = -np.multiply.outer(z[near], _NODES) - 0.5 * (r * _NODES) ** 2
        out[near] = np.exp(exponent) @ _WEIGHTS
        far = z[~near]
        a = far / (r * math.sqrt(2.0))
        with np.errstate(under="ignore"):
            rest = np.exp(-far - 0.5 * r * r) * wofz(1j * (a + r / math.sqrt(2.0)))
        out[~near] = math.sqrt(0.5 * math.pi) / r * (wofz(1j * a) - rest)
        return out

    def _real_transform(self, tilt: float) -> float:
        """E[e^{σX}]."""
        return math.exp(tilt) * float(self._scaled_transform(np.array([tilt + 0j]))[0].real)

    def _mean_at(self, tilt: float) -> float:
        """Mean of Y under the tilt e^{σY}."""
        step = 1e-5 * max(1.0, tilt)
        up, at, down = (self._log_moment(t) for t in (tilt + step, tilt, max(tilt - step, 0.0)))
        return (up - at) / step if tilt < step else (up - down) / (2.0 * step)

    def _log_moment(self, tilt: float) -> float:
        """log E[e^{σY}]."""
        return self.n * math.log1p(self.p * (self._real_transform(tilt) - 1.0))

    def _series(self, tilt: float, remainder: float) -> _Series:
        """The Fourier series of the tilted density of Y on K ≥ 2, cut where the rest is below `remainder`.

        The density is of bounded variation, so its coefficients fall at least as 1/j and the terms of
        the survival function, divided by their frequency once more, leave less than the last times j.
        """
        log_moment = self._log_moment(tilt)
        mass = self.p * self._real_transform(tilt)
        share = mass / (1.0 - self.p + mass)
        mean = self.n * share
        length = min(float(self.n), mean + 14.0 * math.sqrt(mean) + 60.0)
        base = self._scaled_transform(np.array([tilt + 0j]))[0].real
        blocks: list[Complex] = []
        first, count = 0, 512
        while True:
            omega = 2.0 * math.pi / length * np.arange(first, first + count)
            ratio = self._scaled_transform(tilt + 1j * omega) / base * np.exp(1j * omega)
            blocks.append(_without_one(self.n, share, ratio))
            first += count
            last = float(np.abs(blocks[-1][-8:]).max())
            if last * first / (omega[-1] * length) < remainder or first >= _MAX_TERMS:
                break
            count = first
        coefficients = np.concatenate(blocks)
        rate = tilt + 2j * math.pi / length * np.arange(first)
        rest = 2.0 * last / abs(rate[-1]) / length * first
        rounding = 1e-15 + 4e-16 * mean
        size = 2.0 * float(np.sum(np.abs(coefficients / rate))) / length
        return _Series(tilt, log_moment, length, coefficients, rate, rest + rounding * size)

    def _tail(self, y: float, series: _Series) -> tuple[float, float]:
        """P(Y > y) and a bound on its relative error."""
        one = 0.0
        if y < 1.0:
            alone = self.n * self.p * math.exp((self.n - 1) * math.log1p(-self.p)) if self.p < 1.0 else 0.0
            alone = float(self.n == 1) if self.p == 1.0 else alone
            inside = erf(self.radius * (1.0 - y if self.falling else y) / math.sqrt(2.0))
            share = float(inside) / band_probability(self.radius)
            one = alone * (share if self.falling else 1.0 - share)
        if self.n == 1 or y >= series.length:
            return one, 0.0
        rest = series.length - y
        terms = series.coefficients * np.exp(-1j * series.rate.imag * y) * (1.0 - np.exp(-series.rate * rest))
        terms = terms / series.rate
        total = float(terms[0].real + 2.0 * np.sum(terms[1:].real)) / series.length
        scale = math.exp(series.log_moment - series.tilt * y)
        value = one + scale * max(total, 0.0)
        return value, scale * series.error / value if value > 0.0 else 1.0


@dataclass(frozen=True)
class _Series:
    """log E[e^{σY}], the interval [0, length], coefficients and rates σ + iω, error of the sum."""

    tilt: float
    log_moment: float
    length: float
    coefficients: Complex
    rate: Complex
    error: float


def _chernoff_tilt(
    log_moment: Callable[[float], float], mean: Callable[[float], float], delta: float
) -> float:
    """The σ at which Chernoff's bound at the tilted mean, log E[e^{σY}] - σ·mean, equals log δ."""
    return _falling_zero(lambda tilt: log_moment(tilt) - tilt * mean(tilt) - math.log(delta))


def _falling_zero(function: Callable[[float], float]) -> float:
    """A zero of a falling function on the tilts, to 1 %, or the nearer end of their range."""
    low, high = 1e-8, _MAX_TILT
    if function(low) <= 0.0:
        return low
    if function(high) >= 0.0:
        return high
    while high > 1.01 * low:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if function(middle) > 0.0 else (low, middle)
    return high


def _without_one(n: int, share: float, ratio: Complex) -> Complex:
    """E[ratio^K; K ≥ 2] for K ~ Binomial(n, share), |ratio| ≤ 1, without cancellation for large n."""
    whole = np.exp(n * np.log1p(share * (ratio - 1.0)))
    if share == 1.0:
        return whole - (ratio if n == 1 else 0.0)
    none = math.exp(n * math.log1p(-share))
    return whole - none * (1.0 + n * share / (1.0 - share) * ratio)


def exact_law(
    perturbation: str, quantity: str, m: int, d: int, alpha: float
) -> Binomial | PairCount | CompoundBinomial | None:
    """The exact law of a quantity at ‖x‖ = 1, or None where none is known (see the module)."""
    radius = alpha / math.sqrt(m)
    p = band_probability(radius)
    unit = quantum(quantity, m, alpha)
    if quantity == "band_fraction":
        return Binomial(m // 2, p, 2.0 * unit)
    if perturbation == "sphere" and quantity == "sign_change_fraction":
        one = band_integral(lambda s: 2.0 * upper_tail(s, d) * (1.0 - upper_tail(s, d)), radius)
        two = band_integral(lambda s: upper_tail(s, d) ** 2, radius)
        return PairCount(m // 2, one, two, unit)
    share = {"adversarial": 1.0, "aligned": 0.5}.get(perturbation)
    if share is None:
        return None
    if quantity in ("delta2", "sign_change_fraction"):
        return Binomial(m // 2, share * p, unit)
    if radius > MAX_RADIUS:
        return None
    return CompoundBinomial(m // 2, share * p, radius, quantity == "linearization_error", unit)


def exact_quantile(perturbation: str, quantity: str, m: int, d: int, alpha: float, delta: float) -> float:
    """The exact (1-δ)-quantile of a quantity at ‖x‖ = 1; NaN where no exact law is known."""
    law = exact_law(perturbation, quantity, m, d, alpha)
    return math.nan if law is None else _quantile_value(law, delta)


@lru_cache(maxsize=4096)
def _quantile_value(law: Binomial | PairCount | CompoundBinomial, delta: float) -> float:
    """Remembered by law, because cells that differ in d alone often share one."""
    return law.quantile(delta).value
