"""The explorable page: an address for each state, files of its charts, what marks say under the pointer."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from xml.etree import ElementTree

import explorable
import numpy as np
import pytest
from browsing import in_browser
from explorable import drawn

from ntk_core.pages.explore.page import render

checked, given, learned = explorable.checked, explorable.given, explorable.learned
page, visit = explorable.page, explorable.visit

SVG = "{http://www.w3.org/2000/svg}"
STATE = {
    "experiment": "e",
    "quantity": "delta1",
    "perturbation": "sphere",
    "m": "256",
    "d": "2",
    "alpha": "2",
    "delta": "0.001",
    "x_norm": "20",
    "exact_law": "aligned",
    "exact_m": "2^20",
    "exact_d": "7",
    "exact_alpha": "0.5",
    "exact_delta": "1e-6",
    "exact_x_norm": "3",
}
CHOICE = {
    "experiment": "1",
    "quantity": "2",
    "perturbation": "1",
    "m": "1",
    "alpha": "1",
    "delta": "0",
    "x_norm": "2",
}


def controls(tab):
    return {name: tab.input_value(f"#{name}") for name in CHOICE} | {
        name: tab.input_value(f"#{name}") for name in STATE if name.startswith("exact_")
    }


def address(tab):
    return dict(tab.evaluate("[...new URLSearchParams(location.hash.slice(1))]"))


@in_browser
def test_an_address_brings_back_the_state_and_back_leads_to_the_one_before(visit):
    tab = visit()
    first = controls(tab)
    fragment = "&".join(f"{name}={value}" for name, value in STATE.items())
    tab.evaluate("fragment => { location.hash = fragment; }", fragment)
    tab.wait_for_function("document.getElementById('x_norm').value === '2'")
    drawn(tab)
    expected = CHOICE | {name: value for name, value in STATE.items() if name.startswith("exact_")}
    assert controls(tab) == expected
    text = tab.inner_text("#cell-summary").replace("\u00a0", " ")
    assert "|Δ₁| under the sphere law, m = 2⁸ = 256, d = 2, α = 2, δ = 0.001, ‖x‖ = 20" in text

    tab.reload()
    drawn(tab)
    assert controls(tab) == expected

    tab.select_option("#perturbation", "0")
    drawn(tab)
    assert address(tab) == STATE | {"perturbation": "adversarial"}
    tab.fill("#exact_alpha", "0.25")
    tab.locator("#exact_alpha").blur()
    assert address(tab) == STATE | {"perturbation": "adversarial", "exact_alpha": "0.25"}

    for before in (expected | {"perturbation": "0"}, expected, first):
        tab.go_back()
        tab.wait_for_function(
            "law => document.getElementById('perturbation').value === law", arg=before["perturbation"]
        )
        drawn(tab)
        assert controls(tab) == before
    tab.go_forward()
    tab.wait_for_function("document.getElementById('x_norm').value === '2'")
    assert controls(tab) == expected


@in_browser
def test_a_place_on_the_page_leaves_the_state_in_the_address(visit):
    tab = visit()
    tab.select_option("#perturbation", "1")
    before = address(tab)
    tab.click("nav a[href='#numbers']")
    tab.wait_for_function("scrollY > 0")
    tab.wait_for_function("location.hash.includes('=')")
    assert address(tab) == before


@in_browser
def test_an_address_with_unknown_values_opens_the_nearest_state(visit):
    tab = visit()
    tab.evaluate(
        "location.hash = 'experiment=none&quantity=x&perturbation=%3Cb%3E&m=-1&alpha=1.9&delta=y&exact_law=z'"
    )
    tab.wait_for_function("document.getElementById('alpha').value === '1'")
    drawn(tab)
    assert controls(tab)["experiment"] == "1"
    assert controls(tab)["quantity"] == controls(tab)["perturbation"] == "0"
    assert controls(tab)["exact_law"] == "adversarial"


def saved(tab, button):
    with tab.expect_download() as download:
        tab.click(f"#{button}")
    return download.value.suggested_filename, Path(download.value.path()).read_text(encoding="utf-8")


@in_browser
def test_charts_are_saved_as_csv_and_svg(visit, given):
    band = given[1][0]
    tab = visit()
    tab.locator("#delta").fill("1")
    drawn(tab)
    name, text = saved(tab, "widths-csv")
    assert name == "e-linearization_error-widths.csv"
    rows = list(csv.DictReader(io.StringIO(text)))
    cell = band.sel(quantity="linearization_error", perturbation="adversarial", d=2, delta=0.1)
    for row, m in zip(rows, band["m"].values, strict=True):
        at = cell.sel(m=m, alpha=float(row["alpha"]))
        assert (row["experiment"], row["perturbation"], int(row["m"])) == ("e", "adversarial", int(m))
        assert float(row["quantile"]) == pytest.approx(float(at["quantile"]), rel=1e-6)
        assert float(row["printed"]) == pytest.approx(float(at["bound_printed"].sel(x_norm=1.0)), rel=1e-6)
    for chart in ("beside", "close"):
        _, text = saved(tab, f"{chart}-csv")
        rows = list(csv.DictReader(io.StringIO(text)))
        assert sum(int(row["runs"]) for row in rows if row["shows"] == "runs") == 1500
        assert {row["shows"] for row in rows} > {"printed", "exact", "quantile"}
    for chart in ("beside", "close", "widths"):
        name, text = saved(tab, f"{chart}-svg")
        assert name.endswith(f"{chart}.svg")
        assert ElementTree.fromstring(text).tag == f"{SVG}svg"


@in_browser
def test_a_saved_chart_is_light_on_a_dark_screen_too_and_says_what_it_shows(visit):
    tab = visit(color_scheme="dark")
    entries = [text.strip() for text in tab.locator("#key li").all_text_contents()]
    for chart in ("beside", "widths"):
        _, text = saved(tab, f"{chart}-svg")
        root = ElementTree.fromstring(text)
        assert root[0].attrib == {"width": "100%", "height": "100%", "fill": "#ffffff"}
        assert not {"#dddad3", "#a09c93", "#3a3b3e", "currentColor"} & set(
            re.findall(r"#\w{6}|currentColor", text)
        )
        texts = [" ".join(element.itertext()) for element in root.iter(f"{SVG}text")]
        own = [entry for entry in entries if not entry.startswith("slopes" if chart == "beside" else "runs")]
        if chart == "widths":
            own = [entry.removesuffix(" and its interval") for entry in own]
        assert texts[-len(own) :] == own
        for words in (tab.inner_text("#values-caption"), tab.inner_text(f"#{chart}-axis")):
            assert " ".join(words.split()) in " ".join(" ".join(texts).split())


TRAINED = {
    "experiment": "usual",
    "quantity": "twin_distance",
    "m": "16",
    "steps": "4",
    "delta": "0.01",
    "x_norm": "5",
}


@in_browser
def test_a_state_of_a_trained_experiment_has_an_address_and_files_of_its_charts(visit, learned):
    dataset, _ = learned[0]
    tab = visit()
    calculated = {name: value for name, value in address(tab).items() if name.startswith("exact_")}
    tab.evaluate(
        "fragment => { location.hash = fragment; }", "&".join(f"{k}={v}" for k, v in TRAINED.items())
    )
    tab.wait_for_function("!document.getElementById('steps').closest('.choose').hidden")
    drawn(tab)
    sentence = tab.inner_text("#cell-summary").replace("\u00a0", " ")
    assert sentence.startswith("F − twin of the trained network, m = 16, steps = 4; 4 runs: ")
    for name in ("delta", "x_norm", "alpha"):
        assert not tab.is_visible(f"#{name}")  # the distance does not depend on them
    for chart, axis in (("widths", "m"), ("times", "steps")):
        name, text = saved(tab, f"{chart}-csv")
        assert name == f"usual-twin_distance-{chart}.csv"
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [int(row[axis]) for row in rows] == dataset[axis].values.tolist()
        for row in rows:
            for variable in ("twin_distance", "twin_training_distance"):
                cell = dataset.sel(variable=variable, m=int(row["m"]), steps=int(row["steps"]))
                assert float(row[variable]) == pytest.approx(cell["run_mean"].item(), rel=1e-6)
        name, text = saved(tab, f"{chart}-svg")
        assert name.endswith(f"{chart}.svg")
        assert "slope −1/2" in "".join(ElementTree.fromstring(text).itertext()) or chart == "times"
        tab.locator(f"#{chart} .measured_marks path").last.hover(force=True)
        assert tab.inner_text("#tip").startswith("distance at ")
    tab.select_option("#quantity", "0")
    drawn(tab)
    assert address(tab).items() >= (TRAINED | calculated | {"quantity": "linearization_error"}).items()
    tab.select_option("#experiment", "1")  # what both have is kept, and so is what only one has
    drawn(tab)
    assert address(tab)["x_norm"] == "20"
    tab.select_option("#experiment", "2")
    drawn(tab)
    assert address(tab)["steps"] == "4"


@in_browser
def test_references_are_named_on_a_narrow_screen_and_points_that_coincide_are_told_apart(visit):
    tab = visit(viewport={"width": 400, "height": 900})
    for number in ("1", "2"):
        tab.select_option("#experiment", number)
        drawn(tab)
        assert tab.locator("#widths .mark-text.role-mark text").all_text_contents() == ["−1/2", "−3/4"]
        assert "slopes −1/2 and −3/4, for the eye" in tab.inner_text("#key")
    points = tab.locator("#widths .measured_marks path").evaluate_all(
        "all => all.map(p => [p.getAttribute('fill'), p.getBBox().width])"
    )
    opened = {round(width, 1) for fill, width in points if fill == "transparent"}
    filled = {round(width, 1) for fill, width in points if fill != "transparent"}
    assert len(opened) == len(filled) == 2  # the chosen width has larger ones
    assert min(opened) > min(filled)
    assert max(opened) > max(filled)


@in_browser
def test_the_key_names_what_is_drawn_and_nothing_else(visit, given):
    """With one width there are no slopes; no exact quantile is known of a law of a user's own."""
    table, rates = given[1]
    table = table.assign(exact_quantile=table["exact_quantile"] * np.nan)
    tab = visit(render([(table.isel(m=[0]), rates.isel(m=[0]))]))
    key = tab.inner_text("#key")
    assert "measured quantile" in key
    assert "sharp bound" in key
    assert "slopes" not in key
    assert "exact quantile" not in key


