"""The whole workflow on a config, against what it cannot do without: drawing runs and writing their bytes.

In: a config. Out: seconds of the kernels, of writing as many raw bytes, of the workflow and of each of its
rules, and the largest process. All in one session, on the same cores and the same disk.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from ntk_core.experiments.config import parse_config
from ntk_core.quantities import QUANTITIES
from ntk_core.sampling.cell import Cell
from ntk_core.sampling.samplers import simulate

from .race import ROOT
from .report import table
from .snakemake_call import call_snakemake

SAMPLE = 8
"""Blocks of a cell that are drawn to time it."""

_PIECE = 1 << 26


@dataclass(frozen=True)
class Pipeline:
    """Seconds of wall-clock time, bytes; `rules` maps a rule to its jobs and the sum of their seconds."""

    runs: int
    cores: int
    kernels: float
    raw_write: float
    workflow: float
    results: int
    peak_process: int
    rules: dict[str, tuple[int, float]]

    @property
    def ratio(self) -> float:
        """Workflow over what it cannot do without."""
        return self.workflow / (self.kernels + self.raw_write)


def measure(config: Path, cores: int, folder: Path) -> Pipeline:
    """Run the workflow on `config` in a new directory below `folder`, and time what it cannot do without."""
    spec = parse_config(yaml.safe_load(config.read_text()))
    experiments = [spec.drawn_experiment(name) for name in spec.drawn]
    cells = [(cell, experiment.seeds) for experiment in experiments for cell in experiment.cells()]
    runs = sum(seeds for _, seeds in cells)
    with ProcessPoolExecutor(cores) as pool:
        list(pool.map(_seconds_a_run, [cell for cell, _ in cells[:cores]]))  # both have compiled code loaded
        taken = pool.map(_seconds_a_run, [cell for cell, _ in cells])
        kernels = sum(seconds * seeds for seconds, (_, seeds) in zip(taken, cells, strict=True)) / cores
    with tempfile.TemporaryDirectory(dir=folder) as where:
        raw_write = _write(Path(where) / "raw", experiments[0].run_bytes * runs)
        arguments = ["--configfile", str(config.resolve()), "--directory", where, "--cores", str(cores)]
        call = call_snakemake(ROOT, Path(sys.executable), *arguments)
        results = sum(path.stat().st_size for path in Path(where).glob("results/*/runs.nc"))
        log = min(Path(where, ".snakemake/log").glob("*.snakemake.log"))  # the report's own call is later
        rules = _rules(log.read_text(encoding="utf-8"))
    return Pipeline(runs, cores, kernels, raw_write, call.wall, results, call.peak, rules)


def record(measured: Pipeline) -> dict[str, Any]:
    """As plain data, with the ratio."""
    return {**asdict(measured), "ratio": measured.ratio}


def markdown(measured: Pipeline, command: str, machine: str) -> str:
    """The table a person reads."""
    need = measured.kernels + measured.raw_write
    size = 8 * len(QUANTITIES) * measured.runs / 1e9
    rows = [
        ("drawing the runs: kernels alone, from a sample of each cell", f"{measured.kernels:.1f}"),
        (f"writing as many raw bytes, {size:.2f} GB", f"{measured.raw_write:.1f}"),
        ("both", f"{need:.1f}"),
        ("the whole workflow", f"{measured.workflow:.1f}"),
        ("ratio", f"{measured.ratio:.2f}"),
    ]
    rules = [[rule, str(jobs), f"{seconds:.0f}"] for rule, (jobs, seconds) in measured.rules.items()]
    lines = [
        f"# The workflow on {measured.runs:,} runs",
        "",
        f"{machine}. Made by `{command}`, on {measured.cores} core{'s' * (measured.cores > 1)}.",
        "",
        *table([["what", "seconds"], *map(list, rows)]),
        "",
        f"Largest process: {measured.peak_process / 1e6:,.0f} MB. "
        f"`runs.nc`: {measured.results / 1e9:.2f} GB, {measured.results / measured.runs:.1f} bytes a run.",
        "",
        *table([["rule", "jobs", "seconds, added up"], *rules]),
    ]
    return "\n".join(lines) + "\n"


def _seconds_a_run(cell: Cell) -> float:
    runs = SAMPLE * cell.block
    began = time.perf_counter()
    simulate(0, cell, 0, runs)
    return (time.perf_counter() - began) / runs


def _write(path: Path, size: int) -> float:
    piece = os.urandom(_PIECE)
    began = time.perf_counter()
    with path.open("wb") as file:
        for start in range(0, size, _PIECE):
            file.write(piece[: min(_PIECE, size - start)])
        file.flush()
        os.fsync(file.fileno())
    taken = time.perf_counter() - began
    path.unlink()
    return taken


def _rules(log: str) -> dict[str, tuple[int, float]]:
    """Jobs and seconds of each rule, from snakemake's log, which carries the second."""
    began: dict[str, datetime] = {}
    found: dict[str, tuple[int, float]] = {}
    now = datetime.min
    for line in log.splitlines():
        if stamp := re.fullmatch(r"\[(\w{3} \w{3} +\d+ [\d:]+ \d{4})\]", line):
            now = datetime.strptime(stamp[1], "%a %b %d %H:%M:%S %Y")
        elif job := re.match(r"(?:Job |    jobid: )(\d+)", line):
            began[job[1]] = now
        elif done := re.fullmatch(r"Finished jobid: (\d+) \(Rule: (\w+)\)", line):
            jobs, seconds = found.get(done[2], (0, 0.0))
            found[done[2]] = jobs + 1, seconds + (now - began[done[1]]).total_seconds()
    return found
