"""The explorable page for every reader: names, focus, narrow screens, no JavaScript."""

from __future__ import annotations

import re

import explorable
import pytest
from browsing import in_browser
from explorable import CONTROLS, drawn

from ntk_core.pages.findings.colours import contrast

checked, given, learned = explorable.checked, explorable.given, explorable.learned
page, visit = explorable.page, explorable.visit


@in_browser
def test_every_number_on_an_axis_is_inside_its_chart(visit):
    tab = visit()
    for quantity in ("0", "1"):
        tab.select_option("#quantity", quantity)
        drawn(tab)
        outside = tab.evaluate(
            """() => ["beside", "close", "widths"].flatMap(name => {
                const chart = document.querySelector(`#${name} svg`);
                const box = chart.getBoundingClientRect();
                const texts = [...chart.querySelectorAll(".role-axis-label text")];
                const shown = texts.filter(text => getComputedStyle(text).opacity > 0 && text.textContent);
                const out = shown.filter(text => text.getBoundingClientRect().left < box.left - 1);
                return [[name, shown.length > 3, out.map(text => text.textContent)]];
            })"""
        )
        assert outside == [[name, True, []] for name in ("beside", "close", "widths")]


BARS = """() => {
    const ground = element => {
        const own = getComputedStyle(element).backgroundColor;
        return own.endsWith(", 0)") ? ground(element.parentElement) : own;
    };
    return [...document.querySelectorAll("#close .layer_1_marks path, #key rect[stroke]")].map(bar => {
        const { stroke, opacity, strokeOpacity, strokeWidth } = getComputedStyle(bar);
        return [stroke, ground(bar), opacity * strokeOpacity, parseFloat(strokeWidth)];
    });
}"""


@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_bar_has_an_outline_that_is_seen(visit, scheme):
    bars = visit(color_scheme=scheme).evaluate(BARS)
    assert len(bars) > 10
    for stroke, ground, opacity, width in bars:
        one, other = (tuple(int(n) / 255 for n in re.findall(r"\d+", c)) for c in (stroke, ground))
        assert contrast(one, other) >= 3
        assert (opacity, width) == (1, 1)


@in_browser
def test_controls_charts_and_tables_have_names_and_focus_is_seen(visit):
    tab = visit()
    unnamed = tab.evaluate(
        """() => [...document.querySelectorAll("select, input")].filter(control =>
            control.labels.length !== 1 || control.labels[0].textContent.trim().length < 5).map(c => c.id)"""
    )
    assert unnamed == []
    assert tab.locator("select:visible, input:visible").count() == 14
    assert not tab.is_visible("#still")
    assert tab.get_attribute("#cell-summary", "aria-live") == "polite"
    for name in ("beside", "close", "widths"):
        assert tab.get_attribute(f"#{name}", "role") == "img"
        before = tab.get_attribute(f"#{name}", "aria-label")
        assert len(before) > 80
        tab.select_option("#quantity", "2")
        drawn(tab)
        assert tab.get_attribute(f"#{name}", "aria-label") != before
        tab.select_option("#quantity", "0")
        drawn(tab)
    tab.select_option("#experiment", "2")
    drawn(tab)
    for name, axis in (("widths", "m = 4 and 64"), ("times", "steps = 0 and 8")):
        assert tab.get_attribute(f"#{name}", "role") == "img"
        label = tab.get_attribute(f"#{name}", "aria-label")
        assert label.startswith(f"E on a logarithmic axis against {axis.partition(' ')[0]}, at {axis}: ")
        assert "root mean square at training inputs" in label
    assert tab.locator("select:visible, input:visible").count() == 12
    tab.select_option("#experiment", "1")
    drawn(tab)
    assert tab.locator("[aria-labelledby]").count() > 4
    lost = tab.evaluate(
        """() => [...document.querySelectorAll("[aria-labelledby]")].filter(element =>
            !document.getElementById(element.getAttribute("aria-labelledby"))?.textContent.trim()).length"""
    )
    assert lost == 0
    ids = tab.evaluate("[...document.querySelectorAll('[id]')].map(element => element.id)")
    assert len(ids) == len(set(ids))
    outline = "element => getComputedStyle(element).outlineStyle + getComputedStyle(element).outlineWidth"
    reached = []
    tab.evaluate("document.activeElement.blur()")
    for _ in range(16):
        tab.keyboard.press("Tab")
        focused = tab.locator(":focus")
        assert focused.evaluate(outline) == "solid2px"
        reached.append(focused.get_attribute("id"))
    assert [name for name in reached if name] == [
        "experiment",
        *[control for control in CONTROLS if control != "d"],
        *[f"{name}-{kind}" for name in ("beside", "close") for kind in ("csv", "svg")],
    ]
    tab.locator("summary").first.press("Enter")
    assert tab.is_visible("#bins")


@in_browser
@pytest.mark.parametrize(
    ("experiment", "charts"), [("1", ["beside", "close", "widths"]), ("2", ["widths", "times"])]
)
def test_no_page_is_wider_than_the_screen(visit, experiment, charts):
    tab = visit(viewport={"width": 1000, "height": 800})
    tab.select_option("#experiment", experiment)
    drawn(tab)
    for width in (320, 400, 1200):
        tab.set_viewport_size({"width": width, "height": 800})
        tab.wait_for_function(
            """charts => charts.every(name => {
                const svg = document.querySelector(`#${name} svg`).getBoundingClientRect();
                return Math.abs(svg.width - document.getElementById(name).clientWidth) < 2 && svg.width > 200;
            })""",
            arg=charts,
        )
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.evaluate("document.body.scrollWidth") <= width
        controls = tab.locator("select, input").evaluate_all(
            "all => all.map(c => c.getBoundingClientRect().right)"
        )
        assert max(controls) <= width


@in_browser
def test_on_paper_charts_are_whole_and_controls_are_their_values(visit):
    """A4 within its margins is 665 px wide, and charts are not drawn anew for it."""
    tab = visit(viewport={"width": 1280, "height": 800})
    tab.emulate_media(media="print")
    tab.evaluate("document.body.style.width = '665px'")
    cut = """() => [...document.querySelectorAll(".chart svg, select, td, th")]
        .filter((element) => element.checkVisibility() && element.getBoundingClientRect().right > 665.5)
        .map((element) => [element.closest("[id]").id, element.getBoundingClientRect().right])"""
    assert tab.evaluate(cut) == []
    assert tab.locator(":is(button, input[type=range]):visible").count() == 0
    assert tab.locator(".choose output:visible").count() == 5
    lines = "td => td.getBoundingClientRect().height / parseFloat(getComputedStyle(td).lineHeight)"
    assert tab.locator("#values td:last-child").last.evaluate(lines) < 5


@in_browser
def test_every_number_of_the_calculator_is_seen_on_a_small_laptop(visit):
    """Longest where all stand: a number of the smallest size has two signs, seven digits and a power."""
    tab = visit(viewport={"width": 1280, "height": 800})
    for name, value in (("m", "2^40"), ("alpha", "1"), ("x_norm", "1e-9")):
        tab.fill(f"#exact_{name}", value)
    tab.wait_for_selector("#exact-values tbody[aria-busy=false]", state="attached")
    shown, whole = tab.locator("#exact-table").evaluate("e => [e.clientWidth, e.scrollWidth]")
    assert whole <= shown


@in_browser
def test_without_javascript_the_page_says_so(visit):
    tab = visit(java_script_enabled=False)
    assert tab.is_visible("#still")
    assert tab.locator("form, figure, table").locator("visible=true").count() == 0
    assert tab.locator("a[href='e/quantiles.nc']").is_visible()
