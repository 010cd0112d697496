"""The explorable page in a browser: every number and picture beside the datasets."""

from __future__ import annotations

import re

import explorable
import numpy as np
import pytest
from browsing import in_browser
from explorable import drawn, parsed, rows, state, table

from ntk_core.datasets.comparisons import NOISE
from ntk_core.datasets.file_reader import FileReader
from ntk_core.pages.explore.data import RUN_QUANTITIES
from ntk_core.pages.explore.page import LINES
from ntk_core.quantities import QUANTITIES
from ntk_core.theory.bounds import BOUNDS

checked, given, learned = explorable.checked, explorable.given, explorable.learned
page, visit = explorable.page, explorable.visit


MISSING = {"not known", "not computed", "—"}


def limits(text):
    """Both ends of an interval as it is written; infinite where it says so."""
    low, high = text.replace(")", "").replace("(", "").split(" to ")
    return parsed(low), np.inf if high.startswith("∞") else parsed(high)


def same(text, value, noise=0.0):
    """Whether a text says this number."""
    if not np.isfinite(value):
        assert text in MISSING
    else:
        assert parsed(text) == pytest.approx(value, rel=6e-7, abs=1.01 * noise)


def slopes_agree(text, rate, prefix=""):
    """Whether a text says this fitted slope with its limits."""
    fitted, lower, upper = (float(rate[f"{prefix}slope{end}"]) for end in ("", "_lower", "_upper"))
    if not np.isfinite(fitted):
        assert text in (None, "")
        return
    least = int(rate["m"].min()) if "m" in rate.dims else np.inf
    text, _, first = text.partition(", fitted from m = ")
    if not prefix and "m_fit" in rate and rate["m_fit"] > least:
        assert int(first.rpartition("= ")[2].replace(",", "")) == int(rate["m_fit"])
    else:
        assert not first
    shown, _, interval = text.partition(" (")
    assert parsed(shown) == pytest.approx(fitted, abs=6e-5)
    assert (interval == "") == (not np.isfinite(lower))
    if interval:
        assert limits(interval) == pytest.approx((lower, upper), abs=6e-5)


def agrees(tab, dataset, rates, folder):
    """Everything the page says of its choice beside the datasets; the picture too."""
    drawn(tab)
    at = state(tab)
    quantity = list(QUANTITIES)[at.pop("quantity")]
    x = at.pop("x_norm")
    cell = dataset.sel(quantity=quantity).isel(at)
    x_norm = float(dataset["x_norm"][x])
    scale = float(QUANTITIES[quantity].at_norm(np.array(x_norm)))
    m, alpha = int(cell["m"]), float(cell["alpha"])
    noise = NOISE * QUANTITIES[quantity].unit(m, alpha) * scale

    # The table of numbers.
    shown = table(tab, "values")
    assert list(shown) == [LINES[name] for name in (*BOUNDS, "exact_quantile", "quantile")]
    for name in BOUNDS:
        line = shown[LINES[name]]
        same(line["Value"], float(cell[f"bound_{name}"].isel(x_norm=x)), noise)
        over = cell["exceedances"].sel(bound=name).isel(x_norm=x)
        assert int(line["Runs above it"].replace(",", "")) == int(over)
        if scale * float(cell["quantile"]) > noise:
            ratio = float(cell["bound_ratio"].sel(bound=name).isel(x_norm=x))
            assert parsed(line["Over the measured quantile"]) == pytest.approx(ratio, rel=6e-4)
        else:
            assert "Over the measured quantile" not in line
    same(shown[LINES["exact_quantile"]]["Value"], scale * float(cell["exact_quantile"]), noise)
    same(shown[LINES["quantile"]]["Value"], scale * float(cell["quantile"]), noise)
    ends = tuple(scale * float(cell[f"quantile_{end}"]) for end in ("lower", "upper"))
    assert limits(shown[LINES["quantile"]]["99 % interval"]) == pytest.approx(
        ends, rel=6e-7, abs=1.01 * noise
    )
    place = {name: at[name] for name in ("perturbation", "d", "alpha")}
    rate = rates.sel(quantity=quantity, statistic=repr(float(cell["delta"]))).isel(place)
    slopes_agree(shown[LINES["quantile"]].get("Slope against m"), rate)
    exact = {"slope": rate["exact_slope"], "slope_lower": np.nan, "slope_upper": np.nan}
    slopes_agree(shown[LINES["exact_quantile"]].get("Slope against m"), rate.assign(exact))

    # The sentence that is read aloud.
    text = tab.inner_text("#cell-summary").replace("\u00a0", " ")
    assert text.startswith(f"{QUANTITIES[quantity].text} under the ")
    assert f"d = {int(cell['d'])}, α = {alpha:g}, δ = {float(cell['delta']):g}, ‖x‖ = {x_norm:g}" in text
    pattern = r"; ([\d,]+) runs: measured quantile (.*?) \("
    runs, measured = re.search(pattern, text).groups()
    assert int(runs.replace(",", "")) == int(cell["runs"])
    assert parsed(measured) == pytest.approx(scale * float(cell["quantile"]), rel=6e-4, abs=1.01 * noise)

    # The histogram.
    bins = rows(tab, "bins")
    counts = [int(row[2].replace(",", "")) for row in bins]
    with FileReader(folder / "runs.nc") as reader:
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
    numbers = sorted(parsed(line["Value"]) for line in shown.values() if line["Value"] not in MISSING)
    where = tab.locator("#beside .mark-rule.role-mark line").evaluate_all(
        "lines => lines.map(line => line.transform.baseVal.consolidate().matrix.e).sort((a, b) => a - b)"
    )
    assert len(where) == len(numbers)
    slope = (where[-1] - where[0]) / (numbers[-1] - numbers[0])
    assert np.allclose(where[0] + slope * (np.array(numbers) - numbers[0]), where, atol=0.6)
    assert slope > 0

    # Against the width.
    by_width = rows(tab, "by-widths")
    assert [int(row[0].replace(",", "")) for row in by_width] == dataset["m"].values.tolist()
    assert by_width[at["m"]][1:] == [re.sub("^not.*", "—", line["Value"]) for line in shown.values()]
    measured = scale * dataset.sel(quantity=quantity).isel({**at, "m": slice(None)})["quantile"].values
    assert tab.locator("#widths .measured_marks path").count() == np.count_nonzero(measured > noise)
    assert not tab.is_visible("#times")
    label = tab.get_attribute("#beside", "aria-label")
    assert f"Histogram of {int(cell['runs']):,} runs" in label
    assert label.count(" bound ") >= 2


