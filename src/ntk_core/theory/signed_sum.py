"""E, |Δ₁| and |Δ₂| under `sphere`: survival function and quantiles of |Y|, Y a sum of n iid signed terms.

K ~ Binomial(n, p) pairs have a term X ≠ 0, whose symmetric law comes from `pair.py`. K = 0 and K = 1
follow from it. The density of Y on K ≥ 2 is a Fourier series on an interval that, by Chernoff's
bound, holds it up to 1e-16; as in `compound.py` it is summed under a tilt e^{σY}. Its coefficients
may fall slowly (K = 2 has kinks and logarithms), so the series is damped towards its end, which leaves
errors only near the kinks. The stated error is rounding plus twice the distance to a shorter cut of the
series. That is no proof, but it covered the distance to a far longer series in every case tried.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from ..network import Array
from .fourier import fourier_sums, waves
from .gaussian import weighted_sums
from .pair import PairDensity, largest_angle, pair_density
from .tilt import (
    LOG_EXCESS,
    MAX_TILT,
    MIN_TILT,
    NEAR_ONE,
    TARGET,
    Complex,
    Quantile,
    falling_zero,
    moment_of_two_or_more,
    root,
)

_TERMS = (1 << 8, 1 << 11, 1 << 14, 1 << 16, 1 << 18)
_OUTSIDE = math.log(1e16)
_CUTS = (0.8, 0.65, 0.5)
_PAIR_ERROR = 1e-10
_NOTHING = 1e-18
"""Share of the probability that is left out of a series, in all."""


@dataclass(frozen=True)
class SignedSum:
    """`unit` times |Y|, Y the sum over n pairs of the signed terms of a quantity in dimension d, r ≤ 8."""

    quantity: str
    n: int
    d: int
    radius: float
    unit: float

    def survival(self, value: float) -> float:
        """P(quantity > value) for value ≥ 0, to 1e-6 relative."""
        y = value / self.unit / self._scale
        centre = max(y, 1e-3 * math.sqrt(self.n * self._p))
        tilt = falling_zero(lambda t: centre - self._mean_at(t))
        for terms in _TERMS:
            series = self._series(tilt, terms)
            tail = self._tail(y, series)
            if series.complete or self._error(y, series) <= TARGET * tail:
                break
        return 2.0 * tail

    def quantile(self, delta: float) -> Quantile:
        """The least value with P(quantity > value) ≤ δ, for δ from 1e-9 to 0.999, with its error.

        It is below `TARGET`, except where over a million pairs flip: rounding limits it, most for δ near 1.
        """
        if -math.expm1(self.n * math.log1p(-self._p)) <= delta:
            return Quantile(0.0, 0.0)
        tilt = float(np.exp(np.interp(math.log(0.5 * delta), *self._centres)))
        for terms in _TERMS:
            series = self._series(tilt, terms)
            share = 0.5 * delta
            if delta > NEAR_ONE:  # P(Y > 0) is known: subtract the error of the series at 0
                share += self._tail(0.0, series) + 0.5 * math.expm1(self.n * math.log1p(-self._p))
            quantile = self._quantile(share, series)
            if series.complete or quantile.error <= TARGET:
                break
        return quantile

    def _quantile(self, share: float, series: _Series) -> Quantile:
        """The y with P(Y > y) = share."""

        def excess(y: float) -> float:
            return math.log(max(self._tail(y, series), 1e-300) / share)

        largest = self.n / self._scale
        top = min(largest, self._mean_at(series.tilt))
        if excess(top) > 0.0:
            top = min(largest, series.end) if self.n > 1 else largest
        bottom = max((series.log_moment - math.log(share) - LOG_EXCESS) / series.tilt, 0.0)
        if self.n == 1 or excess(bottom) <= 0.0:
            bottom = 0.0

        y = root(excess, bottom, top, xtol=1e-300, rtol=1e-13)
        step = 1e-5 * y
        slope = (self._tail(y - step, series) - self._tail(y, series)) / step
        relative = self._error(y, series) / (slope * y) + _PAIR_ERROR if slope > 0.0 else math.inf
        return Quantile(self.unit * self._scale * y, relative)

    @cached_property
    def _scale(self) -> float:
        """Unit of Y: the largest X of any probability."""
        return math.sin(largest_angle(self.d))

    @cached_property
    def _density(self) -> PairDensity:
        return pair_density(self.quantity, self.d, self.radius)

    @cached_property
    def _nodes(self) -> tuple[Array, Array]:
        """Values of X > 0 and their probabilities, a quadrature."""
        values, masses = self._density.nodes
        return values / self._scale, masses

    @cached_property
    def _p(self) -> float:
        """P(X ≠ 0)."""
        return 2.0 * float(self._nodes[1].sum())

    def _excess(self, tilt: float | Array) -> Array:
        """E[e^{σX}] - 1, for σ of any shape."""
        values, masses = self._nodes
        return 4.0 * weighted_sums(np.sinh(0.5 * np.multiply.outer(tilt, values)) ** 2, masses)

    def _log_moment(self, tilt: float) -> float:
        """log E[e^{σY}]."""
        return self.n * math.log1p(float(self._excess(tilt)))

    def _mean_at(self, tilt: float | Array) -> Any:
        """Mean of Y under the tilt e^{σY}, for σ of any shape."""
        values, masses = self._nodes
        slope = 2.0 * weighted_sums(np.sinh(np.multiply.outer(tilt, values)), masses * values)
        return self.n * slope / (1.0 + self._excess(tilt))

    @cached_property
    def _centres(self) -> tuple[Array, Array]:
        """Chernoff's bound at the tilted mean, log E[e^{σY}] - σ·mean, rising, and the log σ of each."""
        tilts = np.geomspace(MAX_TILT, MIN_TILT, 120)
        return self.n * np.log1p(self._excess(tilts)) - tilts * self._mean_at(tilts), np.log(tilts)

    def _ends(self, tilt: float) -> tuple[float, float]:
        """An interval outside which the tilted law of Y has probability below 2e-16, by Chernoff's bound."""
        tilt_steps = np.geomspace(1e-8, 100.0, 61)
        log_moment = self._log_moment(tilt)
        up, down = (
            self.n * np.log1p(self._excess(tilt + sign * tilt_steps)) - log_moment + _OUTSIDE
            for sign in (1.0, -1.0)
        )
        return -float(np.min(down / tilt_steps)), float(np.min(up / tilt_steps))

    def _series(self, tilt: float, terms: int) -> _Series:
        """The Fourier series of the tilted density of Y on K ≥ 2."""
        log_moment = self._log_moment(tilt)
        if self.n == 1:
            return _Series(tilt, log_moment, 0.0, 1.0, np.zeros(1, complex), 0.0)
        start, end = self._ends(tilt)
        length = end - start
        frequency = 2.0 * math.pi / length * terms
        values, masses = self._density.finer_nodes(tilt / self._scale, frequency / self._scale)
        values = values / self._scale
        signed_values = np.concatenate([values, -values])
        signed_masses = np.concatenate([masses, masses * np.exp(-2.0 * tilt * values)])
        # A large tilt makes most of them nothing. Where the density is 0, rounding makes some negative.
        kept = np.abs(signed_masses) > _NOTHING / masses.size * masses.sum()
        sums = fourier_sums(signed_values[kept], signed_masses[kept], length, terms)
        mass = float(sums[0].real)
        share = mass / (1.0 - self._p + mass)
        coefficients = moment_of_two_or_more(self.n, share, sums / mass)
        rounding = 1e-15 + 1e-14 * self.n * share
        rate = tilt + 2j * math.pi / length * np.arange(terms)
        error = rounding * 2.0 * float(np.sum(np.abs(coefficients / rate))) / length
        return _Series(tilt, log_moment, length, end, coefficients / rate, error + 2e-16)

    def _tail(self, y: float, series: _Series) -> float:
        """P(Y > y)."""
        if y * self._scale >= self.n:
            return 0.0
        single_tail = 0.0
        if y < 1.0:
            single_pair = self.n * math.exp((self.n - 1) * math.log1p(-self._p))
            single_tail = single_pair * self._density.tail(y * self._scale)
        if self.n == 1 or y >= series.end:
            return single_tail
        return single_tail + series.scale(y) * max(series.tail_integral(y), 0.0)

    def _error(self, y: float, series: _Series) -> float:
        """A bound on the error of `_tail`: rounding, and twice the distance to the series cut earlier."""
        if self.n == 1 or y >= series.end:
            return 0.0
        full_tail = series.tail_integral(y)
        distance = max(abs(full_tail - series.tail_integral(y, cut)) for cut in _CUTS)
        return series.scale(y) * (series.error + 2.0 * distance)


