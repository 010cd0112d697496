"""The whole workflow on a config, against what it cannot do without, on both of its routes.

Where runs are stored, that is drawing them and writing their bytes; where aggregates are kept, of ten times
the seeds, drawing and aggregating. In: a config. Out: seconds of the kernels, of writing, of the workflow and
of each of its rules, the largest process, and the files. All in one session, on the same cores and disk.
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
from itertools import repeat
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import yaml

from ntk_core.datasets.aggregates import thresholds
from ntk_core.datasets.comparisons import comparisons
from ntk_core.datasets.theory import theory_dataset
from ntk_core.experiments.config import Config, parse_config
from ntk_core.experiments.drawn import DrawnExperiment
from ntk_core.experiments.units import size_text
from ntk_core.network import Array
from ntk_core.quantities import QUANTITIES
from ntk_core.sampling.aggregate import BATCH, accumulators, add_runs
from ntk_core.sampling.cell import Cell
from ntk_core.sampling.samplers import simulate

from .paths import ROOT
from .report import table
from .snakemake_call import call_snakemake

Route = Literal["runs", "aggregates"]
"""What an experiment keeps."""

ROUTES: tuple[Route, ...] = ("runs", "aggregates")

FACTOR = {"runs": 1, "aggregates": 10}
"""Seeds of each route, in units of those of the config."""

SAMPLE = 8
"""Blocks of a cell that are drawn to time it, before the workflow and again after it; aggregated, a batch."""

_PIECE = 1 << 26


class Seconds(NamedTuple):
    """Wall-clock time, and CPU time of all processes together."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Pipeline:
    """Seconds and bytes; `rules` maps a rule to its jobs and the sum of their wall-clock seconds.

    `kernels` is the wall-clock time on `cores` cores without any idling. `raw_write` is 0 where no runs are
    stored. `results` is what the runs or aggregates of all experiments take, `disk` all files of the results,
    shards included.
    """

    route: Route
    runs: int
    cores: int
    kernels: Seconds
    raw_write: float
    workflow: Seconds
    results: int
    disk: int
    largest_file: int
    peak_process: int
    rules: dict[str, tuple[int, float]]

    @property
    def ratio(self) -> float:
        """Workflow over what it cannot do without."""
        return self.workflow.wall / (self.kernels.wall + self.raw_write)


def measure(config: Path, cores: int, folder: Path, route: Route, factor: int) -> Pipeline:
    """Run the workflow on one route of `config`, of `factor` times the seeds, and time what it needs.

    It works in a new directory below `folder`.
    """
    content = on_route(yaml.safe_load(config.read_text()), route, factor)
    spec = parse_config(content)
    experiments = [spec.drawn_experiment(name) for name in spec.drawn]
    runs = sum(experiment.runs for experiment in experiments)
    before = _kernels(spec, cores, again=False)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        where = Path(name)
        stored = experiments[0].run_bytes * runs if route == "runs" else 0
        raw_write = _write(where / "raw", stored) if stored else 0.0
        (where / "config.yaml").write_text(yaml.safe_dump(content))
        arguments = ["--configfile", str((where / "config.yaml").resolve()), "--directory", name]
        call = call_snakemake(ROOT, Path(sys.executable), *arguments, "--cores", str(cores))
        sizes = {path: path.stat().st_size for path in where.glob("results/**/*") if path.is_file()}
        log = min(where.glob(".snakemake/log/*.snakemake.log"))  # the report's own call is later
        rules = _rules(log.read_text(encoding="utf-8"))
    after = _kernels(spec, cores, again=True)
    return Pipeline(
        route,
        runs,
        cores,
        Seconds(*(0.5 * (one + other) for one, other in zip(before, after, strict=True))),
        raw_write,
        Seconds(call.wall, call.cpu),
        sum(size for path, size in sizes.items() if path.name == f"{route}.nc"),
        sum(sizes.values()),
        max(sizes.values()),
        call.peak,
        rules,
    )


def on_route(content: dict[str, Any], route: Route, factor: int) -> dict[str, Any]:
    """A config whose drawn experiments keep runs or aggregates, of so many times the seeds."""
    drawn = {
        name: {**keys, "keep": route, "seeds": factor * keys["seeds"]}
        for name, keys in content["experiments"].items()
        if keys.get("kind") != "trained"
    }
    return {**content, "experiments": content["experiments"] | drawn}


def record(measured: Pipeline) -> dict[str, Any]:
    """As plain data, with the ratio."""
    seconds = {name: getattr(measured, name)._asdict() for name in ("kernels", "workflow")}
    return {**asdict(measured), **seconds, "ratio": measured.ratio}