@in_browser
def test_every_control_shows_the_numbers_of_the_datasets(visit, given, archived, checked):
    (dense, dense_rates), (band, band_rates) = given
    tab = visit(viewport={"width": 1200, "height": 900})
    assert tab.locator("#experiment option").all_inner_texts() == ["check", "e", "usual", "diverged"]
    assert tab.input_value("#experiment") == "1"  # the band first
    agrees(tab, band, band_rates, archived)

    # Ranges by keyboard, each to both ends.
    for name in ("m", "alpha", "delta", "x_norm"):
        control = tab.locator(f"#{name}")
        last = band.sizes[name] - 1
        control.focus()
        tab.keyboard.press("End")
        assert control.input_value() == str(last)
        agrees(tab, band, band_rates, archived)
        tab.keyboard.press("Home")
        assert control.input_value() == "0"
        agrees(tab, band, band_rates, archived)
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
    agrees(tab, band, band_rates, archived)
    for number in range(len(QUANTITIES)):
        tab.select_option("#quantity", str(number))
        for law in ("0", "1"):
            tab.select_option("#perturbation", law)
            agrees(tab, band, band_rates, archived)

    # Another experiment, with two dimensions, rounding around zero and no upper limits; then back.
    tab.select_option("#quantity", "0")
    tab.locator("#m").fill("2")
    tab.select_option("#experiment", "0")
    agrees(tab, dense, dense_rates, checked)
    assert tab.inner_text("#m-value") == "64"  # the nearest to 4096
    assert tab.locator("#alpha").is_disabled()
    tab.focus("#d")
    tab.keyboard.press("ArrowRight")
    tab.locator("#m").fill("0")
    tab.locator("#delta").fill("0")
    agrees(tab, dense, dense_rates, checked)
    assert "∞ (too few runs)" in tab.inner_text("#values")
    tab.locator("#delta").fill("2")
    tab.select_option("#perturbation", "1")
    agrees(tab, dense, dense_rates, checked)
    tab.select_option("#experiment", "1")
    agrees(tab, band, band_rates, archived)


@in_browser
def test_a_bar_without_an_upper_limit_is_explained_and_one_down_to_zero_goes_below_all_points(visit):
    tab = visit()
    tab.select_option("#experiment", "0")
    tab.select_option("#perturbation", "0")
    sentence = "; a bar that ends at its point has no upper limit: too few runs"
    for delta, said in (("0", True), ("2", False)):
        tab.locator("#delta").fill(delta)
        drawn(tab)
        assert (sentence in tab.inner_text("#widths-axis")) == said
    boxes = "all => all.map(one => one.getBoundingClientRect()).map(box => [box.left, box.top, box.bottom])"
    points = tab.locator("#widths .measured_marks path").evaluate_all(boxes)
    left, top, bottom = min(points)  # at m = 16 the interval of the median begins at 0
    bars = tab.locator("#widths .mark-rule.role-mark line").evaluate_all(boxes)
    assert any(abs(bar[0] - left) < 20 and bar[1] < top and bar[2] > bottom + 2 for bar in bars)


