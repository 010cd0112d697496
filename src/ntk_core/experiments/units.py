"""Numbers with units, as a person reads them."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def count_text(count: int, noun: str) -> str:
    """So many of what a noun names, in the plural by `s` unless it is one."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def size_text(count: float) -> str:
    """Bytes with a decimal unit, B to PB."""
    if round(count) < 1000:
        return f"{count:,.0f} B"
    for unit in ("kB", "MB", "GB", "TB"):
        count /= 1000
        if round(count, 1) < 1000:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:,.1f} PB"
