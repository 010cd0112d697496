"""How often intervals miss, and a true statement is called false, at every number of runs.

In: how many archives. Out: for each number of runs a cell, the largest share of intervals that are given and
wrong, over laws, widths, radii, quantities and statistics, beside that of normal intervals, and the number of
archives of which T1.rate is called false. The constants of `ntk_core.datasets.statistics` are set by this.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import ndtri

from ntk_core.claims import JUDGES, Results
from ntk_core.claims.record import FALSE
from ntk_core.claims.results import DrawnTables
from ntk_core.datasets.quantiles import quantile_dataset
from ntk_core.datasets.rates import rate_dataset
from ntk_core.datasets.simulation import simulate
from ntk_core.datasets.statistics import CONFIDENCE, half_width, log_slope
from ntk_core.datasets.theory import theory_dataset
from ntk_core.execution.workers import workers
from ntk_core.experiments.drawn import DrawnExperiment
from ntk_core.experiments.execution_model import ExecutionModel
from ntk_core.laws import THEOREM_LAWS
from ntk_core.network import Array
from ntk_core.quantities import QUANTITIES

from .report import table

RUNS = (2, 3, 4, 8, 16, 24, 32, 64, 512)
WIDTHS = (16, 64, 1024, 2**16)
RADII = (0.5, 2.0)
LAWS_AND_DIMENSIONS = (("adversarial", 2), ("aligned", 2), ("sphere", 2), ("sphere", 64))
REPETITIONS, SLOPES, TOTAL = 8192, 500, 1 << 19
"""Most samples of a cell, most slopes of a curve, and runs of a cell from which they are taken."""

GRID = DrawnExperiment("chance", "band", THEOREM_LAWS, (64, 256, 1024), (2, 64), (0.5, 1.0, 2.0), 1)
DELTA = (0.5, 0.1, 0.01, 0.001)
"""Grid and levels of the archives: 18 slopes of each statistic, 432 comparisons with exact laws."""

NORMAL = float(ndtri(0.5 + 0.5 * CONFIDENCE))


def measure(archives: int) -> list[dict[str, Any]]:
    """A record for each number of runs."""
    shares: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    for (law, d), alpha in itertools.product(LAWS_AND_DIMENSIONS, RADII):
        runs = simulate(law=law, m=WIDTHS, d=d, alpha=alpha, runs=TOTAL, entropy=3)
        for quantity, power, n in itertools.product(QUANTITIES, (1, 2), RUNS):
            values = runs[quantity].values.reshape(len(WIDTHS), TOTAL) ** power
            curve = [Sample.of(row, n) for row in values]
            shares.setdefault(("means", n), []).extend(sample.shares() for sample in curve)
            if quantity == "linearization_error":
                slope = slope_shares(np.array(WIDTHS[1:], float), curve[1:], power)
                shares.setdefault(("slopes", n), []).append(slope)
    records = []
    for n in RUNS:
        false = sum(JUDGES["T1.rate"](results).verdict == FALSE for results in archived(n, range(archives)))
        record: dict[str, Any] = {"runs": n, "archives": archives, "false": false}
        for kind in ("means", "slopes"):
            given, missed, normal = zip(*shares[kind, n], strict=True)
            record[kind] = [float(np.median(given)), max(missed), max(normal)]
        records.append(record)
    return records


@dataclass(frozen=True)
class Sample:
    """Samples of the same number of runs of a cell, `(repetitions,)`: mean, standard error and skewness."""

    runs: int
    truth: float
    mean: Array
    error: Array
    skewness: Array

    @classmethod
    def of(cls, values: Array, runs: int) -> Sample:
        """Samples of `runs` from `values`, whose mean stands for the true one."""
        count = min(REPETITIONS, values.size // runs)
        sample = values[: count * runs].reshape(count, runs)
        centred = sample - sample.mean(axis=1, keepdims=True)
        deviation = np.sqrt((centred**2).mean(axis=1))
        with np.errstate(invalid="ignore"):
            skewness = (centred**3).mean(axis=1) / deviation**3
        return cls(runs, values.mean(), sample.mean(axis=1), deviation / np.sqrt(runs - 1), skewness)

    def half_widths(self) -> tuple[Array, Array]:
        """Those of the project's intervals, and of normal ones."""
        return half_width(self.runs, self.error, self.skewness), NORMAL * self.error

    def shares(self) -> tuple[float, float, float]:
        """Of intervals that are given, of those given and wrong, and of normal intervals that are wrong."""
        ours, normal = self.half_widths()
        off = np.abs(self.mean - self.truth)
        return float(np.isfinite(ours).mean()), float((off > ours).mean()), float((off > normal).mean())


def slope_shares(widths: Array, curve: Sequence[Sample], power: int) -> tuple[float, float, float]:
    """The same of slopes of the mean's root against the width."""

    def root(value: Any) -> Any:
        return np.maximum(value, 0.0) ** (1.0 / power)

    count = min(SLOPES, *(sample.mean.size for sample in curve))
    truth = np.array([root(sample.truth) for sample in curve])
    expected = log_slope(widths, truth, truth, truth).value
    mean = np.stack([sample.mean[:count] for sample in curve])
    shares = []
    for half in zip(*(sample.half_widths() for sample in curve), strict=True):
        width = np.stack([one[:count] for one in half])
        points = zip(*(root(value).T for value in (mean, mean - width, mean + width)), strict=True)
        fits = [log_slope(widths, *point) for point in points]
        given = np.array([np.isfinite([fit.lower, fit.upper]).all() for fit in fits])
        inside = np.array([fit.lower <= expected <= fit.upper for fit in fits])
        shares.append((float(given.mean()), float((given & ~inside).mean())))
    return *shares[0], shares[1][1]


def archived(runs: int, entropies: Iterable[int]) -> Iterator[Results]:
    """Results with so many runs a cell, one for each entropy."""
    experiment = replace(GRID, seeds=runs)
    with tempfile.TemporaryDirectory() as folder, workers(ExecutionModel(), 1) as one:
        for entropy in entropies:
            path = Path(folder) / f"{entropy}.nc"
            simulate(
                law=GRID.perturbation, m=GRID.m, d=GRID.d, alpha=GRID.alpha, runs=runs, entropy=entropy
            ).to_netcdf(path)
            table = quantile_dataset(path, _theory(), experiment, entropy, None)
            rates = rate_dataset(table, experiment, entropy)
            yield Results((DrawnTables(experiment, path, table, rates),), one)


@cache
def _theory() -> xr.Dataset:
    return theory_dataset(GRID, 0, DELTA, (1.0,), None)


def markdown(records: list[dict[str, Any]], command: str, machine: str) -> str:
    """The table a person reads."""
    rows = [["runs", "means", "missed", "normal", "slopes", "missed", "normal", "T1.rate false"]]
    for one in records:
        shares = [f"{share:.2%}" for kind in ("means", "slopes") for share in one[kind]]
        rows.append([f"{one['runs']}", *shares, f"{one['false']} of {one['archives']}"])
    about = (
        f"{machine}. Made by `{command}`. Means, slopes: the median share of samples that have an interval. "
        f"Missed: the largest share that has one and is wrong; {1 - CONFIDENCE:.0%} is promised. Normal: the "
        "largest share that normal intervals miss. Over laws, widths, radii, quantities, and over means and "
        "mean squares, of 8,192 samples (1,024 at 512 runs, so ± 0.3 %) and 500 slopes (± 0.4 %)."
    )
    title = "# Chance of a wrong interval and of a false verdict"
    return "\n".join([title, "", about, "", *table(rows)]) + "\n"
