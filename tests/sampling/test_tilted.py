"""Runs with weights: unbiased for every law, and they reach errors that plain runs do not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import ks_2samp

from ntk_core.laws import THEOREM_LAWS, CustomLaw
from ntk_core.laws.exact import exact_quantile
from ntk_core.laws.moments import mean, root_mean_square
from ntk_core.quantities import QUANTITIES
from ntk_core.sampling import tilted
from ntk_core.sampling.cell import Cell
from ntk_core.sampling.definitions import definitions
from ntk_core.sampling.mixture import Mixture, mixture
from ntk_core.sampling.samplers import simulate

OWN = CustomLaw(
    "own", "def band(rng, position, sign, c, d, radius):\n    return 0.5 * c * (sign > 0)\n", "", True
)
"""`aligned` at half of the radius, as one of a user's own."""

FALSE_ALARM = 1e-3
"""Over all comparisons of a test together (Bonferroni), for Gaussian means."""

DELTA = (1e-2, 1e-6, 1e-9)


def off_by_chance(values: np.ndarray, expected: float, comparisons: int) -> bool:
    """Whether a mean over runs is as near to what is expected as chance explains."""
    error = values.std() / math.sqrt(values.size)
    return abs(values.mean() - expected) <= -ndtri(0.5 * FALSE_ALARM / comparisons) * error


@pytest.mark.parametrize("law", THEOREM_LAWS)
def test_weighted_tails_and_moments_are_those_of_the_exact_law(law):
    cell = Cell("tilted", law, 64, 3, 1.0)
    *quantities, weights = simulate(1, cell, 0, 8192)
    comparisons = len(THEOREM_LAWS) * (len(DELTA) + 1 + 2 * len(QUANTITIES))
    assert off_by_chance(weights, 1.0, comparisons)
    for delta in DELTA:
        beyond = quantities[0] > exact_quantile(law, "linearization_error", 64, 3, 1.0, delta)
        assert np.count_nonzero(beyond) > 100, delta
        assert off_by_chance(weights * beyond, delta, comparisons), delta
    for quantity, values in zip(QUANTITIES, quantities, strict=True):
        for power, moment in ((1, mean), (2, root_mean_square)):
            exact = moment(law, quantity, 64, 3, 1.0) ** power
            assert math.isnan(exact) or off_by_chance(weights * values**power, exact, comparisons), quantity


def test_memory_does_not_grow_with_the_pairs_of_a_run():
    """A terabyte of pairs: the first of them are drawn alone."""
    cell = Cell("tilted", "adversarial", 2**40, 2, 1e6)
    runs = np.array([3, 10**12, 5])
    chosen = tilted.chosen_pairs(cell, np.zeros(3, np.int64), runs, cell.streams(1, 0))
    first = next(chosen).run
    assert first[:4].tolist() == [0, 0, 0, 1]
    assert first.size < 10**6


@pytest.mark.parametrize("candidates", [1, 2, 8])
def test_weights_are_unbiased_for_every_number_of_candidates(candidates, monkeypatch):
    monkeypatch.setattr(tilted, "CANDIDATES", candidates)
    quantities = simulate(2, Cell("tilted", "sphere", 16, 3, 1.0), 0, 8192)
    limit = exact_quantile("sphere", "linearization_error", 16, 3, 1.0, 0.01)
    assert off_by_chance(quantities[-1] * (quantities[0] > limit), 0.01, 6)
    assert off_by_chance(quantities[-1], 1.0, 6)


@pytest.mark.parametrize("law", THEOREM_LAWS)
def test_the_law_itself_is_a_component_and_agrees_with_the_band_sampler(law, monkeypatch):
    cell = Cell("tilted", law, 64, 3, 1.0)
    itself = Mixture(*(values[:1] for values in mixture(3, cell)))
    assert itself.tilts[0] == 0.0
    monkeypatch.setattr(tilted, "mixture", lambda entropy, cell: itself)
    *quantities, weights = simulate(3, cell, 0, 8192)
    assert np.array_equal(weights, np.ones(8192))
    band = simulate(4, Cell("band", law, 64, 3, 1.0), 0, 8192)
    for quantity, one, other in zip(QUANTITIES, quantities, band, strict=True):
        pvalue = ks_2samp(np.round(one * 64, 8), np.round(other * 64, 8), method="asymp").pvalue
        assert pvalue > FALSE_ALARM / (len(THEOREM_LAWS) * len(QUANTITIES)), quantity


def test_no_weight_is_above_the_number_of_components():
    for law, m, alpha in (("sphere", 2, 1.0), ("adversarial", 4, 40.0), ("aligned", 64, 8.0)):
        cell = Cell("tilted", law, m, 3, alpha)
        weights = simulate(5, cell, 0, 1024)[-1]
        assert 0.0 < weights.min() <= weights.max() <= len(mixture(5, cell).tilts) * (1.0 + 1e-12)


def test_a_law_of_ones_own_gives_the_exact_quantiles_of_the_same_law():
    error, *_, weights = simulate(6, Cell("tilted", "own", 64, 2, 1.0, OWN), 0, 8192)
    for delta in DELTA:  # E is proportional to the square of the radius in the band of half the radius
        limit = exact_quantile("aligned", "linearization_error", 64, 2, 0.5, delta)
        assert off_by_chance(weights * (error > limit), delta, len(DELTA)), delta


def test_any_stretch_of_seeds_is_the_same_bits():
    cell = Cell("tilted", "sphere", 16, 3, 1.5)
    whole = simulate(9, cell, 0, 2 * cell.block + 5)
    for low, high in (
        (0, 1),
        (0, 37),
        (3, 4),
        (cell.block - 2, cell.block + 3),
        (2 * cell.block, len(whole[0])),
    ):
        assert np.array_equal(simulate(9, cell, low, high), whole[:, low:high])


@pytest.mark.parametrize("law", [*THEOREM_LAWS, "own"])
def test_a_network_matches_each_run(law):
    cell = Cell("tilted", law, 64, 3, 1.0, OWN if law == "own" else None)
    runs = simulate(7, cell, 0, 40)
    for seed in (0, 17, 39):
        assert definitions(7, cell, seed) == pytest.approx(runs[:-1, seed], rel=1e-9, abs=1e-12)
