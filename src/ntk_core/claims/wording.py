"""Numbers inside formulas."""

from __future__ import annotations

import math


def power_of_ten(value: float) -> str:
    """As LaTeX, small and large powers of ten as such."""
    exponent = round(math.log10(value))
    plain = 0.001 <= value < 1e4 or not math.isclose(value, 10.0**exponent)
    return f"{value:g}" if plain else f"10^{{{exponent}}}"


def width(m: int) -> str:
    """A width as LaTeX, large powers of two as such."""
    power = m.bit_length() - 1
    return f"2^{{{power}}}" if m == 1 << power and m > 64 else str(m)
