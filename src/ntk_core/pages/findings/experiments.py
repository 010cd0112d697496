"""The experiments on the page: their grids, and the answer in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...claims.answer import Estimate
from ...claims.headlines.grid import runs_over_theorem_1
from ...claims.record import Number
from ...claims.wording import nearest_to_one
from ...datasets.statistics import MIN_RUNS, why_no_interval
from ...laws import in_theorem_ball
from ...laws.moments import typical_statistic
from ...storage.metadata import spec_of

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Grid:
    """A drawn experiment as it was run."""

    name: str
    sampler: str
    spec: Mapping[str, Any]
    runs: int
    versions: Mapping[str, str]
    confidence: float
    table: xr.Dataset
    rates: xr.Dataset

    @property
    def in_theorem_ball(self) -> bool:
        """Whether the displacements are in the ball of Theorem 1."""
        return in_theorem_ball(self.table["perturbation"].values)

    @property
    def undecided(self) -> str:
        """Why means and slopes have no interval, in words; empty unless the runs are too few for any."""
        seeds = int(self.spec["seeds"])
        return why_no_interval(seeds) if seeds < MIN_RUNS else ""


@dataclass(frozen=True)
class Rate:
    """The measured rate of one displacement law, over so many `points`, beside the theory's.

    `exact` is the slope of the exact law over the same widths, NaN where it is not known.
    """

    law: str
    statistic: str
    slope: Number
    points: int
    exact: float
    exponent: float
    constant: Number
    limit: float


@dataclass(frozen=True)
class GridAnswer:
    """The main experiment in numbers; `alpha` and `d` are those of the rates."""

    over: int
    runs: int
    delta: float
    alpha: float
    d: int
    widest: int
    rates: list[Rate]

    @property
    def has_exact(self) -> bool:
        """Whether the exact law has a slope on these widths under any displacement."""
        return any(np.isfinite(rate.exact) for rate in self.rates)


def grid_of(table: xr.Dataset, rates: xr.Dataset) -> Grid:
    """The drawn experiment of these datasets, by their attributes."""
    spec = spec_of(table)
    runs = int(table["runs"].sum())
    confidence = float(table.attrs["confidence_level"])
    return Grid(spec["name"], spec["sampler"], spec, runs, versions(table), confidence, table, rates)


def versions(table: xr.Dataset) -> dict[str, str]:
    """Versions of the software that made the dataset."""
    return {
        "ntk_core": str(table.attrs["ntk_core_version"]),
        "NumPy": str(table.attrs["numpy_version"]),
    }


def grid_answer(experiment: Grid) -> GridAnswer:
    """Runs over the bound of Theorem 1 where it is lowest, and the rate of each law at α nearest to 1."""
    table, rates = experiment.table, experiment.rates
    over, delta = runs_over_theorem_1(table)
    alpha = nearest_to_one(rates["alpha"].values)
    d = int(rates["d"].max())
    law_rates = []
    for law in rates["perturbation"].values:
        error = rates.sel(quantity="linearization_error", perturbation=law, alpha=alpha, d=d)
        statistic = typical_statistic(law)
        row = error.sel(statistic=statistic)
        limit = float(row["constant_limit"])  # NaN for a custom law, whose exponent is unknown too
        law_rates.append(
            Rate(
                str(law),
                statistic,
                _estimate(row, "slope"),
                int(row["points"]),
                float(row["exact_slope"]),
                float(row["exponent"]) if np.isfinite(limit) else np.nan,
                _estimate(row, "constant"),
                limit,
            )
        )
    return GridAnswer(over, experiment.runs, delta, alpha, d, int(table["m"].max()), law_rates)


def _estimate(row: xr.Dataset, name: str) -> Number:
    return Number.measured(name, Estimate.of(row, name))
