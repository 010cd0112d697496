"""What the files look like: names, dimensions, attributes, and writing that leaves no half files.

The only place that knows variable names and metadata. Nothing written here holds a clock, a host,
a user or a path: the same content gives the same bytes.
"""

from __future__ import annotations

import contextlib
import json
import operator
import os
import secrets
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import netCDF4
import numpy as np

from .. import __version__
from ..experiments.drawn import Experiment, Work
from ..experiments.drawn import spec as plain_spec
from ..network import Array
from ..quantities import QUANTITIES
from ..sampling.streams import FORMAT_VERSION
from .regular_file import open_regular_file

if TYPE_CHECKING:
    import xarray as xr

RUN_DIMS = ("perturbation", "m", "d", "alpha", "seed")

LONG_NAMES = {
    # coordinates
    "quantity": "stored quantity of a run",
    "perturbation": "law of the displacement u inside the ball max_i |u_i| <= alpha/sqrt(m)",
    "m": "width of the network (number of neurons)",
    "d": "dimension of the input",
    "alpha": "radius of the ball times sqrt(m)",
    "seed": "number of the run within its cell",
    "delta": "failure probability; quantiles are at level 1 - delta",
    "x_norm": "Euclidean norm of the input x",
    "bound": "bound on the quantity, from the notes' own to the tightest",
    "statistic": "statistic of the runs of a cell: mean, rms, or a delta for the (1 - delta)-quantile",
    # runs
    "linearization_error": "linearization error E = |F(x;w) - grad F(x;w(0))^T (w - w(0))|",
    "sign_change_fraction": "fraction of neurons that change sign, |S(x)|/m",
    "delta1": "|Delta_1|, Delta_1 = [grad F(w) - grad F(w(0))]^T w(0)",
    "delta2": "|Delta_2|, Delta_2 = [grad F(w) - grad F(w(0))]^T u",
    "band_fraction": "fraction of neurons in the band |w_i(0).x| <= alpha |x|/sqrt(m)",
    # trained runs
    "steps": "steps of gradient descent",
    "input": "number of the held-out input",
    "target": "target of the held-out input",
    "training_input": "number of the training input",
    "training_target": "target of the training input",
    "alpha_hat": "sqrt(m) max_i |w_i - w_i(0)|: the least alpha of a ball that holds the weights",
    "max_displacement": "max_i |w_i - w_i(0)|",
    "mean_displacement": "mean over neurons of |w_i - w_i(0)|",
    "training_loss": "loss of the network on the training inputs",
    "test_loss": "loss of the network on the held-out inputs",
    "twin_training_loss": "loss of the linearized model on the training inputs",
    "twin_test_loss": "loss of the linearized model on the held-out inputs",
    "twin_distance": "root mean square over held-out inputs of network minus linearized model",
    "flipped_fraction": "fraction of neurons and training inputs whose sign indicator ever differed so far",
    "flipped_neurons": "fraction of neurons whose sign indicator ever differed at a training input so far",
    "status": "how the run ended",
    "steps_taken": "steps done when the run ended",
    "variable": "number of a trained run",
    "uniform_bound": "bound that holds for all alpha at once",
    "law_rms": "exact root mean square of the quantity under a displacement law at the mean alpha_hat",
    "position": "rms divided by law_rms: where training stands among the displacement laws",
    "runs_exceeding": "number of runs over the bound at one held-out input or more",
    "run_mean": "mean over the runs",
    "run_mean_standard_error": "standard error of that mean",
    "run_min": "least of the runs",
    "run_max": "largest of the runs",
    "run_status": "number of runs that ended so",
    "alpha_ceiling": "bound on alpha_hat at every width, while the training loss does not grow",
    "alpha_hat_over_ceiling": "largest alpha_hat over its ceiling, of runs whose training loss never grew",
    "loss_grew": "number of runs whose training loss has grown between two recorded times",
    "alpha_hat_limit_ceiling": "bound on alpha_hat as m grows, from the limiting kernel",
    "displacement_limit": "limit of sqrt(m) times the mean displacement as m grows",
    "local_slope_last": "slope of log(statistic) against log(m) between the two largest widths",
    "run_slope": "least-squares slope of log(run_mean) against log(m)",
    "run_slope_lower": "lower confidence limit of that slope",
    "run_slope_upper": "upper confidence limit of that slope",
    # quantiles
    "quantile": "empirical (1 - delta)-quantile at |x| = 1",
    "quantile_lower": "lower confidence limit of the (1 - delta)-quantile, from order statistics",
    "quantile_upper": "upper confidence limit of the (1 - delta)-quantile; infinite where runs are too few",
    "exact_quantile": "exact (1 - delta)-quantile at |x| = 1; NaN where no exact law is known",
    "mean": "mean over the runs at |x| = 1",
    "mean_standard_error": "standard error of the mean",
    "rms": "root mean square over the runs at |x| = 1",
    "rms_standard_error": "standard error of the root mean square",
    "exact_mean": "exact mean at |x| = 1; NaN where no closed form is known",
    "exact_rms": "exact root mean square at |x| = 1; NaN where none is known",
    "bound_printed": "bound as printed in the notes (Theorem 1, Lemma 4, event A_1)",
    "bound_sharp": "bound with constants sharpened by Hoeffding's inequality on m/2 independent pairs",
    "bound_binomial": "bound from the exact binomial (1 - delta)-quantile of the band fraction",
    "bound_exact": "exact (1 - delta)-quantile of the supremum over the ball; NaN beyond alpha/sqrt(m) = 8",
    "bound_ratio": "bound divided by the empirical (1 - delta)-quantile at |x|; NaN where that is 0",
    "exceedances": "number of runs over the bound",
    "exceedance_rate_upper": "one-sided upper confidence limit on the probability of exceeding the bound",
    "runs": "number of runs in the cell",
    # rates
    "slope": "least-squares slope of log(statistic) against log(m)",
    "slope_lower": "lower confidence limit of the slope",
    "slope_upper": "upper confidence limit of the slope",
    "exact_slope": "the same slope of the exact values; NaN where they are not known",
    "limit_slope": "slope less the finite-m curvature of the exact law: slope - exact_slope - exponent",
    "limit_slope_lower": "lower confidence limit of limit_slope",
    "limit_slope_upper": "upper confidence limit of limit_slope",
    "local_slope": "slope of log(statistic) against log(m) from the next smaller width to this one",
    "local_slope_lower": "lower confidence limit of the local slope",
    "local_slope_upper": "upper confidence limit of the local slope",
    "exact_local_slope": "the same local slope of the exact values; NaN where they are not known",
    "m_fit": "smallest width the slope is fitted on",
    "points": "number of widths the slope is fitted on; zeros and values without interval are left out",
    "exponent": "k of the theory's rate m^-k",
    "constant": "statistic times m^k at the largest width",
    "constant_lower": "lower confidence limit of the constant",
    "constant_upper": "upper confidence limit of the constant",
    "constant_limit": "limit of the constant as m grows, from theory; NaN where none is known",
    "follows_from": "smallest width from which on statistic times m^k is within 5 % of constant_limit",
}
"""What every coordinate and variable means, for its `long_name`."""


