"""An archive opened for reading: its files as plain xarray, and new tables from its runs.

In: the folder of the results of a run, or of an archive made of them. Out: an `Archive`, a mapping from the
name of an experiment to its results. Files are read on first use, and nothing is ever written. Neither
Snakemake nor Dask is needed; where Dask is installed, `runs` comes in chunks. Every table is an
`xarray.Dataset` as in the files, and the functions of the workflow make it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np
import xarray as xr

from ..datasets import trained_quantiles, trained_rates
from ..datasets.data_file import data_file, data_files, open_data
from ..datasets.quantiles import quantile_dataset
from ..datasets.rates import rate_dataset
from ..datasets.runs_file import DrawnFile, TrainedRunsFile
from ..datasets.theory import bound_arrays, exact_arrays, theory_dataset
from ..datasets.validation import ResultsError, load_table, read_spec, reading
from ..experiments.arguments import as_list, plain, whole
from ..experiments.config_errors import YAML_NUMBERS
from ..experiments.drawn import GRID_AXES, DrawnExperiment
from ..experiments.models import AxesModel
from ..experiments.section import ConfigError, parse_section
from ..experiments.trained import TrainedExperiment
from ..laws.queries import RANGES, allowed_names, fault
from ..quantities import QUANTITIES
from ..storage.metadata import describe
from ..storage.regular_file import FileError, read_regular_file
from .verify import Verification, check, parent_where

if TYPE_CHECKING:
    from ..claims import Claim
    from ..execution.compute import Workers
    from .replay import Replay

Kind = TypeVar("Kind", DrawnExperiment, TrainedExperiment)

Levels = Iterable[float] | float | None
"""One number, several, or None for those archived."""

RATES: dict[str, Callable[..., xr.Dataset]] = {"drawn": rate_dataset, "trained": trained_rates.rate_dataset}
"""What makes `rates.nc`, by kind of experiment."""

MAX_CLAIMS = 1 << 20
"""Bytes of `claims.json`; there are some ten thousand."""


class UnknownExperimentError(ResultsError, KeyError):
    """A name of no experiment of an archive; the message has those that there are, and the nearest."""

    def __str__(self) -> str:
        return str(self.args[0])  # a `KeyError` would show it in quotes


class _Results(Generic[Kind]):
    """What the results of both kinds of experiment have in common."""

    FILES: ClassVar[tuple[str, ...]]
    AXES: ClassVar[tuple[str, ...]]

    def __init__(self, folder: Path, spec: Kind, entropy: int) -> None:
        self.folder = folder
        """The folder of its files."""
        self.spec: Kind = spec
        """The experiment: its axes and the number of runs of each cell."""
        self.entropy = entropy
        """The root of its randomness."""

    @property
    def runs(self) -> xr.Dataset:
        """`runs.nc`: one value a run, read on use; in chunks where Dask is installed.

        Raises `ResultsError` where aggregates are kept in their place.
        """
        if self.spec.keep != "runs":
            raise ResultsError(
                f"{self.folder} keeps {self.spec.keep}, not runs: see the attribute {self.spec.keep}"
            )
        return self._data

    @property
    def datasets(self) -> dict[str, xr.Dataset]:
        """All its files by name: `runs` or `aggregates`, `quantiles`, `rates` and so on."""
        return {self.spec.keep: self._data, **{name: self._table(name) for name in self.FILES}}

    @property
    def _data(self) -> xr.Dataset:
        chunks: Any = {} if importlib.util.find_spec("dask") else None
        path = data_file(self.folder)
        with reading(path):
            return xr.open_dataset(path, engine="netcdf4", chunks=chunks, cache=False)

    def rates(self, table: xr.Dataset | None = None) -> xr.Dataset:
        """Slopes against m and the constants in front, of a table made by `quantiles` (see `rates.nc`).

        Without a table, the archived rates. Raises `ValueError` for another table.
        """
        if table is None:
            return self._table("rates")
        fault = f"table is none that quantiles() of a {self.spec.kind} experiment makes"
        if missing := {"quantity", "delta", *self.AXES} - set(getattr(table, "dims", ())):
            raise ValueError(f"{fault}: it has no dimension {min(missing)}")
        experiment, entropy = read_spec(self.folder, table.attrs)
        try:
            return RATES[experiment.kind](table, experiment, entropy)
        except KeyError as error:
            raise ValueError(f"{fault}: {error.args[0]}") from error

    def _table(self, name: str) -> xr.Dataset:
        return load_table(self.folder / f"{name}.nc", self.spec, self.entropy)

    def _values(self, name: str, requested: Levels) -> tuple[float, ...]:
        """Levels `delta` or norms `x_norm`, ascending; those of the archived table for None."""
        values = as_list(name, self._table("quantiles")[name].values if requested is None else requested)
        if not values:
            raise ValueError(f"{name} is []; allowed: a list of {RANGES[name].words}")
        for value in values:
            if text := fault(name, value):
                raise ValueError(text)
        return tuple(np.unique(np.asarray(values, np.float64)).tolist())

    def _levels(self, delta: Levels, x_norm: Levels) -> tuple[tuple[float, ...], tuple[float, ...]]:
        return self._values("delta", delta), self._values("x_norm", x_norm)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.spec})"


class DrawnResults(_Results[DrawnExperiment]):
    """The results of a grid of drawn displacements.

    Methods take values of the axes `perturbation`, `m`, `d` and `alpha`, each one value or several, to select
    a part of the grid, and raise `ValueError` for a value that is not archived. Datasets without `x_norm` are
    at ‖x‖ = 1.
    """

    FILES = ("theory", "quantiles", "rates")
    AXES = GRID_AXES

    @property
    def aggregates(self) -> xr.Dataset:
        """`aggregates.nc`: sums, histograms and largest values of each cell, read on use.

        Raises `ResultsError` where runs are kept.
        """
        if self.spec.keep != "aggregates":
            raise ResultsError(f"{self.folder} keeps {self.spec.keep}, not aggregates")
        return self._data

    @property
    def levels(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The archived levels δ and norms ‖x‖, ascending."""
        return self._levels(None, None)

    def quantiles(
        self,
        delta: Levels = None,
        x_norm: Levels = None,
        quantity: Iterable[str] | str | None = None,
        seeds: int | None = None,
        workers: Workers | None = None,
        **axes: Any,
    ) -> xr.Dataset:
        """Quantiles at levels 1 - δ, intervals, moments, histograms, bounds, exact values, exceedances.

        Without arguments, the archived table, `quantiles.nc`. Else computed from the runs, cell by cell, at
        new levels δ from 1e-9 to 0.999 and norms ‖x‖ > 0, for some quantities, a part of the grid, and the
        first `seeds` runs of a cell. `workers` do the work (see `execution.workers`). Raises `ValueError` for
        a value that is not archived, `ResultsError` where the file of the runs is damaged.
        """
        if not axes and all(requested is None for requested in (delta, x_norm, quantity, seeds)):
            return self._table("quantiles")
        experiment, quantities = self.part(quantity, seeds, **axes)
        levels = self._levels(delta, x_norm)
        theory = theory_dataset(experiment, self.entropy, *levels, workers, quantities)
        path = data_file(self.folder)
        try:
            return quantile_dataset(path, theory, experiment, self.entropy, workers, self.spec)
        except FileError as error:
            raise ResultsError(str(error)) from None

    def part(
        self, quantity: Iterable[str] | str | None = None, seeds: int | None = None, **axes: Any
    ) -> tuple[DrawnExperiment, tuple[str, ...]]:
        """A part of the grid, and some quantities. Raises `ValueError` for a value that is not archived."""
        return self.spec.select(whole(seeds), **_as_lists(axes)), _quantities(quantity)

    def bounds(
        self, delta: Levels = None, x_norm: Levels = None, m: Any = None, alpha: Any = None
    ) -> xr.Dataset:
        """All `BOUNDS` over (quantity, m, alpha, delta, x_norm).

        At the archived values or others: even m ≥ 2, α > 0, δ from 1e-9 to 0.999, ‖x‖ > 0.
        """
        levels, experiment = self._levels(delta, x_norm), self._with_axes(m=m, alpha=alpha)
        dims = ("quantity", "m", "alpha", "delta", "x_norm")
        arrays = {f"bound_{name}": (dims, value) for name, value in bound_arrays(experiment, *levels).items()}
        return _labelled(experiment, arrays, *levels)

    def exact(
        self, delta: Levels = None, quantity: Iterable[str] | str | None = None, **axes: Any
    ) -> xr.Dataset:
        """Exact quantiles, means and root mean squares, without a run; NaN where no exact law is known.

        At the archived values or others: laws of the package, even m ≥ 2, d ≥ 1, α > 0,
        δ from 1e-9 to 0.999.
        """
        levels = self._values("delta", delta)
        experiment, quantities = self._with_axes(**axes), _quantities(quantity)
        return _labelled(
            experiment, exact_arrays(experiment, levels, None, quantities), levels, (), quantities
        )

    def replay(
        self,
        perturbation: str,
        m: int,
        d: int,
        alpha: float,
        seed: int,
        definitions: bool = False,
        run_archived_code: bool = False,
    ) -> Replay:
        """Recompute one run and compare it with the archived one: the bits should be the same.

        With `definitions` the definitions of the notes are evaluated as well, on a network that matches the
        run. A custom law of the archive is code of whoever made it, and is run only with `run_archived_code`.
        Raises `ResultsError` without that or where there is no such run, `ValueError` for a network too large
        to hold.
        """
        from .replay import replay  # compiled code, slow to import

        with open_data(data_file(self.folder)) as runs:
            assert isinstance(runs, DrawnFile)
            run = (plain(perturbation), whole(m), whole(d), plain(alpha), whole(seed))
            return replay(runs, *run, definitions, run_archived_code)

    def _with_axes(self, **axes: Any) -> DrawnExperiment:
        """The experiment on other axes, without runs there. Raises `ValueError` for a bad value."""
        requested = _as_lists({name: values for name, values in axes.items() if values is not None})
        axes = {name: list(values) for name, values in (self.spec.axes | requested).items()}
        try:
            checked_axes = parse_section(AxesModel, axes, self.spec.perturbation)
        except ConfigError as error:
            raise ValueError(str(error).replace(YAML_NUMBERS, "")) from None
        return replace(
            self.spec,
            perturbation=tuple(checked_axes.perturbation),
            m=tuple(sorted(checked_axes.m)),
            d=tuple(sorted(checked_axes.d)),
            alpha=tuple(sorted(checked_axes.alpha)),
        )


