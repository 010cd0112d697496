"""`verify` and `replay`: compare an archive with its manifest, and runs with their recomputation."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .common import DIFFERENT, Json, Results, app, print_json, refuse, say

if TYPE_CHECKING:
    from ..archive.replay import Replay

RunCode = Annotated[
    bool,
    typer.Option("--run-archived-code", help="run the code of custom laws of the archive"),
]


@app.command()
def verify(
    path: Results = Path("results"),
    recompute: Annotated[
        int,
        typer.Option(
            min=0,
            help="recompute this many parts, drawn at random, and compare",
        ),
    ] = 0,
    run_archived_code: RunCode = False,
    json: Json = False,
) -> None:
    """Compare an archive with its manifest, byte by byte.

    Names every file that is changed, truncated, missing or extra, and every folder, link or pipe in the place
    of a file. Exit code 0 if there is none, 1 if there is one or a recomputed run differs, 2 if there is no
    manifest or a run cannot be recomputed; `--json` then still prints what is known, and why as `error`.
    `report.html` is not compared: it contains run times. Shards are not in the manifest: each is compared
    with its seal and with runs.nc or aggregates.nc. A shard of other runs, for instance of another config, is
    extra.

    A manifest can be made to fit altered runs; only recomputing shows those. A part is a block of
    runs that are drawn together, a trained run, or one of the largest values of aggregates. N of B parts are
    drawn without repetition, so one altered part is missed with chance 1 - N/B, which the last line says.
    Counts, sums and histograms of aggregates are not recomputed: they are checked to agree with each other
    and with the bounds.

    \b
    Examples:
      ntk-core verify results
      ntk-core verify archive --recompute 10
      ntk-core verify archive --json | jq .faults
    """
    from ..archive.verify import NoManifestError, check
    from ..storage.checksums import MANIFEST, seal_path

    try:
        verification = check(path)
    except NoManifestError as error:
        refuse(error)
    report = (lambda _: None) if json else say
    for fault in verification.faults:
        report(f"{fault.kind}: {path / fault.path}")
    if any(fault.path == MANIFEST for fault in verification.faults):
        seal = seal_path(Path(MANIFEST))
        report(f"nothing else was compared, as {MANIFEST} does not match or lacks its seal, {seal}")
    if not verification.faults:
        report(f"ok: {verification.files} files of the manifest, {verification.shards} shards")
    recomputed, blocks, failure = (
        _recompute(path, recompute, run_archived_code, report) if recompute else ({}, None, None)
    )
    if json:
        faults = [asdict(fault) for fault in verification.faults]
        counts = {"files": verification.files, "shards": verification.shards, "blocks": blocks}
        print_json(counts | {"faults": faults, "recomputed": recomputed, "error": failure})
    if failure:
        refuse(failure)
    raise typer.Exit(DIFFERENT if verification.faults or any(recomputed.values()) else 0)


def _recompute(
    path: Path, count: int, run_archived_code: bool, report: Callable[[str], None]
) -> tuple[dict[str, dict[str, int]], int | None, str | None]:
    """Runs that differ from the archived ones, by block and variable, in random blocks; and all blocks.

    Last, why a run cannot be recomputed: then only the blocks before it are there, and not their number.
    """
    from ..archive.replay import random_blocks
    from ..datasets.aggregate_statistics import recomputed_counts
    from ..datasets.aggregates_file import AggregatesFile
    from ..datasets.data_file import data_files, open_data
    from ..datasets.validation import ResultsError
    from ..laws import LawError

    recomputed: dict[str, dict[str, int]] = {}
    with contextlib.ExitStack() as stack:
        try:
            files = [open_data(file) for file in data_files(path)]
            for runs in files:
                stack.enter_context(runs).allow_code(run_archived_code)
            if not files:
                return {}, None, f"{path} holds no runs.nc or aggregates.nc"
            aggregates = [file for file in files if isinstance(file, AggregatesFile)]
            for file in aggregates:
                if unfit := recomputed_counts(file):
                    recomputed[f"runs over the bounds of {file.path}"] = unfit
                    cells = ", ".join(f"{n} cells of {name}" for name, n in unfit.items())
                    report(f"{file.path}: more or fewer runs over a bound than the histogram allows: {cells}")
            chosen, blocks = random_blocks(files, count)
            for block in chosen:
                differing = recomputed[str(block)] = block.differing()
                faults = ", ".join(f"{n} runs differ in {name}" for name, n in differing.items())
                report(f"recomputed {block}: {faults or 'the same bits'}")
        except (ResultsError, LawError) as error:
            return recomputed, None, str(error)
        except MemoryError:
            return recomputed, None, f"{path}: a run needs more memory than there is"
    number = len(chosen)
    if aggregates:
        report(
            "of aggregates only the largest values were recomputed: counts, sums and histograms were checked "
            "to agree with each other and with the bounds"
        )
    report(
        "only runs were recomputed: tables, claims, figures and pages were compared with the manifest alone"
    )
    report(
        f"recomputed {number:,} of {blocks:,} parts: where one alone is altered, "
        f"the chance to miss it is 1 - {number:,}/{blocks:,} = {100.0 * (1.0 - number / blocks):.10g} %"
    )
    return recomputed, blocks, None


@app.command()
def replay(
    experiment: Annotated[str, typer.Option(help="name of the experiment")],
    m: Annotated[int, typer.Option("--m", help="width")],
    seed: Annotated[int, typer.Option(min=0, help="number of the run")],
    perturbation: Annotated[str | None, typer.Option(help="law of the displacement; drawn runs only")] = None,
    d: Annotated[int | None, typer.Option("--d", help="dimension of the input; drawn runs only")] = None,
    alpha: Annotated[float | None, typer.Option(help="radius of the ball times √m; drawn runs only")] = None,
    dense: Annotated[
        bool, typer.Option("--dense", help="also evaluate the definitions on a network that matches the run")
    ] = False,
    run_archived_code: RunCode = False,
    path: Results = Path("results"),
    json: Json = False,
) -> None:
    """Recompute one run, and compare it bit for bit.

    Shows every stored quantity, archived and recomputed; of a trained run, its root mean square over the
    inputs at every recorded time. Exit code 0 if no archived bit differs, 1 if one does, 2 if there is no
    such run. Where aggregates are kept, most runs have no archived value, and a line says so.

    \b
    Examples:
      ntk-core replay --experiment theorem1 --perturbation sphere --m 64 --d 2 --alpha 1 --seed 77 --dense
      ntk-core replay --experiment lazy --m 256 --seed 3
    """
    from ..archive.replay import replay as replay_drawn
    from ..archive.replay import replay_trained
    from ..archive.results import open_archive
    from ..datasets.data_file import data_file, open_data
    from ..datasets.runs_file import TrainedRunsFile
    from ..datasets.validation import ResultsError
    from ..experiments.units import size_text

    try:
        with open_data(data_file(open_archive(path).folder(experiment))) as runs:
            try:
                if isinstance(runs, TrainedRunsFile):
                    drawn = {"--perturbation": perturbation, "--d": d, "--alpha": alpha}
                    if options := [f"{name} {value}" for name, value in drawn.items() if value is not None]:
                        refuse(f"{experiment} has trained runs, so leave out {', '.join(options)}")
                    replayed = replay_trained(runs, m, seed, dense)
                    show = partial(_show_trained, replayed, runs.experiment.times)
                elif perturbation is None or d is None or alpha is None:
                    refuse(runs.fault(perturbation=perturbation, m=m, d=d, alpha=alpha, seed=seed))
                else:
                    replayed = replay_drawn(runs, perturbation, m, d, alpha, seed, dense, run_archived_code)
                    show = partial(_show_drawn, replayed, alpha / m)
            except MemoryError:
                need = size_text(runs.experiment.memory(m))
                refuse(f"seed {seed} of m = {m} needs at least {need} of memory")
    except (ResultsError, ValueError) as error:
        refuse(error)
    if json:
        print_json(asdict(replayed) | {"same": replayed.same, "apart": replayed.apart})
    else:
        show()
    raise typer.Exit(0 if replayed.same else DIFFERENT)


def _show_drawn(replayed: Replay, unit: float) -> None:
    columns = {"archived": replayed.archived, "recomputed": replayed.recomputed}
    if replayed.definitions:
        columns["definitions"] = replayed.definitions
    say(replayed.title)
    say(" " * 22 + "".join(f"{name:<26}" for name in columns).rstrip())
    for quantity in replayed.recomputed:
        values = (repr(float(column[quantity])) if quantity in column else "-" for column in columns.values())
        say(f"{quantity:<22}" + "".join(f"{value:<26}" for value in values).rstrip())
    if replayed.archived:
        say("archived and recomputed: " + ("the same bits" if replayed.same else "DIFFERENT"))
    else:
        say("nothing was compared: no value of this run is among the largest, which alone are archived")
    if replayed.definitions:
        distance = replayed.apart
        say(f"recomputed and definitions: at most {distance:.1e} apart, {distance / unit:.1e} of α/m")


def _show_trained(replayed: Replay, times: tuple[int, ...]) -> None:
    """A line for every recorded time."""
    import numpy as np

    say(replayed.title)
    say("root mean square over the inputs, where a quantity has a value for each; --json shows them all")
    say(f"{'':<22}{'steps':>8}  {'archived':<26}recomputed")
    for name, archived in replayed.archived.items():
        for index, time in enumerate(times):
            values = (archived[index], replayed.recomputed[name][index])
            if archived.ndim > 1:  # a value for each input: show their root mean square
                values = tuple(np.sqrt(np.mean(value**2)) for value in values)
            say(
                f"{name if index == 0 else '':<22}{time:>8}  "
                + "".join(f"{float(v)!r:<26}" for v in values).rstrip()
            )
    say("archived and recomputed: " + ("the same bits" if replayed.same else "DIFFERENT"))
    if replayed.definitions:
        say(f"recomputed and definitions, at the end: at most {replayed.apart:.1e} apart")