HELD_OUT = {"held_out_quantile": "quantile", "held_out_rms": "rms", "training_rms": "training_rms"}
SLOPES = {"held_out_rms": "", "training_rms": "training_"}


def training_agrees(tab, dataset, rates):
    """All that the page says of a trained experiment at its choice beside the datasets."""
    drawn(tab)
    at = state(tab)
    name = [*QUANTITIES, *RUN_QUANTITIES][at["quantity"]]
    shown = table(tab, "values")
    place = {"m": at["m"], "steps": at["steps"]}
    here, rate = dataset.isel(place), rates.isel(steps=at["steps"])
    sentence = tab.inner_text("#cell-summary").replace("\u00a0", " ")
    runs = int(here["runs"])
    assert f"steps = {int(here['steps'])}" in sentence
    assert f"; {runs} run{'s' if runs != 1 else ''}: " in sentence
    if name in QUANTITIES:
        assert list(shown) == [
            LINES[line]
            for line in ("printed", "all_radii", "exact", "held_out_quantile", "training_rms", "held_out_rms")
        ]
        level, x = at["delta"], at["x_norm"]
        cell = here.sel(quantity=name).isel(delta=level)
        scale = float(QUANTITIES[name].at_norm(dataset["x_norm"].values[x]))
        noise = scale * NOISE
        for bound in ("printed", "all_radii", "exact"):
            line = shown[LINES[bound]]
            same(line["Value"], float(cell[f"bound_{bound}"].isel(x_norm=x)), noise)
            # For all radii at once Theorem 1 holds for E at δ up to 1/2.
            uniform = bound == "all_radii" or (
                bound == "printed" and name == "linearization_error" and cell["delta"] <= 0.5
            )
            if uniform and np.isfinite(cell[f"bound_{bound}"].isel(x_norm=x)):
                over = cell["runs_exceeding"].sel(uniform_bound=bound).isel(x_norm=x)
                assert int(line["Runs above it"]) == int(over) <= runs
            else:
                assert not line.get("Runs above it")
        for line, variable in HELD_OUT.items():
            same(shown[LINES[line]]["Value"], scale * float(cell[variable]), noise)
            assert tab.inner_text("#cell-summary").count(LINES[line]) == 1
        for line, prefix in SLOPES.items():
            text = shown[LINES[line]].get("Slope against m")
            slopes_agree(text, rate.sel(quantity=name, statistic="rms"), prefix)
        measured = scale * dataset["rms"].sel(quantity=name)
        column = LINES["held_out_rms"]
    else:
        variable = {"loss": "training_loss", "flipped": "flipped_fraction"}.get(name, name)
        same(shown[LINES[variable]]["Value"], float(here["run_mean"].sel(variable=variable)))
        slopes_agree(shown[LINES[variable]].get("Slope against m"), rate.sel(variable=variable), "run_")
        if name == "alpha_hat":
            same(shown[LINES["alpha_ceiling"]]["Value"], float(here["alpha_ceiling"]))
            same(shown[LINES["alpha_hat_max"]]["Value"], float(here["run_max"].sel(variable=name)))
        measured, column, noise = dataset["run_mean"].sel(variable=variable), LINES[variable], 1e-15
    for chart, axis, other in (("widths", "m", "steps"), ("times", "steps", "m")):
        values = measured.isel({other: at[other]}).values
        columns = table(tab, f"by-{chart}")
        assert list(columns) == [f"{value:,}" for value in dataset[axis].values]
        for row, value in zip(columns.values(), values, strict=True):
            same(row[column], value, noise)
        assert tab.is_visible(f"#{chart}") == any(
            parsed(text) > 0 for row in columns.values() for text in row.values() if text not in MISSING
        )


@in_browser
@pytest.mark.parametrize("number", [0, 1])
def test_a_trained_experiment_shows_the_numbers_of_the_datasets(visit, learned, number):
    dataset, rates = learned[number]
    tab = visit(viewport={"width": 1200, "height": 900})
    tab.select_option("#experiment", str(2 + number))
    everything = range(len(QUANTITIES) + len(RUN_QUANTITIES))
    for place in everything if number == 0 else (0, 5, 6, 7):
        tab.select_option("#quantity", str(place))
        training_agrees(tab, dataset, rates)
        assert not tab.is_visible("#beside")
        assert not tab.is_visible("#perturbation")
    tab.select_option("#quantity", "0")
    for name, place in (("m", 0), ("steps", 0), ("steps", 2), ("delta", 1), ("x_norm", 1)):
        tab.locator(f"#{name}").fill(str(place))
        training_agrees(tab, dataset, rates)
    tab.locator("#steps").fill("0")
    tab.select_option("#quantity", "7")  # all lines have one value before the first step, and a tick at it
    training_agrees(tab, dataset, rates)
    labels = tab.locator("#widths .role-axis-label text").all_text_contents()
    assert len([text for text in labels if text.strip()]) > dataset.sizes["m"]
