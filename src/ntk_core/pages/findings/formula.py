"""LaTeX to the MathML that browsers draw (MathML Core). A formula is complete or an error."""

from __future__ import annotations

import copy
import html
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from xml.etree.ElementTree import Element, SubElement, tostring

from latex2mathml.converter import convert_to_element

from ...claims.plain_text import DOUBLE_STRUCK


class FormulaError(ValueError):
    """A formula that cannot be shown correctly."""


OPENING, CLOSING, FENCES = set("([{⟨⌊⌈"), set(")]}⟩⌋⌉"), set("|‖")
SIGNS = set("+−±∓")
RELATIONS = set("=<>≤≥≠∼≈≡∝≪≫→↦⇒∈⊆⊂")
SEPARATORS = set(",;")
UPRIGHT = set("ΓΔΘΛΞΠΣΥΦΨΩ∇∂∞")
LIMITS = {"sup", "inf", "max", "min", "lim", "Pr", "∑", "∏"}

MAX_UNBROKEN = 22
"""Largest number of glyphs of an inline formula without line breaks."""

_LEAVES = {"mi", "mn", "mo", "mtext", "ms"}
_ATTRIBUTES = {
    "display", "displaystyle", "scriptlevel", "stretchy", "fence", "form", "minsize", "maxsize",
    "accent", "accentunder", "symmetric", "movablelimits", "linethickness", "width", "height",
    "depth", "lspace", "rspace", "columnalign", "rowspacing", "columnspacing", "mathvariant",
}  # fmt: skip
_VARIANTS = {
    "double-struck": "DOUBLE-STRUCK",
    "bold": "BOLD",
    "bold-italic": "BOLD ITALIC",
    "italic": "ITALIC",
    "script": "SCRIPT",
    "fraktur": "FRAKTUR",
    "sans-serif": "SANS-SERIF",
    "monospace": "MONOSPACE",
}
_SPACES = {"negativethinmathspace": "-0.167em", "negativemediummathspace": "-0.222em"}
_ESCAPED = {r"\{": "{", r"\}": "}", r"\|": "‖"}
_RELATIONS_AS_LETTERS = {"~": "∼", ":": ":"}
_THICK = "0.278em"
_THIN = "0.167em"


@cache
def mathml(latex: str, *, display: bool = False) -> str:
    """The formula as `<math>` elements: one, or several where a long inline formula may be broken.

    Lines break where TeX breaks them, outside brackets: after a relation, a comma, or a far sign. Raises
    `FormulaError` for LaTeX that is unknown or has no counterpart in MathML Core.
    """
    source = re.sub(r"\\(begin|end)\{aligned\}", r"\\\1{split}", latex.strip())
    try:
        math = convert_to_element(source, display="block" if display else "inline")
    except Exception as error:  # the converter's errors have no common base
        problem = str(error) or type(error).__name__
        raise FormulaError(f"${latex}$ cannot be converted: {problem}") from error
    try:
        _clean(math, display)
    except FormulaError as error:
        raise FormulaError(f"${latex}$: {error}") from None
    del math.attrib["xmlns"]
    if not display:
        del math.attrib["display"]
    pieces = [math] if display else list(_pieces(math))
    for piece in pieces:
        _grow(piece)
    return "".join(tostring(piece, encoding="unicode") for piece in pieces)


def _clean(element: Element, display: bool) -> None:
    """Make an element and all below it MathML Core, in place; `display` is TeX's display style."""
    _check(element)
    _letters(element)
    if element.tag == "mspace":
        width = element.get("width", "")
        element.set("width", _SPACES.get(width, width))
    if "displaystyle" in element.attrib:
        display = element.get("displaystyle") == "true"
    inner = display and element.tag in {"math", "mrow", "mstyle", "mtable", "mtr", "mtd"}
    for child in element:
        _clean(child, inner or (display and child is element[0] and element.tag.startswith(("msu", "mun"))))
    if display and element.tag == "msub" and _text(element[0]) in LIMITS:
        element.tag = "munder"
    if element.tag == "msup" and _text(element[1]) == "′":  # drawn high up already
        element.tag, element[1].tag = "mrow", "mo"
        element[1].attrib.update(lspace="0", rspace="0")
    if element.tag in {"msub", "msup", "msubsup"}:
        for script in element[1:]:
            if script.tag == "mo":
                script.attrib.update(lspace="0", rspace="0")
    _space(element)


def _check(element: Element) -> None:
    unknown = set(element.attrib) - _ATTRIBUTES - {"xmlns"}
    if unknown:
        raise FormulaError(f"{', '.join(sorted(unknown))} has no counterpart in MathML Core")
    if element.tag not in _LEAVES:
        return
    element.text = html.unescape(element.text or "")
    if element.tag == "mo":  # the converter leaves these as they are after \\big and its kin
        element.text = _ESCAPED.get(element.text, element.text)
    if "\\" in element.text:
        raise FormulaError(f"{element.text} is unknown")
    if element.text == "&" or (element.tag == "mo" and not element.text):
        raise FormulaError("an alignment or a command is misplaced")


