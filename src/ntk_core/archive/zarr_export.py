"""An archive as a Zarr store: the same datasets, a group for each file, for object stores."""

from __future__ import annotations

import importlib.util
import shutil
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from ..datasets.validation import reading
from .results import check_new, open_archive


def export_zarr(path: Path, to: Path) -> list[str]:
    """Write all datasets of the archive at `path` into a new Zarr store `to`; returns its groups.

    Runs are copied chunk by chunk where Dask is installed, else at once. Raises `ModuleNotFoundError` without
    the package zarr, `FileExistsError` where `to` exists or is in the archive, and `ResultsError` where there
    is no archive or a file of it is damaged or not of the format. After an error there is nothing at `to`.
    """
    if importlib.util.find_spec("zarr") is None:
        raise ModuleNotFoundError("export needs the package zarr: pip install zarr")
    check_new(to, path)
    groups = []
    try:
        for name, results in open_archive(path).items():
            for file, dataset in results.datasets.items():
                for variable in dataset.variables.values():
                    variable.encoding = {}
                problem = reading(results.folder / f"{file}.nc", "cannot be exported")
                with dataset, problem, _one_thread():
                    dataset.to_zarr(to, group=f"{name}/{file}", mode="w", consolidated=False)
                groups.append(f"{name}/{file}")
    except BaseException:
        shutil.rmtree(to, ignore_errors=True)
        raise
    return groups


def _one_thread() -> AbstractContextManager[Any]:
    """Where Dask copies chunks, it does in this thread alone: others would go on writing after an error."""
    if importlib.util.find_spec("dask") is None:
        return nullcontext()
    import dask

    return dask.config.set(scheduler="synchronous")
