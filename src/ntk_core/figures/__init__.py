"""The figures, one a file. A figure is a function of the quantiles and rates of one experiment."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ..quantities import QUANTITIES

if TYPE_CHECKING:
    import xarray as xr

FIGURES = ("rate", "collapse", "constant", "delta", "dimension", "ladder", "slope", "failure")
"""Names of the figures of a grid; each is a module here with a function `draw(table, rates)`."""

TRAINING_FIGURES = ("radius", "training_rate", "standing", "twin", "flips")
"""Names of the figures of a trained experiment."""


def drawable(quantities: Collection[str]) -> tuple[str, ...]:
    """The figures of a grid that can be drawn from these quantities, all or some of `QUANTITIES`.

    A figure's module has what it needs as `NEEDS`; without that it needs the linearization error.
    """
    if set(quantities) == set(QUANTITIES):
        return FIGURES  # without the second that the plotting library takes to import
    needs = {name: getattr(_module(name), "NEEDS", {"linearization_error"}) for name in FIGURES}
    return tuple(name for name in FIGURES if needs[name] <= set(quantities))


def save(name: str, table: xr.Dataset, rates: xr.Dataset, paths: list[str | Path]) -> None:
    """Draw the figure called `name` and write it to each path, in the format of its suffix.

    `table` and `rates` are the quantiles and rates of one experiment. Files carry no dates or
    random identifiers. Raises `ValueError` for a name neither in `FIGURES` nor in `TRAINING_FIGURES`.
    """
    if name not in FIGURES + TRAINING_FIGURES:
        raise ValueError(f"figure is {name!r}; allowed: {', '.join(FIGURES + TRAINING_FIGURES)}")
    from . import style  # seaborn takes a second to import

    with style.context():
        figure = _module(name).draw(table, rates)
        style.write(figure, [Path(path) for path in paths])


def _module(name: str) -> ModuleType:
    return import_module(f"{__name__}.{name}")