def _letters(element: Element) -> None:
    """Replace bold, double-struck and similar letters by their own Unicode characters."""
    variant = element.get("mathvariant")
    if element.tag == "mi" and element.text in UPRIGHT:  # TeX's capital Greek
        element.set("mathvariant", "normal")
    if variant is None or variant == "normal":
        return
    if variant not in _VARIANTS:
        raise FormulaError(f"letters in {variant} are unknown")
    del element.attrib["mathvariant"]
    element.text = "".join(_letter(character, variant) for character in element.text or "")


def _letter(character: str, variant: str) -> str:
    if variant == "double-struck" and character in DOUBLE_STRUCK:
        return DOUBLE_STRUCK[character]
    name = unicodedata.name(character, "").replace("LATIN ", "").replace(" LETTER", "").replace("GREEK ", "")
    try:
        return unicodedata.lookup(f"MATHEMATICAL {_VARIANTS[variant]} {name}")
    except KeyError:
        raise FormulaError(f"{character} has no form in {variant}") from None


def _space(row: Element) -> None:
    """Set TeX's spacing around signs, fences and named operators; browsers guess it from position."""
    if not len(row) or row.tag in {"msub", "msup", "msubsup", "munder", "mover", "munderover", "mfrac"}:
        return
    fences = _Fences()
    before: Element | None = None
    prefix = True
    for child, after in zip(row, [*row[1:], None], strict=True):
        core = _core(child)
        text = _text(core)
        if core.tag == "mi" and text in _RELATIONS_AS_LETTERS:
            core.tag, core.text = "mo", _RELATIONS_AS_LETTERS[text]
            core.attrib.update(lspace=_THICK, rspace=_THICK)
        elif core.tag == "mi" and (text in OPENING | CLOSING or (len(text) > 1 and text.isalpha())):
            core.tag = "mo"
        if core.tag == "mo":
            if "minsize" in core.attrib:
                core.set("stretchy", "true")
                if text in OPENING | CLOSING:
                    core.set("form", "prefix" if text in OPENING else "postfix")
            if text in SIGNS and prefix:
                core.set("form", "prefix")
                core.attrib.update(lspace="0", rspace="0")
            elif text in FENCES or text in {"/", "."} or (text == "," and len(row) == 1):  # {,}
                core.attrib.update(lspace="0", rspace="0")
            elif len(text) > 1 and text.isalpha():
                bracket = after is None or _text(_core(after)) in OPENING
                follows = before is not None and _core(before).tag != "mo"
                core.attrib.update(lspace=_THIN if follows else "0", rspace="0" if bracket else _THIN)
        if text in FENCES:
            prefix = fences.toggle(core)
        elif child.tag != "mspace":
            prefix = core.tag == "mo" and text not in CLOSING
            before = child


class _Fences:
    """The open bars: of each size, every second bar closes."""

    def __init__(self) -> None:
        self.open: set[tuple[str, str]] = set()

    def toggle(self, bar: Element) -> bool:
        """Open or close a bar; returns whether it opens."""
        key = (_text(bar), bar.get("minsize", ""))
        self.open ^= {key}
        return key in self.open


def _core(element: Element) -> Element:
    """The operator an element is built around, as `)` in `)_+`, or the element itself."""
    while element.tag in {"msub", "msup", "msubsup", "munder", "mover", "munderover"}:
        element = element[0]
    return element


def _text(element: Element) -> str:
    return (element.text or "") if element.tag in _LEAVES else ""


def _grow(math: Element) -> None:
    """Let sized brackets with scripts grow: browsers size operators in rows only."""
    for element in math.iter():
        if element.tag in {"msub", "msup", "msubsup"} and "minsize" in element[0].attrib:
            row = Element("mrow")
            row.append(element[0])
            element[0] = row


def _blank(element: Element) -> bool:
    return element.tag == "mspace" or (element.tag == "mtext" and not (element.text or "").strip())


def _pieces(math: Element) -> Iterator[Element]:
    """The pieces of a long formula, cut after relations and commas outside brackets."""
    if len("".join(math.itertext())) <= MAX_UNBROKEN or [child.tag for child in math] != ["mrow"]:
        yield math
        return
    children = list(math[0])
    piece: list[Element] = []
    depth = 0
    fences = _Fences()
    for child, after in zip(children, [*children[1:], None], strict=True):
        core = _core(child)
        text = _text(core) if core.tag == "mo" else ""
        depth += (text in OPENING) - (text in CLOSING)
        piece.append(child)
        if text in FENCES:
            fences.toggle(core)
        outside = depth == 0 and not fences.open
        ends = outside and text in RELATIONS | SEPARATORS
        long = len("".join(part for parts in piece for part in parts.itertext())) > MAX_UNBROKEN // 2
        ends = ends or (outside and long and text in SIGNS and core.get("form") != "prefix")
        ends = ends or (_blank(child) and len(piece) > 1 and _text(piece[-2]) in SEPARATORS)
        if ends and after is not None and not _blank(after) and len(piece) > 1:
            core.set("form", "infix")
            yield _row(piece)
            piece = []
    yield _row(piece)


def _row(children: list[Element]) -> Element:
    math = Element("math")
    SubElement(math, "mrow").extend(copy.copy(child) for child in children)
    return math
