"""The article: the question, the answer in one figure, then claim by claim. One file, no network."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jinja2 import Environment
from markupsafe import Markup

from ...claims.headlines import finding, headline
from ...claims.plain_text import plain_text
from ...claims.record import Claim
from ...figures import FIGURES, TRAINING_FIGURES, drawable, training_drawable
from ...laws import LAWS
from . import readable, text
from .embedding import asset, digest, templates
from .experiments import answer, made
from .training import trained

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["render"]

VERDICTS = {
    "true": ("✓", "true", "holds as printed"),
    "true, loose": ("≪", "loose", "holds, but what it bounds stays far below"),
    "undecided": ("?", "undecided", "neither shown nor refuted here"),
    "false": ("✗", "false", "fails as printed"),
}
"""Symbol, name in the style sheet and meaning of each verdict."""

SYMBOLS = {
    "m": "m",
    "d": "d",
    "alpha": r"\alpha",
    "delta": r"\delta",
    "x_norm": r"\|x\|",
    "epsilon": r"\varepsilon",
}
"""How parameters are written in formulas."""

APPENDICES = {"theory.md": ("proofs", "proof"), "notes.md": ("notes", "notes")}
"""Pages of docs/ that the article contains: the id of the section, and the prefix of its anchors."""


def render(
    claims: Sequence[Claim],
    experiments: Sequence[tuple[xr.Dataset, xr.Dataset]],
    figures: Mapping[str, str],
    captions: Mapping[str, str],
    proofs: str,
    notes: str,
    trainings: Sequence[tuple[xr.Dataset, xr.Dataset]] = (),
) -> str:
    """The page, the same bytes for the same input.

    `claims` are those of `claims.json`; `experiments` and `trainings` pairs of quantiles and rates of drawn
    and of trained experiments, at least one in all; `figures` SVG by `<experiment>-<name>`; `captions` plain
    text by name of the figure; `proofs` and `notes` the Markdown of docs/theory.md and docs/notes.md, which
    may link to each other's headings. Raises `FormulaError` or `TextError` for text that cannot be shown,
    `ValueError` for a missing figure, proof or heading.
    """
    tables = [made(table, rates) for table, rates in experiments]
    trained_tables = [trained(table, rates) for table, rates in trainings]
    main = next((table for table in tables if table.sampler == "band"), tables[0] if tables else None)
    anchors = _anchors({"theory.md": proofs, "notes.md": notes})
    appendix = list(text.sections(_link(proofs, anchors), "proof"))
    grid_names = sorted((t.name for t in tables), key=lambda name: main is None or name != main.name)
    pairs = {t.name: (t.table, t.rates) for t in tables} | {
        t.name: (t.table, t.rates) for t in trained_tables
    }
    names = [*grid_names, *(t.name for t in trained_tables)]
    planned = {t.name: drawable(_axes(t.table), t.table["quantity"].values) for t in tables}
    planned |= {t.name: training_drawable(_axes(t.table)) for t in trained_tables}
    numbered = Figures({name: pairs[name] for name in names}, figures, captions)
    missing = set(FIGURES + TRAINING_FIGURES).difference(*planned.values())
    template = _environment().get_template("page.html.jinja")
    style, script = asset(__name__, "page.css"), asset(__name__, "page.js")
    return template.render(
        style=Markup(style),
        script=Markup(script),
        style_digest=digest(style),
        script_digest=digest(script),
        main=main,
        answer=answer(main) if main else None,
        answer_figure=numbered.show("rate") if main and "rate" not in missing else None,
        answer_finding=finding("rate", main.table, main.rates) if main else "",
        trainings=[(t, [numbered.show(name, t.name) for name in planned[t.name]]) for t in trained_tables],
        claims=[
            _Section(claim, numbered, missing, _proof(claim, appendix), anchors) for claim in _unique(claims)
        ],
        counts={verdict: sum(c.verdict == verdict for c in claims) for verdict in VERDICTS},
        verdicts=VERDICTS,
        proofs=appendix,
        notes=list(text.sections(_link(notes, anchors), "notes")),
        made=tables,
        names=list(pairs),
        source=main or trained_tables[0],
    )


@dataclass(frozen=True)
class Figure:
    """A figure on the page; `source` is empty if an earlier section shows it."""

    number: int
    anchor: str
    title: str
    caption: str
    source: str
    alt: str


@dataclass
class Figures:
    """Numbers figures in the order of the page; only the first use of one has its drawing.

    `experiments` are quantiles and rates by name, in the order in which a figure is looked for.
    """

    experiments: Mapping[str, tuple[xr.Dataset, xr.Dataset]]
    drawings: Mapping[str, str]
    captions: Mapping[str, str]
    _numbers: dict[str, int] = field(default_factory=dict)

    def show(self, name: str, experiment: str | None = None) -> Figure:
        """The figure called `name`, of the experiment, or of the first one that has it."""
        experiments = self.experiments if experiment is None else [experiment]
        owner = next((e for e in experiments if f"{e}-{name}" in self.drawings), None)
        if owner is None:
            names = ", ".join(sorted(self.drawings))
            raise ValueError(f"no experiment has a figure {name!r}; allowed: {names}")
        stem = f"{owner}-{name}"
        title, _, rest = self.captions.get(name, f"{stem}.").strip().partition(".")
        caption = " ".join(rest.split())
        source = ""
        if stem not in self._numbers:
            source = "data:image/svg+xml;base64," + base64.b64encode(self.drawings[stem].encode()).decode()
        number = self._numbers.setdefault(stem, len(self._numbers) + 1)
        shown = plain_text(headline(name, *self.experiments[owner]))
        return Figure(
            number, f"figure-{number}", title, caption, source, f"{title}: {shown}. {caption}".strip()
        )


class _Section:
    """A claim with the figures and the proof of its section; `notes` is the anchor in the notes, if any."""

    def __init__(
        self,
        claim: Claim,
        figures: Figures,
        missing: Collection[str],
        proof: text.Heading,
        anchors: Mapping[str, str],
    ) -> None:
        self.claim = claim
        self.anchor = f"claim-{text.slug(claim.id)}"
        self.figures = [figures.show(name) for name in claim.figures if name not in missing]
        self.proof = proof
        self.notes = anchors.get(f"notes.md#{_letters(claim.id)}")


def _axes(table: xr.Dataset) -> dict[str, Any]:
    return {str(name): table[name].values for name in table.dims}


def _unique(claims: Sequence[Claim]) -> Sequence[Claim]:
    anchors = [text.slug(claim.id) for claim in claims]
    for claim, anchor in zip(claims, anchors, strict=True):
        if not anchor or anchors.count(anchor) > 1:
            raise ValueError(f"the claim id {claim.id!r} is empty or has the same anchor as another")
    return claims


def _proof(claim: Claim, appendix: Sequence[tuple[text.Heading | None, Markup]]) -> text.Heading:
    """The heading a claim's `proof` names, by its text or anchor."""
    headings = [heading for heading, _ in appendix if heading]
    letters = _letters(claim.proof.rsplit("#", 1)[-1])
    for heading in headings:
        if _letters(heading.source) == letters:
            return heading
    names = "; ".join(heading.source for heading in headings)
    raise ValueError(f"claim {claim.id}: proof is {claim.proof!r}, but the headings are: {names}")


