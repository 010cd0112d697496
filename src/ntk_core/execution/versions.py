"""Who may do a task: processes whose versions give the same bits, and whose folder no other user could fill.

Dask looks in a worker's folder for modules first.
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
from ..sampling.streams import FORMAT_VERSION
from .private_folder import writable_by_others

if TYPE_CHECKING:
    from distributed import Client

Task = TypeVar("Task")
Result = TypeVar("Result")


class MismatchError(RuntimeError):
    """A worker whose results could differ in bits, or whose code another user could replace."""


def library_digest() -> str:
    """Ten hex digits naming the code of this library: tables and figures are remade when it changes."""
    digest = hashlib.sha256()
    files = Path(__file__).parents[1].rglob("*.*")
    for file in sorted(file for file in files if file.suffix in {".py", ".jinja", ".css", ".js", ".md"}):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:10]


@functools.cache
def environment() -> dict[str, str]:
    """All of this process that can change a bit of a result."""
    packages = {name: importlib.metadata.version(name) for name in ("numpy", "scipy", "numba", "llvmlite")}
    return {
        "ntk_core": f"{__version__} (code {library_digest()}, format {FORMAT_VERSION})",
        "Python": ".".join(platform.python_version_tuple()[:2]),
        **packages,
        "C library": " ".join(platform.libc_ver()),
        "processor": f"{platform.machine()}, {sys.byteorder}-endian",
    }


def _report(dask_worker: Any = None, dask_scheduler: Any = None) -> tuple[dict[str, str], Path | None]:
    """What a Dask process is, and what of the path of its folder another user could replace."""
    return environment(), writable_by_others(Path((dask_worker or dask_scheduler).local_directory))


def _refuse_others(
    process: str, report: tuple[dict[str, str], Path | None], expected: dict[str, str]
) -> None:
    versions, exposed = report
    for name, version in expected.items():
        if versions.get(name) != version:
            raise MismatchError(
                f"the {process} has {name} {versions.get(name)}, this process {name} {version}: "
                "bits could differ. Start scheduler and workers from the environment of this process"
            )
    if exposed is not None:
        raise MismatchError(
            f"the {process} has its temporary folder in {exposed}, where another user could put code that it "
            "runs. Start it with --local-directory and a folder that only you can write"
        )


def check_versions(client: Client) -> None:
    """Refuse a scheduler (tasks pass through it unpacked) or workers other than this process."""
    reports: dict[str, Any] = client.run(_report, on_error="return")
    reports = {
        f"worker {address}": report for address, report in reports.items() if not isinstance(report, OSError)
    }  # lost
    try:
        reports["Dask scheduler"] = client.run_on_scheduler(_report)
    except (ImportError, AttributeError) as error:
        reports["Dask scheduler"] = error
    for process, report in reports.items():
        if isinstance(report, Exception):
            raise MismatchError(f"the {process} does not have this version of ntk_core: {report}")
        _refuse_others(process, report, environment())


def checked_call(expected: dict[str, str], function: Callable[[Task], Result], task: Task) -> tuple[Result]:
    """One task, on a worker that may have joined after all others were looked at."""
    from distributed import get_worker

    worker = get_worker()
    _refuse_others(f"worker {worker.address}", _report(worker), expected)
    return (function(task),)