@in_browser
def test_lines_are_named_at_their_ends_and_say_their_values_under_the_pointer(visit):
    tab = visit(viewport={"width": 1200, "height": 900})
    texts = tab.locator("#widths .mark-text.role-mark text").all_text_contents()
    assert texts == [
        "printed",
        "sharp",
        "binomial",
        "Bernstein",
        "exact = supremum",
        "slope −1/2",
        "slope −3/4",
    ]
    slopes = tab.locator("#widths .mark-line path").evaluate_all(
        """lines => lines.map(line => line.getAttribute("d").match(/-?[\\d.]+/g).map(Number))
            .filter(points => points.length === 4).map(([x, y, end, low]) => (low - y) / (end - x))"""
    )
    assert slopes[1] / slopes[0] == pytest.approx(1.5, rel=1e-3)
    tab.locator("#widths .measured_marks path").first.hover()
    assert tab.inner_text("#tip").split("\n")[:2] == ["measured quantile", "m = 64"]
    tab.locator("#close .mark-rect.layer_1_marks path").nth(20).hover(force=True)
    assert "runs" in tab.inner_text("#tip")
    widths = tab.locator("#close .mark-rule.role-mark line").evaluate_all(
        "lines => lines.map(line => Number(line.getAttribute('stroke-width')))"
    )
    assert len(set(np.round(widths, 2))) >= 3  # measured, exact, bounds


@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_of_charts_is_readable_on_light_and_on_dark(visit, scheme):
    tab = visit(color_scheme=scheme, viewport={"width": 1200, "height": 900})
    for experiment in ("1", "2"):
        tab.select_option("#experiment", experiment)
        drawn(tab)
        ratios = tab.evaluate(CONTRASTS)
        assert len(ratios) > 15
        assert min(ratios) > 4.5


CONTRASTS = """() => {
    const light = (colour) => colour.match(/[\\d.]+/g).slice(0, 3)
        .map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((total, c, i) => total + c * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = light(getComputedStyle(document.querySelector(".card")).backgroundColor);
    const texts = document.querySelectorAll(
        "#charts svg .role-axis-label text, #charts svg .mark-text.role-mark text,"
        + " .card h3, .card li, .card button, .card figcaption");
    return [...texts].map((text) => {
        const style = getComputedStyle(text);
        const ink = light(text.closest("svg") ? style.fill : style.color);
        return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
    });
}"""
"""The ratio of luminances of each text of the charts to the ground that it stands on."""
