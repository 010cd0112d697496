"""ntk_core: how far a wide ReLU network strays from its linearization, run by run.

`open_archive(path)` opens the results of a run, or an archive made of them, for reanalysis. What it needs is
loaded when it is first asked for, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .archive.results import Archive, DrawnResults, TrainedResults, open_archive

__version__ = "0.1.0"

__all__ = ["Archive", "DrawnResults", "TrainedResults", "open_archive"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from .archive import results

        return getattr(results, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