def _anchors(appendices: Mapping[str, str]) -> dict[str, str]:
    """The anchors within the article by file, and by file and letters of a heading."""
    anchors = {}
    for name, source in appendices.items():
        section, prefix = APPENDICES[name]
        anchors[name] = section
        for heading, _ in text.sections(source, prefix):
            if heading:
                anchors[f"{name}#{_letters(heading.source)}"] = heading.anchor
    return anchors


def _link(source: str, anchors: Mapping[str, str]) -> str:
    """The Markdown with links between the appendices turned into links within the article."""

    def within(link: re.Match[str]) -> str:
        target = f"{link['page']}#{_letters(link['heading'])}" if link["heading"] else link["page"]
        if target not in anchors:
            raise ValueError(f"{link['page']} has no heading #{link['heading']}")
        return f"](#{anchors[target]})"

    return re.sub(r"\]\((?P<page>theory\.md|notes\.md)(?:#(?P<heading>[^)]+))?\)", within, source)


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def _environment() -> Environment:
    environment = templates(__name__)
    environment.filters.update(
        markdown=text.block,
        inline=text.inline,
        number=readable.number,
        tex=readable.tex,
        value=readable.value,
        interval=readable.interval,
        times=readable.times,
    )
    environment.globals.update(
        parameter=_parameter, displacements={name: law.words for name, law in LAWS.items()}
    )
    return environment


def _parameter(name: str, value: float) -> Markup:
    """`name = value`, as a formula where the name has a symbol."""
    if name in SYMBOLS:
        return text.inline(f"${SYMBOLS[name]}={readable.tex(value)}$")
    return Markup("{} = {}").format(name, readable.number(value))