class TrainedResults(_Results[TrainedExperiment]):
    """The results of a trained experiment."""

    FILES = ("quantiles", "rates")
    AXES = ("m", "steps")

    def quantiles(
        self, delta: Levels = None, x_norm: Levels = None, m: Any = None, seeds: int | None = None
    ) -> xr.Dataset:
        """Moments, quantiles, bounds and exceedances at every width and time: see `quantiles.nc`.

        Without arguments, the archived table. Else computed from the runs at new levels δ and norms ‖x‖, of
        some widths, and of the first `seeds` runs of each. Raises `ValueError` for a value that is not
        archived, `ResultsError` where the file of the runs is damaged.
        """
        if all(requested is None for requested in (delta, x_norm, m, seeds)):
            return self._table("quantiles")
        part = self.part(m, seeds)
        with self.runs as archived, reading(data_file(self.folder), "is damaged"):
            runs = archived.sel(m=list(part.m), seed=range(part.seeds)).load()
        return trained_quantiles.quantile_dataset(runs, part, self.entropy, *self._levels(delta, x_norm))

    def part(self, m: Any = None, seeds: int | None = None) -> TrainedExperiment:
        """A part of the experiment. Raises `ValueError` for a value that is not archived."""
        return self.spec.select(whole(seeds), self.spec.m if m is None else as_list("m", m))

    def replay(self, m: int, seed: int, definitions: bool = False) -> Replay:
        """Retrain one run and compare it with the archived one: the bits should be the same.

        With `definitions` the definitions of the notes are evaluated as well, on the network at its end.
        Raises `ResultsError` where there is no such run, `ValueError` for a network too large to hold.
        """
        from .replay import replay_trained  # compiled code, slow to import

        with TrainedRunsFile(self.folder / "runs.nc") as runs:
            return replay_trained(runs, whole(m), whole(seed), definitions)


