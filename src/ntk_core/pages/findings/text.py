"""Markdown with LaTeX formulas to HTML with MathML."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from mdit_py_plugins.dollarmath import dollarmath_plugin

from ...claims.plain_text import plain_text
from .formula import FormulaError, mathml


class TextError(ValueError):
    """Markdown with LaTeX outside formulas, which a reader would see as source."""


@dataclass(frozen=True)
class Heading:
    """A heading of a rendered page."""

    anchor: str
    title: Markup
    level: int
    source: str


def block(source: str) -> Markup:
    """Paragraphs, lists, tables. Raises `FormulaError` or `TextError`."""
    tokens = _MARKDOWN.parse(source)
    _check(tokens, source)
    return _render(tokens)


def inline(source: str) -> Markup:
    """One line without a paragraph around it. Raises `FormulaError` or `TextError`."""
    tokens = _MARKDOWN.parseInline(source)
    _check(tokens, source)
    return _render(tokens)


def sections(source: str, prefix: str) -> Iterator[tuple[Heading | None, Markup]]:
    """The sections of a long text with their headings; None for the text before the first heading."""
    tokens = _MARKDOWN.parse(source)
    _check(tokens, source)
    heading: Heading | None = None
    start = 0
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            if heading or at:
                yield heading, _render(tokens[start:at])
            title = tokens[at + 1]
            anchor = f"{prefix}-{slug(title.content)}"
            heading = Heading(anchor, _render([title]), int(token.tag[1]), title.content)
            start = at + 3
    yield heading, _render(tokens[start:])


@dataclass(frozen=True)
class Chapter:
    """Sections from a heading of level 2 to the next; the first one of a text may have no title."""

    title: Markup | None
    sections: list[tuple[Heading | None, Markup]]


def chapters(of: Iterable[tuple[Heading | None, Markup]]) -> list[Chapter]:
    """Sections grouped by their headings of level 2."""
    grouped: list[Chapter] = []
    for heading, body in of:
        starts = heading is not None and heading.level == 2
        if starts or not grouped:
            grouped.append(Chapter(heading.title if heading and starts else None, []))
        grouped[-1].sections.append((heading, body))
    return grouped


def reading(source: str) -> Markup:
    """The words of a figure, in which formulas that browsers cannot draw stand in Unicode characters."""
    try:
        return inline(source)
    except (FormulaError, TextError):
        return Markup.escape(plain_text(source))


def clause(source: str) -> str:
    """The first clause of a Markdown line: up to a comma, colon, semicolon or bracket outside formulas."""
    match = re.match(r"(?:\$[^$]*\$|[^$])+?(?=[,:;] | \(|$)", source)
    return match[0] if match else source


def slug(text: str) -> str:
    """The text as part of an anchor: small ASCII letters, digits and hyphens."""
    text = text.replace("Δ", "delta").replace("δ", "delta").replace("√", "sqrt")
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _render(tokens: Sequence[Token]) -> Markup:
    return Markup(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))


def _check(tokens: Sequence[Token], source: str) -> None:
    """Raise `TextError` for dollars and commands outside formulas and code."""
    for token in tokens:
        if token.children:
            _check(token.children, token.content)
        elif token.type == "text" and (leftover := re.search(r"\$|\\[A-Za-z]+", token.content)):
            raise TextError(f"{leftover[0]!r} is outside a formula in: {source.strip()[:200]}")


def _plain(self: Any, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    """A formula in a line, unbroken with the text that follows it: a comma, `-quantile`."""
    math = mathml(tokens[at].content)
    if at + 1 == len(tokens) or tokens[at + 1].type != "text":
        return math
    after = tokens[at + 1]
    touching = re.match(r"\S{1,12}(?=\s|$)|[,.;:!?)\]]+", after.content)
    if touching is None:
        return math
    after.content = after.content[touching.end() :]
    start = math.rindex("<math")
    return f'{math[:start]}<span class="whole">{math[start:]}{html.escape(touching[0])}</span>'


def _display(self: Any, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    # A span, since a paragraph may hold it.
    return f'<span class="formula">{mathml(tokens[at].content, display=True)}</span>'


def _table(self: Any, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    return '<div class="scroll"><table>' if tokens[at].nesting == 1 else "</table></div>"


def _markdown() -> MarkdownIt:
    # Neither HTML nor images: nothing in a text can load or run anything.
    markdown = MarkdownIt("commonmark", {"html": False, "typographer": True})
    markdown.enable(["table", "smartquotes"]).disable("image")
    markdown.use(dollarmath_plugin, allow_labels=False, double_inline=True)
    markdown.add_render_rule("math_inline", _plain)
    markdown.add_render_rule("math_inline_double", _display)
    markdown.add_render_rule("math_block", _display)
    markdown.add_render_rule("table_open", _table)
    markdown.add_render_rule("table_close", _table)
    return markdown


_MARKDOWN = _markdown()
