"""The worst input of the sphere: its error exactly, against grids and vertices; bounds and constants."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from conftest import ROOT

from ntk_core import network
from ntk_core.network import symmetric_initialization
from ntk_core.theory.gaussian import PHI0
from ntk_core.theory.uniform_inputs import (
    asymptote,
    circle_bound,
    circle_level_by_tilt,
    circle_levels,
    fluctuation,
    largest_error,
    sphere_bound,
)


def heights(inputs, weights, radius):
    """Σ_i (r - |w_i·x|)₊ at each input; `inputs` `(n, d)`."""
    return np.maximum(radius - np.abs(inputs @ weights.T), 0.0).sum(axis=1)


def vertices(weights):
    """All inputs orthogonal to d - 1 of the weights, by singular vectors."""
    d = weights.shape[1]
    chosen = np.array(list(itertools.combinations(range(len(weights)), d - 1)))
    return np.linalg.svd(weights[chosen])[2][:, -1]


@pytest.mark.parametrize("radius", [0.05, 0.5, 3.0])
@pytest.mark.parametrize(("d", "pairs"), [(2, 2), (2, 40), (3, 12), (4, 8)])
def test_the_worst_input_is_orthogonal_to_weights_and_no_other_is_worse(d, pairs, radius):
    """A hundred thousand inputs, and small steps from the worst vertex."""
    rng = np.random.default_rng([d, pairs])
    weights = rng.standard_normal((pairs, d))
    corners = vertices(weights)
    at_corners = heights(corners, weights, radius)
    exact = largest_error(weights, radius)
    assert exact == pytest.approx(at_corners.max(), rel=1e-10)
    inputs = rng.standard_normal((100_000, d))
    inputs[:50_000] = corners[at_corners.argmax()] + 0.01 * radius * inputs[:50_000]
    inputs /= np.linalg.norm(inputs, axis=1, keepdims=True)
    largest = heights(inputs, weights, radius).max()
    assert 0.8 * exact < largest <= exact * (1 + 1e-12)


def test_fewer_pairs_than_dimensions_are_all_hit_at_once():
    weights = np.random.default_rng(1).standard_normal((3, 4))
    assert largest_error(weights, 0.2) == pytest.approx(0.6)


def test_the_definition_under_the_worst_displacement_reaches_it_on_a_grid():
    """E of the network on 4,000 inputs of the circle, each with its own worst displacement."""
    rng, m, alpha = np.random.default_rng(3), 64, 1.5
    radius = alpha / math.sqrt(m)
    pairs = rng.standard_normal((m // 2, 2))
    w0, c = symmetric_initialization(pairs, rng.choice([-1.0, 1.0], m // 2))
    errors = []
    for t in np.linspace(0.0, math.pi, 4001):
        x = np.array([math.cos(t), math.sin(t)])
        a = w0 @ x
        pushed = (c > 0.0) & (np.abs(a) <= radius)
        u = np.where(pushed, -np.where(a >= 0.0, 1.0, -1.0) * radius, 0.0)[:, None] * x
        errors.append(float(network.linearization_error(x, w0, c, u)))
    exact = largest_error(pairs, radius)
    assert 0.995 * exact < math.sqrt(m) * max(errors) <= exact * (1 + 1e-12)


def test_upcrossings_of_drawn_networks_are_as_many_as_expected():
    """1,500 networks of m = 64 on 1,500 inputs; 4.5 standard errors, and 1 % for crossings between inputs."""
    rng, m, level = np.random.default_rng(4), 64, 0.35
    t = np.linspace(0.0, math.pi, 1501)
    inputs = np.stack([np.cos(t), np.sin(t)], axis=1)
    counts = []
    for _ in range(1500):
        above = heights(inputs, rng.standard_normal((m // 2, 2)), 1.0 / 8.0) > level
        counts.append(np.count_nonzero(above[1:] & ~above[:-1]))
    levels, _, upcrossings = circle_levels(m, 1.0)
    expected = float(np.interp(level, levels, upcrossings))
    error = np.std(counts) / math.sqrt(len(counts))
    assert abs(np.mean(counts) - expected) < 4.5 * error + 0.01 * expected
    assert error < 0.015 * expected


def circle_median(m, alpha):
    """The median of √m sup E over the circle if upcrossings of high levels were a Poisson process."""
    levels, _, upcrossings = circle_levels(m, alpha)
    ends = np.flatnonzero(upcrossings > math.log(2.0))[-1] + np.array([1, 0])
    return np.interp(math.log(math.log(2.0)), np.log(upcrossings[ends]), levels[ends])


@pytest.mark.parametrize(("m", "alpha"), [(1 << 16, 1.0), (1 << 18, 0.5)])
def test_the_lattice_and_the_saddlepoint_give_the_same_levels(m, alpha):
    """The second drops P(G > t) at one input, which at δ = 0.001 is a fiftieth of the bound and less."""
    assert circle_median(m, alpha) == pytest.approx(circle_level_by_tilt(m, alpha, math.log(2)), rel=5e-5)
    assert circle_bound(m, alpha, 1e-3) == pytest.approx(circle_level_by_tilt(m, alpha, 1e-3), rel=1e-3)


def test_at_large_widths_levels_are_those_of_a_normal_process():
    """√(3m)/(2α) e^{-u²/2} upcrossings: its second spectral moment is 3/r²."""
    m, alpha, u = 1 << 60, 2.0, 6.0
    number = math.sqrt(3.0 * m) / (2.0 * alpha) * math.exp(-0.5 * u**2)
    level = circle_level_by_tilt(m, alpha, number)
    assert (level - 0.5 * PHI0 * alpha**2) / float(fluctuation(m, alpha)) == pytest.approx(u, rel=1e-4)


def test_the_median_of_drawn_networks_is_that_of_rice():
    """400 networks of 1,024 neurons; false-alarm rate 1e-4 each."""
    rng, m = np.random.default_rng(8), 1 << 10
    values = np.array([largest_error(rng.standard_normal((m // 2, 2)), 1.0 / 32.0) for _ in range(400)])
    assert abs(np.mean(values > circle_median(m, 1.0)) - 0.5) < 3.9 * 0.5 / 20.0
    assert np.mean(values > circle_bound(m, 1.0, 0.1)) < 0.1 + 3.8 * 0.3 / 20.0
    assert np.mean(values > circle_bound(m, 1.0, 0.1)) > 0.1 - 3.8 * 0.3 / 20.0


@pytest.mark.parametrize(("m", "d"), [(4, 2), (64, 3), (16, 4), (4, 4)])
def test_no_draw_is_above_the_bound_for_all_inputs(m, d):
    rng, radius = np.random.default_rng(9), 2.0 / math.sqrt(m)
    values = [largest_error(rng.standard_normal((m // 2, d)), radius) for _ in range(20)]
    assert max(values) <= sphere_bound(m, d, 2.0, 0.5)


@pytest.mark.parametrize("d", [2, 5])
def test_the_bound_tends_to_the_asymptote(d):
    """Its excess over the limit, in units of the asymptote's: 1 but for logarithms of logarithms."""
    limit = 0.5 * PHI0
    excess = [
        (sphere_bound(m, d, 1.0, 0.1) - limit) / (float(asymptote(m, d, 1.0)) - limit)
        for m in (1 << 20, 1 << 40, 1 << 80, 1 << 120, 1 << 160)
    ]
    assert excess == sorted(excess, reverse=True)
    assert 1.0 < excess[-1] < 1.11


