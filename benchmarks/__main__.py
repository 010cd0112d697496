"""`python -m benchmarks` with one of:

race, compare, chance, pipeline, aggregates, tail, cpu, estimate, kills, scaling, widths, packing, startup,
reproduce, inputs, rare, efficiency, paper.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from . import (
    aggregates,
    chance,
    compare,
    cpu,
    efficiency,
    equality,
    estimate,
    inputs,
    kills,
    machine,
    packing,
    paper,
    pipeline,
    plot,
    rare,
    report,
    reproduce,
    scaling,
    startup,
    tail,
    widths,
)
from .contenders import CONTENDERS
from .paths import RESULTS, ROOT
from .point import LAWS, QUANTITIES
from .race import FLOORS, OURS, Entry, Panel, StoppedError, Workers, panels, time_panel

HOW_TO_GET = {
    "with_torch": "On x86_64 Linux only PyTorch's CPU build is wanted (the other needs gigabytes of CUDA "
    "libraries): put it into .venv-bench with pip, from where PyTorch's own installation page says, and "
    "race again.",
    "with_neural_tangents": "`nt.linearize` is one `jax.jvp`, so that JAX's row says what it would take.",
}
"""What a reader can do about a contender that is left out, or read in its place."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 if all is well, 1 if a contender is unequal or ours is slower than it was."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    race_parser = commands.add_parser("race", help="everyone; writes tables, figure and result")
    race_parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the result")
    compare_parser = commands.add_parser("compare", help="ours and the floor, against a stored result")
    compare_parser.add_argument("reference", type=Path, nargs="?", default=RESULTS / "bench.json")
    pipeline_parser = commands.add_parser("pipeline", help="the workflow, against what it cannot do without")
    pipeline_parser.add_argument("--config", type=Path, default=ROOT / "config/examples/big.yaml")
    pipeline_parser.add_argument("--routes", choices=pipeline.ROUTES, nargs="+", default=pipeline.ROUTES)
    pipeline_parser.add_argument("--folder", type=Path, default=Path(), help="where to work; needs the disk")
    aggregates_parser = commands.add_parser("aggregates", help="the same runs, stored and aggregated")
    aggregates_parser.add_argument("--config", type=Path, default=ROOT / "config/examples/big.yaml")
    aggregates_parser.add_argument(
        "--folder", type=Path, default=Path(), help="where to work; needs the disk"
    )
    tail_parser = commands.add_parser("tail", help="one cell at growing numbers of seeds, and what more take")
    tail_parser.add_argument("--config", type=Path, default=ROOT / "config/examples/tail.yaml")
    tail_parser.add_argument("--seeds", type=int, nargs=2, default=tail.SEEDS)
    tail_parser.add_argument("--folder", type=Path, default=Path(), help="where to work")
    cpu_parser = commands.add_parser("cpu", help="CPU time of whole calls, in units of a fixed workload")
    cpu_parser.add_argument("--calls", choices=list(cpu.CALLS), nargs="+", default=list(cpu.CALLS))
    cpu_parser.add_argument("--rounds", type=int, default=1)
    cpu_parser.add_argument("--against", type=Path, help="another checkout, which takes turns with this one")
    chance_parser = commands.add_parser("chance", help="how often intervals miss and verdicts are wrong")
    chance_parser.add_argument("--archives", type=int, default=20, help="of each number of runs a cell")
    estimate_parser = commands.add_parser("estimate", help="what the plan expects, and what runs take")
    kills_parser = commands.add_parser("kills", help="whole runs killed at random moments")
    kills_parser.add_argument("--times", type=int, default=200)
    kills_parser.add_argument("--seed", type=int, default=1, help="of the moments")
    kills_parser.add_argument("--keep", choices=["runs", "aggregates"], default="runs", help="of each run")
    scaling_parser = commands.add_parser("scaling", help="cost against width, seeds, shards and cores")
    widths_parser = commands.add_parser("widths", help="a run in units of the floor, by width and format")
    packing_parser = commands.add_parser("packing", help="size and speed of ways to pack runs.nc")
    startup_parser = commands.add_parser("startup", help="what a simulate job loads before it draws")
    efficiency_parser = commands.add_parser("efficiency", help="what Dask costs a job of 1 to 16 workers")
    paper_parser = commands.add_parser("paper", help="a trillion runs on a thousand cores, from measurements")
    inputs_parser = commands.add_parser("inputs", help="the worst input of the sphere, at large widths")
    rare_parser = commands.add_parser("rare", help="quantiles of rare errors against exact laws")
    rare_parser.add_argument("--runs", type=int, default=10**6, help="of each law and width")
    reproduce_parser = commands.add_parser("reproduce", help="each statement judged again, from a whole run")
    reproduce_parser.add_argument("--folder", type=Path, default=Path(), help="where to work")
    for one in (
        pipeline_parser, cpu_parser, chance_parser, estimate_parser, scaling_parser, packing_parser,
        startup_parser, reproduce_parser, inputs_parser, widths_parser, rare_parser, aggregates_parser,
        tail_parser, efficiency_parser, paper_parser,
    ):  # fmt: skip
        one.add_argument("--output", type=Path, default=RESULTS, help="folder of the result")
    for one in (
        pipeline_parser, cpu_parser, estimate_parser, scaling_parser, reproduce_parser, rare_parser,
        aggregates_parser, tail_parser,
    ):  # fmt: skip
        one.add_argument("--cores", type=int, default=len(machine.cores()))
    for one in (race_parser, compare_parser):
        one.add_argument("--rounds", type=int, default=5)
        one.add_argument("--panels", type=int, help="only so many of the tables, from the first on")
        one.add_argument("--cores", type=int, nargs="+", default=machine.cores(), help="cores to pin to")
    compare_parser.add_argument("--tolerance", type=float, default=compare.TOLERANCE, help="slower: above it")
    race_parser.add_argument("--law", choices=LAWS, default="adversarial")
    chosen = parser.parse_args(arguments)
    if chosen.command == "pipeline":
        for route in chosen.routes:
            whole(chosen.config, chosen.cores, chosen.folder, chosen.output, route)
        return 0
    if chosen.command == "aggregates":
        routes = aggregates.measure(chosen.config, chosen.cores, chosen.folder)
        command = f"aggregates --config {os.path.relpath(chosen.config, ROOT)} --cores {chosen.cores}"
        return _store(chosen.output, f"aggregates-{chosen.config.stem}", command, routes, aggregates.markdown)
    if chosen.command == "tail":
        sizes = tail.measure(chosen.config, tuple(chosen.seeds), chosen.cores, chosen.folder)
        command = f"tail --seeds {' '.join(map(str, chosen.seeds))} --cores {chosen.cores}"
        return _store(chosen.output, "tail", command, sizes, tail.markdown)
    if chosen.command == "cpu":
        called = cpu.measure(chosen.calls, chosen.rounds, chosen.cores, chosen.against)
        command = f"cpu --calls {' '.join(chosen.calls)} --rounds {chosen.rounds} --cores {chosen.cores}"
        command += " --against OTHER" * (chosen.against is not None)
        return _store(chosen.output, "cpu", command, called, cpu.markdown)
    if chosen.command == "kills":
        outcome = kills.kill_at_random(chosen.times, chosen.seed, chosen.keep)
        _say(f"{outcome.kills} kills, {outcome.completed} runs completed, {len(outcome.faults)} faults")
        for fault in outcome.faults:
            _say(fault)
        return int(bool(outcome.faults))
    if chosen.command == "chance":
        measured, command = chance.measure(chosen.archives), f"chance --archives {chosen.archives}"
        return _store(chosen.output, "chance", command, measured, chance.markdown)
    if chosen.command == "estimate":
        compared = estimate.measure(chosen.cores)
        command = f"estimate --cores {chosen.cores}"
        return _store(chosen.output, "estimate", command, compared, estimate.markdown)
    if chosen.command == "scaling":
        growth = scaling.measure(chosen.cores)
        return _store(chosen.output, "scaling", f"scaling --cores {chosen.cores}", growth, scaling.markdown)
    if chosen.command == "widths":
        return _store(chosen.output, "widths", "widths", widths.measure(), widths.markdown)
    if chosen.command == "efficiency":
        return _store(chosen.output, "efficiency", "efficiency", efficiency.measure(), efficiency.markdown)
    if chosen.command == "paper":
        return _store(chosen.output, "paper", "paper", paper.measure(), paper.markdown)
    if chosen.command == "packing":
        return _store(chosen.output, "packing", "packing", packing.measure(), packing.markdown)
    if chosen.command == "reproduce":
        taken = reproduce.measure(chosen.cores, chosen.folder)
        command = f"reproduce --cores {chosen.cores}"
        return _store(chosen.output, "reproduce", command, taken, reproduce.markdown)
    if chosen.command == "rare":
        records = rare.measure(chosen.runs, chosen.cores)
        _store(chosen.output, "rare", f"rare --runs {chosen.runs}", records, rare.markdown)
        return int(bool(rare.false(records)))
    if chosen.command == "inputs":
        return _store(chosen.output, "inputs", "inputs", inputs.measure(), inputs.markdown)
    if chosen.command == "startup":
        return _store(chosen.output, "startup", "startup", startup.measure(), startup.markdown)
    with Workers(chosen.cores) as workers:
        if chosen.command == "race":
            return race(workers, chosen.law, chosen.rounds, chosen.output, chosen.panels)
        return compare_with(workers, chosen.reference, chosen.rounds, chosen.tolerance, chosen.panels)


