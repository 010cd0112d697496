"""Inner loops are compiled once for a machine and cached on disk. They run without Python's lock."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import numba

COMPILED = ("compiling.py", "sampling/kernels/*.py", "theory/crossing.py", "theory/crossover.py")
"""The files of the package with compiled functions."""

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """The function, compiled by Numba.

    Compiled code is cached in `NUMBA_CACHE_DIR` where that is set, else beside the source, or where that is
    not writable, in the user's cache folder. Without a writable folder every process compiles and warns.
    """
    return _compiled(function, inlined=False)


def inlined(function: Function) -> Function:
    """As `kernel`, for a function of a few operations: it becomes part of those that call it."""
    return _compiled(function, inlined=True)


def _compiled(function: Any, inlined: bool) -> Any:
    inline: Literal["always", "never"] = "always" if inlined else "never"
    if CACHE_FOLDER is None:
        return numba.njit(nogil=True, inline=inline)(function)
    settings: Any = numba.config
    before, settings.CACHE_DIR = settings.CACHE_DIR, str(CACHE_FOLDER)
    try:
        return numba.njit(nogil=True, cache=True, inline=inline)(function)
    finally:
        settings.CACHE_DIR = before


def cache_folder() -> Path | None:
    """The cache folder of compiled code; None, with a warning, where none is writable.

    Its name has a digest of all files with compiled functions: Numba compares only the file of a function,
    and would use stale code after a change of a constant or function of another file.
    """
    source = Path(__file__).parent
    files = sorted(file for pattern in COMPILED for file in source.glob(pattern))
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files))
    name = f"ntk-core-{digest.hexdigest()[:16]}"
    setting = os.environ.get("NUMBA_CACHE_DIR")
    user = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    for parent in [Path(setting)] if setting else [source / "__pycache__", Path(user)]:
        path = parent / name
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(path, os.W_OK):
            return path
    logging.getLogger(__name__).warning(
        "No writable folder for compiled code: each process compiles for some seconds. "
        "Set NUMBA_CACHE_DIR to a writable folder."
    )
    return None


CACHE_FOLDER = cache_folder()
"""The cache folder of this process."""
