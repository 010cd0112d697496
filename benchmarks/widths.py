"""A run of the band sampler in units of the floor, width by width, in this format of its draws and the last.

In: nothing. Out: for each law and width the ratio of a run to the floor, whole and in parts. Floor, former
and present format take turns of some milliseconds in one process, in CPU time, and a ratio is a median over
the turns: what slows the machine slows all three.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from ntk_core.quantities import run_quantities
from ntk_core.sampling.band import BandBlock, band_pairs
from ntk_core.sampling.cell import Cell
from ntk_core.sampling.samplers import simulate
from ntk_core.sampling.streams import FORMAT_VERSIONS, FORMER_VERSIONS

from .contenders.floor import band_neurons, filler
from .point import Point
from .report import table

RUNS = {6: 4096, 10: 4096, 16: 4096, 20: 4096, 30: 1024}
"""Runs of a turn, whole blocks, by log2 of the width."""

LAWS = (("adversarial", 64), ("aligned", 64), ("sphere", 2), ("sphere", 3), ("sphere", 16), ("sphere", 64))
ROUNDS = 41
PARTS = ("run", "counts", "sums", "quantities")
"""A whole run; the pairs in the band with the start of their stream; the law's sums with theirs; the rest."""


def measure() -> list[dict[str, Any]]:
    """A row for each law and width: nanoseconds of the floor, and ratios to it by version and part."""
    return [_row(exponent, law, d) for exponent in RUNS for law, d in LAWS]


def markdown(rows: list[dict[str, Any]], command: str, machine: str) -> str:
    """The tables a person reads."""
    before, after = str(FORMER_VERSIONS["band"][-1]), str(FORMAT_VERSIONS["band"])
    lines = ["# A run in units of the floor, by width", "", f"{machine}. Made by `{command}`.", ""]
    lines += [
        f"α = 1. Medians of {ROUNDS} turns in one process, CPU time. The parts of a run are the counts of",
        "pairs in the band, the sums over the sign changes, both with the start of their streams, and the",
        "quantities that are made of these.",
    ]
    names = [f"{law}, d = {d}" for law, d in LAWS]
    for title, value in (
        (f"Format {after}", lambda row: f"{row[after]['run']:.2f}"),
        (f"Format {before}", lambda row: f"{row[before]['run']:.2f}"),
        (f"Time of format {after} over that of format {before}", lambda row: f"{row['change']:.2f}"),
        (
            f"Format {after}: counts + sums + quantities",
            lambda row: " + ".join(f"{row[after][part]:.2f}" for part in PARTS[1:]),
        ),
        (
            f"Format {before}: counts + sums + quantities",
            lambda row: " + ".join(f"{row[before][part]:.2f}" for part in PARTS[1:]),
        ),
        (f"Format {after}: counts, ns a run", lambda row: f"{row[after]['counts'] * row['floor_ns']:.0f}"),
        (f"Format {before}: counts, ns a run", lambda row: f"{row[before]['counts'] * row['floor_ns']:.0f}"),
    ):
        cells: dict[str, list[str]] = {name: [name] for name in names}
        for row in rows:
            cells[f"{row['law']}, d = {row['d']}"].append(value(row))
        heading = ["law", *(f"2^{exponent}" for exponent in RUNS)]
        lines += ["", f"## {title}", "", *table([heading, *cells.values()])]
    return "\n".join(lines) + "\n"


def _row(exponent: int, law: str, d: int) -> dict[str, Any]:
    point, runs = Point(law, 2**exponent, d, 1.0), RUNS[exponent]
    fill = filler(band_neurons(point), exponent)
    versions = {str(v): v for v in (FORMER_VERSIONS["band"][-1], FORMAT_VERSIONS["band"])}
    works = {
        (name, part): work
        for name, version in versions.items()
        for part, work in _parts(Cell("band", law, point.m, d, 1.0, version=version), runs).items()
    }
    turns = []
    for _ in range(ROUNDS + 1):  # the first compiles and makes tables
        floor = _seconds(lambda: fill(runs))
        taken = {key: _seconds(work) for key, work in works.items()}
        turns.append((floor, taken))
    turns = turns[1:]
    row: dict[str, Any] = {"law": law, "d": d, "exponent": exponent}
    row["floor_ns"] = 1e9 * statistics.median(floor for floor, _ in turns) / runs
    for name in versions:
        row[name] = {
            part: statistics.median(taken[name, part] / floor for floor, taken in turns) for part in PARTS
        }
    before, after = versions
    row["change"] = statistics.median(taken[after, "run"] / taken[before, "run"] for _, taken in turns)
    return row


def _parts(cell: Cell, runs: int) -> dict[str, Callable[[], object]]:
    """What makes `runs` runs of a cell, whole blocks, and the parts of it."""
    blocks, streams = range(runs // cell.block), cell.streams(0, 0)
    pairs = band_pairs(cell, streams)
    block = BandBlock.of(cell, pairs, cell.block, streams)
    flips = cell.law.band_sums(block)

    def repeated(work: Callable[[], object]) -> Callable[[], object]:
        return lambda: [work() for _ in blocks]

    return {
        "run": lambda: simulate(0, cell, 0, runs),
        "counts": repeated(lambda: band_pairs(cell, streams)),
        "sums": repeated(lambda: cell.law.band_sums(block)),
        "quantities": repeated(lambda: run_quantities(cell.m, cell.alpha, pairs, flips)),
    }


def _seconds(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began
