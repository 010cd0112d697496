"""What calls and jobs import: imported once, in the process that others are forked from."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numba
from imported_library import import_library
from snakemake.cli import get_argument_parser

NAMES = (
    "dask.array", "distributed", "jinja2", "markdown_it", "matplotlib.pyplot", "netCDF4", "pandas",
    "pydantic", "scipy.integrate", "scipy.optimize", "scipy.special", "scipy.stats", "seaborn", "smart_open",
    "xarray",
)  # fmt: skip

AT_EXIT: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = []
"""What is to be called when a process ends that has imported these; a forked one has to ask for it again."""


def _noted(function: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Callable[..., Any]:
    AT_EXIT.append((function, arguments, keywords))
    return function


_register, atexit.register = atexit.register, _noted
try:
    for name in NAMES:
        import_module(name)
    import_library()
    get_argument_parser()  # finds the plugins, which it then knows
finally:
    atexit.register = _register

numba.njit(lambda: None)()  # the first function loads what all of them need

gc.collect()
gc.freeze()  # a fork that looks for garbage would write to, and so copy, the pages of all these objects
