"""`runs.nc` from the shards of an experiment; that of a drawn one is written here, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from ..experiments.drawn import GRID_AXES, DrawnExperiment
from ..experiments.trained import TrainedExperiment
from ..network import Array
from ..quantities import QUANTITIES
from ..storage.atomic import replacing
from ..storage.metadata import attributes, meaning
from .shard_checks import check_experiment, check_seeds_cover

RUN_DIMS = (*GRID_AXES, "seed")

PACKING = {"zlib": True, "complevel": 1, "shuffle": True}
"""Compression of the two fractions in `runs.nc`: they take few values, and shrink to a tenth. The other
quantities would shrink by a fifth and take many times as long to write (docs/performance.md)."""


CACHE = 1 << 20
"""Bytes of a variable that the library caches: enough, as whole chunks are written in order."""

CHUNKS = 16
"""Chunks that are read and written at once: each call of the library takes as long as a chunk of values."""


class RunsWriter:
    """Writes `runs.nc` or a shard piece by piece, in constant memory.

    Pieces must come in the order of the file (variable by variable, cell by cell, seeds ascending)
    and in whole chunks, so that the same runs give the same bytes however they were computed. An
    `archival` file is packed and has a checksum for every chunk; a shard has one seal instead.
    """

    CHUNK = 1 << 16
    """Largest number of seeds of a chunk (512 KiB). A chunk belongs to one cell of one variable."""

    @classmethod
    def chunk(cls, seeds: int) -> int:
        """Seeds of each chunk: as equal as possible, so that little of the last one is empty."""
        return -(-seeds // -(-seeds // cls.CHUNK))

    def __init__(
        self,
        file: netCDF4.Dataset,
        experiment: DrawnExperiment,
        attrs: dict[str, Any],
        *,
        archival: bool,
    ) -> None:
        for name, values in run_coordinates(experiment).items():
            write_coordinate(file, experiment, name, values)
        chunks = (1, 1, 1, 1, self.chunk(experiment.seeds))
        for name in experiment.variables:
            fraction = name in QUANTITIES and QUANTITIES[name].fraction
            packing: Any = PACKING if archival and fraction else {}
            variable = file.createVariable(
                name, "f8", RUN_DIMS, chunksizes=chunks, fletcher32=archival, fill_value=False, **packing
            )
            variable.set_var_chunk_cache(CACHE)
            variable.setncatts(meaning(experiment, name, False) | {"units": "1"})
        file.setncatts(attrs)
        self._file = file

    def put(self, name: str, cell: tuple[int, ...], seeds: slice, values: Array) -> None:
        """Write runs of one variable of one cell; `cell` indexes (perturbation, m, d, alpha)."""
        self._file[name][(*cell, seeds)] = values


def write_coordinate(file: netCDF4.Dataset, experiment: DrawnExperiment, name: str, values: Any) -> None:
    """A new dimension with its coordinate; text as characters: other strings crash HDF5 in threads."""
    array = np.asarray(values)
    file.createDimension(name, array.size)
    if array.dtype.kind in "UO":
        size = max(map(len, array))
        if f"string{size}" not in file.dimensions:
            file.createDimension(f"string{size}", size)
        variable = file.createVariable(name, "S1", (name, f"string{size}"))
        variable._Encoding = "utf-8"
        variable[:] = array.astype(str)
    else:
        variable = file.createVariable(name, array.dtype, (name,))
        variable.units = "1"
        variable[:] = array
    variable.setncatts(meaning(experiment, name, True))


def run_coordinates(experiment: DrawnExperiment) -> dict[str, Any]:
    """Coordinates of the runs file of an experiment, by dimension."""
    numbers = experiment.numbers
    seeds = np.arange(numbers.start, numbers.stop, dtype=np.int64)
    return grid_coordinates(experiment) | {"seed": seeds}


def grid_coordinates(experiment: DrawnExperiment) -> dict[str, Any]:
    """Coordinates of the grid of an experiment, by dimension."""
    types = {"perturbation": object, "m": np.int64, "d": np.int64, "alpha": np.float64}
    return {name: np.array(values, dtype=types[name]) for name, values in experiment.axes.items()}


def collect(
    experiment: DrawnExperiment | TrainedExperiment,
    entropy: int,
    shards: Sequence[str | Path],
    path: str | Path,
) -> None:
    """Join the shards of an experiment into one runs file; its bytes do not depend on the sizes of shards.

    Raises `ResultsError` if the shards are of other runs or do not cover the experiment exactly.
    """
    if isinstance(experiment, DrawnExperiment):
        _collect(experiment, entropy, shards, path)
    else:
        from .trained_runs import collect_trained  # xarray is slow to import

        collect_trained(experiment, entropy, shards, path)


def _collect(
    experiment: DrawnExperiment, entropy: int, shards: Sequence[str | Path], path: str | Path
) -> None:
    with _Shards(shards, experiment, entropy) as source:
        write_runs(experiment, entropy, path, source.read)


def write_runs(
    experiment: DrawnExperiment,
    entropy: int,
    path: str | Path,
    read: Callable[[str, tuple[int, ...], range], Array],
) -> None:
    """Write `runs.nc` in its own order, chunk by chunk, so that memory does not depend on its size.

    `read` gives the runs of a variable, of the cell that its second argument indexes (perturbation, m, d,
    alpha), with the seeds of its third.
    """
    attrs = runs_attributes(experiment, entropy)
    with replacing(path) as temporary_path, netCDF4.Dataset(temporary_path, "w") as file:
        writer = RunsWriter(file, experiment, attrs, archival=True)
        piece = CHUNKS * writer.chunk(experiment.seeds)
        for name in experiment.variables:
            for cell in np.ndindex(experiment.shape):
                for low in range(0, experiment.seeds, piece):
                    runs = read(name, cell, experiment.numbers[low : low + piece])
                    writer.put(name, cell, slice(low, low + runs.size), runs)


def runs_attributes(experiment: DrawnExperiment, entropy: int) -> dict[str, Any]:
    """Global attributes of a `runs.nc`."""
    return attributes(
        "runs of",
        "One value a run for the linearization error, its two parts, the fraction of sign changes and "
        "the fraction of neurons in the band, over a full grid of displacement law, width, input "
        "dimension and radius.",
        experiment,
        entropy,
    )


class _Shards:
    """The shards of an experiment, to read from. Raises `ResultsError` unless they cover it exactly."""

    MAX_OPEN = 64
    """Files that are open at once: far below any system's limit."""

    def __init__(self, paths: Sequence[str | Path], experiment: DrawnExperiment, entropy: int) -> None:
        self._paths, self._experiment, self._entropy = list(map(str, paths)), experiment, entropy
        self._files: dict[str, netCDF4.Dataset] = {}
        self._variables = experiment.variables
        self._parts: dict[int, list[tuple[int, int, str]]] = {m: [] for m in experiment.m}

    def __enter__(self) -> _Shards:
        try:
            self._check()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _check(self) -> None:
        for path in self._paths:
            file = self._file(path)
            seeds, m = file["seed"], int(file["m"][0])
            check_experiment(path, file.spec, file.format_version, m, self._experiment, self._entropy)
            self._parts[m].append((int(seeds[0]), int(seeds[-1]) + 1, path))
        for m, parts in self._parts.items():
            parts.sort()
            seeds = [range(start, stop) for start, stop, _ in parts]
            check_seeds_cover(f"shards of m = {m}", seeds, self._experiment.numbers)

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    def _file(self, path: str) -> netCDF4.Dataset:
        if path not in self._files:
            if len(self._files) >= self.MAX_OPEN:
                self._files.pop(next(iter(self._files))).close()
            self._files[path] = netCDF4.Dataset(path)
            self._files[path].set_auto_mask(False)
            for name in self._variables:
                self._files[path][name].set_var_chunk_cache(CACHE)
        return self._files[path]

    def read(self, name: str, cell: tuple[int, ...], seeds: range) -> Array:
        """Values of a variable for these seeds; `cell` indexes (perturbation, m, d, alpha)."""
        perturbation, m, d, alpha = cell
        parts = [
            self._file(path)[name][
                perturbation, 0, d, alpha, max(seeds.start, start) - start : min(seeds.stop, stop) - start
            ]
            for start, stop, path in self._parts[self._experiment.m[m]]
            if start < seeds.stop and stop > seeds.start
        ]
        return np.concatenate(parts) if len(parts) > 1 else parts[0]