def race(workers: Workers, law: str, rounds: int, output: Path, count: int | None = None) -> int:
    """Check that all draw from one law, time them at the first `count` panels, print and write the result."""
    chosen = _possible(panels(law)[:count], workers)
    entries = {entry for panel in chosen for entry in panel.entries}
    left_out = _left_out(entries, workers)
    for name, reason in left_out.items():
        _say(f"left out: {CONTENDERS[name].title}. {reason}")
    chosen = [
        Panel(panel.title, tuple(entry for entry in panel.entries if entry.contender not in left_out))
        for panel in chosen
    ]
    racing = {
        (entry.contender, entry.cores): workers(entry)
        for panel in chosen
        for entry in panel.entries
        if entry.contender not in FLOORS
    }
    unequal = equality.failures(
        {f"{name}, {cores} core(s)": one.draw for (name, cores), one in racing.items()}
    )
    for name, difference in unequal.items():
        _say(f"NOT EQUAL in distribution to our dense sampler: {name}: {difference}")
    if unequal:
        return 1
    result = {
        "command": f"python -m benchmarks race --law {law} --rounds {rounds}"
        + (f" --panels {count}" if count else ""),
        "machine": machine.describe(process.versions for process in workers.processes.values()),
        "rounds": rounds,
        "equality": {
            "tests": len(racing) * len(equality.POINTS) * len(QUANTITIES),
            "runs": equality.RUNS,
            "false_alarm": equality.FALSE_ALARM,
        },
        "left_out": left_out,
        "panels": [_timed(panel, workers, rounds) for panel in chosen],
    }
    output.mkdir(parents=True, exist_ok=True)
    (output / "bench.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    (output / "bench.md").write_text(report.markdown(result))
    plot.write(result, [output / "bench.svg", output / "bench.png"])
    print(report.markdown(result))
    return 0


def whole(config: Path, cores: int, folder: Path, output: Path, route: pipeline.Route) -> None:
    """Time the workflow on one route of a config; print and write the result, named after both."""
    measured = pipeline.measure(config, cores, folder, route, pipeline.FACTOR[route])
    command = f"pipeline --config {os.path.relpath(config, ROOT)} --cores {cores} --routes {route}"
    stem = f"pipeline-{config.stem}-{'' if route == 'runs' else f'{route}-'}{cores}"
    _store(output, stem, command, measured, pipeline.markdown)


def _store(
    output: Path, stem: str, command: str, results: Any, markdown: Callable[[Any, str, str], str]
) -> int:
    """Print a result, and write it as JSON and Markdown, with the command and the machine it is from."""
    described = machine.describe([])
    command = f"python -m benchmarks {command}"
    text = markdown(results, command, machine.sentence(described))
    plain = pipeline.record(results) if isinstance(results, pipeline.Pipeline) else results
    result = {"command": command, "machine": described, "results": plain}
    output.mkdir(parents=True, exist_ok=True)
    (output / f"{stem}.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    (output / f"{stem}.md").write_text(text)
    print(text)
    return 0


def compare_with(
    workers: Workers,
    reference: Path,
    rounds: int,
    tolerance: float = compare.TOLERANCE,
    count: int | None = None,
) -> int:
    """Time ours and the floor anew at the first `count` panels of a stored result, and compare with it.

    A panel in which something is slower is timed once more; only what is slower both times counts.
    """
    stored = json.loads(reference.read_text())
    law = next(entry["law"] for panel in stored["panels"] for entry in panel["entries"])
    ours = [
        Panel(panel.title, tuple(entry for entry in panel.entries if entry.contender in (*OURS, *FLOORS)))
        for panel in _possible(panels(law)[:count], workers)
    ]
    slower = 0
    for panel in ours:
        results = compare.compare({"panels": [_timed(panel, workers, rounds)]}, stored, tolerance)
        if any(one.slower for one in results):
            again = compare.compare({"panels": [_timed(panel, workers, rounds)]}, stored, tolerance)
            results = [min(pair, key=lambda one: one.factor) for pair in zip(results, again, strict=True)]
        slower += sum(one.slower for one in results)
        for one in results:
            print(one, flush=True)
    print(f"{slower} slower than {tolerance:g} times the stored ratio to the floor")
    return 1 if slower else 0


def _possible(chosen: Iterable[Panel], workers: Workers) -> list[Panel]:
    """Panels that need no more cores than there are."""
    return [panel for panel in chosen if max(entry.cores for entry in panel.entries) <= len(workers.cores)]


def _left_out(entries: Iterable[Entry], workers: Workers) -> dict[str, str]:
    """Peers that can't race, and why; ours must."""
    results = {}
    for entry in sorted(entries, key=lambda entry: list(CONTENDERS).index(entry.contender)):
        reason = None
        try:
            process = workers(entry)
            reason = process.left_out
            if reason is None:
                process.draw(equality.POINTS[0], process.unit)
        except StoppedError as error:
            reason = str(error)
        if reason is not None:
            if entry.contender in (*OURS, *FLOORS):
                raise RuntimeError(f"{entry.contender} can't race: {reason}")
            results[entry.contender] = " ".join(
                [f"It does not start ({reason}).", HOW_TO_GET.get(entry.contender, "")]
            )
    return {name: reason.strip() for name, reason in results.items()}


def _timed(panel: Panel, workers: Workers, rounds: int) -> dict[str, object]:
    _say(f"{panel.title} …")
    return {"title": panel.title, "entries": time_panel(panel, workers, rounds)}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
