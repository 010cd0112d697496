"""Quantiles of rare errors by the sampler `tilted`, against the exact laws.

For each law and width: the quantile at each δ with its interval, and how many runs without weights would give
as small a standard error. Fails where the tail beyond an exact quantile, estimated from the weights, is off δ
by more than chance explains.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from typing import Any

import numpy as np
from scipy.special import ndtri
from scipy.stats import binom, norm

from ntk_core.datasets.weighted_statistics import weighted_quantiles
from ntk_core.laws import THEOREM_LAWS
from ntk_core.laws.exact import exact_quantile
from ntk_core.laws.moments import root_mean_square
from ntk_core.sampling.cell import Cell
from ntk_core.sampling.samplers import simulate
from ntk_core.theory.gaussian import band_probability

from .report import table

ERROR = "linearization_error"
WIDTHS, D, ALPHA = (64, 1024), 3, 1.0
DELTA = (1e-6, 1e-7, 1e-8, 1e-9)
FALSE_ALARM = 1e-3
"""Of all comparisons of a table together (Bonferroni)."""


def measure(runs: int, cores: int) -> list[dict[str, Any]]:
    """A record for each law, width and δ."""
    cells = [Cell("tilted", law, m, D, ALPHA) for m, law in product(WIDTHS, THEOREM_LAWS)]
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as processes:
        parts = list(processes.map(cell_records, cells, [runs] * len(cells)))
    return [record for part in parts for record in part]


def cell_records(cell: Cell, runs: int) -> list[dict[str, Any]]:
    """The records of a cell, one for each δ."""
    values = simulate(1, cell, 0, runs)
    error, weights = values[0], values[-1]
    records = []
    for delta, column in zip(DELTA, weighted_quantiles(error, weights, np.array(DELTA)).T, strict=True):
        exact = exact_quantile(cell.perturbation, ERROR, cell.m, cell.d, cell.alpha, delta)
        over = weights * (error > exact)
        deviations = (over.mean() - delta) / (over.std() / np.sqrt(runs))
        quantile, lower, upper, effective = map(float, column)
        records.append(
            {
                "law": cell.perturbation, "m": cell.m, "delta": delta, "runs": runs, "exact": exact,
                "quantile": quantile, "lower": lower, "upper": upper, "effective": effective,
                "deviations": float(deviations),
                "count_alone": count_alone(cell.m, delta) if cell.perturbation == "sphere" else None,
            }
        )  # fmt: skip
    return records


def count_alone(m: int, delta: float) -> float:
    """δ E[w²1]/P² of the tail of `sphere` where only K is tilted, at the best tilt; 1 without any tilt.

    Given K the signed sum is taken for a Gaussian, as it is in the limit.
    """
    n, p = m // 2, band_probability(ALPHA / np.sqrt(m))
    deviation = root_mean_square("sphere", ERROR, m, D, ALPHA) / np.sqrt(n * p)
    k = np.arange(1, n + 1)
    tail = 2.0 * norm.sf(exact_quantile("sphere", ERROR, m, D, ALPHA, delta) / (deviation * np.sqrt(k)))
    of_count = binom.logpmf(k, n, p)

    def second_moment(tilted: float) -> float:
        return float(np.sum(np.exp(2.0 * of_count - binom.logpmf(k, n, tilted)) * tail))

    best = min(map(second_moment, np.minimum(p * np.linspace(1.0, 6.0, 101), 0.999)))
    return best * float(np.exp(of_count) @ tail) ** -2 * delta


def false(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records whose estimated tail is off δ by more than a chance of `FALSE_ALARM` for all explains."""
    limit = -float(ndtri(0.5 * FALSE_ALARM / len(records)))
    return [record for record in records if not abs(record["deviations"]) <= limit]


def markdown(records: list[dict[str, Any]], command: str, machine: str) -> str:
    """The page of a result."""
    head = [
        "law",
        "m",
        "δ",
        "exact",
        "quantile",
        "99 % interval",
        "deviations",
        "effective runs",
        "plain runs",
    ]
    rows = [
        [
            record["law"], f"{record['m']:,}", f"{record['delta']:g}", f"{record['exact']:.6f}",
            f"{record['quantile']:.6f}", f"{record['lower']:.6f} to {record['upper']:.6f}",
            f"{record['deviations']:+.2f}", f"{record['effective']:,.0f}",
            f"{record['effective'] / record['delta']:.1e}",
        ]
        for record in records
    ]  # fmt: skip
    alone = ", ".join(
        f"{r['count_alone']:.2g} at m = {r['m']:,} and δ = {r['delta']:g}"
        for r in records
        if r["count_alone"]
    )
    lines = [
        "# Quantiles of rare errors",
        "",
        f"{machine}. Made by `{command}`. {records[0]['runs']:,} runs of the sampler `tilted` a law and "
        f"width, d = {D}, α = {ALPHA:g}. {len(false(records))} of {len(records)} tails beyond the exact "
        f"quantile are off δ by more than a chance of {FALSE_ALARM:g} for all of them explains. *Deviations* "
        "are standard errors from δ. *Plain runs* are so many without weights as give the same error.",
        "",
        *table([head, *rows]),
        "",
        "Where only the number of pairs in the band is tilted, at best, the second moment under `sphere` is "
        f"so many times that of plain runs: {alone}.",
    ]
    return "\n".join(lines) + "\n"