ATTRIBUTES = frozenset(
    (
        "experiment",
        "source",
        "spec",
        "format_version",
        "ntk_core_version",
        "numpy_version",
        "confidence_level",
    )
)
"""Global attributes that are read, of those that `attributes` makes."""

VARIABLE_ATTRIBUTES = {
    "long_name": None,
    "coverage_content_type": None,
    "coordinates": None,
    "flag_values": None,
    "flag_meanings": None,
    "units": "1",
    "_Encoding": "utf-8",
}
"""Attributes of variables, and the value of those that change what a reader makes of the numbers."""


def attributes(title: str, summary: str, experiment: Work, entropy: int, **spec: Any) -> dict[str, Any]:
    """Global attributes (CF-1.11, ACDD-1.3) with the whole spec the file follows from."""
    return {
        "Conventions": "CF-1.11, ACDD-1.3",
        "title": title,
        "summary": summary,
        "keywords": "neural tangent kernel, linearization error, ReLU network, lazy training, Monte Carlo",
        "source": f"ntk_core {__version__}, {experiment.method}",
        "history": f"made by ntk_core {__version__} from the spec in this file",
        "references": "lecture notes on neural tangent kernel analysis: Lemmas 1 to 4, Theorem 1",
        "comment": "Quantities are at |x| = 1; linearization_error, delta1 and delta2 scale with |x|.",
        "license": "MIT",
        "creator_name": "ntk-core developers",
        "creator_type": "group",
        "processing_level": "numerical simulation",
        "standard_name_vocabulary": "CF Standard Name Table v93",
        "experiment": experiment.name,
        "spec": json.dumps({"entropy": str(entropy), **plain_spec(experiment), **spec}, sort_keys=True),
        "entropy": str(entropy),
        "format_version": np.int32(FORMAT_VERSION),
        "ntk_core_version": __version__,
        "numpy_version": np.__version__,
    }


