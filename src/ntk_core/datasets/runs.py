"""`runs.nc` of a drawn experiment, one value a run: written piece by piece from its shards, and read so."""

from __future__ import annotations

import json
import operator
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from ..experiments.drawn import DrawnExperiment
from ..experiments.trained import TrainedExperiment
from ..network import Array
from ..quantities import QUANTITIES
from ..sampling.streams import FORMAT_VERSION
from ..storage.atomic import replacing
from ..storage.metadata import ATTRIBUTES, VARIABLE_ATTRIBUTES, attributes, meaning
from ..storage.regular_file import open_regular_file

RUN_DIMS = ("perturbation", "m", "d", "alpha", "seed")

PACKING = {"zlib": True, "complevel": 1, "shuffle": True}
"""Of the two fractions in `runs.nc`: they take few values, so that a tenth of the size is left. The other
quantities would take many times as long to write, for a fifth less (docs/performance.md)."""


CACHE = 1 << 20
"""Bytes the library holds of a variable. Pieces come in order and whole: more would be memory for nothing."""


class RunsWriter:
    """Writes a runs file piece by piece, in any memory: the layout of `runs.nc` and of shards.

    Pieces must come in the order of the file (variable by variable, cell by cell, seeds ascending)
    and in whole chunks, so that the same runs give the same bytes however they were computed. An
    `archival` file is packed and has a checksum for every chunk; a shard has one seal instead.
    """

    CHUNK = 1 << 16
    """Most seeds of a chunk (512 KiB): one cell of one variable is read without touching its neighbours."""

    @classmethod
    def chunk(cls, seeds: int) -> int:
        """Seeds a chunk: alike, so that little of the last one is empty."""
        return -(-seeds // -(-seeds // cls.CHUNK))

    def __init__(
        self,
        file: netCDF4.Dataset,
        coords: dict[str, Any],
        attrs: dict[str, Any],
        *,
        archival: bool,
    ) -> None:
        for name in RUN_DIMS:
            values = np.asarray(coords[name])
            file.createDimension(name, values.size)
            if values.dtype.kind in "UO":
                size = max(map(len, values))
                file.createDimension(f"string{size}", size)
                variable = file.createVariable(name, "S1", (name, f"string{size}"))
                variable._Encoding = "utf-8"
                variable[:] = values.astype(str)
            else:
                variable = file.createVariable(name, values.dtype, (name,))
                variable.units = "1"
                variable[:] = values
            variable.setncatts(meaning(name, True))
        chunks = (1, 1, 1, 1, self.chunk(len(coords["seed"])))
        for name, quantity in QUANTITIES.items():
            packing: Any = PACKING if archival and quantity.fraction else {}
            variable = file.createVariable(
                name, "f8", RUN_DIMS, chunksizes=chunks, fletcher32=archival, fill_value=False, **packing
            )
            variable.set_var_chunk_cache(CACHE)
            variable.setncatts(meaning(name, False) | {"units": "1"})
        file.setncatts(attrs)
        self._file = file

    def put(self, quantity: str, cell: tuple[int, ...], seeds: slice, values: Array) -> None:
        """Runs of one quantity of one cell; `cell` indexes (perturbation, m, d, alpha)."""
        self._file[quantity][(*cell, seeds)] = values


def run_coordinates(experiment: DrawnExperiment, widths: tuple[int, ...], seeds: range) -> dict[str, Any]:
    """Coordinates of a runs file, by dimension."""
    return {
        "perturbation": np.array(experiment.perturbation, dtype=object),
        "m": np.array(widths, dtype=np.int64),
        "d": np.array(experiment.d, dtype=np.int64),
        "alpha": np.array(experiment.alpha, dtype=np.float64),
        "seed": np.arange(seeds.start, seeds.stop, dtype=np.int64),
    }


_READING = threading.Lock()


class RunsReader:
    """Reads a runs file, from any thread of a worker; `FileError` where there is no regular file.

    The netCDF library is not safe for several threads at once, not even on different files, so all that is
    done with it is done under one lock. Opening takes as long as reading a million values: keep it open.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = path

    def __enter__(self) -> RunsReader:
        open_regular_file(self._path).close()
        with _READING:
            self._file = netCDF4.Dataset(self._path)
            self._file.set_auto_mask(False)
        return self

    def __exit__(self, *_: object) -> None:
        with _READING:
            self._file.close()

    def read(self, quantity: str, index: tuple[int | slice, ...]) -> Array:
        """A quantity of runs of one cell, `(runs,)`; `index` is into `RUN_DIMS` or their first four."""
        with _READING:
            values: Array = self._file[quantity][index]
        return values

    def header(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Global attributes the format names, and dimensions, shape and type of each variable by name.

        Raises `ValueError` for a variable that a reader would decode as no file of ours is, or that has
        larger chunks than itself: to read one value is to unpack a chunk.
        """
        with _READING:
            attrs = {name: self._file.getncattr(name) for name in self._file.ncattrs() if name in ATTRIBUTES}
            return attrs, {name: _form(variable) for name, variable in self._file.variables.items()}


def _form(variable: netCDF4.Variable[Any]) -> tuple[tuple[str, ...], tuple[int, ...], str]:
    """Dimensions, shape and type of a variable."""
    for name in variable.ncattrs():
        if name not in VARIABLE_ATTRIBUTES:
            raise ValueError(
                f"variable {variable.name} has the attribute {name}, which the format does not have"
            )
        if (value := VARIABLE_ATTRIBUTES[name]) and variable.getncattr(name) != value:
            raise ValueError(f"attribute {name} of variable {variable.name} is not {value}")
    chunks = variable.chunking()
    if isinstance(chunks, list) and any(map(operator.gt, chunks, variable.shape)):
        raise ValueError(f"variable {variable.name} has chunks of {chunks}, and the shape {variable.shape}")
    kind: Any = variable.datatype
    plain = isinstance(
        kind, np.dtype
    )  # others have values of any length, many of which may be one in the file
    return variable.dimensions, variable.shape, kind.str.lstrip("<>|=") if plain else "other"


def collect(
    experiment: DrawnExperiment | TrainedExperiment,
    entropy: int,
    shards: Sequence[str | Path],
    path: str | Path,
) -> None:
    """Join the shards of an experiment into one runs file; its bytes do not depend on how it was cut.

    Raises `ValueError` if the shards are of other runs or do not cover the experiment exactly.
    """
    if isinstance(experiment, DrawnExperiment):
        _collect(experiment, entropy, shards, path)
    else:
        from .trained_runs import collect_trained  # xarray is slow to import

        collect_trained(experiment, entropy, shards, path)


def _collect(
    experiment: DrawnExperiment, entropy: int, shards: Sequence[str | Path], path: str | Path
) -> None:
    """The file is written in its own order, chunk by chunk, so memory does not depend on how large it is."""
    attrs = runs_attributes(experiment, entropy)
    coords = run_coordinates(experiment, experiment.m, experiment.numbers)
    with (
        _Shards(shards, experiment, entropy) as source,
        replacing(path) as beside,
        netCDF4.Dataset(beside, "w") as file,
    ):
        writer = RunsWriter(file, coords, attrs, archival=True)
        chunk = writer.chunk(experiment.seeds)
        for quantity in QUANTITIES:
            for cell in np.ndindex(experiment.shape):
                for low in range(0, experiment.seeds, chunk):
                    high = min(low + chunk, experiment.seeds)
                    first = experiment.first_seed
                    runs = source.read(quantity, experiment.m[cell[1]], cell, first + low, first + high)
                    writer.put(quantity, cell, slice(low, high), runs)


def runs_attributes(experiment: DrawnExperiment, entropy: int) -> dict[str, Any]:
    """Global attributes of a `runs.nc`."""
    return attributes(
        f"Linearization error of two-layer ReLU networks: runs of {experiment.name}",
        "One value a run for the linearization error, its two parts, the fraction of sign changes and "
        "the fraction of neurons in the band, over a full grid of displacement law, width, input "
        "dimension and radius.",
        experiment,
        entropy,
    )


class _Shards:
    """Shards of an experiment to read from, checked to be its own and to cover it exactly."""

    OPEN = 64
    """Files held open at once: far below any system's limit."""

    def __init__(self, paths: Sequence[str | Path], experiment: DrawnExperiment, entropy: int) -> None:
        self._open: dict[str, netCDF4.Dataset] = {}
        self._parts: dict[int, list[tuple[int, int, str]]] = {m: [] for m in experiment.m}
        for path in map(str, paths):
            file = self._file(path)
            actual, expected = json.loads(file.spec), {**experiment.spec(), "entropy": str(entropy)}
            for key in ("sampler", "perturbation", "d", "alpha", "entropy"):
                if actual[key] != json.loads(json.dumps(expected[key])):
                    raise ValueError(f"{path} holds {key} {actual[key]}, not {expected[key]}")
            if actual.get("laws") != expected.get("laws"):
                raise ValueError(f"{path} was made with other laws of the same names")
            if file.format_version != FORMAT_VERSION:
                raise ValueError(f"{path} has format {file.format_version}, not {FORMAT_VERSION}")
            seeds = file["seed"]
            self._parts[int(file["m"][0])].append((int(seeds[0]), int(seeds[-1]) + 1, path))
        for m, parts in self._parts.items():
            parts.sort()
            first, last = experiment.numbers.start, experiment.numbers.stop
            edges = [first, *(stop for _, stop, _ in parts)]
            if [start for start, _, _ in parts] != edges[:-1] or edges[-1] != last:
                ranges = [part[:2] for part in parts]
                raise ValueError(f"shards of m = {m} hold the seeds {ranges}, not {first} to {last}")

    def __enter__(self) -> _Shards:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._open.values():
            file.close()

    def _file(self, path: str) -> netCDF4.Dataset:
        if path not in self._open:
            if len(self._open) >= self.OPEN:
                self._open.pop(next(iter(self._open))).close()
            self._open[path] = netCDF4.Dataset(path)
            self._open[path].set_auto_mask(False)
            for quantity in QUANTITIES:
                self._open[path][quantity].set_var_chunk_cache(CACHE)
        return self._open[path]

    def read(self, quantity: str, m: int, cell: tuple[int, ...], low: int, high: int) -> Array:
        """Seeds low … high - 1 of a quantity; `cell` indexes (perturbation, m, d, alpha)."""
        perturbation, _, d, alpha = cell
        return np.concatenate(
            [
                self._file(path)[quantity][
                    perturbation, 0, d, alpha, max(low, start) - start : min(high, stop) - start
                ]
                for start, stop, path in self._parts[m]
                if start < high and stop > low
            ]
        )