def markdown(measured: Pipeline, command: str, machine: str) -> str:
    """The table a person reads."""
    stored = measured.route == "runs"
    kernels, workflow = measured.kernels, measured.workflow
    rows = [
        [
            f"kernels alone, {'drawing' if stored else 'drawing and aggregating'}: a sample of each cell",
            f"{kernels.wall:.1f}",
            f"{kernels.cpu:.1f}",
        ]
    ]
    if stored:
        need = kernels.wall + measured.raw_write
        size = 8 * len(QUANTITIES) * measured.runs / 1e9
        rows += [
            [f"writing as many raw bytes, {size:.2f} GB", f"{measured.raw_write:.1f}", ""],
            ["both", f"{need:.1f}", ""],
        ]
    rows += [
        ["the whole workflow", f"{workflow.wall:.1f}", f"{workflow.cpu:.1f}"],
        ["ratio", f"{measured.ratio:.2f}", f"{workflow.cpu / kernels.cpu:.2f}"],
    ]
    rules = [[rule, str(jobs), f"{seconds:.0f}"] for rule, (jobs, seconds) in measured.rules.items()]
    lines = [
        f"# The workflow on {measured.runs:,} {'stored' if stored else 'aggregated'} runs",
        "",
        f"{machine}. Made by `{command}`, on {measured.cores} core{'s' * (measured.cores > 1)}.",
        "",
        *table([["what", "seconds", "CPU seconds"], *rows]),
        "",
        f"Largest process: {measured.peak_process / 1e6:,.0f} MB. "
        f"`{measured.route}.nc`: {size_text(measured.results)}, "
        f"{measured.results / measured.runs:.3g} bytes a run. All results, shards included: "
        f"{size_text(measured.disk)}; the largest file: {size_text(measured.largest_file)}.",
        "",
        *table([["rule", "jobs", "seconds, added up"], *rules]),
    ]
    return "\n".join(lines) + "\n"


def _kernels(spec: Config, cores: int, again: bool) -> Seconds:
    """What drawing, or drawing and aggregating, all runs of a config takes on all cores at once."""
    cells = [(name, place) for name in spec.drawn for place in np.ndindex(spec.drawn_experiment(name).shape)]
    seeds = np.array([spec.drawn_experiment(name).seeds for name, _ in cells])
    with ProcessPoolExecutor(cores) as pool:
        list(pool.map(_seconds_a_run, repeat(spec), cells[:cores], repeat(again)))  # compiled code is loaded
        taken = np.array(list(pool.map(_seconds_a_run, repeat(spec), cells, repeat(again))))
    wall, cpu = seeds @ taken
    return Seconds(float(wall) / cores, float(cpu))


def _seconds_a_run(spec: Config, place: tuple[str, tuple[int, ...]], again: bool) -> Seconds:
    """Time of one run of a cell, from some runs, or `again` from as many after them."""
    name, index = place
    experiment = spec.drawn_experiment(name)
    cell = experiment.cell(index)
    runs, added = SAMPLE * cell.block, []
    if experiment.keep == "aggregates":
        runs = min(BATCH, experiment.seeds)
        added = accumulators(cell, _limits(experiment, cell))
        add_runs(added, spec.entropy, cell, 0, runs)  # later runs are rarely among the largest
    first = -(-(1 + again) * runs // cell.block) * cell.block
    wall, cpu = time.perf_counter(), time.process_time()
    if added:
        add_runs(added, spec.entropy, cell, first, first + runs)
    else:
        simulate(spec.entropy, cell, first, first + runs)
    return Seconds((time.perf_counter() - wall) / runs, (time.process_time() - cpu) / runs)


def _limits(experiment: DrawnExperiment, cell: Cell) -> Array:
    """All that the runs of a cell are compared with."""
    alone = experiment.select(perturbation=[cell.perturbation], m=[cell.m], d=[cell.d], alpha=[cell.alpha])
    theory = theory_dataset(alone, 0, alone.delta, alone.x_norm, None)
    return thresholds(next(comparisons(alone, theory)))


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
    totals: dict[str, tuple[int, float]] = {}
    now = datetime.min
    for line in log.splitlines():
        if stamp := re.fullmatch(r"\[(\w{3} \w{3} +\d+ [\d:]+ \d{4})\]", line):
            now = datetime.strptime(stamp[1], "%a %b %d %H:%M:%S %Y")
        elif job := re.match(r"(?:Job |    jobid: )(\d+)", line):
            began[job[1]] = now
        elif done := re.fullmatch(r"Finished jobid: (\d+) \(Rule: (\w+)\)", line):
            jobs, seconds = totals.get(done[2], (0, 0.0))
            totals[done[2]] = jobs + 1, seconds + (now - began[done[1]]).total_seconds()
    return totals
