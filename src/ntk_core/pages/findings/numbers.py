"""Numbers as people read them."""

from __future__ import annotations

import math
import re

from markupsafe import Markup

from ...claims.record import Number
from ...claims.wording import difference_from_one, power_of_two

DIGITS = 4
"""Significant digits of a number without an interval."""


def number(value: float, decimals: int | None = None) -> Markup:
    """A number with `decimals` places, or `DIGITS` digits; a power of ten where these are too many."""
    if isinstance(value, int) and abs(value) < 10**12:
        return _minus(f"{value:,}")
    if not math.isfinite(value):
        return Markup("—" if math.isnan(value) else "∞" if value > 0 else "−∞")
    if value == 0 and decimals is None:
        return Markup("0")
    if decimals is None and (difference := difference_from_one(value)):  # as probabilities beside 1
        return Markup("1 − " if difference < 0 else "1 + ") + number(abs(difference))
    power = int(f"{value:.{DIGITS - 1}e}".partition("e")[2])
    if decimals is None:
        if -4 < power < 6:
            return _minus(_trim(f"{value:,.{max(DIGITS - 1 - power, 0)}f}"))
        digits = _trim(f"{value:.{DIGITS - 1}e}".partition("e")[0])
    else:
        if decimals <= 6 or -4 < power < 6:
            return _minus(f"{value:,.{decimals}f}")
        digits = f"{value:.{max(decimals + power, 0)}e}".partition("e")[0]
    head = {"1": "", "-1": "−"}.get(digits, f"{digits} × ")
    return _minus(f"{head}10<sup>{power}</sup>")


def ratio(value: float) -> str:
    """A ratio of at least 1 in three digits; exactly 1 as such."""
    if value == 1.0:
        return "1"
    return f"{value:#.3g}" if value < 99.95 else f"{float(f'{value:.3g}'):,.0f}"


def times(value: float) -> Markup:
    """A ratio in two digits, as `3 times` or, below 1, as `30 % of`."""
    two = float(f"{value:.2g}")
    return number(100.0 * two) + " % of" if two < 1.0 else number(two) + " times"


def tex(value: float) -> str:
    """A parameter as LaTeX: with all digits, or as a large power of two or ten."""
    if value == int(value) and (power := power_of_two(int(value))):
        return power
    digits, _, power = f"{value:.15g}".partition("e")
    if re.fullmatch("10{4,}", digits):
        digits, power = "1", str(len(digits) - 1)
    if not power:
        return digits
    return f"10^{{{int(power)}}}" if digits == "1" else rf"{digits}\times10^{{{int(power)}}}"


def value(evidence: Number) -> Markup:
    """The value, with as many digits as its interval resolves."""
    return number(evidence.value, _places(evidence))


def interval(evidence: Number) -> Markup:
    """The interval as `[a, b]`; nothing for an exact number."""
    if evidence.lower is None or evidence.upper is None:
        return Markup("")
    places = _places(evidence)
    return Markup("[") + number(evidence.lower, places) + ", " + number(evidence.upper, places) + "]"


def _places(evidence: Number) -> int | None:
    """Decimals that show two digits of the interval's width; None where there is no width."""
    if evidence.lower is None or evidence.upper is None or isinstance(evidence.value, int):
        return None
    width = evidence.upper - evidence.lower
    if not (math.isfinite(width) and width > 0):
        return None
    return max(1 - math.floor(math.log10(width)), 0)


def _minus(text: str) -> Markup:
    return Markup(text.replace("-", "−"))


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
