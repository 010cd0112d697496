"""A network drawn to match a run: the definitions on it give the run's numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import kstest

from ntk_core.laws import LAWS, THEOREM_LAWS, DisplacementLaw
from ntk_core.quantities import QUANTITIES
from ntk_core.sampling import definitions
from ntk_core.sampling.cell import Cell
from ntk_core.sampling.samplers import simulate

POINTS = [(2, 1, 1.0), (64, 2, 1.0), (1024, 3, 2.0), (4096, 64, 0.5), (64, 1, 30.0), (16, 5, 40.0)]


@pytest.mark.parametrize("law", THEOREM_LAWS)
@pytest.mark.parametrize("sampler", ["band", "dense"])
@pytest.mark.parametrize(("m", "d", "alpha"), POINTS)
def test_the_definitions_give_the_numbers_of_the_run(sampler, law, m, d, alpha):
    """To 1e-9 of what one neuron can add: a neuron more or less in a sum would be seen."""
    cell = Cell(sampler, law, m, d, alpha)
    for seed in (0, 5, 70, 1500):
        values = simulate(7, cell, seed, seed + 1)[:, 0]
        assert definitions.definitions(7, cell, seed) == pytest.approx(values, rel=0, abs=1e-9 * alpha / m)


def test_a_wide_network_that_fills_several_chunks():
    """E is a difference of sums over a million neurons, so rounding is larger."""
    for law in THEOREM_LAWS:
        cell = Cell("band", law, 2**20, 2, 1.0)
        values = simulate(7, cell, 3, 4)[:, 0]
        assert definitions.definitions(7, cell, 3) == pytest.approx(values, rel=0, abs=1e-6 / 2**20)


@pytest.mark.parametrize("law", THEOREM_LAWS)
def test_the_matching_network_is_one_the_theorem_speaks_of(law):
    """Symmetric initialization with standard normal weights, and a displacement in the ball.

    Fixed seeds; the level is 1e-3 for each of the three laws.
    """
    cell = Cell("band", law, 4096, 3, 2.0)
    x, w0, c, u = definitions._matching_network(cell, 4, cell.streams(7, 0))
    half = cell.m // 2
    assert np.array_equal(w0[:half], w0[half:])
    assert np.array_equal(c[:half], -c[half:])
    assert np.max(np.linalg.norm(u, axis=1)) <= cell.alpha / math.sqrt(cell.m) * (1 + 1e-12)
    assert math.isclose(np.linalg.norm(x), 1.0)
    across = np.array([1.0, -1.0, 0.0]) / math.sqrt(2.0)
    assert kstest(np.abs(w0[:half] @ x), "halfnorm").pvalue > 5e-4
    assert kstest(w0[:half] @ across, "norm").pvalue > 5e-4


def test_a_law_along_x_that_moves_less_than_the_radius_gives_the_numbers_of_the_run(monkeypatch):
    """The worst displacement of half the radius, which draws projections and stays on the line of x."""

    def project(rng, position, sign, d, radius):
        return np.stack([np.where(position <= 0.5, -0.5 * sign, 0.0), np.zeros_like(sign)])

    def weights(rng, x, w0, c, radius):
        return LAWS["adversarial"].weights(rng, x, w0, c, 0.5 * radius)

    monkeypatch.setitem(LAWS, "half", DisplacementLaw("half", weights, lambda d: 1.0, projection=project))
    for sampler in ("band", "tilted", "dense"):
        for m, d, alpha in POINTS:
            cell = Cell(sampler, "half", m, d, alpha)
            for seed in (0, 5, 70):
                values = simulate(7, cell, seed, seed + 1)[: len(QUANTITIES), 0]
                literal = definitions.definitions(7, cell, seed)
                assert literal == pytest.approx(values, rel=0, abs=1e-9 * alpha / m)
