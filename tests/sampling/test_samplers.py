"""Two samplers, one law; and a run depends on entropy, cell and seed alone."""

from __future__ import annotations

import hashlib
import tracemalloc

import numpy as np
import pytest
from scipy.stats import ks_2samp

from ntk_core.laws import LAWS, THEOREM_LAWS
from ntk_core.quantities import QUANTITIES
from ntk_core.sampling import dense
from ntk_core.sampling.cell import Cell
from ntk_core.sampling.samplers import simulate

KS_CASES = [
    (2, 1, 1.0),
    (6, 2, 3.0),
    (46, 3, 1.0),
    (64, 2, 1.0),
    (90, 5, 0.5),
    (256, 64, 2.0),
    (1002, 7, 4.0),
]
KS_RUNS = 8192
KS_FALSE_ALARM = 1e-3
"""Over all laws, cases and quantities together (Bonferroni)."""


@pytest.mark.parametrize("law", THEOREM_LAWS)
@pytest.mark.parametrize(("m", "d", "alpha"), KS_CASES)
def test_band_and_dense_agree_in_distribution(law, m, d, alpha):
    level = KS_FALSE_ALARM / (len(LAWS) * len(KS_CASES) * len(QUANTITIES))
    band = simulate(3, Cell("band", law, m, d, alpha), 0, KS_RUNS)
    dense = simulate(4, Cell("dense", law, m, d, alpha), 0, KS_RUNS)
    for quantity, one, other in zip(QUANTITIES, band, dense, strict=True):
        # Atoms of the law come out of the two routes a rounding error apart.
        pvalue = ks_2samp(np.round(one * m / alpha, 8), np.round(other * m / alpha, 8), method="asymp").pvalue
        assert pvalue > level, quantity


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("sampler", ["band", "dense"])
@pytest.mark.parametrize(("m", "d"), [(64, 2), (5000, 3), (40, 50)])
def test_any_stretch_of_seeds_is_the_same_bits(law, sampler, m, d):
    cell = Cell(sampler, law, m, d, 1.5)
    block = cell.block
    stop = 2 * block + 5 if m < 5000 or sampler == "band" else 70
    whole = simulate(9, cell, 0, stop)
    assert whole.shape == (len(QUANTITIES), stop)
    for low, high in ((0, 1), (0, 37), (3, 4), (block - 2, block + 3), (stop - 1, stop)):
        assert np.array_equal(simulate(9, cell, low, high), whole[:, low:high])


@pytest.mark.parametrize("law", THEOREM_LAWS)
def test_networks_drawn_together_are_those_drawn_alone_and_parts_are_others(law, monkeypatch):
    """Runs have 192 weights: `FORMAT_WEIGHTS` from there on only groups them, below it cuts them."""
    cell = Cell("dense", law, 64, 3, 1.0)
    drawn = {}
    for weights in (96, 192, 1000, dense.FORMAT_WEIGHTS):
        monkeypatch.setattr(dense, "FORMAT_WEIGHTS", weights)
        drawn[weights] = simulate(9, cell, 0, 64)
    cut, *whole = drawn.values()
    assert all(np.array_equal(values, whole[0]) for values in whole)
    assert np.count_nonzero(cut[0] != whole[0][0]) > (60 if law == "sphere" else 10)
    assert law == "sphere" or cut == pytest.approx(whole[0], rel=0, abs=1e-14)  # rounding alone


def test_runs_differ_by_everything_in_their_name():
    base = {"sampler": "band", "perturbation": "sphere", "m": 4096, "d": 2, "alpha": 1.0}
    changes = [
        {},
        {"sampler": "dense"},
        {"perturbation": "aligned"},
        {"m": 4098},
        {"d": 3},
        {"alpha": 1.0000000000000002},
    ]
    drawn = [simulate(1, Cell(**{**base, **change}), 0, 8)[0] for change in changes]
    drawn += [simulate(2, Cell(**base), 0, 8)[0], simulate(1, Cell(**base), 1024, 1032)[0]]
    assert len({values.tobytes() for values in drawn}) == len(drawn)


DIGESTS = {
    3: "3895b68a969e3fa393ab5790a8c781307966b09444e3614742df0686b0dc52e4",
    4: "953d1fd83819e3b561c5070afc1584a9b30dc7b8ea95d0924c19e1292f3bdf13",
}


@pytest.mark.parametrize("version", DIGESTS)
def test_each_format_is_what_it_was(version):
    """Bits of both formats; a change here needs a new format version and a line in CHANGELOG.

    Only sums, products and square roots enter at these cells, but for an `erf` a cell, and in version 3
    another one and NumPy's binomial, at a success probability that it inverts directly. The digest holds
    where a math library rounds these alike.
    """
    digest, stored = hashlib.sha256(), list(QUANTITIES).index("band_fraction") + 1
    for law, d in (("adversarial", 2), ("aligned", 2), ("sphere", 1), ("sphere", 2), ("sphere", 3)):
        cell = Cell("band", law, 64, d, 1.0, version=version)
        digest.update(simulate(20261123, cell, 0, 2000)[:stored].tobytes())
    assert digest.hexdigest() == DIGESTS[version]


def test_blocks_are_large_where_runs_are_cheap():
    sizes = {
        4096: [(64, 1.0, "sphere"), (2**20, 1.0, "sphere")],
        1024: [(2**20, 1.01, "sphere"), (64, 1.0, "frobenius")],
    }
    for size, cells in sizes.items():
        assert {Cell("band", law, m, 2, alpha).block for m, alpha, law in cells} == {size}
        assert {Cell("band", law, m, 2, alpha, None, 3).block for m, alpha, law in cells} == {1024}
    assert Cell("dense", "sphere", 64, 2, 1.0).block == 64


def test_widths_to_2_to_the_40_in_a_few_megabytes():
    cell = Cell("band", "adversarial", 2**40, 64, 1.0)
    tracemalloc.start()
    values = simulate(1, cell, 0, 8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # √m E → 1/(2√(2π)) = 0.19947 with relative spread 0.0017 a run
    assert values[0] * 2**20 == pytest.approx(0.19947114, rel=0.012)
    assert peak < 8e6


def test_dense_memory_is_flat_in_width():
    peaks = []
    for m in (2**12, 2**18):
        tracemalloc.start()
        simulate(1, Cell("dense", "sphere", m, 64, 1.0), 0, 1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(peaks) < 24 * 8 * dense.FORMAT_WEIGHTS


@pytest.mark.parametrize("alpha", [1e-9, 1e-3, 1e6])
def test_extreme_radii(alpha):
    for law in LAWS:
        values = simulate(1, Cell("band", law, 16, 3, alpha), 0, 200)
        assert np.all(np.isfinite(values))
        assert np.all(values >= 0)
        assert np.all(values[1] <= values[4])
        assert np.all(values[4] <= 1)
    if alpha == 1e6:
        assert np.all(values[4] == 1)