class Archive(Mapping[str, "DrawnResults | TrainedResults"]):
    """The results of all experiments of a run, by name. Made by `open_archive`.

    `archive[name]` raises `UnknownExperimentError`, a `KeyError` and a `ResultsError`, for another name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._folders = {file.parent.name: file.parent for file in data_files(path)}

    def __getitem__(self, name: str) -> DrawnResults | TrainedResults:
        folder = self.folder(name)
        with open_data(data_file(folder)) as runs:
            if isinstance(runs, DrawnFile):
                return DrawnResults(folder, runs.experiment, runs.entropy)
            return TrainedResults(folder, runs.experiment, runs.entropy)

    def folder(self, name: str) -> Path:
        """The folder of an experiment. Raises `UnknownExperimentError` for another name."""
        if name not in self._folders:
            if name in self.without_runs:
                reason = ", which has tables alone: its runs are missing"
            else:
                reason = f"; {allowed_names(name, self._folders)}"
            raise UnknownExperimentError(f"experiment is {name!r}{reason}")
        return self._folders[name]

    @property
    def without_runs(self) -> list[str]:
        """Names of the experiments that have tables alone: neither runs nor aggregates."""
        return sorted({table.parent.name for table in self.path.glob("*/quantiles.nc")} - set(self._folders))

    def __contains__(self, name: object) -> bool:
        return name in self._folders

    def __iter__(self) -> Iterator[str]:
        return iter(self._folders)

    def __len__(self) -> int:
        return len(self._folders)

    def __repr__(self) -> str:
        return f"Archive({str(self.path)!r}, experiments: {', '.join(self)})"

    @property
    def claims(self) -> list[Claim]:
        """Every statement of the notes with its verdict and evidence. Raises `ResultsError` without them."""
        from ..claims.record import from_json

        file = self.path / "claims.json"
        if not file.exists():
            raise ResultsError(
                f"{file} does not exist: a merged archive has none, nor has one of weighted runs alone; "
                "of any other the run has not ended, or the copy is not whole"
            )
        try:
            return from_json(read_regular_file(file, MAX_CLAIMS).decode("utf-8"))
        except FileError as error:
            raise ResultsError(str(error)) from None
        except ValueError:
            raise ResultsError(f"{file} is not a list of claims as this version writes it") from None

    def verify(self) -> Verification:
        """Compare every file with the manifest, byte by byte; returns what was checked, and every fault.

        Raises `verify.NoManifestError` where there is no manifest, or none that can be read.
        """
        return check(self.path)


def open_archive(path: str | Path) -> Archive:
    """The results in the folder `path`, or in the unpacked archive there, for reading.

    Raises `ResultsError` where there are none. An experiment is checked on first use.
    """
    path = Path(path)
    if hint := unpacking_hint(path):
        raise ResultsError(hint)
    if not (archive := Archive(path)):
        if archive.without_runs:
            raise ResultsError(
                f"{path} has tables alone, as a reanalysis has: give the archive with the runs"
            )
        parent = parent_where(path, data_files)
        raise ResultsError(
            f"{path} holds no results: there is no <experiment>/runs.nc or aggregates.nc in it"
            + (f"; give its parent folder: {parent}" if parent else "")
        )
    return archive


def unpacking_hint(path: Path) -> str | None:
    """What to do with a packed archive; None for any other path."""
    if path.suffix == ".zip" and path.is_file():
        return f"{path} is packed; unpack it first: python -m zipfile -e {path} ."
    return None


def check_new(to: Path, *archives: Path) -> None:
    """Raise `FileExistsError` unless `to` is a new path outside of the archives."""
    if to.exists():
        raise FileExistsError(f"{to} already exists; choose a new path")
    for path in archives:
        if to.resolve().is_relative_to(path.resolve()):
            raise FileExistsError(f"{to} is in the archive {path}; choose a path outside of it")


def _as_lists(axes: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Values of axes as lists; a single value as a list of one."""
    return {name: as_list(name, values) for name, values in axes.items()}


