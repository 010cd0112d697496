"""What the headlines share: when an interval singles out an exponent, and how numbers are written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...datasets.comparisons import rounding_error
from ...network import Array
from ...storage.metadata import spec_of
from ...theory.moments import CANCELLING_EXPONENT, EXPONENT
from ..wording import width

if TYPE_CHECKING:
    import xarray as xr

MIN_WIDTHS = 3
"""Fewest widths from which a rate is named."""

PRECISION = 0.05
"""Largest half-width of an interval that names an exponent."""

NO_ERROR = "$E=0$ in every run"
"""What is said where no error is more than rounding."""

EXPONENTS = (EXPONENT, CANCELLING_EXPONENT)
"""Those that the rate of E may have."""

FRACTIONS = {EXPONENT: "1/2", CANCELLING_EXPONENT: "3/4", 1.5: "3/2", 2.0: "2"}
"""Exponents as they are written."""


def single_exponent(lower: float, upper: float, exponents: Sequence[float]) -> float | None:
    """The exponent that the interval singles out: it holds this one, no other, and is narrow; else None.

    An interval with a limit that is NaN holds none.
    """
    inside = [k for k in exponents if lower <= k <= upper]
    narrow = upper - lower <= 2.0 * PRECISION
    return inside[0] if len(inside) == 1 and narrow else None


def resolved(table: xr.Dataset, value: Any, m: Any, alpha: Any) -> Any:
    """Where a value of E in `table` is more than rounding around an exact 0, so that a log axis can show it.

    Also for a distance of outputs, and for a fraction, which is exact.
    """
    sampler = spec_of(table).get("sampler", "trained")
    return value > rounding_error(sampler, "linearization_error", m, alpha)


def digits(value: float, count: int = 2) -> str:
    """A number in so many significant digits, as a formula; a large one as a whole number."""
    if not math.isfinite(value):
        return r"$\infty$" if value > 0 else "unknown"
    short = f"{value:.{count}g}"
    if abs(float(short)) >= 10.0**count:
        return f"${value:.0f}$" if abs(value) < 1e6 else power(value)
    return power(value) if "e" in short else f"${short}$"


def power(value: float) -> str:
    """A number as a multiple of a power of ten, as a formula."""
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return rf"${mantissa}\times10^{{{int(exponent)}}}$"


def percent(value: float) -> str:
    """A share in percent, or as a multiple where it rounds to 1 or more, in two digits."""
    rounded = float(f"{value:.2g}")
    return f"{digits(value)} times" if rounded >= 1.0 else f"{digits(100.0 * value)} % of"


def widths(m: Array) -> str:
    """The range of the widths: `from m = 64 to 2^30`."""
    return f"from $m={width(int(m.min()))}$ to ${width(int(m.max()))}$"


def fitted_widths(m: Array, points: Sequence[int]) -> str:
    """Which of the widths slopes are fitted over, each over so many `points`: all of them, or how many."""
    if min(points) == m.size:
        return widths(m)
    return f"over {'at least ' * (min(points) < max(points))}{min(points)} of {m.size} widths"