@dataclass(frozen=True)
class _Series:
    """log E[e^{σY}], the interval [end - length, end], coefficients over rates σ + iω, rounding error."""

    tilt: float
    log_moment: float
    length: float
    end: float
    terms: Complex
    error: float

    @property
    def complete(self) -> bool:
        """Whether more terms would change neither the sum nor its error bound."""
        return bool(np.abs(self.terms[self.terms.size // 8 :]).max() <= 1e-17 * abs(self.terms[0]))

    def scale(self, y: float) -> float:
        """E[e^{σY}] e^{-σy}: the factor that removes the tilt at y."""
        return math.exp(min(self.log_moment - self.tilt * y, 700.0))

    def tail_integral(self, y: float, cut: float = 1.0) -> float:
        """∫_y^end e^{-σ(x - y)} p(x) dx for the tilted density p, by the series up to the share `cut`."""
        count = int(cut * self.terms.size)
        end_factor = math.exp(-self.tilt * (self.end - y))
        phases = waves(2.0 * math.pi / self.length * y, count) - end_factor * self._end_waves[:count]
        terms = (self.terms[:count] * phases).real * _damping(count)
        return (2.0 * float(np.sum(terms)) - float(terms[0])) / self.length

    @cached_property
    def _end_waves(self) -> Complex:
        return waves(2.0 * math.pi / self.length * self.end, self.terms.size)


@lru_cache(maxsize=32)
def _damping(count: int) -> Array:
    """Factors of the terms of a series that is cut after so many."""
    return np.exp(-36.0 * (np.arange(count) / count) ** 8)