def _quantities(requested: Iterable[str] | str | None) -> tuple[str, ...]:
    """Quantities in their order; all for None. Raises `ValueError` for an unknown one."""
    names = set(QUANTITIES if requested is None else as_list("quantity", requested))
    if not names or names - set(QUANTITIES):
        unknown = next((name for name in sorted(map(str, names)) if name not in QUANTITIES), None)
        raise ValueError(f"quantity is {requested}; {allowed_names(unknown, QUANTITIES)}")
    return tuple(name for name in QUANTITIES if name in names)


def _labelled(
    experiment: DrawnExperiment,
    arrays: Mapping[str, tuple[tuple[str, ...], Any]],
    delta: tuple[float, ...],
    x_norm: tuple[float, ...],
    quantities: tuple[str, ...] = tuple(QUANTITIES),
) -> xr.Dataset:
    """A described dataset of arrays over some of the dimensions, with the coordinates of those."""
    dims = {dim for names, _ in arrays.values() for dim in names}
    axes = {"quantity": quantities, **experiment.axes, "delta": delta, "x_norm": x_norm}
    coords = {
        name: np.array(values, dtype=object if isinstance(values[0], str) else None)
        for name, values in axes.items()
        if name in dims
    }
    return describe(xr.Dataset(dict(arrays), coords=coords), {}, experiment)
