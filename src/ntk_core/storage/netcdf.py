"""Described datasets to NetCDF files, and back."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .atomic import replacing

if TYPE_CHECKING:
    import xarray as xr


def write(dataset: xr.Dataset, path: str | Path) -> None:
    """Write a described dataset to `path` as NetCDF-4, atomically."""
    encoding: dict[str, dict[str, Any]] = {}
    for name, variable in dataset.variables.items():
        encoding[str(name)] = {"_FillValue": None}
        if variable.dtype.kind in "UO":  # of fixed length: HDF5 fails if others are open twice
            encoding[str(name)]["dtype"] = "S1"
        if name not in dataset.dims and variable.dtype.kind in "if":
            encoding[str(name)] |= {"zlib": True, "complevel": 1, "fletcher32": True}
    with replacing(path) as temporary_path:
        dataset.to_netcdf(temporary_path, engine="netcdf4", format="NETCDF4", encoding=encoding)


def load_pairs(
    quantiles: Iterable[str | Path], rates: Iterable[str | Path]
) -> list[tuple[xr.Dataset, xr.Dataset]]:
    """A pair of quantiles and rates for each experiment, in memory."""
    import xarray as xr  # slow to import

    return [(xr.load_dataset(a), xr.load_dataset(b)) for a, b in zip(quantiles, rates, strict=True)]
