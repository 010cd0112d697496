"""How the cost grows with the width, with the number of seeds, of shards, and of cores.

Everything is a ratio inside one run. In: nothing. Out: a table for each, and the exponent of the width.
"""

from __future__ import annotations

import math
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ntk_core.sampling.cell import Cell
from ntk_core.sampling.samplers import simulate

from .paths import ROOT
from .report import table

EXPONENTS = (10, 16, 20, 25, 30, 35, 40)
"""log2 of the widths."""

SLOPE_FROM = 20
"""log2 of the width from which on the exponent of the cost is fitted."""

SEEDS = (1024, 4096, 16384, 65536)
SHARDS = (50, 500, 5000)
ROUNDS = 5
LAWS = (("adversarial", 2), ("aligned", 2), ("sphere", 2), ("sphere", 64))


def measure(cores: int) -> dict[str, Any]:
    """All tables, as plain data."""
    return {
        "width": [_width(law, d) for law, d in LAWS],
        "seeds": _seeds(),
        "shards": [_shards(count) for count in SHARDS],
        "cores": _cores(cores),
    }


def markdown(results: dict[str, Any], command: str, machine: str) -> str:
    """The tables a person reads."""
    heading = ["law", *(f"2^{exponent}" for exponent in EXPONENTS), f"exponent from 2^{SLOPE_FROM}"]
    widths = [
        [
            f"{row['law']}, d = {row['d']}",
            *(f"{t:.3g}" for t in row["microseconds"]),
            f"{row['exponent']:.3f}",
        ]
        for row in results["width"]
    ]
    seeds = [[f"{seeds:,}", f"{value:.3g}"] for seeds, value in results["seeds"]]
    shards = [[f"{count:,}", f"{seconds:.1f}"] for count, seconds in results["shards"]]
    cores = [[str(cores), f"{ratio:.2f}"] for cores, ratio in results["cores"]]
    lines = ["# How the cost grows", "", f"{machine}. Made by `{command}`. Medians of {ROUNDS} rounds."]
    for title, rows in (
        ("Microseconds of a run against the width", [heading, *widths]),
        ("Against the number of seeds, adversarial, m = 2^16", [["seeds", "µs a run"], *seeds]),
        ("A dry run against the number of shards", [["shards", "seconds"], *shards]),
        ("Runs a second in units of one core", [["cores", "throughput"], *cores]),
    ):
        lines += ["", f"## {title}", "", *table(rows)]
    return "\n".join(lines) + "\n"


def _width(law: str, d: int) -> dict[str, Any]:
    times = []
    for exponent in EXPONENTS:
        cell = Cell("band", law, 2**exponent, d, 1.0)
        times.append(1e6 * _seconds_a_run(cell, cell.block))
    fitted = [i for i, exponent in enumerate(EXPONENTS) if exponent >= SLOPE_FROM]
    slope = np.polyfit([EXPONENTS[i] for i in fitted], [math.log2(times[i]) for i in fitted], 1)[0]
    return {"law": law, "d": d, "microseconds": times, "exponent": float(slope)}


def _seeds() -> list[tuple[int, float]]:
    cell = Cell("band", "adversarial", 2**16, 2, 1.0)
    return [(seeds, 1e6 * _seconds_a_run(cell, seeds)) for seeds in SEEDS]


def _seconds_a_run(cell: Cell, runs: int) -> float:
    simulate(0, cell, 0, runs)
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        simulate(0, cell, 0, runs)
        taken.append((time.perf_counter() - began) / runs)
    return statistics.median(taken)


def _shards(count: int) -> tuple[int, float]:
    experiment = {
        "sampler": "band",
        "perturbation": ["adversarial"],
        "m": [64],
        "d": [2],
        "alpha": [1.0],
        "seeds": 1024 * count,
    }
    config = {"entropy": 1, "experiments": {"many": experiment}, "execution": {"shard_seeds": 1024}}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(yaml.safe_dump(config))
        command = ["--snakefile", str(ROOT / "Snakefile"), "--configfile", str(file), "--directory", folder]
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "snakemake", *command, "--dry-run", "--quiet", "all", "--cores", "2"],
            check=True,
            capture_output=True,
        )
        return count, time.perf_counter() - began


def _cores(cores: int) -> list[tuple[int, float]]:
    """Throughput of as many processes as cores, at once, over that of one."""
    results = []
    for some in sorted({1, cores}):
        with ProcessPoolExecutor(some) as pool:
            list(pool.map(_work, range(some)))
            began = time.perf_counter()
            list(pool.map(_work, range(4 * some)))
            results.append((some, 4 * some / (time.perf_counter() - began)))
    return [(some, rate / results[0][1]) for some, rate in results]


def _work(number: int) -> None:
    simulate(number, Cell("band", "sphere", 2**20, 64, 1.0), 0, 128 * 1024)
