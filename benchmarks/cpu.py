"""CPU time of whole calls of the workflow, in units of a fixed workload that is timed before and after each.

In: which calls, how often, another checkout or none. Out: for each call and checkout the CPU time of all
its processes. Wall time says little on a shared machine; CPU seconds depend on its neighbours too, and the
unit with them.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from .paths import ROOT
from .report import table
from .snakemake_call import call_snakemake

CALLS = {
    "dry": ("a dry run of the default config", ("--dry-run",)),
    "tiny": ("config/examples/tiny.yaml", ("--configfile", "config/examples/tiny.yaml")),
    "default": ("the default config", ()),
}
"""What each call is, and its arguments; paths are within a checkout."""


def measure(calls: list[str], rounds: int, cores: int, against: Path | None) -> list[dict[str, Any]]:
    """A record for each call and checkout, medians over rounds; the checkouts take turns in each round."""
    checkouts = {"this": (ROOT, Path(sys.executable))}
    if against is not None:
        python = against.resolve() / ".venv/bin/python"
        if not python.exists():
            raise SystemExit(f"{python} does not exist; call `make .venv/.ready` in {against}")
        checkouts["other"] = (against.resolve(), python)
    for checkout, python in checkouts.values():
        _compile(checkout, python)
    results = []
    for name in calls:
        taken: dict[str, list[dict[str, float]]] = {label: [] for label in checkouts}
        for _ in range(rounds):
            for label, (checkout, python) in checkouts.items():
                taken[label].append(_one(checkout, python, cores, CALLS[name][1]))
        for label, records in taken.items():
            medians = {key: statistics.median(one[key] for one in records) for key in records[0]}
            results.append({"call": name, "checkout": label, **medians})
    return results


def markdown(results: list[dict[str, Any]], command: str, machine: str) -> str:
    """The table a person reads; with two checkouts, the ratio of this one to the other."""
    units = {(one["call"], one["checkout"]): one["units"] for one in results}
    rows = [["call", "checkout", "units", "CPU seconds", "wall seconds", "this / other"]]
    for one in results:
        other = units.get((one["call"], "other"))
        ratio = f"{one['units'] / other:.2f}" if other and one["checkout"] == "this" else ""
        numbers = [f"{one[key]:.1f}" for key in ("units", "cpu", "wall")]
        rows.append([CALLS[one["call"]][0], one["checkout"], *numbers, ratio])
    about = (
        f"{machine}. Made by `{command}`. CPU time: user and system time of all processes of the call. "
        "A unit is the CPU time of a fixed workload of Python and NumPy, the mean of before and after."
    )
    return "\n".join(["# CPU time of whole calls", "", about, "", *table(rows)]) + "\n"


def _compile(checkout: Path, python: Path) -> None:
    """Bytecode and kernels, where they are missing: a call would pay for them in one checkout alone."""
    folders = [python.parents[1] / "lib", checkout / "src"]
    # Not checked: packages hold files for other Pythons, which do not compile.
    subprocess.run([python, "-m", "compileall", "-qq", "-j", "0", *folders], check=False)
    subprocess.run([python, "-m", "ntk_core.sampling.kernels"], cwd=checkout, check=True)


def _one(checkout: Path, python: Path, cores: int, arguments: tuple[str, ...]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as directory:
        before = workload()
        call = call_snakemake(checkout, python, "--directory", directory, "--cores", str(cores), *arguments)
        unit = (before + workload()) / 2
    return {"units": call.cpu / unit, "cpu": call.cpu, "wall": call.wall}


def workload() -> float:
    """CPU seconds of a fixed mixture of what a run does: Python objects and text, NumPy on arrays."""
    began = time.process_time()
    words: dict[str, int] = {}
    for number in range(700_000):
        word = f"word {number * number % 9973}"
        words[word] = words.get(word, 0) + len(word)
    for seed in range(6):
        values = np.random.Generator(np.random.SFC64(seed)).standard_normal(1_000_000)
        np.sort(np.exp(-values * values).cumsum() % 1.0)
    return time.process_time() - began
