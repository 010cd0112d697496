"""Counts have their law: thresholds against exact sums, draws against the law, tails by forced words."""

from __future__ import annotations

import hashlib
import math
import operator
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import accumulate, pairwise, repeat

import numpy as np
import pytest
from scipy.stats import binom, chi2

from ntk_core.sampling import binomial
from ntk_core.sampling.binomial import PRECISION, count_parts, probability, thresholds
from ntk_core.sampling.counts import band_counts, half_counts
from ntk_core.sampling.kernels import counts, words
from ntk_core.sampling.streams import Streams

UNIT = 1 << PRECISION
WORD = 1 << 64
LAST = WORD - 1
CHI_SQUARE_LEVEL = 1e-4
"""Chance of a false alarm of each test of draws; seeds are fixed."""

LAWS = {"m = 2": (1, 0.7), "m = 64": (32, 0.125), "m = 2^10": (512, 2.0**-5), "wide": (400, 3.0)}


def streams(entropy):
    return Streams(entropy, "a cell", 0, 4)


def exact_sums(n, p):
    """P(K ≤ k) in units of UNIT^-n, for k = 0 … n: no rounding."""
    ps, qs = ([*accumulate(repeat(x, n), operator.mul, initial=1)] for x in (p, UNIT - p))
    return [*accumulate(math.comb(n, k) * ps[k] * qs[n - k] for k in range(n + 1))]


@pytest.mark.parametrize(("n", "radius"), LAWS.values(), ids=LAWS)
def test_thresholds_are_the_exact_sums_rounded_once(n, radius):
    p = probability(radius)
    first, values = thresholds(n, p)
    exact, one, half = exact_sums(n, p), UNIT**n, UNIT**n * 501 // 1000
    assert exact[-1] == one
    assert values == sorted(values)
    for k, value in enumerate(values, first):
        assert abs(value * one - (exact[k] << 128)) < half
    for k in (first - 1, first + len(values)):  # beyond the table: half a unit at most
        assert k < 0 or min(exact[k], one - exact[k]) << 128 < half


@pytest.mark.parametrize("power", [10, 30, 40])
def test_probabilities_of_a_table_add_up_to_one_and_are_scipys(power):
    n, radius = 2 ** (power - 1), 2.0 ** (-power / 2)
    (part,) = count_parts(n, radius)
    high, low = part.table.high.astype(object), part.table.low.astype(object)
    edges = [0, *(high * WORD + low), 2**128]
    chances = [Fraction(int(b) - int(a), 2**128) for a, b in pairwise(edges)]
    assert part.repeats == 1
    assert sum(chances) == 1
    assert min(chances) >= 0
    k = part.table.first + np.arange(len(chances))
    expected = binom.pmf(k, n, math.erf(radius / math.sqrt(2.0)))
    likely = expected > 1e-30
    assert np.array(chances, dtype=float)[likely] == pytest.approx(expected[likely], rel=1e-5)


@pytest.mark.parametrize("radius", [1e-15, 2.0**-20, 0.1, 0.9, 2.5, 7.0, 12.0])
def test_the_probability_of_the_band_is_that_of_another_series(radius):
    """√(2/π) e^{-r²/2} Σ r^{2k+1}/(1·3 ⋯ (2k+1)): all terms are positive; π to 80 digits."""
    pi = "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899"
    with localcontext() as context:
        context.prec = 90
        r, total, k = Decimal(radius), Decimal(0), 0
        term = r
        while term > Decimal("1e-100"):
            total += term
            k += 1
            term = term * r * r / (2 * k + 1)
        expected = (2 / Decimal(pi)).sqrt() * (-r * r / 2).exp() * total
        assert abs(Decimal(probability(radius)) - expected * UNIT) < 4


def test_all_neurons_are_in_a_very_wide_band():
    assert probability(binomial.CERTAIN_RADIUS) == UNIT
    assert band_counts(streams(1), 8, 1e6, 5).tolist() == [8] * 5


def test_tables_have_the_same_bits_everywhere():
    """Integer arithmetic alone: a change here is a change of format."""
    digest = hashlib.sha256()
    for n, radius in (*LAWS.values(), (2**15, 2.0**-8), (2**39, 2.0**-20)):
        first, values = thresholds(n, probability(radius))
        digest.update(f"{first}|{values}".encode())
    assert digest.hexdigest()[:16] == "a192a54b800f8ec5"


