"""How kernels are compiled: once for a machine and kept on disk. They run without Python's lock."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """The function, compiled by Numba.

    Compiled code is kept in `NUMBA_CACHE_DIR` where that is set, else beside the source, or where that is
    not writable, in the user's cache folder. Where there is no such place every process compiles again, and
    says so.
    """
    return _compiled(function, inlined=False)


def inlined(function: Function) -> Function:
    """As `kernel`, for a function of a few operations: it becomes part of those that call it."""
    return _compiled(function, inlined=True)


def _compiled(function: Any, inlined: bool) -> Any:
    inline: Literal["always", "never"] = "always" if inlined else "never"
    if KEPT is None:
        return numba.njit(nogil=True, inline=inline)(function)
    settings: Any = numba.config
    before, settings.CACHE_DIR = settings.CACHE_DIR, str(KEPT)
    try:
        return numba.njit(nogil=True, cache=True, inline=inline)(function)
    finally:
        settings.CACHE_DIR = before


def folder() -> Path | None:
    """Where compiled code is kept; None, with a warning, where nothing can be written.

    Named by a digest of all kernels: Numba itself looks only at the file of a function, and would go on using
    code into which a constant or a function of another file was compiled before it changed.
    """
    source = Path(__file__).parent
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(source.glob("*.py"))))
    name = f"ntk-core-{digest.hexdigest()[:16]}"
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    user = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    for parent in [Path(chosen)] if chosen else [source / "__pycache__", Path(user)]:
        path = parent / name
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(path, os.W_OK):
            return path
    logging.getLogger(__name__).warning(
        "No folder to keep compiled code in: each process compiles for some seconds. "
        "Set NUMBA_CACHE_DIR to a folder that can be written."
    )
    return None


KEPT = folder()
"""Where this process finds and keeps compiled code."""