@pytest.mark.parametrize("mesh", [0.003, 0.03])
def test_differences_of_neighbouring_inputs_have_the_variance_of_the_proof(mesh):
    """E D² ≤ 4φ(0) r ε² for D = (r - |w·x|)₊ - (r - |w·z|)₊ and ‖x - z‖ = ε, by a million draws."""
    rng, radius, d = np.random.default_rng(10), 0.1, 3
    x, turn = np.eye(d)[0], 2.0 * math.asin(0.5 * mesh)
    z = math.cos(turn) * x + math.sin(turn) * np.eye(d)[1]
    w = rng.standard_normal((1_000_000, d))
    a, b = np.abs(w @ x), np.abs(w @ z)
    square = np.mean((np.maximum(radius - a, 0.0) - np.maximum(radius - b, 0.0)) ** 2)
    assert 0.2 < square / (4.0 * PHI0 * radius * mesh**2) < 1.0


def test_the_table_of_the_page_is_the_benchmark_and_its_formulas():
    """Rows of docs/theory.md against benchmarks/results/inputs.json; levels computed again."""
    page = (ROOT / "docs/theory.md").read_text(encoding="utf-8")
    results = json.loads((ROOT / "benchmarks/results/inputs.json").read_text(encoding="utf-8"))["results"]
    for row in results:
        d, m = row["d"], row["m"]
        assert row["asymptote"] == pytest.approx(float(asymptote(m, d, 1.0)), rel=1e-9)
        assert row["bound"] == pytest.approx(sphere_bound(m, d, 1.0, 0.1), rel=1e-9)
        levels = "– | {asymptote:.4f} | {bound:.4f} | –"
        if d == 2:
            assert row["rice_median"] == pytest.approx(circle_level_by_tilt(m, 1.0, math.log(2)), rel=1e-9)
            assert row["rice_bound"] == pytest.approx(circle_level_by_tilt(m, 1.0, 0.1), rel=1e-9)
            levels = "{rice_median:.4f} | {asymptote:.4f} | {bound:.4f} | {rice_bound:.4f}"
        head = f"| {d} | $2^{{{m.bit_length() - 1}}}$ | {row['runs']} | "
        assert head + ("{mean:.4f} ± {error:.4f} | {median:.4f} | " + levels + " |").format(**row) in page


def test_the_bound_by_nets_is_the_formula_of_the_page_at_its_least():
    """At m = 2^60, where it is below the first bound, over a finer grid of both meshes."""
    m, d, alpha, delta = 2.0**60, 3, 2.0, 0.05
    longest = math.sqrt(d) + math.sqrt(2.0 * math.log(3.0 * m / (2.0 * delta)))
    second = alpha / math.sqrt(m) * 2.0 ** np.arange(-40.0, 0.0, 0.05)
    first = alpha / math.sqrt(m) * 2.0 ** np.arange(-15.0, 4.0, 0.05)[:, None]
    wide = alpha + math.sqrt(m) * second * longest
    levels = [np.log(3.0 / delta * d * (1.0 + 2.0 / mesh) ** (d - 1)) for mesh in (first, second)]
    excess = 0.5 * PHI0 * (wide**2 - alpha**2)
    excess = excess + np.sqrt(2.0 * PHI0 * wide**3 * levels[0] / 3.0) * m**-0.25
    excess = excess + wide * levels[0] / (3.0 * math.sqrt(m))
    excess = excess + 2.0 * first * np.sqrt(PHI0 * wide * levels[1]) * m**0.25
    excess = excess + wide * levels[1] / (3.0 * math.sqrt(m))
    least = excess[(first >= second) & np.isfinite(excess)].min()
    assert sphere_bound(1 << 60, d, alpha, delta) - 0.5 * PHI0 * alpha**2 == pytest.approx(least, rel=2e-4)
