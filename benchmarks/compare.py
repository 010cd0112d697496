"""Is ours slower than it was? In units of the floor, never in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .contenders import CONTENDERS
from .report import Result

TOLERANCE = 1.5
"""A ratio to the floor above this many times the stored one is a slowdown, unless a caller says otherwise."""

Key = tuple[str, str, int, int, float, int]
"""Contender, law, m, d, α and cores of a record."""


@dataclass(frozen=True)
class Comparison:
    """A contender at a point: its ratio to the floor now, over the stored one."""

    key: Key
    factor: float
    tolerance: float

    @property
    def slower(self) -> bool:
        """Beyond the tolerance."""
        return self.factor > self.tolerance

    def __str__(self) -> str:
        contender, law, m, d, alpha, cores = self.key
        where = (
            f"{contender:<10} {law:<12} m = {m:<11} d = {d:<4} α = {alpha:g}, {cores} core{'s' * (cores > 1)}"
        )
        verdict = f"slower by factor {self.factor:.2f}" if self.slower else f"ok ({self.factor:.2f})"
        return f"{where}: {verdict}"


def compare(measured: Result, stored: Result, tolerance: float) -> list[Comparison]:
    """Every record of ours in both results, in the order of the measured one.

    Raises ValueError if they have none in common: nothing would have been compared.
    """
    before = dict(_ratios(stored))
    results = [
        Comparison(key, ratio / before[key], tolerance) for key, ratio in _ratios(measured) if key in before
    ]
    if not results:
        raise ValueError("the stored result has no point in common with the measured one")
    return results


def _ratios(result: Result) -> Iterator[tuple[Key, float]]:
    for panel in result["panels"]:
        for entry in panel["entries"]:
            if CONTENDERS[entry["contender"]].side == "ours":
                yield _key(entry), entry["to_floor"]["median"]


def _key(entry: dict[str, Any]) -> Key:
    return tuple(entry[name] for name in ("contender", "law", "m", "d", "alpha", "cores"))
