"""A stored quantity of which theory knows nothing: its exact numbers, bounds and limits are NaN."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from ntk_core.laws import LAWS, moments
from ntk_core.laws.exact import exact_quantile
from ntk_core.quantities import QUANTITIES
from ntk_core.theory.all_radii import all_radii
from ntk_core.theory.bounds import BOUNDS, bound
from ntk_core.theory.second_order import second_order_quantile

NEW = "new"


@pytest.fixture(autouse=True)
def new_quantity(monkeypatch):
    record = replace(
        QUANTITIES["delta2"],
        name=NEW, supremum=None, full_step=None, printed=None, from_band_fraction=None,
    )  # fmt: skip
    monkeypatch.setitem(QUANTITIES, NEW, record)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("d", [1, 3])
def test_a_law_has_no_exact_number_of_it(law, d):
    assert math.isnan(exact_quantile(law, NEW, 64, d, 1.0, 0.1))
    assert math.isnan(moments.mean(law, NEW, 64, d, 1.0))
    assert math.isnan(moments.root_mean_square(law, NEW, 64, d, 1.0))
    assert math.isnan(moments.limit(law, NEW, d, 1.0, "mean"))


def test_no_bound_says_anything_of_it():
    axes = np.array([64, 4096])[:, None, None], np.array([0.5, 1.0])[:, None], np.array([0.01, 0.1, 0.5])
    values = [bound(name, NEW, *axes, 1.0) for name in BOUNDS]
    values += [all_radii(NEW, *axes, 1.0), second_order_quantile(NEW, *axes, 1.0)]
    for value in values:
        assert value.shape == (2, 2, 3)
        assert np.isnan(value).all()
