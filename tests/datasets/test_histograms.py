"""Histograms of the runs of a cell: every run in one bar, bars that fit counts of neurons."""

from __future__ import annotations

import explorable
import numpy as np
import pytest
from conftest import EXPERIMENT
from explorable import DENSE

from ntk_core.datasets.comparisons import NOISE
from ntk_core.datasets.file_reader import FileReader
from ntk_core.datasets.histograms import BARS, SAMPLE, histogram
from ntk_core.quantities import QUANTITIES

checked, given = explorable.checked, explorable.given


@pytest.mark.parametrize("number", [0, 1])
def test_every_run_is_in_its_bar(given, archived, checked, number):
    experiment, folder = ((DENSE, checked), (EXPERIMENT, archived))[number]
    table = given[number][0]
    with FileReader(folder / "runs.nc") as runs:
        for quantity in QUANTITIES:
            for index in np.ndindex(experiment.shape):
                cell = table.sel(quantity=quantity)[dict(zip(experiment.axes, index, strict=True))]
                unit = QUANTITIES[quantity].unit(experiment.m[index[1]], experiment.alpha[index[3]])
                values = runs.read(quantity, index)
                values[values < NOISE * unit] = 0.0
                counts = np.trim_zeros(cell["bar_runs"].values, "b")
                edges = float(cell["first_bar"]) + float(cell["bar_width"]) * np.arange(counts.size + 1)
                edges[[0, -1]] += [-1e-9 * unit, 1e-9 * unit]
                assert edges[0] <= values.min()
                assert edges[-2] <= values.max() + 1e-9 * unit
                assert values.max() <= edges[-1]
                expected, _ = np.histogram(values, edges)
                on_edges = (np.abs(edges[:, None] - values) < 1e-9).sum()
                assert np.abs(np.cumsum(counts) - np.cumsum(expected)).max() <= on_edges
                assert counts.sum() == experiment.seeds


@pytest.mark.parametrize(
    ("units", "width", "counts"),
    [
        ([3, 5, 7, 3], 2, [2, 1, 1]),
        ([4, 4, 4], 1, [3]),
        ([0, 1e-12], 1, [2]),
        ([0, 99, *range(100)], 3, None),
        ([0.25, 0.5, 1.25], 1 / BARS, None),
        ([0.7, 0.7], 1, [2]),
        ([*([4, 8] * SAMPLE), 10], 2, [SAMPLE, 0, SAMPLE, 1]),
        ([*([4, 8] * SAMPLE), 4 + 1e-5], 4 / BARS, None),
        ([*([4, 8] * SAMPLE), 5], 1, [SAMPLE, 1, 0, 0, SAMPLE]),
    ],
)
def test_bars_fit_counts_of_neurons(units, width, counts):
    """Where values are counts, every bar is centred on as many of them as every other."""
    one = histogram(0.01 * np.sort(units), 0.01)
    shown = np.trim_zeros(one["bar_runs"], "b")
    assert one["bar_width"] == pytest.approx(0.01 * width)
    assert shown.sum() == len(units)
    if counts:
        assert shown.tolist() == counts
    if width == 3:
        assert one["first_bar"] == pytest.approx(-0.005)
        assert set(shown[1:-1]) == {3}


def test_a_value_between_two_bars_is_in_the_upper_one_and_the_largest_in_the_last():
    counts = histogram(np.array([0.0, 20.0, 40.0]), 3.0)["bar_runs"]
    assert np.flatnonzero(counts).tolist() == [0, 20, BARS - 1]


def test_rounding_around_an_exact_zero_is_zero():
    assert histogram(0.01 * np.array([1e-12, 0.25, 1.25]), 0.01)["first_bar"] == 0.0


def test_a_value_counts_as_often_as_it_has_runs():
    values, runs = np.array([0.0, 1e-13, 0.2, 0.5, 0.7]), np.array([3, 2, 0, 4, 1])
    weighted, repeated = histogram(values, 0.1, runs), histogram(np.repeat(values, runs), 0.1)
    assert np.array_equal(weighted["bar_runs"].cumsum()[:8], [5, 5, 5, 5, 5, 9, 9, 10])
    assert weighted["first_bar"] == repeated["first_bar"]
