"""A NetCDF file read variable by variable, from any thread, without decoding."""

from __future__ import annotations

import operator
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from ..network import Array
from ..storage.metadata import ATTRIBUTES, VARIABLE_ATTRIBUTES
from ..storage.regular_file import FileError, open_regular_file

_LIBRARY_LOCK = threading.Lock()


class FileReader:
    """Reads a NetCDF file, from any thread of a worker; `FileError` where there is no regular file.

    The netCDF library is not thread-safe, not even on different files, so all calls to it are under one lock.
    Opening takes as long as reading a million values: keep it open.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = path

    def __enter__(self) -> FileReader:
        open_regular_file(self._path).close()
        with _LIBRARY_LOCK:
            self._file = netCDF4.Dataset(self._path)
            self._file.set_auto_mask(False)
        return self

    def __exit__(self, *_: object) -> None:
        with _LIBRARY_LOCK:
            self._file.close()

    def read(self, name: str, index: tuple[int | slice, ...]) -> Array:
        """Values of a variable at `index` into its dimensions, or into the first of them.

        Raises `FileError` where the library cannot read them, as their checksum is wrong.
        """
        try:
            with _LIBRARY_LOCK:
                values: Array = self._file[name][index]
        except RuntimeError as error:
            raise FileError(f"{self._path} is damaged: {error}") from None
        return values

    def limit_cache(self, names: Iterable[str], size: int) -> None:
        """Keep at most so many bytes of each of these variables, where the library would keep 64 MB."""
        with _LIBRARY_LOCK:
            for name in names:
                self._file[name].set_var_chunk_cache(size)

    def header(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Global attributes of the format, and dimensions, shape and type of each variable by name.

        Raises `ValueError` for a variable with attributes that would change its decoded values, or with
        chunks larger than itself: to read one value is to unpack a chunk.
        """
        with _LIBRARY_LOCK:
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
    plain = isinstance(kind, np.dtype)  # other types have values of any length, so no bounded size
    return variable.dimensions, variable.shape, kind.str.lstrip("<>|=") if plain else "other"
