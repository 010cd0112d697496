"""How the article looks and behaves in a browser: first screen, folds, phones, light and dark, print."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
import trained
from browsing import in_browser

from ntk_core.figures import FIGURES

from .article import render

PHONE = {"width": 400, "height": 800}


@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_first_screen_holds_the_answer_and_the_whole_first_figure(visit, scheme):
    tab = visit(viewport={"width": 1280, "height": 800}, color_scheme=scheme)
    answer = tab.locator("#answer b").first
    figure, drawing = tab.locator("#figure-1"), tab.locator("#figure-1 .whole-drawing")
    assert answer.inner_text().startswith(
        "Confirmed: under the worst displacement the mean linearization error falls as"
    )
    assert float(answer.evaluate("b => getComputedStyle(b).fontWeight")) >= 600
    for part in (answer, figure):
        box = part.bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 800
        assert box["x"] + box["width"] <= 1280
    assert drawing.bounding_box()["width"] > 600


@in_browser
def test_few_words_are_visible_before_anything_is_opened(visit):
    tab = visit()
    words = len(tab.inner_text("main").split())
    everything = len(re.sub(r"\s+", " ", tab.evaluate("document.querySelector('main').textContent")).split())
    assert 500 < words < 2500
    assert everything > 3 * words


@in_browser
@pytest.mark.parametrize("scripts", [True, False])
def test_a_fold_opens_where_its_anchor_is_the_target(visit, scripts):
    tab = visit(java_script_enabled=scripts)
    article = tab.locator("#claim-l4-delta1")
    assert not article.is_visible()
    tab.click("#verdicts table a[href='#claim-l4-delta1']")
    article.wait_for(state="visible")
    box = article.bounding_box()
    assert 0 <= box["y"] < 200
    tab.click("#claim-l4-delta1 .again a")
    tab.locator("#proof-the-band").locator("xpath=following-sibling::p").first.wait_for(state="visible")


@in_browser
def test_a_fold_opens_for_an_address_with_its_anchor(visit):
    tab = visit()
    tab.goto(tab.url + "#notes-l4-delta2")
    tab.reload()
    tab.locator("#notes-l4-delta2").wait_for(state="visible")


@in_browser
def test_every_drawing_and_formula_can_be_seen(visit, shown):
    tab = visit(viewport={"width": 1280, "height": 900})
    tab.evaluate("document.querySelectorAll('details').forEach(fold => (fold.open = true))")
    drawings = tab.locator(".whole-drawing:visible")
    assert drawings.count() == len(shown) == len(set(shown) & set(FIGURES))
    for drawing in drawings.all():
        box = drawing.bounding_box()
        assert box["width"] > 600
        assert box["height"] > 100
        assert drawing.evaluate("svg => svg.getBBox().width") > 300
    small = tab.evaluate(
        """() => [...document.querySelectorAll("math")].filter(math => {
            const box = math.getBoundingClientRect();
            return box.width < 3 || box.height < 3 || math.querySelector("merror");
        }).map(math => math.textContent)"""
    )
    assert small == []


CUT = """() => [...document.querySelectorAll("body *")]
    .filter((element) => !element.closest(".scroll, .drawing, .formula, pre, p, ul, nav, svg"))
    .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
    .map((element) => element.outerHTML.slice(0, 99))"""


@in_browser
def test_no_page_is_wider_than_the_screen(visit):
    tab = visit()
    tab.evaluate("document.querySelectorAll('details').forEach(fold => (fold.open = true))")
    for width in (320, 641, 1130):  # the least of each layout
        tab.set_viewport_size({"width": width, "height": 844})
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.evaluate("document.body.scrollWidth") <= width
        assert tab.evaluate(CUT) == []


@in_browser
def test_a_page_with_training_fits_a_phone_too(visit, claims, with_training):
    tab = visit(render(claims, **with_training(*trained.EXPERIMENTS)), viewport=PHONE)
    tab.evaluate("document.querySelectorAll('details').forEach(fold => (fold.open = true))")
    assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@in_browser
def test_on_a_phone_panels_are_stacked_and_rows_are_cards(visit):
    tab = visit(viewport=PHONE)
    panels = tab.locator("#figure-1 .panel")
    boxes = [panel.bounding_box() for panel in panels.all()]
    assert len(boxes) >= 2
    assert all(after["y"] >= before["y"] + before["height"] for before, after in pairwise(boxes))
    assert all(box["width"] <= 360 for box in boxes)
    assert max(box["width"] for box in boxes) > 250
    assert tab.locator("#figure-1 .whole-drawing").bounding_box()["height"] == 0
    cells = tab.locator("#verdicts table tbody tr").first.locator("th, td")
    tops = [cell.bounding_box()["y"] for cell in cells.all()]
    assert tops == sorted(set(tops))


@in_browser
def test_an_endless_formula_scrolls_by_itself_with_a_visible_edge(visit, claims, given):
    endless = {**claims[0], "statement": f"On $({'x+' * 60}x)$ and $${'x+' * 60}x$$ end."}
    tab = visit(render([endless], **given), viewport=PHONE)
    tab.evaluate("document.querySelector('.claim').open = true")
    assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    formula = tab.locator("article .formula").first
    assert formula.evaluate("f => f.scrollWidth > f.clientWidth")
    assert "gradient" in formula.evaluate("f => getComputedStyle(f).backgroundImage")


@in_browser
def test_contents_stay_in_view_on_wide_screens_and_mark_the_section(visit):
    tab = visit(viewport={"width": 1280, "height": 800})
    tab.click("nav a:text-is('The verdicts')")
    tab.wait_for_function("document.querySelector('nav [aria-current]').hash === '#verdicts'")
    box = tab.locator("nav").bounding_box()
    assert box["y"] >= 0
    assert box["x"] + box["width"] <= tab.locator("main").bounding_box()["x"]


# Contrast of every text with what is behind it; drawings have letters as shapes.
CONTRAST = """() => {
    const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
    const luminance = (rgb) => {
        const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        const [r, g, b] = rgb.slice(0, 3).map((c) => linear(c / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = parse(getComputedStyle(at).backgroundColor);
            if (colour.length === 3 || colour[3] === 1) return colour;
        }
    };
    const colour = (element) => {
        const style = getComputedStyle(element);
        return parse(element.closest("svg") ? style.fill : style.color);
    };
    const isText = (element) => [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    const texts = [...document.querySelectorAll("body :not(script)")].filter((element) =>
        element.localName === "use" ? /^#letter-/.test(element.getAttribute("href")) : isText(element));
    const rows = texts.map((element) => {
        const [a, b] = [luminance(colour(element)), luminance(ground(element))].sort((x, y) => y - x);
        return [(a + 0.05) / (b + 0.05), element.outerHTML.slice(0, 120)];
    });
    return [rows.length, rows.filter(([ratio]) => ratio < 4.5)];
}"""


@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_contrast(visit, scheme):
    tab = visit(color_scheme=scheme)
    tab.evaluate("document.querySelectorAll('details').forEach(fold => (fold.open = true))")
    texts, faint = tab.evaluate(CONTRAST)
    assert texts > 1000
    assert faint == []


@in_browser
def test_in_the_dark_nothing_is_on_a_light_card(visit):
    tab = visit(color_scheme="dark")
    tab.evaluate("document.querySelectorAll('details').forEach(fold => (fold.open = true))")
    grounds = tab.evaluate(
        "[...document.querySelectorAll('body, body *')].map(e => getComputedStyle(e).backgroundColor)"
    )
    opaque = {ground for ground in grounds if ground.startswith("rgb(")}
    assert opaque
    assert all(max(map(int, re.findall(r"\d+", ground))) < 60 for ground in opaque)
    paper = tab.evaluate(
        """() => [...document.querySelectorAll(".whole-drawing path")].map(p => getComputedStyle(p).fill)"""
    )
    assert "rgb(255, 255, 255)" not in paper


@in_browser
def test_it_prints_with_every_fold_open(visit, shown, claims):
    tab = visit(color_scheme="dark")
    tab.emulate_media(media="print")
    assert tab.locator(":is(button, input, nav):visible").count() == 0
    assert tab.locator(".whole-drawing:visible").count() == len(shown)
    assert tab.locator("article:visible").count() == len(claims)
    assert tab.locator(".sliders :is(label, output):visible").count() == 8
    assert "Move the sliders" not in tab.inner_text("#ladder")
    column, chart = (tab.locator(part).bounding_box()["width"] for part in ("#ladder", ".ratios svg"))
    assert chart == column
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    line = "getComputedStyle(document.querySelector('[stroke=\"var(--ink)\"]')).stroke"
    assert tab.evaluate(line) == "rgb(0, 0, 0)"
    pdf = tab.pdf(prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF")
    assert len(pdf) > 100_000
    assert tab.locator("details[open]").count() == 0


@in_browser
def test_without_javascript_all_is_there_and_no_dead_controls(visit, claims):
    tab = visit(java_script_enabled=False)
    assert tab.locator("#verdicts table tbody tr:visible").count() == len(claims)
    assert tab.locator("button:visible, input:visible").count() == 0
    tab.locator(".claim summary").first.click()
    assert tab.locator("article:visible").count() == 1
    assert tab.locator("#ladder [data-rung]:visible").count() == 5


@in_browser
def test_commands_copy(visit):
    tab = visit()
    names = tab.locator("button.copy").evaluate_all("all => all.map(b => b.getAttribute('aria-label'))")
    assert "Copy the command of T1" in names
    assert len(set(names)) == len(names)
    tab.locator("#made button.copy").click()
    button = tab.locator("#made button.copy", has_text=re.compile("Copied|Selected"))
    done = re.compile("^(Copied|Selected) the command of the whole run$")
    assert done.match(button.get_attribute("aria-label"))
    assert done.match(tab.locator("[role=status]").text_content())


@in_browser
def test_the_keyboard_reaches_the_answer_first_and_opens_folds(visit):
    tab = visit()
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.hash") == "#answer"
    tab.locator(".claim summary").first.focus()
    tab.keyboard.press("Enter")
    assert tab.locator("#claim-l1-1").is_visible()


@in_browser
def test_what_is_in_the_data_is_never_run(visit, evil_page):
    tab = visit(evil_page)
    assert tab.title() != "broken"
    tab.locator(".claim summary").click()
    assert "<script>document.title='broken'</script>" in tab.inner_text("article .command")
