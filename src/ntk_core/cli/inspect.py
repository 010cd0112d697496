"""`describe`, `claims` and `exact`: what an archive holds, what it found, and what is known without it."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..laws import LAWS, THEOREM_LAWS
from ..laws.queries import RANGES, allowed_names, fault
from .common import Json, Results, app, print_json, refuse, results_folder, say

if TYPE_CHECKING:
    from ..archive.results import Archive


@app.command()
def describe(path: Results = Path("results"), json: Json = False) -> None:
    """Say what is inside an archive.

    Experiments, axes, runs, files, verdicts.

    \b
    Examples:
      ntk-core describe results
      ntk-core describe archive --json | jq .experiments.theorem1.axes
    """
    from ..archive.results import open_archive
    from ..datasets.validation import ResultsError

    try:
        archive = open_archive(path)
        contents = {"experiments": {name: _experiment(archive, name) for name in archive}}
        without_runs = archive.without_runs
        verdicts: dict[str, list[str]] = {}
        for claim in archive.claims if (path / "claims.json").exists() else []:
            verdicts.setdefault(claim.verdict, []).append(claim.id)
    except ResultsError as error:
        refuse(error)
    if json:
        print_json(contents | {"without_runs": without_runs, "verdicts": verdicts})
        return
    for name, content in contents["experiments"].items():
        first = content["first_seed"]
        seeds = f" (seeds {first} to {first + content['seeds'] - 1})" if first else ""
        say(f"{name}: {content['runs']:,} runs{seeds}, {content['method']}")
        for axis, values in content["axes"].items():
            say(f"  {axis:<14}{', '.join(f'{v:g}' if isinstance(v, float) else str(v) for v in values)}")
        say(f"  {'entropy':<14}{content['entropy']}")
        say(f"  {'made by':<14}{content['made_by']}")
        for file, about in content["files"].items():
            say(f"  {file:<14}{about['bytes']:>14,} bytes: {', '.join(about['variables'])}")
        say("")
    for name in without_runs:
        say(f"{name}: its runs are missing; tables alone")
        say("")
    for verdict, names in verdicts.items():
        say(f"{verdict + ':':<14}{', '.join(names)}")


def _experiment(archive: Archive, name: str) -> dict[str, Any]:
    """What is inside one experiment, as plain data."""
    from ..experiments.drawn import DrawnExperiment

    results = archive[name]
    spec = results.spec
    axes: dict[str, Any] = {}
    if isinstance(spec, DrawnExperiment):
        axes |= spec.axes
    else:
        axes |= {"m": spec.m, "steps": spec.times}
    datasets = results.datasets
    attrs = datasets[spec.keep].attrs
    axes |= {key: datasets["quantiles"][key].values.tolist() for key in ("delta", "x_norm")}
    return {
        "runs": spec.runs,
        "method": spec.method,
        "seeds": spec.seeds,
        "first_seed": spec.numbers.start,
        "axes": axes,
        "entropy": results.entropy,
        "made_by": f"ntk_core {attrs['ntk_core_version']}, NumPy {attrs['numpy_version']}",
        "files": {
            f"{file}.nc": {
                "bytes": (results.folder / f"{file}.nc").stat().st_size,
                "variables": {
                    str(v): dict(zip(map(str, a.dims), a.shape, strict=True))
                    for v, a in data.data_vars.items()
                },
            }
            for file, data in datasets.items()
        },
    }


@app.command()
def claims(
    path: Annotated[
        Path,
        results_folder(
            "the folder of an archive, or of the results of a run; statements come after it: "
            "ntk-core claims results T1"
        ),
    ] = Path("results"),
    id: Annotated[list[str] | None, typer.Argument(help="statements, such as T1; all by default")] = None,
    json: Json = False,
) -> None:
    """Show the archived verdict on each statement of the lecture notes (docs/notes.md).

    With an id, the evidence too. `python -m ntk_core.claims` judges again, from the archived runs and the
    exact laws.

    \b
    Examples:
      ntk-core claims results
      ntk-core claims results T1 A1
      ntk-core claims results --json | jq '.[] | select(.verdict == "false") | .id'
    """
    from ..archive.results import open_archive
    from ..claims.plain_text import plain_text
    from ..claims.wording import as_text
    from ..datasets.validation import ResultsError

    try:
        all_claims = open_archive(path).claims
    except ResultsError as error:
        refuse(error)
    by_id = {claim.id: claim for claim in all_claims}
    if unknown := [name for name in id or [] if name not in by_id]:
        refuse(f"there is no statement {unknown[0]}; {allowed_names(unknown[0], by_id)}")
    chosen = [by_id[name] for name in id] if id else all_claims
    if json:
        print_json([asdict(claim) for claim in chosen])
    elif id:
        try:
            text = "\n\n".join(map(as_text, chosen))
        except OverflowError as error:
            refuse(f"{path / 'claims.json'} has a number that is too large: {error}")
        for line in text.split("\n"):
            say(line)
    else:
        for claim in chosen:
            say(f"{claim.id:<8}{claim.verdict:<14}{plain_text(claim.title)} ({plain_text(claim.source)})")


@app.command()
def exact(
    m: Annotated[int, typer.Option("--m", help=f"width: {RANGES['m'].words}")],
    alpha: Annotated[float, typer.Option(help=f"radius of the ball times √m: {RANGES['alpha'].words}")],
    delta: Annotated[
        list[float],
        typer.Option(help=f"failure probability: {RANGES['delta'].words}; once or more"),
    ],
    perturbation: Annotated[str, typer.Option(help=f"displacement law: {', '.join(LAWS)}")] = "adversarial",
    d: Annotated[int, typer.Option("--d", help=f"dimension of the input: {RANGES['d'].words}")] = 2,
    x_norm: Annotated[
        float,
        typer.Option(help=f"norm of the input, for bounds and quantiles: {RANGES['x_norm'].words}"),
    ] = 1.0,
    json: Json = False,
) -> None:
    """Exact quantiles and bounds; needs no archive and no run.

    Every quantity, and the five bounds above it; `nan` where no exact law is known, or no bound.

    \b
    Examples:
      ntk-core exact --m 1024 --alpha 1 --delta 0.001
      ntk-core exact --perturbation sphere --d 64 --m 1073741824 --alpha 2 --delta 0.1 --delta 1e-9 --json
    """
    from ..laws.queries import bound, exact_quantile
    from ..quantities import QUANTITIES
    from ..theory.bounds import BOUNDS

    options: tuple[tuple[str, str, Any], ...] = (
        ("--perturbation", "law", perturbation),
        ("--m", "m", m),
        ("--d", "d", d),
        ("--alpha", "alpha", alpha),
        ("--delta", "delta", delta),
        ("--x-norm", "x_norm", x_norm),
    )
    faults = [text for name, argument, value in options if (text := fault(argument, value, name=name))]
    if faults:
        refuse("; ".join(faults))
    rows = []
    for level in dict.fromkeys(delta):
        for quantity in QUANTITIES:
            row: dict[str, Any] = {"quantity": quantity, "delta": level}
            row["exact_quantile"] = exact_quantile(
                quantity, law=perturbation, m=m, d=d, alpha=alpha, delta=level, x_norm=x_norm
            )
            for name in BOUNDS:
                limit = float(bound(name, quantity, m=m, alpha=alpha, delta=level, x_norm=x_norm))
                row[f"bound_{name}"] = limit if perturbation in THEOREM_LAWS else math.nan
            rows.append(row)
    if json:
        print_json(rows)
        return
    say(f"{perturbation}, m = {m}, d = {d}, alpha = {alpha:g}, |x| = {x_norm:g}")
    columns = ["exact_quantile", *(f"bound_{name}" for name in BOUNDS)]
    say(f"{'delta':<10}{'quantity':<22}" + "".join(f"{name:>16}" for name in columns))
    for row in rows:
        numbers = "".join(f"{row[name]:>16.8g}" for name in columns)
        say(f"{row['delta']:<10g}{row['quantity']:<22}{numbers}")
    if perturbation not in THEOREM_LAWS:
        say(
            f"{perturbation} leaves the ball of Theorem 1, of which the bounds speak, and has no exact law; "
            'what is proved of it: docs/theory.md, "The Frobenius ball" (statement N4)'
        )
