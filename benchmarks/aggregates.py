"""The same runs on both routes of the workflow: what aggregates lose, cell by cell.

In: a config. It is run twice, once with `keep: runs` and once with `keep: aggregates`, up to the quantiles.
Out: for each cell whether counts are equal, and how far moments and quantiles are apart; sizes of the files.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import yaml

from ntk_core.datasets.comparisons import COUNTS
from ntk_core.datasets.statistics import quantile_ranks
from ntk_core.experiments.config import parse_config
from ntk_core.experiments.drawn import DrawnExperiment
from ntk_core.experiments.units import size_text
from ntk_core.network import Array
from ntk_core.quantities import QUANTITIES
from ntk_core.sampling.aggregate import LARGEST, Bins

from .paths import ROOT
from .pipeline import ROUTES, Route, on_route
from .report import table
from .snakemake_call import call_snakemake

MOMENTS = ("mean", "rms")
LIMITS = ("quantile_lower", "quantile_upper")


@dataclass(frozen=True)
class Difference:
    """How far aggregates of a cell are from its runs, over all quantities, levels δ and norms ‖x‖.

    `unequal` of `counts` numbers of runs differ. `moments` is the largest relative difference of a mean or
    root mean square. `quantiles` is the largest difference of a quantile, `limits` that of a limit of its
    interval, each in units of the width of its bin. `inside` of `intervals` intervals hold those of the runs,
    and `exact` of `tail` quantiles among the largest values are equal to the last bit.
    """

    cell: str
    counts: int
    unequal: int
    moments: float
    quantiles: float
    limits: float
    intervals: int
    inside: int
    tail: int
    exact: int


def measure(config: Path, cores: int, folder: Path) -> dict[str, Any]:
    """Run the workflow on both routes of a config, below `folder`, and compare; plain data."""
    content = yaml.safe_load(config.read_text())
    spec = parse_config(content)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        where = {route: Path(name) / route for route in ROUTES}
        for route, root in where.items():
            _call(on_route(content, route, 1), root, spec.drawn, cores)
        differences = [
            asdict(one)
            for name in spec.drawn
            for one in compare(
                spec.drawn_experiment(name),
                *(xr.load_dataset(root / f"results/{name}/quantiles.nc") for root in where.values()),
            )
        ]
        sizes = {route: _sizes(root, route) for route, root in where.items()}
    runs = sum(spec.drawn_experiment(name).runs for name in spec.drawn)
    return {"runs": runs, "sizes": sizes, "cells": differences}


def _call(content: dict[str, Any], root: Path, names: list[str], cores: int) -> None:
    root.mkdir()
    config = (root / "config.yaml").resolve()
    config.write_text(yaml.safe_dump(content))
    targets = [f"results/{name}/quantiles.nc" for name in names]
    arguments = ["--configfile", str(config), "--directory", str(root), "--cores", str(cores)]
    call_snakemake(ROOT, Path(sys.executable), *targets, *arguments)


def _sizes(root: Path, route: Route) -> dict[str, int]:
    """Bytes of the file of runs or aggregates, and of the shards, of all experiments."""
    files = {path: path.stat().st_size for path in root.glob("results/**/*.nc")}
    return {
        "file": sum(size for path, size in files.items() if path.name == f"{route}.nc"),
        "shards": sum(size for path, size in files.items() if path.parts[-3] == "shards"),
    }


def compare(experiment: DrawnExperiment, stored: xr.Dataset, kept: xr.Dataset) -> Iterator[Difference]:
    """Each cell of an experiment by its `quantiles.nc` from runs and from aggregates."""
    ranks = quantile_ranks(experiment.seeds, stored["delta"].values)[0]
    tail = ranks > experiment.seeds - LARGEST
    counts = ("exceedances", *COUNTS)
    for index, cell in experiment.indexed_cells():
        place = dict(zip(experiment.axes, index, strict=True))
        runs, sums = stored.isel(place), kept.isel(place)
        bins = [Bins.of(QUANTITIES[name], cell.m, cell.alpha) for name in runs["quantity"].values]
        off, *limits = (_in_bins(sums[n].values, runs[n].values, bins) for n in ("quantile", *LIMITS))
        lower, upper = (sums[name] - runs[name] for name in LIMITS)
        inside = (lower.fillna(0.0) <= 0.0) & (upper.fillna(0.0) >= 0.0)
        exact = (runs["quantile"] == sums["quantile"]).values[:, tail]
        yield Difference(
            cell.name,
            sum(runs[name].size for name in counts),
            sum(int((runs[name] != sums[name]).sum()) for name in counts),
            max(float(abs(sums[name] / runs[name] - 1.0).max()) for name in MOMENTS),
            float(off.max()),
            float(np.max(limits)),
            inside.size,
            int(inside.sum()),
            exact.size,
            int(exact.sum()),
        )


def _in_bins(values: Array, exact: Array, bins: list[Bins]) -> Array:
    """How far values `(quantities, levels)` are from exact ones, in widths of the bins of these.

    0 where they are equal, and where both are +∞.
    """
    edges = [np.append(one.lower_edges(), np.inf) for one in bins]
    place = [one.index(row) for one, row in zip(bins, exact, strict=True)]
    widths = np.stack([edge[at + 1] - edge[at] for edge, at in zip(edges, place, strict=True)])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(values == exact, 0.0, np.abs(values - exact) / widths)


def markdown(results: dict[str, Any], command: str, machine: str) -> str:
    """The table a person reads."""
    cells = [Difference(**one) for one in results["cells"]]
    rows = [[one.cell, *_row(one)] for one in cells]
    total = Difference(
        "all",
        *(
            max(values) if isinstance(values[0], float) else sum(values)
            for values in zip(*(list(asdict(one).values())[1:] for one in cells), strict=True)
        ),
    )
    heading = [
        "cell", "unequal counts", "moments apart", "quantiles apart", "limits apart", "intervals outside",
        "tail quantiles not exact",
    ]  # fmt: skip
    sizes = results["sizes"]
    lines = [
        f"# The same {results['runs']:,} runs, stored and aggregated",
        "",
        f"{machine}. Made by `{command}`. Counts are runs over each bound at each δ and ‖x‖, and above and "
        "below exact quantiles. Moments are means and root mean squares: the largest relative difference. "
        "Quantiles and limits of their intervals: the largest difference, in units of the width of the bin. "
        "An interval is outside if it does not hold that of the runs. Tail quantiles are those among the "
        f"{LARGEST:,} largest values.",
        "",
        *table(
            [
                ["bytes", *(f"{route}.nc" for route in sizes)],
                *([what, *(size_text(size[what]) for size in sizes.values())] for what in ("file", "shards")),
            ]
        ),
        "",
        *table([heading, ["**all**", *_row(total)], *rows]),
    ]
    return "\n".join(lines) + "\n"


def _row(one: Difference) -> list[str]:
    return [
        f"{one.unequal} of {one.counts:,}",
        f"{one.moments:.1e}",
        f"{one.quantiles:.3f}",
        f"{one.limits:.3f}",
        f"{one.intervals - one.inside} of {one.intervals:,}",
        f"{one.tail - one.exact} of {one.tail:,}",
    ]