def pooled_chi_square(drawn, mass, first):
    """The chance of a statistic as large, of counts against P(K = first + i); 20 expected in each class."""
    expected = mass * drawn.size
    observed = np.bincount(drawn - first, minlength=mass.size)
    assert observed.size == mass.size
    classes = np.minimum(np.cumsum(expected) // 20, (expected.sum() - 20) // 20)
    _, index = np.unique(classes, return_inverse=True)
    observed, expected = np.bincount(index, observed), np.bincount(index, expected)
    return chi2.sf(np.sum((observed - expected) ** 2 / expected), expected.size - 1)


@pytest.mark.parametrize(("n", "radius"), [*LAWS.values(), (2**19, 2.0**-10)], ids=[*LAWS, "m = 2^20"])
def test_counts_have_the_binomial_law(n, radius):
    drawn = band_counts(streams(2), n, radius, 200_000)
    mass = binom.pmf(np.arange(n + 1), n, math.erf(radius / math.sqrt(2.0)))
    assert pooled_chi_square(drawn, mass, 0) > CHI_SQUARE_LEVEL


def test_a_sum_of_parts_has_the_binomial_law(monkeypatch):
    monkeypatch.setattr(binomial, "LARGEST_VARIANCE", 20)
    count_parts.cache_clear()
    parts = count_parts(1000, 0.3)
    assert [part.repeats for part in parts] == [9, 1]
    drawn = band_counts(streams(3), 1000, 0.3, 100_000)
    count_parts.cache_clear()
    mass = binom.pmf(np.arange(1001), 1000, math.erf(0.3 / math.sqrt(2.0)))
    assert pooled_chi_square(drawn, mass, 0) > CHI_SQUARE_LEVEL


def test_tables_stay_small_at_every_width_and_radius():
    for alpha in (1e-9, 1.0, 100.0, 1e6):
        parts = count_parts(2**39, alpha / 2.0**20)
        assert sum(part.table.high.size for part in parts) < 70_000
        draws = sum(part.repeats for part in parts)
        medians = sum(part.repeats * median(part.table) for part in parts)  # a median is within 1 of the mean
        assert medians == pytest.approx(2**39 * math.erf(alpha / 2.0**20.5), abs=draws)


def median(table):
    return table.first + int(np.searchsorted(table.high, WORD // 2))


def forced(*values):
    """A stream whose next words are these."""
    chunk = np.zeros(words.CHUNK, dtype=np.uint64)
    chunk[-len(values) :] = np.array(values, dtype=np.uint64)
    new = streams(4).words("any")
    return words.Stream(new.state, chunk, np.array([words.CHUNK - len(values)]))


def count(table, *values):
    drawn = np.zeros(1, dtype=np.int64)
    counts.add_counts(table, forced(*values), drawn)
    return int(drawn[0])


def test_words_lead_to_the_far_ends_of_the_law():
    """A first word of zeros leaves chances below 2^-64 to the second; so does one of ones."""
    (part,) = count_parts(2**19, 2.0**-10)
    table = part.table
    assert count(table, 0, 0) == table.first
    assert count(table, LAST, LAST) == table.first + table.high.size
    low_end = np.count_nonzero(table.high == 0)
    assert low_end > 20
    for i in (0, 1, low_end - 1):
        assert count(table, 0, int(table.low[i]) - 1) == table.first + i
        assert count(table, 0, int(table.low[i])) == table.first + i + 1


def test_a_second_word_decides_where_the_first_is_that_of_a_threshold():
    (part,) = count_parts(512, 2.0**-5)
    table = part.table
    for i in range(table.high.size):
        high, low = int(table.high[i]), int(table.low[i])
        if 0 < high < LAST:
            assert count(table, high - 1) <= table.first + i
            assert count(table, high, low) == table.first + i + 1
            assert count(table, high, max(low, 1) - 1) == table.first + i
            assert count(table, high + 1) >= table.first + i + 1


def test_every_word_gives_the_count_that_all_thresholds_give():
    (part,) = count_parts(2**15, 2.0**-8)
    table, drawn = part.table, np.zeros(5000, dtype=np.int64)
    counts.add_counts(table, streams(5).words("pairs"), drawn)
    source = streams(5).words("pairs")
    expected = [np.count_nonzero(table.high <= words.next_word(source)) for _ in drawn]
    assert (drawn - table.first).tolist() == expected


def test_halves_are_the_ones_among_as_many_bits():
    tosses = np.array([0, 1, 63, 64, 65, 0, 40_000, 2, 128])
    heads = counts.halves(tosses, streams(6).words("count"))
    source = streams(6).words("count")
    for toss, head in zip(tosses, heads, strict=True):
        some = [int(words.next_word(source)) for _ in range(-(-int(toss) // 64))]
        if toss % 64:
            some[-1] >>= 64 - int(toss) % 64
        assert head == sum(word.bit_count() for word in some)


@pytest.mark.parametrize("tosses", [1, 13, 64, 200])
def test_halves_have_the_binomial_law(tosses):
    heads = half_counts(streams(7), np.full(100_000, tosses))
    mass = binom.pmf(np.arange(tosses + 1), tosses, 0.5)
    assert pooled_chi_square(heads, mass, 0) > CHI_SQUARE_LEVEL


def test_a_count_is_independent_of_its_half():
    """Correlation of K and heads - K/2 among 65,536 runs; chance of a false alarm 1e-4."""
    drawn = band_counts(streams(8), 512, 2.0**-5, 65_536)
    excess = half_counts(streams(8), drawn) - 0.5 * drawn
    assert abs(np.corrcoef(drawn, excess)[0, 1]) * 256 < 3.9
