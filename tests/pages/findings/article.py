"""What tests of the article share: rendering records as they are in the file, and reading a page."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

from conftest import DELTA, EXPERIMENT, ROOT, X_NORM

from ntk_core.claims.record import from_json
from ntk_core.figures import drawable
from ntk_core.pages.findings import render as render_claims
from ntk_core.quantities import QUANTITIES

PLANNED = drawable({**EXPERIMENT.axes, "delta": DELTA, "x_norm": X_NORM}, QUANTITIES)
"""The figures of the experiment on the page: it has one d, so none against d."""

PROOFS = (ROOT / "docs/theory.md").read_text(encoding="utf-8")
NOTES = (ROOT / "docs/notes.md").read_text(encoding="utf-8")
VOID = {"meta", "link", "img", "input", "br", "hr", "mspace"}


def render(records: list[dict[str, Any]], **given: Any) -> str:
    """The page of records as they are in the file."""
    return render_claims(from_json(json.dumps(records)), **given)


class Reader(HTMLParser):
    """Text and formulas of a page by the id of the innermost article or section; code and scripts apart."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[tuple[str, dict]] = []
        self.text: dict[str, str] = {}
        self.code: dict[str, str] = {}
        self.formulas: dict[str, int] = {}
        self.tags: list[tuple[str, dict]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    @property
    def place(self) -> str:
        parts = [a.get("id", "") for tag, a in self.open if tag in {"article", "section", "header"}]
        return parts[-1] if parts else ""

    def attributes(self, wanted: str) -> list[dict]:
        """Those of all elements of a kind."""
        return [attributes for tag, attributes in self.tags if tag == wanted]

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append((tag, dict(attrs)))
        if tag == "math":
            self.formulas[self.place] = self.formulas.get(self.place, 0) + 1

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        inside = {tag for tag, _ in self.open}
        if not inside & {"script", "style", "math"}:
            kept = self.code if "code" in inside else self.text
            kept[self.place] = kept.get(self.place, "") + data


def drawings(page: Reader) -> list[dict]:
    """The attributes of all drawings on the page."""
    return [a for a in page.attributes("div") if a.get("class", "").startswith("drawing")]
