"""E and |Δ₁| of the laws along x: compound binomial.

With K ~ Binomial(m/2, p) contributing pairs they are the sum of K iid terms X in [0, 1] (1 - s for E,
s for |Δ₁|, s = |z|/r for z ~ N(0, 1) given |z| < r). The survival function comes from Fourier inversion:
K = 0 and K = 1 are closed forms; the rest has a continuous density, whose Fourier series on
an interval that holds it is summed under an exponential tilt e^{σY}, so that the relative
accuracy is the same in the tail (δ = 1e-9) as in the bulk. Every quantile comes with an error bound.
Beyond `MANY` pairs the series would need too many terms, and the expansion of Cornish and Fisher is exact
to more digits than a number has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from .fourier import waves
from .gaussian import PHI0, band_probability, weighted_sums
from .tilt import (
    LOG_EXCESS,
    MAX_TILT,
    NEAR_ONE,
    TARGET,
    Complex,
    Quantile,
    chernoff_tilt,
    falling_zero,
    moment_of_two_or_more,
    root,
)

MANY = 1e8
"""Contributing pairs on average beyond which a quantile follows from four cumulants."""

_MAX_TERMS = 1 << 18
_REMAINDERS = (1e-6, 1e-8, 1e-10)
_SMALL_DELTA = 1e-4
"""δ below which a quantile may be so near the end of the support that the series needs too large a tilt."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)
"""On [-1, 1]; for |z| ≤ 2 and r ≤ 8 they integrate e^{-zt - r²t²/2} on [0, 1] to the last digits."""


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
        tilt = falling_zero(lambda t: centre - self._mean_at(t))
        return self._tail(y, self._series(tilt, _REMAINDERS[-1]))[0]

    def quantile(self, delta: float) -> Quantile:
        """The least value with P(quantity > value) ≤ δ, for δ from 1e-9 to 0.999, with its error bound.

        The bound is below `TARGET`, except next to the atom at 0 and for bands that hold far less than one
        neuron on average. There the stated bound is larger.
        """
        if -math.expm1(self.n * math.log1p(-self.p) if self.p < 1.0 else -math.inf) <= delta:
            return Quantile(0.0, 0.0)
        if self.n * self.p > MANY:
            return self._quantile_of_many(delta)
        if delta > NEAR_ONE:
            tilt = -falling_zero(lambda t: self._log_moment(-t) + t * self._mean_at(-t) - math.log1p(-delta))
            invert = self._lower_quantile
        else:
            tilt = chernoff_tilt(self._log_moment, self._mean_at, delta)
            if tilt >= MAX_TILT and delta < _SMALL_DELTA and self.n > 1:
                return self._last_quantile(delta)
            invert = self._quantile
        for remainder in _REMAINDERS:
            quantile = invert(delta, self._series(tilt, remainder))
            if quantile.error <= TARGET:
                break
        return quantile

    def _quantile_of_many(self, delta: float) -> Quantile:
        """The quantile by Cornish and Fisher, Rev. Inst. Int. Stat. 5 (1938); its error by the last term."""
        nodes = 0.5 * (_NODES + 1.0)
        density = 0.5 * _WEIGHTS * self._share * np.exp(-0.5 * (self.radius * nodes) ** 2)
        x = 1.0 - nodes if self.falling else nodes
        a, b, c, d = (self.p * float(weighted_sums(density, x**k)) for k in (1, 2, 3, 4))
        mean, variance = self.n * a, self.n * (b - a * a)
        third = self.n * (c - 3.0 * a * b + 2.0 * a**3)
        fourth = self.n * (d - 4.0 * a * c - 3.0 * b * b + 12.0 * a * a * b - 6.0 * a**4)
        z, deviation = float(-scipy.special.ndtri(delta)), math.sqrt(variance)
        last = (z**3 - 3.0 * z) * fourth / (24.0 * deviation**3)
        last -= (2.0 * z**3 - 5.0 * z) * third**2 / (36.0 * deviation**5)
        y = mean + z * deviation + (z * z - 1.0) * third / (6.0 * variance) + last
        return Quantile(self.unit * y, abs(last) / y + 1e-10)

    def _last_quantile(self, delta: float) -> Quantile:
        """The quantile near the end of the support, where all n pairs contribute and every X is nearly 1.

        For t < 1, P(Y > n - t) = pⁿ P(Σ u < t), u = 1 - X. Over the simplex the density of the u is
        exponential in Σ u, except for a factor e^{-r² Σ u² / 2}, evaluated at the mean of Σ u².
        """
        n, square = self.n, self.radius**2
        rise = 0.0 if self.falling else square
        height = self._share * math.exp(-0.5 * rise)
        log_volume = math.log(delta) - n * math.log(self.p * height) + math.lgamma(n + 1)

        squares = square * n / ((n + 1) * (n + 2))

        def excess(log_t: float) -> float:
            t = math.exp(log_t)
            return (
                n * log_t + math.log(scipy.special.hyp1f1(n, n + 1, rise * t)) - squares * t * t - log_volume
            )

        low, high = (log_volume - rise) / n - 1.0, min((log_volume + square) / n + 1.0, 0.0)
        t = math.exp(root(excess, low, high, xtol=1e-14, rtol=1e-14))
        return Quantile(self.unit * (n - t), square * t**3 / (2 * n * (n - t)) + 1e-13)

    def _quantile(self, delta: float, series: _Series) -> Quantile:
        # Far below the tilted mean only the sign is known, except in thin bands, whose moments are small.
        trusted = (series.log_moment - math.log(delta) - LOG_EXCESS) / series.tilt if self.n > 1 else 0.0

        def excess(y: float) -> float:
            if y < trusted:
                return 1.0
            return math.log(max(self._tail(y, series)[0], 1e-300)) - math.log(delta)

        if trusted > 0.0 and self.n * self.p < 1.0 and excess(trusted) <= 0.0:
            trusted = 0.0
        top = min(float(self.n), self._mean_at(series.tilt) * (1.0 + 1e-9) + 1e-9)
        if excess(top) > 0.0:
            top = float(self.n)

        y = root(excess, 0.0, top, xtol=1e-14 * top, rtol=1e-14)
        tail, error = self._tail(y, series)
        step = 1e-5 * y
        slope = (self._tail(y - step, series)[0] - tail) / step
        return Quantile(self.unit * y, error * tail / (slope * y) + 1e-13 if slope > 0.0 else math.inf)

    def _lower_quantile(self, delta: float, series: _Series) -> Quantile:
        """As `_quantile`, from P(Y ≤ y) = 1 - δ and a series under a tilt below 0."""
        share = 1.0 - delta

        def excess(y: float) -> float:
            return math.log(max(self._below(y, series)[0], 1e-300) / share)

        limit = (math.log(share) + LOG_EXCESS / 2 - series.log_moment) / -series.tilt
        top = min(float(self.n), limit if self.n > 1 else math.inf)
        if excess(0.0) >= 0.0:
            return Quantile(0.0, 0.0)
        y = root(excess, 0.0, top, xtol=1e-14 * top, rtol=1e-14)
        below, error = self._below(y, series)
        step = 1e-5 * y
        slope = (below - self._below(y - step, series)[0]) / step
        return Quantile(self.unit * y, error * below / (slope * y) + 1e-13 if slope > 0.0 else math.inf)

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
        """∫₀¹ e^{-zt - r²t²/2} dt, Re z ≥ -r²: by Gauss-Legendre near 0, by the Faddeeva function beyond.

        Each is accurate to 3e-14 where it is used.
        """
        r = self.radius
        out = np.empty_like(z)
        small = np.abs(z) <= 2.0
        nodes = 0.5 * (_NODES + 1.0)
        exponent = -np.multiply.outer(z[small], nodes) - 0.5 * (r * nodes) ** 2
        out[small] = weighted_sums(np.exp(exponent), 0.5 * _WEIGHTS)
        large = z[~small]
        a = large / (r * math.sqrt(2.0))
        with np.errstate(under="ignore"):
            rest = np.exp(-large - 0.5 * r * r) * scipy.special.wofz(1j * (a + r / math.sqrt(2.0)))
        out[~small] = math.sqrt(0.5 * math.pi) / r * (scipy.special.wofz(1j * a) - rest)
        return out

    def _real_transform(self, tilt: float) -> float:
        """E[e^{σX}]."""
        if tilt < 0.0:
            return self._complement._scaled_moment(-tilt)
        return math.exp(tilt) * self._scaled_moment(tilt)

    def _scaled_moment(self, z: float) -> float:
        """As `_scaled_transform`, for one real z: a tilt is sought among many."""
        r, scale = self.radius, self._share
        if not self.falling:
            z, scale = z - r * r, scale * math.exp(-0.5 * r * r)
        if abs(z) <= 2.0:
            nodes = 0.5 * (_NODES + 1.0)
            values = np.exp(-z * nodes - 0.5 * (r * nodes) ** 2)
            return scale * float(weighted_sums(values, 0.5 * _WEIGHTS))
        a = z / (r * math.sqrt(2.0))
        rest = math.exp(-z - 0.5 * r * r) * float(scipy.special.erfcx(a + r / math.sqrt(2.0)))
        return scale * math.sqrt(0.5 * math.pi) / r * (float(scipy.special.erfcx(a)) - rest)

    @cached_property
    def _complement(self) -> CompoundBinomial:
        """The law with 1 - X in place of X."""
        return replace(self, falling=not self.falling)

    def _ratio(self, tilt: float, omega: NDArray[np.floating[Any]]) -> Complex:
        """E[e^{(σ + iω)X}] / E[e^{σX}]."""
        if tilt < 0.0:
            z = -tilt - 1j * np.append(0.0, omega)
            transform = self._complement._scaled_transform(z)
            return transform[1:] / transform[0].real
        base = self._scaled_transform(np.array([tilt + 0j]))[0].real
        return self._scaled_transform(tilt + 1j * omega) / base * np.exp(1j * omega)

    def _mean_at(self, tilt: float) -> float:
        """Mean of Y under the tilt e^{σY}."""
        step = 1e-5 * max(1.0, tilt)
        up = self._log_moment(tilt + step)
        if 0.0 <= tilt < step:
            return (up - self._log_moment(tilt)) / step
        return (up - self._log_moment(tilt - step)) / (2.0 * step)

    def _log_moment(self, tilt: float) -> float:
        """log E[e^{σY}]."""
        return self.n * math.log1p(self.p * (self._real_transform(tilt) - 1.0))

    def _series(self, tilt: float, remainder: float) -> _Series:
        """The Fourier series of the tilted density of Y on K ≥ 2; terms after the cut are below `remainder`.

        The density is of bounded variation, so its coefficients fall at least as 1/j and the terms of
        the survival function, divided by their frequency once more, leave less than the last times j.
        """
        log_moment = self._log_moment(tilt)
        mass = self.p * self._real_transform(tilt)
        share = mass / (1.0 - self.p + mass)
        mean = self.n * share
        length = min(float(self.n), mean + 14.0 * math.sqrt(mean) + 60.0)
        blocks: list[Complex] = []
        first, count = 0, 64
        while True:
            omega = 2.0 * math.pi / length * np.arange(first, first + count)
            blocks.append(moment_of_two_or_more(self.n, share, self._ratio(tilt, omega)))
            first += count
            last = float(np.abs(blocks[-1][-8:]).max())
            if last * first / (omega[-1] * length) < remainder or first >= _MAX_TERMS:
                break
            count = first
        rate = tilt + 2j * math.pi / length * np.arange(first)
        terms = 2.0 / length * np.concatenate(blocks) / rate
        rest = 2.0 * last / abs(rate[-1]) / length * first
        rounding = 1e-15 + 3e-14 * mean
        size = float(np.sum(np.abs(terms)))
        terms[0] *= 0.5
        return _Series(tilt, log_moment, length, terms, rest + rounding * size)

    def _tail(self, y: float, series: _Series) -> tuple[float, float]:
        """P(Y > y) and a bound on its relative error."""
        single_tail = self._single(y)[0]
        if self.n == 1 or y >= series.length:
            return single_tail, 0.0
        total = series.integral(y, series.length)
        scale = math.exp(series.log_moment - series.tilt * y)
        value = single_tail + scale * max(total, 0.0)
        return value, scale * series.error / value if value > 0.0 else 1.0

    def _below(self, y: float, series: _Series) -> tuple[float, float]:
        """P(Y ≤ y) under a tilt below 0, and a bound on its relative error."""
        no_pairs = math.exp(self.n * math.log1p(-self.p)) if self.p < 1.0 else 0.0
        at_most_one = no_pairs + self._single(y)[1]
        if self.n == 1:
            return at_most_one, 0.0
        total = series.integral(y, 0.0)
        scale = math.exp(series.log_moment - series.tilt * y)
        value = at_most_one + scale * max(-total, 0.0)
        return value, scale * series.error / value if value > 0.0 else 1.0

    def _single(self, y: float) -> tuple[float, float]:
        """P(K = 1, X > y) and P(K = 1, X ≤ y)."""
        single_pair = self.n * self.p * math.exp((self.n - 1) * math.log1p(-self.p)) if self.p < 1.0 else 0.0
        single_pair = float(self.n == 1) if self.p == 1.0 else single_pair
        if y >= 1.0:
            return 0.0, single_pair
        band = band_probability(self.radius)
        conditional = (
            float(scipy.special.erf(self.radius * (1.0 - y if self.falling else y) / math.sqrt(2.0))) / band
        )
        parts = single_pair * conditional, single_pair * (1.0 - conditional)
        return parts if self.falling else parts[::-1]


@dataclass(frozen=True)
class _Series:
    """log E[e^{σY}]; terms of the antiderivative of the tilted density on [0, length]; error of their sum.

    Term j belongs to the frequency 2πj/length and, but for j = 0, to its negative.
    """

    tilt: float
    log_moment: float
    length: float
    terms: Complex
    error: float

    def integral(self, y: float, end: float) -> float:
        """e^{σy} ∫ e^{-σt} f(t) dt for t from y to `end`, 0 or `length`; f is the tilted density."""
        at_end = math.exp(self.tilt * (y - end))
        phases = waves(2.0 * math.pi / self.length * y, self.terms.size)
        return float(np.sum((self.terms * (phases - at_end)).real))
