"""`export` and `merge`: an archive in another format, and one archive from two."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import Results, app, refuse, results_folder, say


@app.command()
def export(
    to: Annotated[Path, typer.Option(help="the new Zarr store")],
    path: Results = Path("results"),
) -> None:
    """Write all datasets of an archive as one Zarr store.

    Each dataset is a group. Read it with
    `xarray.open_zarr(store, group="theorem1/runs", consolidated=False)`.
    Needs the package zarr (the extra `zarr`).

    \b
    Example:
      ntk-core export results --to results.zarr
    """
    from ..archive.zarr_export import export_zarr
    from ..datasets.validation import ResultsError

    try:
        groups = export_zarr(path, to)
    except (ResultsError, OSError, ModuleNotFoundError) as error:
        refuse(error)
    for group in groups:
        say(f"{to}: {group}")


@app.command()
def merge(
    first: Results,
    second: Annotated[Path, results_folder("another, with further parts or experiments")],
    to: Annotated[Path, typer.Option(help="the new folder of the merged archive")],
) -> None:
    """Merge two archives, of parts of one grid or of other experiments.

    Of an experiment that both have, cells or seeds must add up to a full grid. One that only one has is
    copied. Both are verified first. Runs that both hold must agree in every bit. The new folder has the runs
    or aggregates, the tables and a manifest. It has no README, config, licence, sources, claims, figures or
    pages; `snakemake reanalyse` draws new figures.

    \b
    Example:
      ntk-core merge first/archive second/archive --to both
    """
    from ..archive.merge import MergeError, merge_archives
    from ..archive.verify import NoManifestError
    from ..datasets.validation import ResultsError

    try:
        experiments = merge_archives(first, second, to)
    except (ResultsError, MergeError, NoManifestError, OSError) as error:
        refuse(error)
    for name, experiment in experiments.items():
        say(f"{to / name}: {experiment.runs:,} runs")
