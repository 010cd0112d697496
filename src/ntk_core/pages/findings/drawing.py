"""Figures as parts of the page: SVG in the page's colours, cut into panels for narrow screens."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser, fromstring, tostring

from markupsafe import Markup

from .colours import variable
from .panels import Layout, tag

TAGS = {
    "svg", "g", "path", "use", "defs", "clipPath",
    "rect", "circle", "ellipse", "line", "polyline", "polygon",
}  # fmt: skip
GEOMETRY = {
    "d", "transform", "points", "x", "y", "width", "height",
    "cx", "cy", "r", "rx", "ry", "x1", "y1", "x2", "y2",
}  # fmt: skip
PAINT = {
    "fill", "stroke", "stroke-width", "stroke-linecap", "stroke-linejoin", "stroke-dasharray",
    "stroke-dashoffset", "stroke-miterlimit", "opacity", "fill-opacity", "stroke-opacity", "fill-rule",
    "clip-path",
}  # fmt: skip
"""What a drawing may hold. Anything else is left out, so that nothing in it can load or run anything."""

SCALE = 1.5
"""Pixels of a narrow screen for each unit of a drawing, where a panel does not fill the line."""

_LINK = "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"-?\d+\.\d+")
_REFERENCE = re.compile(r"""(?:href=["']|url\()#([\w.-]+)""")
_COLOUR = re.compile(r"var\(--c-([0-9a-f]{6})\)")


@dataclass(frozen=True)
class Drawing:
    """A drawing for wide screens, the same in panels for narrow ones, and its reading, as Markdown."""

    wide: Markup
    panels: list[Markup]
    reading: str


@dataclass
class Drawings:
    """Makes drawings of one page; keeps the letters that they share, and the colours that they use."""

    colours: set[str] = field(default_factory=set)
    _letters: dict[tuple[str, str], str] = field(default_factory=dict)

    def inline(self, svg: str, anchor: str) -> Drawing:
        """The drawing, its ids beginning with `anchor`. Raises `ValueError` for a text that is no SVG."""
        try:
            root = fromstring(svg, parser=XMLParser(target=TreeBuilder(insert_comments=True)))
        except ParseError as error:
            raise ValueError(f"the drawing of {anchor} is no SVG: {error}") from None
        layout = Layout.of(root)
        letters = dict(self._shared(root))
        names = {name: f"{anchor}-{name}" for name in _REFERENCE.findall(svg)} | letters
        content = Element("g", {"id": f"{anchor}-drawing", "stroke-linejoin": "round"})
        content.extend(_clean(child, names, set(letters)) for child in root if tag(child) in TAGS)
        text = tostring(content, encoding="unicode")
        self.colours.update(_COLOUR.findall(text))
        wide = Markup('<svg class="whole-drawing" viewBox="{}">{}</svg>').format(layout.whole, Markup(text))
        return Drawing(wide, [_panel(boxes, anchor) for boxes in layout.panels()], layout.reading)

    def letters(self) -> Markup:
        """The letters of all drawings, each once."""
        paths = (f'<path id="{name}" d="{d}"{more}/>' for (d, more), name in self._letters.items())
        return Markup('<svg class="letters" aria-hidden="true"><defs>{}</defs></svg>').format(
            Markup("").join(map(Markup, paths))
        )

    def _shared(self, root: Element) -> Iterator[tuple[str, str]]:
        """Ids of the paths that are letters, by their id in this drawing."""
        for defs in root.iter():
            for path in defs if tag(defs) == "defs" else ():
                if tag(path) == "path" and set(path.attrib) <= {"id", "d", "transform"}:
                    path_attributes = dict(_attributes(path))
                    more = (
                        f' transform="{path_attributes["transform"]}"'
                        if "transform" in path_attributes
                        else ""
                    )
                    key = (path_attributes.get("d", ""), more)
                    yield path.get("id", ""), self._letters.setdefault(key, f"letter-{len(self._letters)}")


def _clean(element: Element, names: Mapping[str, str], letters: set[str]) -> Element:
    """A copy with what a drawing may hold, under new names and without the letters."""
    attributes = dict(_attributes(element))
    if (name := element.get("id", "")) in names:
        attributes["id"] = names[name]
    target = element.get("href", element.get(_LINK, ""))
    if target[1:] in names and target.startswith("#"):
        attributes["href"] = f"#{names[target[1:]]}"
    if "clip-path" in attributes:
        clip = attributes["clip-path"].removeprefix("url(#").removesuffix(")")
        attributes["clip-path"] = f"url(#{names.get(clip, '')})"
    copy = Element(tag(element), attributes)
    for child in element:
        if tag(child) not in TAGS or child.get("id") in letters:
            continue
        piece = _clean(child, names, letters)
        if len(piece) or tag(piece) not in {"g", "defs"}:
            copy.append(piece)
    return copy


def _attributes(element: Element) -> Iterator[tuple[str, str]]:
    """Place, form and paint of an element; paint of its style too, which the page's policy would refuse."""
    declarations = (part.partition(":") for part in element.get("style", "").split(";"))
    for name, value in (element.attrib | {n.strip(): v.strip() for n, _, v in declarations}).items():
        if name == "d":
            yield name, _path(value)
        elif name in GEOMETRY:
            yield name, value
        elif name == "clip-path" or (name in PAINT and "url" not in value.lower()):
            yield name, variable(value)


def _path(d: str) -> str:
    """The data of a path in few characters: to a hundredth of a unit."""
    short = _NUMBER.sub(lambda match: f"{float(match[0]):.2f}".rstrip("0").rstrip("."), d)
    return re.sub(r"\s*([A-Za-z])\s*", r"\1", " ".join(short.split())).strip()


def _panel(boxes: list[tuple[float, float, float, float]], anchor: str) -> Markup:
    """Parts `(x, y, width, height)` of a drawing side by side."""
    at, parts = 0.0, []
    for x, y, width, height in boxes:
        part = Markup('<svg x="{:g}" width="{:g}" height="{:g}" viewBox="{:g} {:g} {:g} {:g}">{}</svg>')
        use = Markup('<use href="#{}-drawing"/>').format(anchor)
        parts.append(part.format(at, width, height, x, y, width, height, use))
        at += width
    frame = '<svg class="panel" width="{:.0f}" viewBox="0 0 {:g} {:g}">{}</svg>'
    return Markup(frame).format(SCALE * at, at, boxes[0][3], Markup("").join(parts))
