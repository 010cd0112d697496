"""The result as tables in Markdown."""

from __future__ import annotations

from typing import Any

from . import machine
from .contenders import CONTENDERS

Result = dict[str, Any]
"""What bench.json holds."""


def markdown(result: Result) -> str:
    """The whole result; reads as well in a terminal."""
    equality = result["equality"]
    lines = [
        "# Race of one linearization-error run",
        "",
        f"{machine.sentence(result['machine'])}. Made by "
        f"`{result['command']}`. Time of a run in wall-clock seconds: median (least … most) over "
        f"{result['rounds']} interleaved rounds, each contender pinned to one core unless the heading "
        "says otherwise. × floor: median over rounds of the ratio to the floor, on as many cores, in the "
        "same round. × band: the median time over that of our band sampler at the same point. "
        "Floor: drawing, and throwing away, a uniform number for every neuron of the band; "
        "half floor: for every pair of the band.",
        "",
        f"Before the race all drew from the same law: {equality['tests']} Kolmogorov-Smirnov tests on "
        f"{equality['runs']} runs each, chance of a false alarm {equality['false_alarm']:g} in all.",
    ]
    for name, reason in result["left_out"].items():
        lines += ["", f"**Left out:** {CONTENDERS[name].title}. {reason}"]
    for panel in result["panels"]:
        lines += ["", f"## {panel['title']}", "", *_table(panel["entries"])]
    return "\n".join(lines) + "\n"


def duration(seconds: float) -> str:
    """Three digits and a unit: 12.3 µs."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{_digits(seconds / size)} {unit}"
    return f"{_digits(seconds / 1e-9)} ns"


def ratio(value: float) -> str:
    """Three digits, thousands separated."""
    return f"{value:,.0f}" if value >= 100 else _digits(value)


def label(entry: dict[str, Any], *, among: list[dict[str, Any]]) -> str:
    """A contender's title, with the point or the cores where these differ within a table."""
    title = CONTENDERS[entry["contender"]].title
    points = {(other["law"], other["d"]) for other in among if other["contender"] == entry["contender"]}
    if len(points) > 1:
        title += f", {entry['law']}, d = {entry['d']}"
    if any(other["cores"] > 1 for other in among):
        title += f", {entry['cores']} core{'s' * (entry['cores'] > 1)}"
    return title


def _table(entries: list[dict[str, Any]]) -> list[str]:
    bands = [entry["seconds"]["median"] for entry in entries if entry["contender"] == "ntk_band"]
    ours = bands[0] if len(bands) == 1 else None
    rows = [["contender", "median a run", "least … most", "× floor"] + ["× band"] * bool(ours)]
    for entry in entries:
        seconds = entry["seconds"]
        row = [
            label(entry, among=entries),
            duration(seconds["median"]),
            f"{duration(seconds['low'])} … {duration(seconds['high'])}",
            ratio(entry["to_floor"]["median"]),
        ]
        rows.append(row + ([ratio(seconds["median"] / ours)] if ours else []))
    return table(rows)


def table(rows: list[list[str]]) -> list[str]:
    """Lines of a Markdown table that reads as well in a terminal; the first row is the heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["| " + " | ".join(_aligned(row, widths)) + " |" for row in rows]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return [lines[0], "| " + " | ".join(rule) + " |", *lines[1:]]


def _aligned(row: list[str], widths: list[int]) -> list[str]:
    first, *others = zip(row, widths, strict=True)
    return [first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]


def _digits(value: float) -> str:
    return f"{value:.0f}" if value >= 99.95 else f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"
