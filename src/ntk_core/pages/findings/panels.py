"""Where the panels of a drawing by matplotlib are, and the words above and below them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
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
    """Axes of a drawing: the left end of what belongs to them and their left edge, whether they have ticks
    with labels of their own, and left end, top and bottom of a legend to their right.
    """

    left: float
    edge: float
    labelled: bool
    legend: tuple[float, float, float] | None


@dataclass(frozen=True)
class Layout:
    """The part of a drawing that holds its panels, the panels from left to right, and its reading.

    The reading is the text below the panels, which leaves the drawing, as does the headline above them.
    """

    top: float
    bottom: float
    width: float
    axes: list[Panel]
    reading: str

    @classmethod
    def of(cls, root: Element) -> Layout:
        """The layout of a drawing, whose headline and reading are taken out of it."""
        width, height = (_NUMBERS.findall(root.get("viewBox", "0 0 0 0")) + ["0"] * 4)[2:4]
        figure = next((child for child in root if tag(child) == "g"), root)
        framed = [(child, _frame(child)) for child in figure if child.get("id", "").startswith("axes_")]
        axes = {child: frame for child, frame in framed if frame}
        frames = list(axes.values())
        rows = {round(frame[1]) for frame in frames}
        if len(rows) != 1:  # none, or several rows
            return cls(0.0, float(height), float(width), [], "")
        top, bottom = min(f[1] for f in frames), max(f[3] for f in frames)
        reading = ""
        for child in [child for child in figure if child.get("id", "").startswith("text_")]:
            baselines = [y for _, y, _, _ in _lines(child)]
            if baselines and (max(baselines) < top or min(baselines) > bottom):
                reading = " ".join(_words(child)) if min(baselines) > bottom else reading
                figure.remove(child)
        lines = [line for child in figure for line in _lines(child)]
        top = min([top, *(y - ASCENT * size for _, y, size, _ in lines)]) - MARGIN
        bottom = max([bottom, *(y + DESCENT * size for _, y, size, _ in lines)]) + MARGIN
        panels = [_panel(ax, frame) for ax, frame in axes.items()]
        return cls(top, bottom, float(width), panels, reading)

    @property
    def whole(self) -> str:
        """The view box of all panels."""
        return f"0 {self.top:.1f} {self.width:g} {self.bottom - self.top:.1f}"

    def panels(self) -> list[list[Box]]:
        """For each panel its parts: the labels of the first one, if they are its own too, and itself."""
        if len(self.axes) < 2:
            return []
        first, rows = self.axes[0], []
        for panel, after in zip(self.axes, [*self.axes[1:], None], strict=True):
            end = min(after.left, after.edge - TICK) if after else self.width
            right = panel.legend[0] - MARGIN if panel.legend else end
            labels = [] if panel.labelled else [self._part(0.0, first.edge - TICK)]
            left = panel.left if panel.labelled else panel.edge - TICK
            rows.append([*labels, self._part(0.0 if panel is first else left, right)])
            if panel.legend:
                left, top, bottom = panel.legend
                rows.append([_box(left - MARGIN, top - MARGIN, end, bottom + MARGIN)])
        return rows

    def _part(self, left: float, right: float) -> Box:
        return _box(left, self.top, right, self.bottom)


def tag(element: Element) -> str:
    """The name of an element without its namespace; empty for a comment."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _box(left: float, top: float, right: float, bottom: float) -> Box:
    return round(left, 1), round(top, 1), round(right - left, 1), round(bottom - top, 1)


def _panel(ax: Element, frame: Box) -> Panel:
    vertical = [child for child in ax if child.get("id", "").startswith("matplotlib.axis_")][1:2]
    labels = [line for axis in vertical for line in _lines(axis)]
    left = min([frame[0], *(x - size * turned for x, _, size, turned in labels)])
    corners = [
        corner for child in ax if child.get("id", "").startswith("legend_") for corner in _corners(child)
    ]
    xs, ys = ([corner[i] for corner in corners] for i in (0, 1))
    beside = bool(xs) and min(xs) > frame[2]
    legend = (min(xs), min(ys), max(ys)) if beside else None
    return Panel(left - MARGIN / 2, frame[0], bool(labels), legend)


def _frame(ax: Element) -> Box | None:
    """Left, top, right and bottom of the rectangle of axes."""
    for path in ax.iter():
        if tag(path) == "path":
            numbers = [float(number) for number in _NUMBERS.findall(path.get("d", ""))]
            x, y = numbers[::2], numbers[1::2]
            return (min(x), min(y), max(x), max(y)) if x and y else None
    return None


def _corners(element: Element) -> Iterator[tuple[float, float]]:
    """Places of the texts and lines of a legend."""
    for x, y, size, _ in _lines(element):
        yield from ((x, y - ASCENT * size), (x, y))
    for path in element.iter():
        if tag(path) == "path" and path.get("id") is None and path.get("d", "").startswith("M"):
            numbers = [float(number) for number in _NUMBERS.findall(path.get("d", ""))]
            yield min(numbers[::2]), min(numbers[1::2])


def _lines(element: Element) -> Iterator[tuple[float, float, float, bool]]:
    """x, baseline, size and whether it is turned, of each line of text in an element."""
    for group in element.iter():
        if tag(group) == "g" and (place := _PLACE.match(group.get("transform", ""))):
            yield float(place[1]), float(place[2]), 100.0 * float(place[4]), "rotate" in place[3]


def _words(element: Element) -> list[str]:
    """The text that an element draws: matplotlib writes it beside the shapes of its letters."""
    return [(comment.text or "").strip() for comment in element.iter() if not tag(comment)]
