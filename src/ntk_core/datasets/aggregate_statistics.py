"""Quantiles, moments, counts and histograms of a cell from its aggregates, as `run_statistics.py` of runs.

A quantile among the largest values is exact. Any other lies in a bin: the estimate is its middle, and the
interval reaches to the ends of the bins of its limits. So every value is within 2^-10 of that of the runs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..execution.compute import Workers
from ..experiments.drawn import DrawnExperiment
from ..network import Array
from ..quantities import QUANTITIES, Quantity
from ..sampling.aggregate import Aggregate, Bins
from ..theory.bounds import ROUNDING
from .aggregates_file import AggregatesFile, counts_over
from .comparisons import COUNTS, Comparisons, comparisons
from .histograms import histogram
from .statistics import Mean, Moments, mean_with_limits, moments, quantile_ranks
from .theory import theory_dataset
from .validation import ResultsError

if TYPE_CHECKING:
    import xarray as xr


def cells(
    aggregates: str | Path,
    theory: xr.Dataset,
    experiment: DrawnExperiment,
    archived: DrawnExperiment,
    workers: Workers | None,
) -> Iterator[tuple[tuple[int, ...], dict[str, Array]]]:
    """The index of each cell, and its statistics by name, `(quantities, …)`, as of `run_statistics.cells`.

    `aggregates` is the file of the grid `archived`, of which the experiment is a part. The levels δ and norms
    ‖x‖ of `theory` must be among those of the grid, because the runs were compared at no others; `ValueError`
    names one that is not. `ResultsError` says where the runs were compared with other bounds than those of
    `theory`, as by another version. A cell takes milliseconds, so no workers are used.
    """
    names = tuple(map(str, theory["quantity"].values))
    rows = [list(QUANTITIES).index(name) for name in names]
    delta = theory["delta"].values
    levels, norms = (
        places(name, theory[name].values.tolist(), archived_values)
        for name, archived_values in (("delta", archived.delta), ("x_norm", archived.x_norm))
    )
    with AggregatesFile(aggregates) as file:
        grid = zip(experiment.indexed_cells(), comparisons(experiment, theory), strict=True)
        for (index, cell), limits in grid:
            place = archived.place_of(cell)
            of_cell = file.cell(place)
            statistics = [
                sample_statistics(of_cell[row], QUANTITIES[name], cell.m, cell.alpha, delta)
                | counts_over(of_cell[row], archived)
                for row, name in zip(rows, names, strict=True)
            ]
            values = {name: np.array([row[name] for row in statistics]) for name in statistics[0]}
            for name in COUNTS:
                values[name] = values[name][:, levels]
            values["exceedances"] = values["exceedances"][:, :, levels][..., norms]
            for q, (row, name) in enumerate(zip(rows, names, strict=True)):
                bins = Bins.of(QUANTITIES[name], cell.m, cell.alpha)
                counts = {key: value[q] for key, value in values.items()}
                if not counts_fit(of_cell[row], bins, limits, q, counts):
                    raise ResultsError(
                        f"{file.path}: {name} of {cell.name}: its runs over the bounds do not fit the "
                        "histogram, so they were counted over others, by another version, or altered. Remove "
                        "it and its shards, and call again"
                    )
            yield index, values


def recomputed_counts(file: AggregatesFile) -> dict[str, int]:
    """Cells by quantity with more or fewer runs over a bound, computed anew, than the histogram allows.

    Raises `ResultsError` where aggregates contradict each other.
    """
    grid, unfit = file.experiment, Counter[str]()
    theory = theory_dataset(grid, file.entropy, grid.delta, grid.x_norm, None)
    for (index, cell), limits in zip(grid.indexed_cells(), comparisons(grid, theory), strict=True):
        for q, (name, aggregate) in enumerate(zip(QUANTITIES, file.cell(index), strict=True)):
            bins = Bins.of(QUANTITIES[name], cell.m, cell.alpha)
            if not counts_fit(aggregate, bins, limits, q, counts_over(aggregate, grid)):
                unfit[name] += 1
    return dict(unfit)


def counts_fit(
    aggregate: Aggregate, bins: Bins, limits: Comparisons, q: int, counts: Mapping[str, NDArray[Any]]
) -> bool:
    """Whether the runs over and below the limits of quantity `q` are as many as the histogram allows.

    In the bin of a limit, any number of runs may be over it.
    """
    above = np.append(np.cumsum(aggregate.counts[::-1])[::-1], 0)
    for values, over in (
        (limits.bounds[:, q], counts["exceedances"]),
        (limits.above[q], counts["exact_exceedances"]),
        (limits.below[q], aggregate.runs - counts["exact_shortfalls"]),
    ):
        bin_of_limit = bins.index(np.where(np.isnan(values), np.inf, values))
        least, most = (
            above[np.searchsorted(aggregate.bins, bin_of_limit, side)] for side in ("right", "left")
        )
        most = np.where(np.isnan(values), 0, most)
        if ((over < least) | (over > most)).any():
            return False
    return True


def places(name: str, values: Sequence[float], archived: tuple[float, ...]) -> list[int]:
    """Places of the values of an axis among the archived ones. Raises `ValueError` for another value."""
    for value in values:
        if value not in archived:
            raise ValueError(
                f"{name} is {value}; archived: {', '.join(map(str, archived))}, as aggregates: "
                "their runs were compared with the bounds at no other"
            )
    return [archived.index(value) for value in values]


def sample_statistics(
    aggregate: Aggregate, quantity: Quantity, m: int, alpha: float, delta: Array
) -> dict[str, Array | float]:
    """(1-δ)-quantiles with their limits, `(len(delta),)`, moments, and a histogram."""
    ends = bin_ends(aggregate, quantity, m, alpha)
    unit = quantity.unit(m, alpha)
    estimate, lower, upper = quantile_ranks(aggregate.runs, delta)
    return {
        "quantile": order_statistics(aggregate, ends, estimate)[1],
        "quantile_lower": order_statistics(aggregate, ends, lower)[0],
        "quantile_upper": order_statistics(aggregate, ends, upper)[2],
        **asdict(sample_moments(aggregate)),
        **histogram(_values(*ends, unit), unit, aggregate.counts),
    }


def order_statistics(aggregate: Aggregate, ends: tuple[Array, Array], ranks: NDArray[np.int64]) -> Array:
    """The least, the middle and the largest possible value of each order statistic, `(3, ranks)`.

    `ends` are those of `bin_ends`. `ranks` are 1-based and ascend with the values; 0 stands for the lower end
    of the range, `runs + 1` for +∞. The three are one among the largest values, and where a bin holds one
    possible value.
    """
    runs, kept = aggregate.runs, aggregate.top_values
    place = np.searchsorted(np.cumsum(aggregate.counts), np.clip(ranks, 1, runs))
    low, high = ends
    values = np.stack([low, 0.5 * (low + high), high])[:, place]
    exact = kept[np.clip(runs - ranks, 0, kept.size - 1)]
    values = np.where(ranks > runs - kept.size, exact, values)
    return np.where(ranks < 1, 0.0, np.where(ranks > runs, np.inf, values))


def bin_ends(aggregate: Aggregate, quantity: Quantity, m: int, alpha: float) -> tuple[Array, Array]:
    """The least and the largest possible value in each bin of an aggregate of a quantity of a cell.

    A fraction is a whole number of neurons divided by m.
    """
    edges = Bins.of(quantity, m, alpha).lower_edges()
    low, high = edges[aggregate.bins], np.append(edges, np.inf)[aggregate.bins + 1]
    if quantity.fraction:
        low = np.ceil(low * m * (1.0 - ROUNDING)) / m
        high = (np.ceil(high * m * (1.0 - ROUNDING)) - 1.0) / m
    high = np.minimum(np.where(aggregate.bins == 0, 0.0, high), aggregate.top_values[0])
    return np.minimum(np.maximum(low, aggregate.smallest), high), high


def _values(low: Array, high: Array, unit: float) -> Array:
    """A value of each bin: a multiple of the unit where every bin has one, else its middle."""
    middle = 0.5 * (low + high)
    multiples = unit * np.rint(middle / unit)
    inside = (multiples >= low * (1.0 - ROUNDING)) & (multiples <= high * (1.0 + ROUNDING))
    return multiples if inside.all() else middle


def sample_moments(aggregate: Aggregate) -> Moments:
    """Mean and root mean square with their limits, as `statistics.sample_moments` has them from the runs."""
    return moments(_mean(aggregate, 1), _mean(aggregate, 2))


def _mean(aggregate: Aggregate, power: int) -> Mean:
    """The mean of a power of the values. Central moments are exact, so nothing cancels."""
    first, second, third = (aggregate.power_mean(k * power) for k in (1, 2, 3))
    variance = second - first**2
    if variance <= 0 or aggregate.smallest == aggregate.top_values[0]:  # equal values, up to rounding
        return mean_with_limits(aggregate.runs, float(first), 0.0, 0.0)
    deviation = math.sqrt(variance)
    skewness = float((third - 3 * first * second + 2 * first**3) / variance) / deviation
    return mean_with_limits(aggregate.runs, float(first), deviation, skewness)
