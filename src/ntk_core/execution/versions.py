"""Check that workers give the same bits as this process, and that no other user can write to their folders.

Dask imports modules from a worker's folder first.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .. import __version__
from ..sampling.streams import FORMAT_VERSIONS
from .private_folder import writable_by_others

if TYPE_CHECKING:
    from distributed import Client

Task = TypeVar("Task")
Result = TypeVar("Result")


class MismatchError(RuntimeError):
    """A worker whose results could differ in bits, or whose code another user could replace."""


def library_digest() -> str:
    """Ten hex digits of the code of this library: tables and figures are recomputed when it changes."""
    digest = hashlib.sha256()
    files = Path(__file__).parents[1].rglob("*.*")
    for file in sorted(file for file in files if file.suffix in {".py", ".jinja", ".css", ".js", ".md"}):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:10]


@functools.cache
def environment() -> dict[str, str]:
    """Versions and platform of this process: everything that can change a bit of a result."""
    formats = " ".join(f"{sampler} {version}" for sampler, version in FORMAT_VERSIONS.items())
    packages = {name: importlib.metadata.version(name) for name in ("numpy", "scipy", "numba", "llvmlite")}
    return {
        "ntk_core": f"{__version__} (code {library_digest()}, formats {formats})",
        "Python": ".".join(platform.python_version_tuple()[:2]),
        **packages,
        "C library": " ".join(platform.libc_ver()),
        "processor": f"{platform.machine()}, {sys.byteorder}-endian",
    }


def _report(dask_worker: Any = None, dask_scheduler: Any = None) -> tuple[dict[str, str], Path | None]:
    """The `environment` of a Dask process, and a part of its folder's path that others could replace."""
    return environment(), writable_by_others(Path((dask_worker or dask_scheduler).local_directory))


def _check_process(
    process: str, report: tuple[dict[str, str], Path | None], expected: dict[str, str]
) -> None:
    versions, unsafe_folder = report
    for name, version in expected.items():
        if versions.get(name) != version:
            raise MismatchError(
                f"the {process} has {name} {versions.get(name)}, this process {name} {version}: "
                "bits could differ. Start scheduler and workers from the environment of this process"
            )
    if unsafe_folder is not None:
        raise MismatchError(
            f"the {process} has its temporary folder in {unsafe_folder}, where another user could put code "
            "that it runs. Start it with --local-directory and a folder that only you can write"
        )


def check_versions(client: Client) -> None:
    """Refuse workers or a scheduler (it unpacks tasks) in another environment. Raises `MismatchError`."""
    reports: dict[str, Any] = client.run(_report, on_error="return")
    reports = {
        f"worker {address}": report for address, report in reports.items() if not isinstance(report, OSError)
    }  # an OSError is a lost worker
    try:
        reports["Dask scheduler"] = client.run_on_scheduler(_report)
    except (ImportError, AttributeError) as error:
        reports["Dask scheduler"] = error
    for process, report in reports.items():
        if isinstance(report, Exception):
            raise MismatchError(f"the {process} does not have this version of ntk_core: {report}")
        _check_process(process, report, environment())


def checked_call(expected: dict[str, str], function: Callable[[Task], Result], task: Task) -> tuple[Result]:
    """Run one task; its worker is checked first, because it may have joined after `check_versions`."""
    from distributed import get_worker

    worker = get_worker()
    _check_process(f"worker {worker.address}", _report(worker), expected)
    return (function(task),)
