"""Aggregates against what they stand for: every sum, count and largest value, in any order and any pieces."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ntk_core.quantities import QUANTITIES
from ntk_core.sampling.aggregate import (
    BATCH,
    LARGEST,
    OCTAVES_BELOW,
    Accumulator,
    Bins,
    aggregate_cell,
    combine,
    same,
)
from ntk_core.sampling.cell import Cell
from ntk_core.sampling.samplers import simulate

RNG = np.random.default_rng(5)
BINS = Bins(-20, 24)
VALUES = {
    "of many magnitudes": np.exp2(RNG.uniform(-40.0, 4.0, 5000)),
    "close together": 1.0 + 1e-3 * RNG.random(5000),
    "few and many equal": RNG.integers(0, 7, 5000) / 64.0,
    "too small for a normal float": RNG.integers(0, 3, 3000) * 5e-324,
    "fewer than are kept": RNG.random(40),
    "one": np.array([0.3]),
    "zeros": np.zeros(2000),
}
THRESHOLDS = np.array(
    [[np.nan, np.inf, -1.0, 0.0], [2.0**-20, 0.25, 1.0 + 5e-4, 3 / 64], [1e-300, 5e-324, 7.0, 0.3]]
)


@pytest.mark.parametrize("name", VALUES)
def test_an_aggregate_is_what_its_values_give(name):
    values = VALUES[name]
    accumulator = Accumulator(BINS, THRESHOLDS)
    for start in range(0, values.size, 700):
        accumulator.add(values[start : start + 700], 100 + start)
    aggregate = accumulator.result()
    assert aggregate.runs == values.size
    assert aggregate.smallest == values.min()
    power = np.ones(values.size)
    for k, total in enumerate(aggregate.sums, 1):
        power = power * values
        assert float(aggregate.power_mean(k) * values.size) == math.fsum(power)
        assert (total == 0) == (math.fsum(power) == 0.0)
    assert np.array_equal(aggregate.over, [[np.sum(values > t) for t in row] for row in THRESHOLDS])
    order = np.lexsort((np.arange(values.size), -values))[:LARGEST]
    assert np.array_equal(aggregate.top_values, values[order])
    assert np.array_equal(aggregate.top_seeds, 100 + order)
    edges = BINS.lower_edges()
    place = np.where(values == 0.0, 0, np.maximum(np.searchsorted(edges[2:], values, side="right") + 1, 1))
    bins, counts = np.unique(np.minimum(place, BINS.count - 1), return_counts=True)
    assert np.array_equal(aggregate.bins, bins)
    assert np.array_equal(aggregate.counts, counts)
    assert np.array_equal(BINS.index(values), np.minimum(place, BINS.count - 1))


def test_parts_add_up_in_any_order_to_the_last_bit():
    cell = Cell("band", "sphere", 256, 3, 1.0)
    thresholds = np.tile(np.geomspace(1e-4, 1.0, 9), (len(QUANTITIES), 1))
    whole = aggregate_cell(3, cell, 0, 5000, thresholds)
    cuts = [(4001, 5000), (0, 1), (1024, 4001), (1, 1024)]
    parts = [aggregate_cell(3, cell, start, stop, thresholds) for start, stop in cuts]
    for quantity, one in enumerate(whole):
        of_quantity = [part[quantity] for part in parts]
        assert same(one, combine(of_quantity))
        assert same(one, combine([combine(of_quantity[2:]), combine(of_quantity[:2])]))
        assert not same(one, combine(of_quantity[:3]))


def test_a_cell_is_aggregated_as_its_runs_are(monkeypatch):
    """Also where it is drawn in several batches."""
    monkeypatch.setattr("ntk_core.sampling.aggregate.BATCH", 1024)
    assert BATCH > 3000
    cell = Cell("band", "aligned", 64, 2, 2.0)
    rows = aggregate_cell(3, cell, 500, 3000, np.zeros((len(QUANTITIES), 1)))
    for row, values in zip(rows, simulate(3, cell, 500, 3000), strict=True):
        order = np.lexsort((np.arange(2500), -values))[:LARGEST]
        assert np.array_equal(row.top_values, values[order])
        assert np.array_equal(row.top_seeds, 500 + order)
        assert row.over == np.sum(values > 0.0)


@pytest.mark.parametrize("m", [2, 66, 1 << 20, 1 << 40])
@pytest.mark.parametrize("alpha", [1e-9, 0.7, 1e6])
@pytest.mark.parametrize("name", QUANTITIES)
def test_bins_reach_from_far_below_a_neuron_to_all_of_them(name, m, alpha):
    quantity = QUANTITIES[name]
    bins = Bins.of(quantity, m, alpha)
    edges = bins.lower_edges()
    assert edges[0] == edges[1] == 0.0
    assert edges[2] <= quantity.unit(m, alpha) * 2.0**-OCTAVES_BELOW
    assert bins.index(np.array([m * quantity.unit(m, alpha)])) < bins.count - 1
    assert np.all(np.diff(edges[2:]) <= edges[2:-1] / 512)
    middle = 0.5 * (edges[2:-1] + edges[3:])
    assert np.all(np.maximum(edges[3:] / middle, middle / edges[2:-1]) - 1.0 <= 2.0**-10)
