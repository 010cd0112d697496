"""The article: the answer in a sentence and a figure, the question, claim by claim. One file, no network."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jinja2 import Environment
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from ...claims.record import Claim
from ...claims.wording import steps_text
from ...figures import ALL_FIGURES, drawable, training_drawable
from ...laws import LAWS
from ..embedding import asset, digest, templates
from . import ladder, numbers, text
from .colours import style_sheet
from .drawing import Drawings
from .experiments import grid_answer, grid_of
from .figure import Figures
from .opening import opening
from .plain_words import PLAIN_WORDS
from .training import trained

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["render"]

VERDICTS = {
    "true": ("✓", "true", "holds as printed"),
    "true, loose": ("≪", "loose", "holds, but what it bounds stays far below"),
    "undecided": ("?", "undecided", "neither shown nor refuted here"),
    "false": ("✗", "false", "fails as printed"),
    "proved": ("✓", "true", "proved below, and numbers agree"),
    "supported": ("≈", "loose", "an argument below that is no full proof, and numbers that agree"),
}
"""Symbol, name in the style sheet and meaning of each verdict."""

SYMBOLS = {"m": "m", "alpha": r"\alpha", "delta": r"\delta", "x_norm": r"\|x\|"}
"""How the parameters of a counterexample are written in formulas."""

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
    tables = [grid_of(table, rates) for table, rates in experiments]
    trained_tables = [trained(table, rates) for table, rates in trainings]
    inside = [table for table in tables if table.in_theorem_ball]
    main = next((table for table in inside if table.sampler == "band"), inside[0] if inside else None)
    main_answer = grid_answer(main) if main else None
    anchors = _anchors({"theory.md": proofs, "notes.md": notes})
    appendix = list(text.sections(_link(proofs, anchors), "proof"))
    grid_names = sorted((t.name for t in tables), key=lambda name: main is None or name != main.name)
    pairs = {t.name: (t.table, t.rates) for t in tables} | {
        t.name: (t.table, t.rates) for t in trained_tables
    }
    specs = {t.name: t.spec for t in tables} | {t.name: t.spec for t in trained_tables}
    planned = {t.name: drawable(_axes(t.table), t.table["quantity"].values) for t in tables}
    planned |= {t.name: training_drawable(_axes(t.table)) for t in trained_tables}
    names = [*grid_names, *(t.name for t in trained_tables)]
    numbered = Figures({name: pairs[name] for name in names}, figures, captions)
    missing = set(ALL_FIGURES).difference(*planned.values())
    content: dict[str, Any] = {
        "main": main,
        "answer": main_answer,
        "opening": opening(claims, main, main_answer),
        "answer_figure": numbered.show("rate") if main and "rate" not in missing else None,
        "ladder": {"labels": ladder.LABELS, "rungs": ladder.rungs(), "start": ladder.START},
        "ladder_data": htmlsafe_json_dumps(ladder.content(), separators=(",", ":"), allow_nan=False),
        "trainings": [(t, [numbered.show(name, t.name) for name in planned[t.name]]) for t in trained_tables],
        "verdicts": VERDICTS,
        "proofs": text.chapters(appendix),
        "notes": text.chapters(text.sections(_link(notes, anchors), "notes")),
        "grids": tables,
        "data_files": {name: spec.get("keep", "runs") for name, spec in specs.items()},
        "explorable": bool(inside or trained_tables),
        "source": main or (tables + trained_tables)[0],
    }
    sections = [
        _Section(claim, numbered, missing, _proof(claim, appendix), anchors) for claim in _unique(claims)
    ]
    of_ladder = (figure for section in sections for figure in section.figures if figure.name == "ladder")
    content["ladder_figure"] = next(of_ladder, None)
    for name, own in (("claims", False), ("own", True)):
        chosen = [section for section in sections if section.claim.own == own]
        counts = {verdict: sum(s.claim.verdict == verdict for s in chosen) for verdict in VERDICTS}
        content |= {name: chosen, f"{name}_counts": counts}
    return _page(content, numbered.drawings)


def _page(content: Mapping[str, Any], drawings: Drawings) -> str:
    """The page with its style and its script, and their digests."""
    style = asset("ntk_core.pages", "page.css") + asset(__name__, "article.css")
    style += style_sheet(drawings.colours)
    script = "".join(asset(__name__, f"{name}.js") for name in ("page", "ladder"))
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            **content,
            letters=drawings.letters(),
            style=Markup(style),
            script=Markup(script),
            style_digest=digest(style),
            script_digest=digest(script),
        )
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
        self.plain = PLAIN_WORDS.get(claim.id, "")


def _axes(table: xr.Dataset) -> dict[str, Any]:
    return {str(name): table[name].values for name in table.dims}


def _unique(claims: Sequence[Claim]) -> Sequence[Claim]:
    anchors = [text.slug(claim.id) for claim in claims]
    for claim, anchor in zip(claims, anchors, strict=True):
        if not anchor or anchors.count(anchor) > 1:
            raise ValueError(f"the claim id {claim.id!r} is empty or has the same anchor as another")
    return claims


def _proof(claim: Claim, appendix: Sequence[tuple[text.Heading | None, Markup]]) -> text.Heading:
    """The heading that a claim's `proof` names."""
    headings = [heading for heading, _ in appendix if heading]
    letters = _letters(claim.proof)
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
    """The Markdown with links between the appendices turned into links within the article.

    Of a link to another page of the checkout, which the article does not have, its words stay.
    """

    def within(link: re.Match[str]) -> str:
        if link["page"] not in APPENDICES:
            return link["words"]
        target = f"{link['page']}#{_letters(link['heading'])}" if link["heading"] else link["page"]
        if target not in anchors:
            raise ValueError(f"{link['page']} has no heading #{link['heading']}")
        return f"[{link['words']}](#{anchors[target]})"

    words = r"(?P<words>(?:[^][]|\[[^][]*\])+)"
    return re.sub(rf"\[{words}\]\((?P<page>[\w./-]+\.md)(?:#(?P<heading>[^)]+))?\)", within, source)


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def _environment() -> Environment:
    environment = templates(__name__)
    environment.filters.update(
        markdown=text.block,
        clause=text.clause,
        inline=text.inline,
        reading=text.reading,
        number=numbers.number,
        tex=numbers.tex,
        value=numbers.value,
        interval=numbers.interval,
        times=numbers.times,
        ratio=numbers.ratio,
        steps=steps_text,
    )
    environment.globals.update(
        parameter=_parameter, displacements={name: law.words for name, law in LAWS.items()}
    )
    return environment


def _parameter(name: str, value: float) -> Markup:
    """`name = value`, as a formula."""
    return text.inline(f"${SYMBOLS[name]}={numbers.tex(value)}$")
