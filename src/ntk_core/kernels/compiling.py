"""How kernels are compiled: once for a machine and kept on disk. They run without Python's lock."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """The function, compiled by Numba.

    The compiled code is kept beside the source, or where that is not writable, in the user's cache folder
    or in `NUMBA_CACHE_DIR`. Where there is no such place every process compiles anew, and says so.
    """
    return _compiled(function, inlined=False)


def inlined(function: Function) -> Function:
    """As `kernel`, for a function of a few operations: it becomes part of those that call it."""
    return _compiled(function, inlined=True)


def _compiled(function: Any, inlined: bool) -> Any:
    inline: Literal["always", "never"] = "always" if inlined else "never"
    try:
        return njit(nogil=True, cache=True, inline=inline)(function)
    except RuntimeError:
        logging.getLogger(__name__).warning(
            "No folder to keep compiled code in: each process compiles for some seconds. "
            "Set NUMBA_CACHE_DIR to a folder that can be written."
        )
        return njit(nogil=True, inline=inline)(function)
