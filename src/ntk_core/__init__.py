"""ntk_core: how far a wide ReLU network strays from its linearization, run by run.

`simulate` draws runs, `train` trains networks, `exact_quantile`, `bound` and `moments` say what theory knows,
and `open_archive` opens the results of a workflow. `LAWS`, `QUANTITIES` and `BOUNDS` list what there is.
These names are the public surface; everything else may move. A name is loaded when it is first asked for, so
importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .archive.results import Archive, DrawnResults, TrainedResults, open_archive
    from .datasets.simulation import definitions, simulate, train
    from .datasets.validation import ResultsError
    from .laws import LAWS
    from .laws.queries import Moments, bound, exact_quantile, moments
    from .quantities import QUANTITIES
    from .theory.bounds import BOUNDS

__version__ = "0.1.0"

__all__ = [
    "BOUNDS", "LAWS", "QUANTITIES", "Archive", "DrawnResults", "Moments", "ResultsError", "TrainedResults",
    "bound", "definitions", "exact_quantile", "moments", "open_archive", "simulate", "train",
]  # fmt: skip

_MODULES = {
    "BOUNDS": "theory.bounds",
    "LAWS": "laws",
    "QUANTITIES": "quantities",
    "Archive": "archive.results",
    "DrawnResults": "archive.results",
    "Moments": "laws.queries",
    "ResultsError": "datasets.validation",
    "TrainedResults": "archive.results",
    "bound": "laws.queries",
    "definitions": "datasets.simulation",
    "exact_quantile": "laws.queries",
    "moments": "laws.queries",
    "open_archive": "archive.results",
    "simulate": "datasets.simulation",
    "train": "datasets.simulation",
}
"""Where each public name is."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
