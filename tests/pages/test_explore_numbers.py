"""The explorable page in a browser: every number and picture beside the datasets."""

from __future__ import annotations

import re

import explorable
import numpy as np
import pytest
from browsing import in_browser
from explorable import drawn, parsed, rows, state

from ntk_core.datasets.quantiles import NOISE
from ntk_core.datasets.runs import RunsReader
from ntk_core.pages.explore.page import LINES
from ntk_core.quantities import QUANTITIES
from ntk_core.theory.bounds import BOUNDS

checked, given, page, visit = explorable.checked, explorable.given, explorable.page, explorable.visit


def agrees(tab, table, folder):
    """Everything the page says of its choice beside the datasets; the picture too."""
    drawn(tab)
    at = state(tab)
    quantity = list(QUANTITIES)[at.pop("quantity")]
    x = at.pop("x_norm")
    cell = table.sel(quantity=quantity).isel(at)
    x_norm = float(table["x_norm"][x])
    scale = float(QUANTITIES[quantity].at_norm(np.array(x_norm)))
    m, alpha = int(cell["m"]), float(cell["alpha"])
    noise = NOISE * QUANTITIES[quantity].unit(m, alpha) * scale

    def same(text, value):
        if not np.isfinite(value):
            assert text in {"not known", "not computed", "∞ (too few runs)", "—"}
        else:
            assert parsed(text) == pytest.approx(value, rel=6e-7, abs=1.01 * noise)

    # The table of numbers.
    shown = {row[0]: row[1:] for row in rows(tab, "values")}
    assert list(shown)[:6] == list(LINES.values())
    for name in BOUNDS:
        text, ratio, over = shown[LINES[name]]
        value = float(cell[f"bound_{name}"].isel(x_norm=x))
        same(text, value)
        assert int(over.replace(",", "")) == int(cell["exceedances"].sel(bound=name).isel(x_norm=x))
        expected = float(cell["bound_ratio"].sel(bound=name).isel(x_norm=x))
        if scale * float(cell["quantile"]) > noise:
            assert parsed(ratio) == pytest.approx(expected, rel=6e-4)
        else:
            assert ratio == ""
    same(shown[LINES["exact_quantile"]][0], scale * float(cell["exact_quantile"]))
    same(shown[LINES["quantile"]][0], scale * float(cell["quantile"]))
    for end in ("lower", "upper"):
        same(shown[f"{end} limit of its 99 % interval"][0], scale * float(cell[f"quantile_{end}"]))

    # The sentence that is read aloud.
    told = tab.inner_text("#told").replace("\u00a0", " ")
    assert told.startswith(f"{QUANTITIES[quantity].text} under the ")
    assert f"d = {int(cell['d'])}, α = {alpha:g}, δ = {float(cell['delta']):g}, ‖x‖ = {x_norm:g}" in told
    pattern = r"-quantile of ([\d,]+) runs is (.*?) \("
    runs, measured = re.search(pattern, told).groups()
    assert int(runs.replace(",", "")) == int(cell["runs"])
    assert parsed(measured) == pytest.approx(scale * float(cell["quantile"]), rel=6e-4, abs=1.01 * noise)

    # The histogram.
    bins = rows(tab, "bins")
    counts = [int(row[2].replace(",", "")) for row in bins]
    with RunsReader(folder / "runs.nc") as reader:
        values = scale * reader.read(quantity, (at["perturbation"], at["m"], at["d"], at["alpha"]))
    assert sum(counts) == values.size == int(cell["runs"])
    slack = 2e-6 * values.max() + noise
    for (low, high, _), count in zip(bins, counts, strict=True):
        inside = values[(values > parsed(low) + slack) & (values < parsed(high) - slack)].size
        around = values[(values >= parsed(low) - slack) & (values <= parsed(high) + slack)].size
        assert inside <= count <= around
    picture = tab.locator("#close .mark-rect.layer_1_marks path").evaluate_all(
        "bars => bars.map(b => b.getBBox().height)"
    )
    assert len(picture) == len(counts)
    assert np.allclose(np.array(picture) / max(picture), np.array(counts) / max(counts), atol=0.01)

    # The lines stand where the axis says.
    numbers = sorted(parsed(shown[name][0]) for name in LINES.values() if shown[name][0][0].isdigit())
    where = tab.locator("#beside .mark-rule.role-mark line").evaluate_all(
        "lines => lines.map(line => line.transform.baseVal.consolidate().matrix.e).sort((a, b) => a - b)"
    )
    assert len(where) == len(numbers)
    slope = (where[-1] - where[0]) / (numbers[-1] - numbers[0])
    assert np.allclose(where[0] + slope * (np.array(numbers) - numbers[0]), where, atol=0.6)
    assert slope > 0

    # Against the width.
    by_width = rows(tab, "by-width")
    assert [int(row[0].replace(",", "")) for row in by_width] == table["m"].values.tolist()
    assert by_width[at["m"]][1:] == [re.sub("^not.*", "—", shown[name][0]) for name in LINES.values()]
    measured = scale * table.sel(quantity=quantity).isel({**at, "m": slice(None)})["quantile"].values
    assert tab.locator("#widths .measured_marks path").count() == np.count_nonzero(measured > noise)
    label = tab.get_attribute("#beside", "aria-label")
    assert f"Histogram of {int(cell['runs']):,} runs" in label
    assert label.count(" bound ") >= 2


