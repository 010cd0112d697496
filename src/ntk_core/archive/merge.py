"""Two archives of the same experiments as one: their cells, or their seeds, add up to a whole grid.

In: two folders with runs. Out: a folder with the runs of both and the tables made of them, and a manifest.
Both are verified first; runs that both hold must agree in every bit. Runs are copied cell by cell, so memory
does not grow with their number, and the merged `runs.nc` has the bytes one run of the whole grid would give.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from ..datasets.quantiles import quantile_dataset
from ..datasets.rates import rate_dataset
from ..datasets.runs import RunsWriter, run_coordinates, runs_attributes
from ..datasets.runs_file import DrawnRunsFile
from ..datasets.theory import theory_dataset
from ..experiments.drawn import DrawnExperiment
from ..laws import LAWS
from ..network import Array
from ..quantities import QUANTITIES
from ..sampling.cell import Cell
from ..storage.atomic import replacing
from ..storage.checksums import write_manifest
from ..storage.netcdf import write
from .results import DrawnResults, TrainedResults, open_archive
from .verify import check


class MergeError(ValueError):
    """Two archives that are not parts of one whole; the message says where they disagree or what lacks."""


def merge_archives(first: Path, second: Path, to: Path) -> dict[str, DrawnExperiment]:
    """Join two archives into the new folder `to`; returns the merged experiments by name.

    An experiment that only one of them holds is taken as it is. Tables are at the levels and norms of the
    first archive. Raises `MergeError` where they disagree, leave a gap or are not whole, `FileExistsError`
    where there is something at `to`, `ResultsError` and `NoManifestError` for what cannot be read.
    """
    if to.exists():
        raise FileExistsError(f"{to} already exists; choose a new path")
    for path in (first, second):
        if faults := check(path).faults:
            raise MergeError(f"{path} fails verification: {faults[0].path} ({faults[0].kind})")
    sides = [open_archive(first), open_archive(second)]
    beside = to.with_name(f".{to.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    merged = {}
    try:
        for name in sorted({*sides[0], *sides[1]}):
            parts = [side[name] for side in sides if name in side]
            drawn = [results for results in parts if isinstance(results, DrawnResults)]
            if len(parts) == 1:
                _copy(parts[0], beside / name)
            elif len(drawn) == 1 or not drawn:
                raise MergeError(f"{name}: trained experiments cannot be merged, only drawn ones")
            if drawn:
                merged[name] = drawn[0].spec if len(parts) == 1 else _merge(drawn, beside / name)
        write_manifest(beside, sorted(beside.rglob("*.nc")))
        beside.replace(to)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return merged


def _copy(results: DrawnResults | TrainedResults, to: Path) -> None:
    to.mkdir(parents=True)
    for name in results.datasets:
        shutil.copyfile(results.folder / f"{name}.nc", to / f"{name}.nc")


def _merge(parts: list[DrawnResults], folder: Path) -> DrawnExperiment:
    """One experiment of both archives, with its tables, into `folder`."""
    whole, entropy = _whole(parts), parts[0].entropy
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        sources = [_Source(stack.enter_context(DrawnRunsFile(part.folder / "runs.nc"))) for part in parts]
        _check_overlap(sources)
        _write(whole, entropy, sources, folder / "runs.nc")
    table = parts[0].quantiles()
    delta, x_norm = (tuple(map(float, table[name].values)) for name in ("delta", "x_norm"))
    theory = theory_dataset(whole, entropy, delta, x_norm, None)
    write(theory, folder / "theory.nc")
    quantiles = quantile_dataset(folder / "runs.nc", theory, whole, entropy, None)
    write(quantiles, folder / "quantiles.nc")
    write(rate_dataset(quantiles, whole, entropy), folder / "rates.nc")
    return whole


def _whole(parts: list[DrawnResults]) -> DrawnExperiment:
    """The experiment that both are parts of. Raises `MergeError` where there is none."""
    one, other = (part.spec for part in parts)
    for key in ("sampler", "laws"):
        if (left := getattr(one, key)) != (right := getattr(other, key)):
            raise MergeError(f"{one.name}: {key} is {left} in one archive, {right} in the other")
    if parts[0].entropy != parts[1].entropy:
        raise MergeError(
            f"{one.name}: entropy is {parts[0].entropy} in one archive, {parts[1].entropy} in the other: "
            "their runs are of different experiments"
        )
    order = [*LAWS, *(law.name for law in one.laws)]
    axes: dict[str, Any] = {name: tuple(sorted({*one.axes[name], *other.axes[name]})) for name in one.axes}
    axes["perturbation"] = tuple(sorted(axes["perturbation"], key=order.index))
    first = min(one.numbers.start, other.numbers.start)
    last = max(one.numbers.stop, other.numbers.stop)
    return replace(one, **axes, first_seed=first, seeds=last - first)


@dataclass(frozen=True)
class _Source:
    """The runs of one archive, by cell and number."""

    file: DrawnRunsFile

    def holds(self, cell: Cell) -> bool:
        axes = self.file.experiment.axes
        return all(getattr(cell, name) in values for name, values in axes.items())

    def read(self, quantity: str, cell: Cell, numbers: range) -> Array:
        place = self.file.experiment.place(cell.perturbation, cell.m, cell.d, cell.alpha)
        first = self.file.experiment.first_seed
        return self.file.read(quantity, (*place, slice(numbers.start - first, numbers.stop - first)))

    def within(self, numbers: range) -> range:
        own = self.file.experiment.numbers
        return range(max(numbers.start, own.start), min(numbers.stop, own.stop))


def _check_overlap(sources: list[_Source]) -> None:
    """Raises `MergeError` naming the first run that both hold and that is not the same in both."""
    one, other = sources
    common = one.within(other.file.experiment.numbers)
    if not common:
        return
    for cell in one.file.experiment.cells():
        if not other.holds(cell):
            continue
        for quantity in QUANTITIES:
            left, right = (source.read(quantity, cell, common) for source in sources)
            differing = np.flatnonzero(left.view(np.uint64) != right.view(np.uint64))
            if differing.size:
                at = int(differing[0])
                raise MergeError(
                    f"{one.file.experiment.name}: {quantity} of {cell.name}, seed {common[at]}, is "
                    f"{left[at]!r} in one archive and {right[at]!r} in the other"
                )


def _write(whole: DrawnExperiment, entropy: int, sources: list[_Source], path: Path) -> None:
    """The runs of both in one file. Raises `MergeError` naming what neither holds."""
    with replacing(path) as beside, netCDF4.Dataset(beside, "w") as file:
        coords = run_coordinates(whole, whole.m, whole.numbers)
        writer = RunsWriter(file, coords, runs_attributes(whole, entropy), archival=True)
        chunk = writer.chunk(whole.seeds)
        for quantity in QUANTITIES:
            for index, cell in zip(np.ndindex(whole.shape), whole.cells(), strict=True):
                read = _reader(whole, cell, [source for source in sources if source.holds(cell)], quantity)
                for low in range(0, whole.seeds, chunk):
                    high = min(low + chunk, whole.seeds)
                    numbers = range(whole.first_seed + low, whole.first_seed + high)
                    writer.put(quantity, index, slice(low, high), read(numbers))


def _reader(
    whole: DrawnExperiment, cell: Cell, sources: list[_Source], quantity: str
) -> Callable[[range], Array]:
    """Reads runs of a cell by number, each from the archive that has it."""

    def read(numbers: range) -> Array:
        values, at = [], numbers.start
        while at < numbers.stop:
            ranges = [source.within(range(at, numbers.stop)) for source in sources]
            starting = (numbers for numbers in ranges if numbers and numbers.start == at)
            longest = max(starting, key=len, default=range(0))
            if not longest:
                raise MergeError(f"{whole.name}: neither archive holds {cell.name}, seed {at}")
            values.append(sources[ranges.index(longest)].read(quantity, cell, longest))
            at = longest.stop
        return np.concatenate(values)

    return read
