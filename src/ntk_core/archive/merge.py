"""Two archives merged into one: their cells, or their seeds, add up to a full grid.

In: two folders with runs. Out: a folder with the runs of both, the tables made of them, and a manifest.
Both are verified first. Runs that both hold must agree in every bit. Runs are compared and copied in pieces
of a cell, so memory does not grow with their number. Aggregates add up, so no run may be in both. The merged
file has the bytes that one run of the full grid gives.
"""

from __future__ import annotations

import itertools
import shutil
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.aggregates import add
from ..datasets.quantiles import quantile_dataset
from ..datasets.rates import rate_dataset
from ..datasets.runs import runs_attributes, write_runs
from ..datasets.runs_file import PIECE, DrawnRunsFile
from ..datasets.theory import theory_dataset
from ..datasets.validation import ResultsError, read_spec
from ..experiments.drawn import DrawnExperiment
from ..experiments.experiment import Experiment
from ..network import Array
from ..sampling.cell import Cell
from ..storage.atomic import replacing_folder
from ..storage.checksums import write_manifest
from ..storage.netcdf import write
from .results import DrawnResults, TrainedResults, check_new, open_archive
from .verify import check


class MergeError(ValueError):
    """Two archives that are not parts of one grid; the message names the disagreement or the gap."""


def merge_archives(first: Path, second: Path, to: Path) -> dict[str, Experiment]:
    """Merge two archives into the new folder `to`; returns its experiments by name.

    An experiment of one archive only is copied. Tables are at the levels and norms of the first archive.
    Raises `MergeError` where the archives disagree, leave a gap, fail verification or both have a trained
    experiment of one name, `FileExistsError` where `to` exists or is in one of them, `ResultsError` and
    `NoManifestError` for what cannot be read.
    """
    check_new(to, first, second)
    for path in (first, second):
        if faults := check(path).faults:
            raise MergeError(f"{path} fails verification: {faults[0].path} ({faults[0].kind})")
    archives = [open_archive(first), open_archive(second)]
    common = [archive[name] for name in archives[0] if name in archives[1] for archive in archives]
    if trained_results := [part for part in common if isinstance(part, TrainedResults)]:
        folders = ", ".join(str(part.folder) for part in trained_results)
        names = ", ".join(sorted({part.spec.name for part in trained_results}))
        raise MergeError(
            f"trained runs cannot be merged: {folders}; leave {names} out of the config of one run, "
            "then merge copies those of the other"
        )
    experiments: dict[str, Experiment] = {}
    with replacing_folder(to) as temporary_folder:
        for name in sorted({*archives[0], *archives[1]}):
            parts = [archive[name] for archive in archives if name in archive]
            if len(parts) == 1:
                experiments[name] = _copy(parts[0], temporary_folder / name)
            else:
                grids = [part for part in parts if isinstance(part, DrawnResults)]
                experiments[name] = _merge(grids, temporary_folder / name)
        write_manifest(temporary_folder, sorted(temporary_folder.rglob("*.nc")))
    return experiments


def _copy(results: DrawnResults | TrainedResults, folder: Path) -> Experiment:
    folder.mkdir(parents=True)
    for name in (results.spec.keep, *results.FILES):
        shutil.copyfile(results.folder / f"{name}.nc", folder / f"{name}.nc")
    return results.spec


def _merge(parts: list[DrawnResults], folder: Path) -> DrawnExperiment:
    """Write the runs and the tables of one experiment of both archives into `folder`."""
    grid, entropy = _full_grid(parts), parts[0].entropy
    folder.mkdir(parents=True)
    data = folder / f"{grid.keep}.nc"
    if grid.keep == "aggregates":
        try:
            add(grid, entropy, [(part.folder / data.name, part.spec) for part in parts], data, None)
        except ValueError as error:
            raise MergeError(f"{grid.name}: {error}") from None
    else:
        with ExitStack() as stack:
            sources = [_Source(stack.enter_context(DrawnRunsFile(part.folder / data.name))) for part in parts]
            cells = dict(grid.indexed_cells())
            for cell in cells.values():  # a gap is named before anything is written
                _segments(sources, cell, grid.numbers)
            _check_overlap(sources)
            write_runs(
                grid, entropy, data, lambda name, index, seeds: _read(sources, name, cells[index], seeds)
            )
    table = parts[0].quantiles()
    delta, x_norm = (tuple(map(float, table[name].values)) for name in ("delta", "x_norm"))
    theory = theory_dataset(grid, entropy, delta, x_norm, None)
    write(theory, folder / "theory.nc")
    quantiles = quantile_dataset(data, theory, grid, entropy, None)
    write(quantiles, folder / "quantiles.nc")
    write(rate_dataset(quantiles, grid, entropy), folder / "rates.nc")
    return grid