@in_browser
def test_every_control_shows_the_numbers_of_the_datasets(visit, given, archived, checked):
    (dense, _), (band, _) = given
    tab = visit(viewport={"width": 1200, "height": 900})
    assert tab.locator("#experiment option").all_inner_texts() == ["check", "e"]
    assert tab.input_value("#experiment") == "1"  # the band first
    agrees(tab, band, archived)

    # Ranges by keyboard, each to both ends.
    for name in ("m", "alpha", "delta", "x_norm"):
        control = tab.locator(f"#{name}")
        last = band.sizes[name] - 1
        control.focus()
        tab.keyboard.press("End")
        assert control.input_value() == str(last)
        agrees(tab, band, archived)
        tab.keyboard.press("Home")
        assert control.input_value() == "0"
        agrees(tab, band, archived)
        tab.keyboard.press("ArrowRight")
        assert control.input_value() == str(min(1, last))
        shown = tab.inner_text(f"#{name}-value")
        assert control.get_attribute("aria-valuetext") == shown
        assert parsed(shown.split(" = ")[-1]) == float(band[name][min(1, last)])
    assert tab.locator("#d").is_disabled()  # it has one value

    # Selects: by keyboard, then each option.
    tab.focus("#perturbation")
    tab.keyboard.press("ArrowDown")
    assert tab.input_value("#perturbation") == "1"
    agrees(tab, band, archived)
    for number in range(len(QUANTITIES)):
        tab.select_option("#quantity", str(number))
        for law in ("0", "1"):
            tab.select_option("#perturbation", law)
            agrees(tab, band, archived)

    # Another experiment, with two dimensions, rounding around zero and no upper limits; then back.
    tab.select_option("#quantity", "0")
    tab.locator("#m").fill("2")
    tab.select_option("#experiment", "0")
    agrees(tab, dense, checked)
    assert tab.inner_text("#m-value") == "64"  # the nearest to 4096
    assert tab.locator("#alpha").is_disabled()
    tab.focus("#d")
    tab.keyboard.press("ArrowRight")
    tab.locator("#m").fill("0")
    tab.locator("#delta").fill("0")
    agrees(tab, dense, checked)
    assert "∞ (too few runs)" in tab.inner_text("#values")
    tab.locator("#delta").fill("2")
    tab.select_option("#perturbation", "1")
    agrees(tab, dense, checked)
    tab.select_option("#experiment", "1")
    agrees(tab, band, archived)
