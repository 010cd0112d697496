"""Where the panels of a drawing by matplotlib are, and the words above and below them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from xml.etree.ElementTree import Element

Box = tuple[float, float, float, float]
"""x, y, width and height, in units of the drawing."""

ASCENT, DESCENT = 1.0, 0.35
"""Height of a line of text above and below its baseline, in its size."""

MARGIN, TICK = 5.0, 6.5
"""Room around a part, and to the left of axes for their ticks."""

_NUMBERS = re.compile(r"-?\d+(?:\.\d+)?")
_PLACE = re.compile(r"translate\(([-\d.]+)[ ,]+([-\d.]+)\)(.*?)scale\(([\d.]+)")


@dataclass(frozen=True)
class Panel:
    """Axes of a drawing: the left end of what belongs to them, their left edge, and whether they have ticks
    with labels of their own.
    """

    left: float
    edge: float
    labelled: bool


@dataclass(frozen=True)
class Row:
    """Panels side by side, from left to right, between two heights."""

    top: float
    bottom: float
    panels: list[Panel]


@dataclass(frozen=True)
class Layout:
    """The rows of panels of a drawing, its width and height, and its reading.

    The reading is the text below the panels. It leaves the drawing, as does the headline above them.
    """

    width: float
    height: float
    rows: list[Row]
    reading: str

    @classmethod
    def of(cls, root: Element) -> Layout:
        """The layout of a drawing, whose headline and reading are taken out of it."""
        width, height = map(float, (_NUMBERS.findall(root.get("viewBox", "")) + ["0"] * 4)[2:4])
        figure = next((child for child in root if tag(child) == "g"), root)
        framed = [(child, _frame(child)) for child in figure if child.get("id", "").startswith("axes_")]
        axes = {child: frame for child, frame in framed if frame}
        if not axes:
            return cls(width, height, [], "")
        reading = _take_words(figure, axes)
        rows = [
            _row({ax: axes[ax] for ax in row})
            for _, row in groupby(sorted(axes, key=lambda ax: axes[ax][1::-1]), lambda ax: round(axes[ax][1]))
        ]
        return cls(width, height, rows, reading)

    @property
    def whole(self) -> str:
        """The view box of all panels."""
        top, bottom = (self.rows[0].top, self.rows[-1].bottom) if self.rows else (0.0, self.height)
        return f"0 {top:.1f} {self.width:g} {bottom - top:.1f}"

    def panels(self) -> list[list[Box]]:
        """For each panel its parts: the labels of its row's first one, if they are its own too, and itself.

        None of a drawing with one panel.
        """
        if sum(len(row.panels) for row in self.rows) < 2:
            return []
        return [list(boxes) for row in self.rows for boxes in self._of(row)]

    def _of(self, row: Row) -> Iterator[tuple[Box, ...]]:
        first = row.panels[0]
        for panel, after in zip(row.panels, [*row.panels[1:], None], strict=True):
            right = min(after.left, after.edge - TICK) if after else self.width
            if panel is first or panel.labelled:
                yield (_box(0.0 if panel is first else panel.left, row.top, right, row.bottom),)
            else:
                labels = _box(0.0, row.top, first.edge - TICK, row.bottom)
                yield labels, _box(panel.edge - TICK, row.top, right, row.bottom)


def tag(element: Element) -> str:
    """The name of an element without its namespace; empty for a comment."""
    name: object = element.tag
    return name.rpartition("}")[2] if isinstance(name, str) else ""


def _take_words(figure: Element, axes: Mapping[Element, Box]) -> str:
    """Take the texts above and below all axes out of the figure; returns what those below say."""
    top, bottom = min(frame[1] for frame in axes.values()), max(frame[3] for frame in axes.values())
    reading: list[str] = []
    for child in [child for child in figure if child.get("id", "").startswith("text_")]:
        baselines = [y for _, y, _, _ in _lines(child)]
        if baselines and (max(baselines) < top or min(baselines) > bottom):
            reading += _words(child) if min(baselines) > bottom else []
            figure.remove(child)
    return " ".join(reading)


def _row(axes: Mapping[Element, Box]) -> Row:
    lines = [line for ax in axes for line in _lines(ax)]
    top = min([frame[1] for frame in axes.values()] + [y - ASCENT * size for _, y, size, _ in lines])
    bottom = max([frame[3] for frame in axes.values()] + [y + DESCENT * size for _, y, size, _ in lines])
    return Row(top - MARGIN, bottom + MARGIN, [_panel(ax, frame) for ax, frame in axes.items()])


def _panel(ax: Element, frame: Box) -> Panel:
    vertical = [child for child in ax if child.get("id", "").startswith("matplotlib.axis_")][1:2]
    labels = [line for axis in vertical for line in _lines(axis)]
    left = min([frame[0], *(x - size * turned for x, _, size, turned in labels)])
    return Panel(left - MARGIN / 2, frame[0], bool(labels))


def _box(left: float, top: float, right: float, bottom: float) -> Box:
    return round(left, 1), round(top, 1), round(right - left, 1), round(bottom - top, 1)


def _frame(ax: Element) -> Box | None:
    """Left, top, right and bottom of the rectangle of axes."""
    for path in ax.iter():
        if tag(path) == "path":
            numbers = [float(number) for number in _NUMBERS.findall(path.get("d", ""))]
            x, y = numbers[::2], numbers[1::2]
            return (min(x), min(y), max(x), max(y)) if x and y else None
    return None


def _lines(element: Element) -> Iterator[tuple[float, float, float, bool]]:
    """x, baseline, size and whether it is turned, of each line of text in an element."""
    for group in element.iter():
        if tag(group) == "g" and (place := _PLACE.match(group.get("transform", ""))):
            yield float(place[1]), float(place[2]), 100.0 * float(place[4]), "rotate" in place[3]


def _words(element: Element) -> list[str]:
    """The text that an element draws: matplotlib writes it beside the shapes of its letters."""
    return [(comment.text or "").strip() for comment in element.iter() if not tag(comment)]