def _full_grid(parts: list[DrawnResults]) -> DrawnExperiment:
    """The smallest grid that both are parts of. Raises `MergeError` where there is none."""
    one, other = (part.spec for part in parts)
    for key in ("sampler", "format_version", "keep", "delta", "x_norm"):
        if (left := getattr(one, key)) != (right := getattr(other, key)):
            raise MergeError(f"{one.name}: {key} is {left} in one archive, {right} in the other")
    if parts[0].entropy != parts[1].entropy:
        raise MergeError(
            f"{one.name}: entropy is {parts[0].entropy} in one archive, {parts[1].entropy} in the other: "
            "their runs are of different experiments"
        )
    laws = {law.name: law for law in one.laws}
    for law in other.laws:
        if laws.setdefault(law.name, law) != law:
            raise MergeError(f"{one.name}: the archives have different laws of the name {law.name}")
    axes: dict[str, Any] = {name: tuple({*one.axes[name], *other.axes[name]}) for name in one.axes}
    first = min(one.numbers.start, other.numbers.start)
    last = max(one.numbers.stop, other.numbers.stop)
    grid = replace(one, **axes, laws=tuple(laws.values()), first_seed=first, seeds=last - first)
    try:
        allowed, _ = read_spec(Path(one.name), runs_attributes(grid, parts[0].entropy))
    except ResultsError as error:
        raise MergeError(str(error)) from None
    assert isinstance(allowed, DrawnExperiment)
    return allowed


@dataclass(frozen=True)
class _Source:
    """The runs of one archive, by cell and number."""

    file: DrawnRunsFile

    def read(self, quantity: str, cell: Cell, numbers: range) -> Array:
        index = self.file.experiment.place_of(cell)
        first = self.file.experiment.first_seed
        return self.file.read(quantity, (*index, slice(numbers.start - first, numbers.stop - first)))

    def overlap(self, numbers: range) -> range:
        archived = self.file.experiment.numbers
        return range(max(numbers.start, archived.start), min(numbers.stop, archived.stop))


def _check_overlap(sources: list[_Source]) -> None:
    """Raises `MergeError` naming the first run that both hold with different bits."""
    one, other = sources
    common = one.overlap(other.file.experiment.numbers)
    pieces = [common[low : low + PIECE] for low in range(0, len(common), PIECE)]
    for cell in filter(other.file.experiment.has, one.file.experiment.cells()):
        for quantity, numbers in itertools.product(one.file.experiment.variables, pieces):
            left, right = (source.read(quantity, cell, numbers) for source in sources)
            differing = np.flatnonzero(left.view(np.uint64) != right.view(np.uint64))
            if differing.size:
                first = int(differing[0])
                raise MergeError(
                    f"{one.file.experiment.name}: {quantity} of {cell.name}, seed {numbers[first]}, is "
                    f"{left[first]!r} in one archive and {right[first]!r} in the other"
                )


def _read(sources: list[_Source], quantity: str, cell: Cell, numbers: range) -> Array:
    """Read runs of a cell by number, each from an archive that has it."""
    segments = _segments(sources, cell, numbers)
    return np.concatenate([source.read(quantity, cell, part) for source, part in segments])


def _segments(sources: list[_Source], cell: Cell, numbers: range) -> list[tuple[_Source, range]]:
    """Who holds which runs of a cell, in order. Raises `MergeError` naming a run that neither holds."""
    candidates = [source for source in sources if source.file.experiment.has(cell)]
    segments, seed = [], numbers.start
    while seed < numbers.stop:
        ranges = [source.overlap(range(seed, numbers.stop)) for source in candidates]
        longest = max((r for r in ranges if r and r.start == seed), key=len, default=None)
        if longest is None:
            name = sources[0].file.experiment.name
            raise MergeError(f"{name}: neither archive holds {cell.name}, seed {seed}")
        segments.append((candidates[ranges.index(longest)], longest))
        seed = longest.stop
    return segments
