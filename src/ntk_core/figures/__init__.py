"""The figures, one a file. A figure is a function of the quantiles and rates of one experiment."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..laws import in_theorem_ball
from ..quantities import QUANTITIES

if TYPE_CHECKING:
    import xarray as xr

FIGURES: dict[str, tuple[str, ...]] = {
    "rate": ("m",),
    "collapse": ("m",),
    "constant": ("alpha", "x_norm"),
    "delta": ("delta",),
    "dimension": ("d",),
    "ladder": ("m", "x_norm"),
    "slope": ("m",),
    "failure": (),
}
"""The figures of a grid: each name is that of a module here, with a function `draw(table, rates)`.

Its values are the axes against which it shows something: one with a single value is left out of it.
"""

TRAINING_FIGURES: dict[str, tuple[str, ...]] = {
    "crossover": ("steps",),
    "radius": ("m",),
    "training_rate": ("m",),
    "standing": ("m", "steps"),
    "twin": (),
    "flips": ("steps",),
}
"""The figures of a trained experiment."""

BALL_FIGURES: dict[str, tuple[str, ...]] = {"norms": ("m",)}
"""The figures of a grid in another ball than that of Theorem 1."""

ALL_FIGURES = FIGURES | TRAINING_FIGURES | BALL_FIGURES
"""All of them, with their axes."""

SINGLE = {"crossover": "training_input"}
"""Axes that must have a single value: the angle of an input is to the only training input."""


def drawable(axes: Mapping[str, Collection[Any]], quantities: Collection[str]) -> tuple[str, ...]:
    """The figures of a grid with these axes, levels and norms, from all or some of `QUANTITIES`.

    A figure needs two values on one of its axes, unless it has none. Its module has the quantities that it
    needs as `NEEDS`; without that it needs the linearization error.
    """
    names = FIGURES if in_theorem_ball(axes.get("perturbation", ())) else BALL_FIGURES
    figures = tuple(name for name in names if _has_axis(name, axes))
    if set(quantities) == set(QUANTITIES):
        return figures  # without the second that the plotting library takes to import
    needs = {name: getattr(_module(name), "NEEDS", {"linearization_error"}) for name in figures}
    return tuple(name for name in figures if needs[name] <= set(quantities))


def training_drawable(axes: Mapping[str, Collection[Any]]) -> tuple[str, ...]:
    """The figures of a trained experiment with these widths `m`, recorded `steps` and training inputs."""
    return tuple(name for name in TRAINING_FIGURES if _has_axis(name, axes))


def _has_axis(figure: str, axes: Mapping[str, Collection[Any]]) -> bool:
    """Whether one of the figure's axes has two values; of steps two after the start, of slopes two.

    And whether an axis that must have a single value has.
    """
    if figure in SINGLE and len(axes.get(SINGLE[figure], ())) != 1:
        return False
    sizes = (len(axes[axis]) - (axis == "steps" or figure == "slope") for axis in ALL_FIGURES[figure])
    return not ALL_FIGURES[figure] or any(size > 1 for size in sizes)


def save(name: str, table: xr.Dataset, rates: xr.Dataset, paths: list[str | Path]) -> None:
    """Draw the figure called `name` and write it to each path, in the format of its suffix.

    `table` and `rates` are the quantiles and rates of one experiment. Files carry no dates or
    random identifiers. Raises `ValueError` for a name not in `ALL_FIGURES`, or of a figure whose axes have
    one value each here.
    """
    if name not in ALL_FIGURES:
        raise ValueError(f"figure is {name!r}; allowed: {', '.join(ALL_FIGURES)}")
    if not _has_axis(name, {str(axis): table[axis].values for axis in table.dims}):
        axes = " and ".join(ALL_FIGURES[name])
        several = f", or several of {SINGLE[name]}" if name in SINGLE else ""
        raise ValueError(f"figure {name!r} has nothing to show: there is one value of {axes}{several}")
    from . import files, style  # seaborn takes a second to import

    with style.context():
        figure = _module(name).draw(table, rates)
        files.write(figure, [Path(path) for path in paths])


def _module(name: str) -> ModuleType:
    return import_module(f"{__name__}.{name}")
