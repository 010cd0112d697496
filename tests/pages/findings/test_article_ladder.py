"""The sliders on the ladder of bounds: what the page computes is what Python computes."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from browsing import in_browser

from ntk_core.pages.findings import numbers
from ntk_core.pages.findings.ladder import POSITIONS, RUNGS, START, table
from ntk_core.theory.bounds import bound

SLIDE = """positions => {
    for (const [name, at] of Object.entries(positions)) {
        const input = document.getElementById("ladder-" + name);
        input.value = at;
        input.dispatchEvent(new Event("input"));
    }
    return [...document.querySelectorAll("[data-rung]")].map(row => {
        const [value, ratio] = row.querySelectorAll("data");
        return [row.dataset.rung, Number(value.value), Number(ratio.value)];
    });
}"""


def of(name: str, given: dict[str, float]) -> float:
    alpha, delta, x_norm = (given[key] for key in ("alpha", "delta", "x_norm"))
    return float(bound(name, "linearization_error", int(given["m"]), alpha, delta, x_norm))


@in_browser
def test_every_position_of_the_sliders_has_the_bounds_of_python(visit):
    tab = visit()
    random = np.random.default_rng(5)
    places = [{name: int(random.integers(len(v))) for name, v in POSITIONS.items()} for _ in range(20)]
    for last in (0, -1):  # and the ends
        places.append({name: range(len(v))[last] for name, v in POSITIONS.items()})
    for place in places:
        given = {name: POSITIONS[name][i] for name, i in place.items()}
        shown = {rung: (value, ratio) for rung, value, ratio in tab.evaluate(SLIDE, place)}
        assert list(shown) == list(RUNGS)
        exact = of("exact", given)
        for rung, (value, ratio) in shown.items():
            assert value == pytest.approx(of(rung, given), rel=1e-9, abs=0), (rung, given)
            assert ratio == pytest.approx(of(rung, given) / exact, rel=1e-9, abs=0)


def test_a_ratio_above_one_is_never_shown_as_one():
    shown = [numbers.ratio(value) for value in (1.0, 1.0064, 1.05, 9.996, 28.87, 99.94, 99.96, 1234.5)]
    assert shown == ["1", "1.01", "1.05", "10.0", "28.9", "99.9", "100", "1,230"]


@in_browser
def test_the_script_writes_ratios_as_the_page_without_it(visit):
    tab = visit()
    tab.evaluate(SLIDE, {name: list(POSITIONS[name]).index(value) for name, value in START.items()})
    shown = tab.evaluate(
        "() => [...document.querySelectorAll('[data-rung] [data-unit]')].map(a => a.textContent)"
    )
    exact = of("exact", START)
    assert shown == [numbers.ratio(of(rung, START) / exact) for rung in RUNGS]


@pytest.mark.parametrize("name", sorted(set(RUNGS) - {"printed"}))
def test_the_table_of_a_bound_has_the_bound_at_each_position_and_grows_with_the_norm(name):
    values = np.array(table(name))
    assert values.shape == tuple(len(POSITIONS[axis]) for axis in ("alpha", "delta", "m"))
    for i, j, k in [(0, 0, 0), (1, 3, 4), (5, 4, 8)]:
        given = {
            "alpha": POSITIONS["alpha"][i],
            "delta": POSITIONS["delta"][j],
            "m": POSITIONS["m"][k],
        }
        for x_norm in POSITIONS["x_norm"]:
            assert values[i, j, k] * x_norm == pytest.approx(of(name, given | {"x_norm": x_norm}), rel=1e-9)


def test_without_scripts_the_ladder_at_the_start_is_there(page):
    part = page[page.index('<section id="ladder"') : page.index('<section id="verdicts"')]
    cells = re.findall(r'data-rung="(\w+)".*?<data value="([^"]+)".*?<data value="([^"]+)"', part)
    assert [rung for rung, *_ in cells] == list(RUNGS)
    for rung, value, ratio in cells:
        assert float(value) == pytest.approx(of(rung, START), rel=1e-12)
        assert float(ratio) == pytest.approx(of(rung, START) / of("exact", START), rel=1e-12)
    assert "<noscript>" in part
    data = json.loads(page.partition('id="ladder-data">')[2].partition("</script>")[0])
    assert {name: data["positions"][name][at] for name, at in data["start"].items()} == START


@in_browser
def test_sliders_are_named_and_say_their_values(visit):
    tab = visit()
    for output in tab.locator("#ladder output").all():  # the slider says its value, and nothing else does
        assert output.get_attribute("aria-live") == "off"
        assert output.locator("xpath=ancestor::label").count() == 0
    for name, words in (("alpha", "Weights may move"), ("delta", "Chance to fail"), ("m", "Width")):
        slider = tab.get_by_role("slider", name=words)
        assert slider.get_attribute("id") == f"ladder-{name}"
    slider.focus()
    tab.keyboard.press("Home")
    assert slider.get_attribute("aria-valuetext") == "2⁶ = 64"
    assert tab.locator("#ladder output").last.inner_text() == "2⁶ = 64"
    chart = tab.locator("#ladder svg")
    before = chart.get_attribute("aria-label")
    assert "at m = 2⁶ = 64: printed" in before
    tab.locator("#ladder-x_norm").focus()
    tab.keyboard.press("ArrowRight")
    assert chart.get_attribute("aria-label") != before
