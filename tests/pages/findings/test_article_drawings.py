"""Drawings in the page: colours for light and dark, panels for phones, nothing that runs."""

from __future__ import annotations

import re

import pytest

from ntk_core.pages.embedding import asset
from ntk_core.pages.findings.colours import DARK, LIGHT, NEUTRAL, contrast, on_ground, rgb, style_sheet
from ntk_core.pages.findings.drawing import Drawings
from ntk_core.pages.findings.panels import Layout

from .article import render


def test_contrast_is_that_of_the_guidelines():
    assert contrast(rgb("000000"), rgb("ffffff")) == pytest.approx(21)
    assert contrast(rgb("767676"), rgb("ffffff")) == pytest.approx(4.54, abs=0.005)


@pytest.mark.parametrize("ground", [LIGHT, DARK])
@pytest.mark.parametrize("colour", ["0173b2", "443983", "7a2e70", "d55e00", "029e73", "000080", "ff0000"])
def test_a_colour_is_readable_on_either_ground_and_keeps_its_hue(colour, ground):
    form = rgb(on_ground(colour, ground))
    assert contrast(form, rgb(ground)) >= 4.5
    order = sorted(range(3), key=lambda i: rgb(colour)[i])
    assert sorted(form) == [form[i] for i in order]
    if contrast(rgb(colour), rgb(ground)) >= 4.5:
        assert on_ground(colour, ground) == colour


def test_a_shaded_area_stays_faint():
    for ground in (LIGHT, DARK):
        assert 1.0 < contrast(rgb(on_ground("d9eaf3", ground)), rgb(ground)) < 1.5


def test_neutral_colours_of_figures_are_those_of_the_page():
    style = asset("ntk_core.pages", "page.css")
    assert re.findall(r"--paper: #(\w+);", style)[:2] == [LIGHT, DARK]
    assert all(len(re.findall(rf"--{name}: ", style)) > 1 for name in NEUTRAL.values())


def test_every_colour_of_a_page_is_defined_for_light_and_dark(page):
    used = set(re.findall(r"var\(--c-(\w+)\)", page))
    light, dark = page.split("@media screen and (prefers-color-scheme: dark)")[:2]
    assert len(used) > 3
    assert used == set(re.findall(r"--c-(\w+):", light)) == set(re.findall(r"--c-(\w+):", dark))
    assert style_sheet(["0173b2"]).startswith(":root{--c-0173b2:#0173b2;}")


def test_drawings_need_no_right_to_styles_of_their_own(page):
    body = page.partition("<body")[2]
    assert not re.search(r"<style|\sstyle=|#[0-9a-f]{6}\b", body.partition("<script")[0])
    assert 'fill="var(--ink)"' in body


EVIL = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" onload="evil()">
<script>evil()</script><style>*{fill:red}</style><foreignObject><p>evil</p></foreignObject>
<a href="javascript:evil()"><path d="M0 0"/></a><image href="https://example.org/evil.png"/>
<g onclick="evil()"><use xlink:href="https://example.org/evil.svg#x"/><animate attributeName="href"/>
<path d="M 0.123456 1 &#10;L 2 3" style="fill: url(https://example.org/evil); stroke: #ABCDEF" id="evil"/>
</g></svg>"""


def test_nothing_in_a_drawing_can_load_or_run_anything():
    drawings = Drawings()
    drawing = drawings.inline(EVIL, "figure-1")
    assert "evil" not in drawing.wide
    assert "example.org" not in drawing.wide
    assert 'd="M0.12 1L2 3" stroke="var(--c-abcdef)"' in drawing.wide
    assert drawings.colours == {"abcdef"}


def test_a_drawing_that_is_no_svg_is_an_error_that_names_the_figure(claims, given):
    figures = {**given["figures"], "e-rate": "<svg><g></svg>"}
    with pytest.raises(ValueError, match="the drawing of figure-1 is no SVG: mismatched tag"):
        render(claims, **{**given, "figures": figures})


def test_letters_are_stored_once_for_all_drawings(given):
    drawings = Drawings()
    first = drawings.inline(given["figures"]["e-rate"], "figure-1")
    once = len(drawings.letters())
    second = drawings.inline(given["figures"]["e-rate"], "figure-2")
    assert len(drawings.letters()) == once
    assert second.wide == first.wide.replace("figure-1-", "figure-2-")
    names = re.findall(r'href="#(letter-\d+)"', first.wide)
    assert set(names) == set(re.findall(r'id="(letter-\d+)"', drawings.letters()))
    assert len(names) > 20


def test_ids_of_drawings_do_not_collide(page):
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    targets = {*re.findall(r'href="#([^"]+)"', page), *re.findall(r"url\(#([^)]+)\)", page)}
    assert targets <= set(ids)


def axes(number: int, left: float, labelled: bool) -> str:
    label = '<g id="text_1"><g transform="translate(20 90) scale(0.1 -0.1)"/></g>' if labelled else ""
    frame = f"M {left} 100 L {left + 80} 100 L {left + 80} 30 L {left} 30 z"
    return f"""<g id="axes_{number}"><g id="patch_2"><path d="{frame}"/></g>
    <g id="matplotlib.axis_1"><g id="text_9"><g transform="translate({left} 115) scale(0.1 -0.1)"/></g></g>
    <g id="matplotlib.axis_2">{label}</g></g>"""


WORDS = """<g id="text_7"><g transform="translate(2 12) scale(0.12 -0.12)"><!-- A title --></g></g>
<g id="text_8"><!-- What is drawn, --><g transform="translate(2 155) scale(0.1 -0.1)"/><!-- $m=1$ --></g>"""


def layout(*parts: str) -> Layout:
    from xml.etree.ElementTree import TreeBuilder, XMLParser, fromstring

    text = f'<svg viewBox="0 0 300 160"><g id="figure_1">{"".join(parts)}{WORDS}</g></svg>'
    return Layout.of(fromstring(text, parser=XMLParser(target=TreeBuilder(insert_comments=True))))


def test_panels_that_share_labels_get_them_each():
    drawing = layout(axes(1, 40, True), axes(2, 140, False))
    assert drawing.whole == "0 25.0 300 98.5"  # neither title nor reading
    assert drawing.reading == "What is drawn, $m=1$"
    first, second = drawing.panels()
    assert first == [(0.0, 25.0, 133.5, 98.5)]
    assert second == [(0.0, 25.0, 33.5, 98.5), (133.5, 25.0, 166.5, 98.5)]


def test_panels_of_two_rows_are_cut_row_by_row():
    lower = axes(2, 140, True).replace(" 100", " 130").replace(" 30 ", " 60 ").replace(" 115", " 145")
    drawing = layout(axes(1, 40, True), lower)
    assert [box[1] for (box,) in drawing.panels()] == [25.0, 55.0]


def test_one_panel_stays_whole():
    assert layout(axes(1, 40, True)).panels() == []
    assert layout().whole == "0 0.0 300 160.0"
