"""Where the start of a simulate job goes: what a fresh process loads before it draws, step by step.

In: nothing. Out: seconds of each step, in the order of a job, medians over fresh processes.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from typing import Any

from .report import table

PROCESSES = 5

STEPS = {
    "NumPy": "import numpy",
    "NetCDF": "import netCDF4",
    "Dask": "import dask.threaded",
    "config, grid, files": (
        "import ntk_core.experiments.config, ntk_core.experiments.plan, ntk_core.datasets.shard"
    ),
    "Numba": "import numba",
    "compiled kernels, and one block": (
        "from ntk_core.sampling.cell import Cell; from ntk_core.sampling.samplers import simulate; "
        "simulate(0, Cell('band', 'sphere', 64, 2, 1.0), 0, 1024)"
    ),
    "another block": "simulate(0, Cell('band', 'sphere', 64, 3, 1.0), 0, 1024)",
}
"""What each step runs."""


def measure() -> dict[str, float]:
    """Seconds of each step."""
    script = (
        "import json, sys, time\n"
        "taken, variables = [], {}\n"
        "for step in json.loads(sys.argv[1]):\n"
        "    began = time.perf_counter()\n"
        "    exec(step, variables)\n"
        "    taken.append(time.perf_counter() - began)\n"
        "print(json.dumps(taken))"
    )
    command = [sys.executable, "-c", script, json.dumps(list(STEPS.values()))]
    runs = [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for _ in range(PROCESSES)
    ]
    steps = zip(STEPS, zip(*runs, strict=True), strict=True)
    return {name: statistics.median(values) for name, values in steps}


def markdown(results: dict[str, Any], command: str, machine: str) -> str:
    """The table a person reads."""
    rows = [[name, f"{seconds:.2f}"] for name, seconds in results.items()]
    total = [["together", f"{sum(results.values()):.2f}"]]
    about = f"{machine}. Made by `{command}`: medians over {PROCESSES} fresh processes."
    lines = ["# The start of a simulate job", "", about, "", *table([["step", "seconds"], *rows, *total])]
    return "\n".join(lines) + "\n"
