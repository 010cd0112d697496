"""One cell with ever more seeds: is the time of drawing and aggregating linear, and what do more take?

In: a config of aggregates, and two numbers of seeds. The workflow is run with each. Time is then taken to be
linear in the seeds: a line through both. Its slope is compared with that of the kernels, and its value at the
seeds of the config is what they would take.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import yaml

from ntk_core.experiments.units import size_text

from . import pipeline
from .report import table

SEEDS = (10**8, 10**9)


def measure(config: Path, seeds: tuple[int, ...], cores: int, folder: Path) -> dict[str, Any]:
    """The pipeline with each number of seeds, and the time by a line through both; plain data."""
    content = yaml.safe_load(config.read_text())
    [name] = content["experiments"]
    full = content["experiments"][name]["seeds"]
    sizes = []
    with tempfile.TemporaryDirectory(dir=folder) as where:
        for count in seeds:
            content["experiments"][name]["seeds"] = count
            path = Path(where) / "config.yaml"
            path.write_text(yaml.safe_dump(content))
            sizes.append(pipeline.record(pipeline.measure(path, cores, Path(where), "aggregates", 1)))
    return {"seeds": seeds, "sizes": sizes, "full": full} | line(sizes, full)


def line(sizes: list[dict[str, Any]], full: int) -> dict[str, float]:
    """Seconds a run and of no run by the line through two sizes; seconds of `full` runs; slopes over kernels.

    `linear` is the slope over the time of one run of the kernels in both sizes, 1 where time is linear and
    nothing but the kernels grows.
    """
    (few, short), (many, long) = ((one["runs"], one["workflow"]["wall"]) for one in sizes)
    slope = (long - short) / (many - few)
    kernels = sum(one["kernels"]["wall"] for one in sizes) / (few + many)
    start = short - slope * few
    return {"slope": slope, "start": start, "expected": start + slope * full, "linear": slope / kernels}


def markdown(results: dict[str, Any], command: str, machine: str) -> str:
    """The table a person reads."""
    rows = [
        [
            f"{one['runs']:,}",
            f"{one['kernels']['wall']:.1f}",
            f"{one['workflow']['wall']:.1f}",
            f"{one['ratio']:.2f}",
            f"{one['rules']['simulate'][1] / one['runs'] * 1e9:.0f}",
            size_text(one["disk"]),
            size_text(one["peak_process"]),
        ]
        for one in results["sizes"]
    ]
    heading = [
        "runs", "kernels alone, s", "workflow, s", "ratio", "simulate jobs, core-ns a run", "disk",
        "largest process",
    ]  # fmt: skip
    lines = [
        "# One cell, more and more seeds",
        "",
        f"{machine}. Made by `{command}`.",
        "",
        *table([heading, *rows]),
        "",
        f"A line through both: {results['start']:.0f} s and {1e9 * results['slope']:.0f} ns a run, which is "
        f"{results['linear']:.2f} times what the kernels take. By that line {results['full']:,} runs take "
        f"{results['expected'] / 3600:.1f} hours.",
    ]
    return "\n".join(lines) + "\n"
