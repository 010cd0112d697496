"""Figures on the page: their numbers, words and drawings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...claims.headlines import headline
from ...claims.plain_text import plain_text
from .drawing import Drawing, Drawings

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Figure:
    """A figure on the page; `drawing` is None if an earlier section shows it.

    `headline` and `reading` are Markdown: what it shows, and what is drawn in it.
    """

    name: str
    number: int
    anchor: str
    title: str
    headline: str
    reading: str
    drawing: Drawing | None
    alt: str


@dataclass
class Figures:
    """Numbers figures in the order of the page; only the first use of one has its drawing.

    `experiments` are quantiles and rates by name, in the order in which a figure is looked for; `svgs` are by
    `<experiment>-<name>`.
    """

    experiments: Mapping[str, tuple[xr.Dataset, xr.Dataset]]
    svgs: Mapping[str, str]
    captions: Mapping[str, str]
    drawings: Drawings = field(default_factory=Drawings)
    _numbers: dict[str, int] = field(default_factory=dict)

    def show(self, name: str, experiment: str | None = None) -> Figure:
        """The figure called `name`, of the experiment, or of the first one that has it."""
        experiments = self.experiments if experiment is None else [experiment]
        owner = next((e for e in experiments if f"{e}-{name}" in self.svgs), None)
        if owner is None:
            names = ", ".join(sorted(self.svgs))
            raise ValueError(f"no experiment has a figure {name!r}; allowed: {names}")
        stem = f"{owner}-{name}"
        title, _, rest = self.captions.get(name, f"{stem}.").strip().partition(".")
        caption = " ".join(rest.split())
        shown = headline(name, *self.experiments[owner])
        number = self._numbers.get(stem)
        drawing = None
        if number is None:
            number = self._numbers[stem] = len(self._numbers) + 1
            drawing = self.drawings.inline(self.svgs[stem], f"figure-{number}")
        reading = drawing.reading if drawing and drawing.reading else caption
        alt = f"{title}: {plain_text(shown)}. {caption}".strip()
        return Figure(name, number, f"figure-{number}", title, shown, reading, drawing, alt)