def meaning(name: str, coordinate: bool) -> dict[str, str]:
    """What a variable is, for people and, by ACDD, for programs."""
    kind = "coordinate" if coordinate else "modelResult"
    return {"long_name": LONG_NAMES[name], "coverage_content_type": kind}


def describe(dataset: xr.Dataset, attrs: dict[str, Any]) -> xr.Dataset:
    """The dataset with the attributes of its variables and its own; nothing else changed."""
    for name, variable in dataset.variables.items():
        variable.attrs |= meaning(str(name), name in dataset.coords)
        if variable.dtype.kind in "if" and "flag_values" not in variable.attrs:
            variable.attrs["units"] = "1"
    dataset.attrs = attrs
    return dataset


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A path beside `path` to write to; on leaving, the file is synced and renamed to `path`.

    If the body fails, `path` is as it was and the file beside it is gone. Where the reason is that no more
    can be written there, as on a full disk, an `OSError` says so: HDF5 does not.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield beside
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except (OSError, RuntimeError):
        if refusal := _refusal(beside):
            told = f"{path} cannot be written: {refusal.strerror}. Nothing is lost: make room and call again"
            raise OSError(refusal.errno, told) from None
        raise
    finally:
        beside.unlink(missing_ok=True)


def _refusal(path: Path) -> OSError | None:
    """Why not a megabyte more can be written to the file at `path`; None if it can."""
    try:
        with path.open("ab") as file:
            file.write(bytes(1 << 20))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error
    return None


def write(dataset: xr.Dataset, path: str | Path) -> None:
    """Write a described dataset to `path` as NetCDF-4, beside and renamed."""
    encoding: dict[str, dict[str, Any]] = {}
    for name, variable in dataset.variables.items():
        encoding[str(name)] = {"_FillValue": None}
        if (
            variable.dtype.kind in "UO"
        ):  # no strings of any length: HDF5 fails where such a file is open twice
            encoding[str(name)]["dtype"] = "S1"
        if name not in dataset.dims and variable.dtype.kind in "if":
            encoding[str(name)] |= {"zlib": True, "complevel": 1, "fletcher32": True}
    with replacing(path) as beside:
        dataset.to_netcdf(beside, engine="netcdf4", format="NETCDF4", encoding=encoding)


def load_pairs(
    quantiles: Iterable[str | Path], rates: Iterable[str | Path]
) -> list[tuple[xr.Dataset, xr.Dataset]]:
    """The quantiles and rates of some experiments, a pair each, in memory."""
    import xarray as xr  # slow to import, and wanted here alone

    return [(xr.load_dataset(a), xr.load_dataset(b)) for a, b in zip(quantiles, rates, strict=True)]


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
        for name in QUANTITIES:
            packing: Any = PACKING if archival and name.endswith("_fraction") else {}
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


def run_coordinates(experiment: Experiment, widths: tuple[int, ...], seeds: range) -> dict[str, Any]:
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
