"""The compiled loops: the words are NumPy's, the draws have their laws, the sums are the definitions'."""

from __future__ import annotations

import hashlib
import math
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from scipy.integrate import quad
from scipy.special import betainc, ndtr
from scipy.stats import kstest, truncnorm

from ntk_core import compiling, network
from ntk_core.quantities import flip_sums
from ntk_core.sampling.kernels import direction, flips, neurons, position, sorting, words, ziggurat

RADII = (1e-9, 1e-4, 0.01, 0.2, position.SERIES_RADIUS)
DIMENSIONS = (1, 2, 3, 4, 5, 9, 64, 10**6)


def stream(seed):
    return words.stream(np.random.SeedSequence(seed))


def draws(function, how, count, seed=1):
    """At least `count` draws of a kernel that fills chunks."""
    source, again = stream([seed, 1]), stream([seed, 2])
    out = np.empty((-(-count // words.CHUNK), words.CHUNK))
    for row in out:
        function(how, source, again, row)
    return out.ravel()


def normals(count, seed=1):
    w0 = np.empty((1, 2, count))
    neurons.symmetric_weights(ziggurat.ziggurat(math.inf), stream([seed, 1]), stream([seed, 2]), w0)
    return w0[0, 0]


def test_every_lane_is_numpys_generator():
    seed = np.random.SeedSequence(7)
    states = np.random.SFC64(seed).random_raw(3 * words.LANES).reshape(3, words.LANES)
    source = stream(7)
    got = np.concatenate([words.chunk(source).copy() for _ in range(3)]).reshape(-1, words.LANES)
    for lane in range(words.LANES):
        numpys = np.random.SFC64()
        state = numpys.state
        state["state"]["state"] = np.array([*states[:, lane], 1], dtype=np.uint64)
        numpys.state = state
        numpys.random_raw(12)
        assert np.array_equal(numpys.random_raw(len(got)), got[:, lane])


def test_a_name_gives_states_by_shake_256():
    source, digest = words.hashed_stream(b"name"), hashlib.shake_256(b"name").digest(24 * words.LANES)
    got = np.concatenate([words.chunk(source).copy() for _ in range(2)]).reshape(-1, words.LANES)
    states = np.frombuffer(digest, dtype="<u8").reshape(3, words.LANES)
    for lane in range(words.LANES):
        numpys = np.random.SFC64()
        state = numpys.state
        state["state"]["state"] = np.array([*states[:, lane], 1], dtype=np.uint64)
        numpys.state = state
        assert np.array_equal(numpys.random_raw(len(got)), got[:, lane])


def test_words_taken_one_by_one_are_those_of_a_chunk():
    one, other = stream(3), stream(3)
    for _ in range(2):
        assert [words.next_word(one) for _ in range(words.CHUNK)] == words.chunk(other).tolist()


def test_uniforms_are_the_upper_bits_of_their_words():
    drawn = np.array([0, 2**64 - 1, 2**63, 123456789 << 35], dtype=np.uint64)
    out = np.empty(drawn.size)
    words.units(drawn, 0.0, out)
    assert out.tolist() == [0, 1 - 2**-52, 0.5, (123456789 << 35 >> 12) / 2**52]
    words.units(drawn, -1.0, out)
    assert out.tolist() == [-1, 1 - 2**-51, 0, 2 * (123456789 << 35 >> 12) / 2**52 - 1]
    for word in drawn:
        assert words.unit(word) == int(word >> np.uint64(11)) / 2**53


@pytest.mark.parametrize("exponent", [0.5, 1.0, 3.0, 30.5, 5e5, math.inf])
def test_boxes_of_the_ziggurat_have_one_area_and_cover_the_density(exponent):
    shape = ziggurat.ziggurat(exponent)
    areas = shape.edges[:-1] * np.diff(shape.heights)
    assert areas == pytest.approx(areas[0], rel=1e-9)
    assert np.all(np.diff(shape.edges) < 0)
    inside = shape.edges[1:-1]
    density = np.exp(-(inside**2) / 2) if math.isinf(exponent) else np.exp(exponent * np.log1p(-(inside**2)))
    assert shape.heights[1:-1] == pytest.approx(density, rel=1e-12)


def test_normals_have_the_law():
    """Kolmogorov-Smirnov, shares of tails and of the middle, on four million draws; false-alarm rate 1e-4."""
    n = 1 << 22
    z = normals(n)
    assert kstest(z, ndtr).pvalue > 2e-5
    for low, high in ((3.0, 99.0), (4.2, 99.0), (0.0, 1e-3), (1.0, 1.01)):
        p = 2 * (ndtr(-low) - ndtr(-high))
        share = np.count_nonzero((np.abs(z) >= low) & (np.abs(z) < high))
        assert abs(share - n * p) < 4.3 * math.sqrt(n * p * (1 - p))
    assert abs(np.corrcoef(z[:-1], z[1:])[0, 1]) < 4.3 / math.sqrt(n)
    assert abs(np.mean(z[1024:] * z[:-1024])) < 4.3 / math.sqrt(n)  # one chunk on


def test_weights_do_not_depend_on_how_they_are_cut():
    shape, whole = ziggurat.ziggurat(math.inf), np.empty((3, 14, 700))
    neurons.symmetric_weights(shape, stream(1), stream(2), whole)
    source, again = stream(1), stream(2)
    for run in whole:
        part = np.empty((1, 14, 700))
        neurons.symmetric_weights(shape, source, again, part)
        assert np.array_equal(part[0], run)
        assert np.array_equal(run[:7], run[7:])


@pytest.mark.parametrize("radius", RADII)
def test_positions_invert_the_distribution_function(radius):
    uniform = np.linspace(0, 1, 999, endpoint=False)
    got = uniform.copy()
    position.invert(position.positions(radius).coefficients, got)
    expected = truncnorm.ppf(0.5 + 0.5 * uniform, -radius, radius) / radius
    assert got == pytest.approx(expected, rel=1e-9, abs=max(1e-9, 3e-16 / radius))  # scipy's own error
    ends = np.array([0.0, 2.0**-52, 1 - 2**-52])
    position.invert(position.positions(radius).coefficients, ends)
    assert ends[0] == 0
    assert np.all((ends[1:] > 0) & (ends[1:] <= 1))


@pytest.mark.parametrize("radius", [0.001, 0.01, 0.3, position.SERIES_RADIUS])
def test_positions_are_accurate_to_two_units_in_the_last_place(radius):
    """Against the forward function summed in extended precision: h(s) = v·h(r)."""
    uniform = np.random.default_rng(1).random(2000)
    got = uniform.copy()
    position.invert(position.positions(radius).coefficients, got)
    s = got.astype(np.longdouble) * np.longdouble(radius)
    k = np.arange(40)
    sign = np.where(k % 2, -1, 1).astype(np.longdouble)
    coefficient = sign / np.cumprod(np.concatenate([[1], 2.0 * k[1:]]).astype(np.longdouble)) / (2 * k + 1)

    def h(value):
        return np.sum(coefficient * np.asarray(value, np.longdouble)[..., None] ** (2 * k + 1), axis=-1)

    residual = h(s) - uniform.astype(np.longdouble) * h(np.longdouble(radius))
    relative = residual / (np.exp(-s * s / 2) * s)  # Newton: the error in s, relative to s
    assert float(np.abs(relative).max()) < 2 * 2.0**-52


@pytest.mark.parametrize("radius", [1e-3, 0.3, 0.51, 1.0, 4.0, 60.0])
def test_positions_have_the_law(radius):
    """Kolmogorov-Smirnov on a hundred thousand draws; false-alarm rate 1e-4 over the six radii."""
    s = draws(position.draw_positions, position.positions(radius), 100_000)
    law = truncnorm(-radius, radius)
    assert kstest(s, lambda v: 2 * law.cdf(np.minimum(v, 1) * radius) - 1).pvalue > 1.6e-5


def coordinate_cdf(t, d):
    """P(first coordinate of a uniform unit vector ≤ t)."""
    if d == 1:
        return 0.5 * (t >= -1) + 0.5 * (t >= 1)
    return 0.5 + 0.5 * np.sign(t) * betainc(0.5, 0.5 * (d - 1), t * t)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_directions_have_the_law_of_a_coordinate(d):
    """Kolmogorov-Smirnov on a million draws, and serial correlation; false-alarm rate 1e-4 in all."""
    t = draws(direction.draw_directions, direction.directions(d), 1_000_000)
    assert np.abs(t).max() <= 1.0
    if d == 1:
        assert set(t) == {-1.0, 1.0}
        assert abs(t.sum()) < 4.5 * math.sqrt(t.size)
    else:
        assert kstest(t, lambda v: coordinate_cdf(v, d)).pvalue > 1e-5
    assert abs(np.mean(t[1:] * t[:-1]) * d) < 4.5 / math.sqrt(t.size)


def test_the_sine_is_accurate_to_a_unit_in_the_last_place():
    drawn = words.chunk(stream(5)).copy()
    v = np.empty(drawn.size)
    words.units(drawn, -1.0, v)
    t = draws(direction.draw_directions, direction.directions(2), 1, seed=5)
    source = np.empty(words.CHUNK)
    words.units(words.chunk(stream([5, 1])), -1.0, source)
    exact = np.sin(0.5 * np.pi * source.astype(np.longdouble))
    assert np.abs((t - exact) / exact).max() < 4 * 2.0**-53


COUNTS = np.array([0, 3, words.CHUNK - 3, 0, 1, 2 * words.CHUNK + 7, 5])


@pytest.mark.parametrize("radius", [0.01, 2.0])
def test_position_sums_are_sums_of_positions(radius):
    at = position.positions(radius)
    got = flips.position_sums(COUNTS, at, stream([1, 1]), stream([1, 2]))
    s = draws(position.draw_positions, at, COUNTS.sum())
    expected = [part.sum() for part in np.split(s[: COUNTS.sum()], np.cumsum(COUNTS)[:-1])]
    assert got == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("d", [1, 2, 3, 20])
def test_direction_sums_are_those_of_the_definition(d):
    """Against `flip_sums` on neurons at the same positions with the same projections."""
    radius = 0.2
    at, along = position.positions(radius), direction.directions(d)
    got = flips.direction_sums(COUNTS, at, along, stream(1), stream(2))
    source, again, parts = stream(1), stream(2), []
    for _ in range(-(-COUNTS.sum() // words.CHUNK)):
        s, plus, minus = np.empty((3, words.CHUNK))
        position.draw_positions(at, source, again, s)
        direction.draw_directions(along, source, again, plus)
        direction.draw_directions(along, source, again, minus)
        parts.append([s, plus, minus])
    drawn = np.concatenate(parts, axis=1)
    stop = np.cumsum(COUNTS)
    for run, (low, high) in enumerate(zip(stop - COUNTS, stop, strict=True)):
        s, plus, minus = radius * drawn[:, low:high]
        a, b = np.concatenate([-s, -s]), np.concatenate([plus, minus])  # at -s, a neuron flips upwards
        c = np.repeat([1.0, -1.0], high - low)
        expected = flip_sums(a, b, c, radius)
        assert got[0, run] == expected.count
        assert got[1, run] == pytest.approx(expected.position, abs=1e-11)
        assert got[2, run] == pytest.approx(expected.projection, abs=1e-11)


@pytest.mark.parametrize("d", [1, 2, 7, 40])
def test_totals_are_the_definitions(d):
    rng = np.random.default_rng(d)
    runs, half, radius = 5, 30, 0.7
    x = rng.standard_normal(d)
    x /= np.linalg.norm(x)
    w0, c = network.symmetric_initialization(
        rng.standard_normal((runs, half, d)), 2.0 * rng.integers(0, 2, (runs, half)) - 1.0
    )
    u = 0.5 * rng.standard_normal(w0.shape)
    scale = math.sqrt(2 * half)
    expected = [
        network.f(x, w0 + u, c),
        network.linearization(x, w0, c, u) * scale,
        network.signed_delta1(x, w0, c, u) * scale,
        network.signed_delta2(x, w0, c, u) * scale,
        network.sign_changes(x, w0, u).sum(axis=-1),
        network.band(x, w0, radius).sum(axis=-1),
    ]
    got = neurons.totals(x, w0, c, u, np.full(w0.shape[0], radius))
    assert got == pytest.approx(np.stack(expected), rel=1e-12, abs=1e-12)
    assert np.all(got[4] > 0)


def test_a_neuron_on_the_kink_is_active():
    """σ'(0) = 1, for weights before and after the step."""
    x, c = np.array([1.0]), np.array([[1.0, 1.0]])
    w0, u = np.array([[[0.0], [0.5]]]), np.array([[[-0.25], [-0.5]]])
    assert neurons.totals(x, w0, c, u, np.array([0.5]))[:, 0].tolist() == [0.0, -0.75, 0.0, 0.25, 1.0, 2.0]


def test_the_density_of_a_coordinate_is_that_of_the_ziggurat():
    """E|t| from the boxes' density, against the closed form used by the exact laws."""
    from ntk_core.theory.unit_vector import mean_absolute_coordinate

    for d in (4, 7, 30):
        density = partial(lambda d, t: (1 - t * t) ** ((d - 3) / 2), d)
        mass, moment = quad(density, 0, 1)[0], quad(lambda t, f=density: t * f(t), 0, 1)[0]
        assert moment / mass == pytest.approx(mean_absolute_coordinate(d), rel=1e-9)


def printed(script):
    """The words that a new process prints, with some of the kernels by short names."""
    kernels = (
        "from ntk_core.sampling.kernels import __main__, aggregate, flips, neurons, sorting, ziggurat\n"
        "kernels = flips.position_sums, flips.direction_sums, neurons.totals, neurons.symmetric_weights, "
        "ziggurat._stack, aggregate.accumulate, sorting.ascending\n"
    )
    command = [sys.executable, "-c", kernels + script]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_kernels_are_compiled_ahead_and_kept_for_the_next_process():
    """The command that compiles all kernels calls each of them, with arguments of one type.

    A second one finds all on disk, in the folder that is theirs, and compiles nothing.
    """
    of_each = "__main__.main()\nprint(*({} for kernel in kernels))"
    assert printed(of_each.format("len(kernel.signatures)")) == ["1"] * 7
    counts = [f"sum(kernel.stats.cache_{kind}.values())" for kind in ("hits", "misses")]
    kept = printed(of_each.format(f"f'{{{counts[0]}}}:{{{counts[1]}}}:{{kernel.stats.cache_path}}'"))
    hits, misses, folders = zip(*(words.split(":") for words in kept), strict=True)
    assert (hits, misses) == (("1",) * 7, ("0",) * 7)
    assert {Path(folder).parent for folder in folders} == {compiling.CACHE_FOLDER}


def test_without_a_folder_to_keep_it_in_code_is_compiled_anew_and_says_so(monkeypatch, caplog, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    assert compiling.cache_folder() is None
    assert "Set NUMBA_CACHE_DIR" in caplog.text
    monkeypatch.setattr(compiling, "CACHE_FOLDER", None)

    def double(x):
        return 2 * x

    assert compiling.kernel(double)(21) == 42


@pytest.mark.parametrize(
    ("file", "constant"),
    [("sampling/kernels/words.py", "CHUNK = 512"), ("theory/crossing.py", "DRAWS = 1 << 11")],
)
def test_compiled_code_is_not_used_after_a_change_of_any_kernel(file, constant, monkeypatch, tmp_path):
    """Constants of one file are compiled into the functions of others."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    source = shutil.copytree(ROOT / "src/ntk_core", tmp_path / "ntk_core")
    monkeypatch.setattr(compiling, "__file__", str(source / "compiling.py"))
    before = compiling.cache_folder()
    assert compiling.cache_folder() == before
    text = (source / file).read_text()
    assert constant in text
    (source / file).write_text(text.replace(constant, f"{constant[:-1]}3"))
    assert compiling.cache_folder() != before


SPECIAL = [0.0, -0.0, math.inf, -math.inf, 5e-324, -5e-324, 2.0**-1022, 1.7976931348623157e308, 1.0, -1.0]


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 10_000])
@pytest.mark.parametrize("kind", ["real", "signed", "fractions", "bits", "equal"])
def test_values_are_sorted_as_numpy_sorts_them(kind, size):
    rng = np.random.default_rng(size)
    values = {
        "real": lambda: np.abs(rng.standard_normal(size)) * 1e-9,
        "signed": lambda: np.concatenate([SPECIAL, rng.standard_normal(size)])[rng.permutation(size + 10)],
        "fractions": lambda: rng.poisson(30.0, size) / 2.0**20,
        "bits": lambda: np.nan_to_num(rng.integers(0, 2**64, size, np.uint64).view(np.float64)),
        "equal": lambda: np.full(size, 0.3),
    }[kind]()
    before = values.copy()
    assert np.array_equal(sorting.ascending(values), np.sort(values))
    assert np.array_equal(values, before)


def test_what_is_no_number_comes_last():
    values = np.array([2.0, math.nan, math.inf, 1.0])
    assert np.array_equal(sorting.ascending(values), [1.0, 2.0, math.inf, math.nan], equal_nan=True)
