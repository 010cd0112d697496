"""Theorem 1, Lemma 4 and event A₁: bounds that should fail with probability at most δ, uniformly.

The exact law: a bound fails more often than δ where the exact (1-δ)-quantile of the supremum is above it.
Widths, radii, levels and norms are those of the results, and a grid with extreme values, where printed
constants fail. The results: the count of all runs over the bound. `factor` multiplies the right-hand side of
the printed bound (1 is the statement itself); thresholds of ‖x‖, and extremes over all parameters, are of the
statement itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from ..datasets.chance import CHANCE, beyond_chance
from ..laws.exact import exact_law
from ..network import Array, preactivation, symmetric_initialization
from ..quantities import QUANTITIES
from ..sampling.cell import Cell
from ..sampling.samplers import simulate
from ..theory.binomial import binomial_tail
from ..theory.bounds import bound
from ..theory.exact import MAX_RADIUS, ExactLaw
from ..theory.extremes import Extreme, largest_norm, largest_share_of_sharp, least_looseness, least_norm
from ..theory.gaussian import band_probability
from .brute_force import MEASURES, best_optimum, best_pattern
from .draws import signs
from .record import FALSE, Counterexample, Judgement, Number, judge_factor
from .results import Results
from .wording import in_formula, probability, width

WIDTHS = (2, 4, 16, 64, 1024, 2**20, 2**30)
SMALL_RADII = (0.05, 0.5, 2.0)
"""α√m at which the band has few neurons or none; only up to m = 64, beyond which the law is near Poisson."""
ALPHAS = (0.1, 1.0, 4.0, 10.0)
LEVELS = (0.9, 0.5, 0.1, 0.01, 0.001, 1e-6)
NORMS = (1e-4, 0.01, 0.1, 0.5, 1.0, 2.0, 10.0, 100.0, 1e4)
"""The grid of extreme values at which bounds are tried, beside that of the archive."""

SIMULATION_LEVEL = 0.001
"""Smallest δ at which simulated runs can show that a bound fails more often than δ."""

SMALL_DELTA_WIDTH = 64
"""A width at which δ = e^{-m·level} of the threshold of |Δ₁| is a float."""

MAX_RUNS, MAX_WORK = 1 << 17, 2e9
"""Limits on the simulation that confirms a counterexample: number of runs, and work in nanoseconds."""


@dataclass(frozen=True)
class Point:
    """A width, radius, level and norm at which a bound is tried."""

    m: int
    alpha: float
    delta: float
    x_norm: float


def theorem_1(results: Results, factor: float = 1.0) -> Judgement:
    """T1, with its looseness, and a search for displacements worse than the closed-form supremum."""
    judgement = _judge(results, "linearization_error", factor, "bernstein")
    least, sharpest = least_looseness(), largest_share_of_sharp("linearization_error")
    extremes = (
        Number(
            r"smallest ratio of the printed bound to the exact $(1-\delta)$-quantile of the supremum, over "
            rf"all $m,\alpha,\delta,\|x\|$: the limit for $m\to\infty$ at {_regime(least)}, "
            r"$\|x\|^2=\sqrt{\log(1/\delta)}/\alpha$",
            factor * least.value,
        ),
        Number(
            r"largest ratio of that quantile to the `sharp` bound, which is the same proof with the best "
            "constants, over all "
            rf"$m,\alpha,\delta,\|x\|$: the limit for $m\to\infty$ at {_regime(sharpest)}",
            sharpest.value,
        ),
    )
    return replace(judgement, evidence=(*extremes, *judgement.evidence, *_ladder(), *_searches()))


def _regime(extreme: Extreme) -> str:
    return rf"$\alpha={extreme.radius:.3g}\sqrt m$, $\delta=e^{{-{extreme.level:.3g}m}}$"


def lemma_4_delta1(results: Results, factor: float = 1.0) -> Judgement:
    """L4.Δ1: it lacks a factor ‖x‖, so it fails for large inputs."""
    return _judge(results, "delta1", factor)


def lemma_4_delta2(results: Results, factor: float = 1.0) -> Judgement:
    """L4.Δ2: it rests on event A₁, so it fails for small inputs."""
    return _judge(results, "delta2", factor)


def event_a1(results: Results, factor: float = 1.0) -> Judgement:
    """A1: the band does not depend on ‖x‖, the printed bound on it does."""
    return _judge(results, "band_fraction", factor)


def _judge(results: Results, quantity: str, factor: float, corrected: str = "sharp") -> Judgement:
    """The judgement on the printed bound of a quantity, with a counterexample where it fails.

    `corrected` is the bound in the statement that replaces it.
    """
    points = _points(results)
    needed = _needed(quantity, points, "printed", factor) / factor
    worst = points[int(np.nanargmax(needed))]
    largest = float(np.nanmax(needed))
    violations, counts = archived_exceedances(results, quantity, "printed") if factor == 1.0 else (0, ())
    broken = [p for p, need in zip(points, needed, strict=True) if judge_factor(need) == FALSE]
    evidence = (
        Number(
            r"least factor on the right-hand side with which the bound holds wherever it was tried: the "
            rf"largest $(1-\delta)$-quantile of the supremum, divided by the bound ({_coordinates(worst)})",
            largest,
        ),
        Number(f"the same for the {corrected} bound", float(np.nanmax(_needed(quantity, points, corrected)))),
        Number(
            r"points $(m,\alpha,\delta,\|x\|)$ tried, by the exact law where the binomial bound above it "
            "does not settle them",
            len(points),
        ),
        Number(r"of them where the bound fails with probability above $\delta$", len(broken)),
        *(_threshold(quantity, points) if factor == 1.0 else ()),
        *counts,
    )
    return Judgement(
        FALSE if violations else judge_factor(largest),
        evidence,
        _counterexample(broken, quantity, factor) if broken else None,
    )


def _points(results: Results) -> list[Point]:
    """The points of the archive, then those with extreme values, without duplicates."""
    extremes = [
        Point(m, alpha, delta, x)
        for m in WIDTHS
        for alpha in sorted({*ALPHAS, *(radius / math.sqrt(m) for radius in SMALL_RADII if m <= 64)})
        for delta in LEVELS
        for x in NORMS
    ]
    archived = [
        Point(m, alpha, float(delta), float(x))
        for item in results.experiments
        for m in item.experiment.m
        for alpha in item.experiment.alpha
        for delta in item.table["delta"].values
        for x in item.table["x_norm"].values
    ]
    return [p for p in dict.fromkeys([*archived, *extremes]) if p.alpha / math.sqrt(p.m) <= MAX_RADIUS]


def _needed(quantity: str, points: list[Point], name: str, threshold: float = math.inf) -> Array:
    """The exact quantile of the supremum in units of the bound called `name`; shape `(points,)`.

    NaN where the binomial bound, which is never below that quantile, shows that it is neither the largest
    nor above `threshold`.
    """
    rows = ((p.m, p.alpha, p.delta, p.x_norm) for p in points)
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    limit = bound(name, quantity, *columns)
    ceiling = bound("binomial", quantity, *columns) / limit
    needed, largest = np.full(len(points), math.nan), 0.0
    for i in np.argsort(-ceiling, kind="stable"):
        if ceiling[i] < min(largest, threshold):
            break
        supremum = bound("exact", quantity, *(column[i] for column in columns))
        needed[i] = supremum / limit[i]
        largest = max(largest, needed[i])
    return needed


def _failure(quantity: str, point: Point, factor: float) -> float:
    """Exact probability that the supremum exceeds the printed bound."""
    return _law(quantity, point).survival(_limit(quantity, point, factor))


def _largest_failure(quantity: str, point: Point, factor: float) -> float:
    """A bound on that probability: each pair in the band adds at most one unit to the supremum."""
    law = _law(quantity, point)
    pairs = math.floor(_limit(quantity, point, factor) / law.unit * (1.0 - 1e-12))
    return float(binomial_tail(pairs, point.m // 2, band_probability(point.alpha / math.sqrt(point.m))))


def _law(quantity: str, point: Point) -> ExactLaw:
    law = exact_law("adversarial", quantity, point.m, 1, point.alpha)
    assert law is not None  # within MAX_RADIUS
    return law


def _limit(quantity: str, point: Point, factor: float) -> float:
    """The printed bound divided by ‖x‖ where the quantity scales with it: laws and runs are at ‖x‖ = 1."""
    value = bound("printed", quantity, point.m, point.alpha, point.delta, point.x_norm)
    return float(factor * value / QUANTITIES[quantity].at_norm(point.x_norm))


def _threshold(quantity: str, points: list[Point]) -> tuple[Number, ...]:
    """The norms at which the printed bound holds for all (m, α, δ): tried at their end, and beyond it.

    Nothing for E, whose bound holds at every norm.
    """
    if quantity == "linearization_error":
        return ()
    if quantity == "delta1":
        end, m = largest_norm().value, SMALL_DELTA_WIDTH
        words, limits = "largest", "it holds up to this norm and fails beyond"
        at_width = largest_norm(m)
        beyond = Point(m, at_width.radius * math.sqrt(m), math.exp(-m * at_width.level), 1.01 * end)
        more = tuple(
            Number(rf"the same at $m={m}$ alone, for every $\alpha,\delta$", largest_norm(m).value)
            for m in (2, SMALL_DELTA_WIDTH)
        )
    else:
        end, more = least_norm(quantity), ()
        words, limits = "least", "it holds from this norm on and fails below"
        beyond = Point(2**40, 1000.0, 0.5, 0.99 * end)
    tried = list(dict.fromkeys(replace(point, x_norm=end) for point in points))
    return (
        Number(
            rf"{words} $\|x\|$ at which the bound holds for all $m,\alpha,\delta$: {limits}",
            end,
        ),
        *more,
        Number(
            rf"least factor with which it holds at that $\|x\|$ wherever it was tried, {len(tried):,} points "
            r"$(m,\alpha,\delta)$: at most 1",
            float(np.nanmax(_needed(quantity, tried, "printed"))),
        ),
        Number(
            r"exact probability that the bound fails one per cent beyond it, in units of $\delta$ "
            rf"({_coordinates(beyond)}): above 1",
            _failure(quantity, beyond, 1.0) / beyond.delta,
        ),
    )


def _counterexample(broken: list[Point], quantity: str, factor: float) -> Counterexample:
    """The most extreme of the broken points, and simulated runs that confirm it."""
    chance, point = _most_extreme(broken, quantity, factor)
    cell = Cell("band", "adversarial", point.m, 2, point.alpha)
    runs = max(cell.block, min(MAX_RUNS, int(MAX_WORK / cell.cost())))
    values = simulate(1, cell, 0, runs)[list(QUANTITIES).index(quantity)]
    over = int(np.count_nonzero(values > _limit(quantity, point, factor) * (1.0 + 1e-12)))
    worst = "" if quantity == "band_fraction" else " under the worst displacement of the ball"
    excess = _excess(chance, point)
    times = f"{excess:,g}" if excess < 1e6 else f"${in_formula(excess)}$"
    return Counterexample(
        rf"Meant to fail with probability at most $\delta={in_formula(point.delta)}$, the bound fails with "
        rf"probability ${probability(chance)}${worst}: {times} times $\delta$.",
        {"m": point.m, "alpha": point.alpha, "delta": point.delta, "x_norm": point.x_norm},
        (
            Number("exact probability that the bound fails", chance),
            Number.share(f"share of {runs:,} simulated runs over the bound", over, runs),
        ),
    )


def _most_extreme(broken: list[Point], quantity: str, factor: float) -> tuple[float, Point]:
    """The first of the points in the order of `_extreme`, with its failure probability.

    Points whose binomial bound on that probability, which is quicker, does not come first are skipped.
    """
    candidates = [(_extreme(_largest_failure(quantity, point, factor), point), point) for point in broken]
    best: tuple[float, Point] | None = None
    for key, point in sorted(candidates, key=lambda candidate: candidate[0]):
        if best and _extreme(*best) <= key:
            break
        pair = _failure(quantity, point, factor), point
        best = min(best or pair, pair, key=lambda pair: _extreme(*pair))
    assert best is not None  # there are broken points
    return best


def _extreme(chance: float, point: Point) -> tuple[float, ...]:
    """Sort key of broken points: first those that few runs show, far above δ, with small m and ‖x‖ near 1."""
    visible = chance >= 0.05 and point.delta >= SIMULATION_LEVEL
    return (not visible, -_excess(chance, point), point.m, abs(math.log(point.x_norm)), point.alpha)


def _excess(chance: float, point: Point) -> float:
    """The failure probability over δ, to three digits."""
    return float(f"{chance / point.delta:.3g}")


def archived_exceedances(results: Results, quantity: str, name: str) -> tuple[int, tuple[Number, ...]]:
    """Cells, levels and norms where runs exceed the bound called `name` beyond chance, and the counts.

    The family of comparisons: all of them, in all experiments.
    """
    tables = [item.table.sel(bound=name, quantity=quantity) for item in results.experiments]
    family = sum(table["exceedances"].size for table in tables)
    if not family:
        return 0, ()
    violations = sum(
        int(beyond_chance(table["exceedances"], table["runs"], table["delta"], family).sum())
        for table in tables
    )
    runs = sum(item.experiment.runs for item in results.experiments)
    return violations, (
        Number("archived runs compared with the bound: all", runs),
        Number(
            r"combinations of cell, $\delta$ and $\|x\|$ where they exceed it more often than $\delta$, "
            f"beyond a chance of {CHANCE:g} for all {family:,} together",
            violations,
        ),
    )


def _ladder() -> tuple[Number, ...]:
    """Each bound over the exact quantile, at α = ‖x‖ = 1 and δ = 0.01."""
    return tuple(
        Number(
            rf"{name} bound divided by the exact quantile of the supremum, $m=2^{{{power}}}$, "
            r"$\alpha=\|x\|=1$, $\delta=0.01$",
            1.0 / _needed("linearization_error", [Point(2**power, 1.0, 0.01, 1.0)], name).item(),
        )
        for name, power in (
            *(("printed", power) for power in (6, 20, 40)),
            *((name, 20) for name in ("sharp", "binomial")),
            *(("bernstein", power) for power in (6, 20, 40)),
        )
    )


@cache
def _searches() -> tuple[Number, ...]:
    """The largest shares of the closed-form suprema that two searches reach, over small networks."""
    rng = np.random.default_rng(21)
    x, radius = np.array([0.6, -0.8]), 0.8
    w0, c = symmetric_initialization(rng.standard_normal((200, 3, 2)), signs(rng, (200, 3)))
    supremum = _suprema(x, w0, c, radius)
    patterns = best_pattern(x, w0, c, radius)
    positive = supremum["linearization_error"] > 0.0
    brute = max(float(np.max(patterns[name][positive] / supremum[name][positive])) for name in MEASURES)
    chosen = np.flatnonzero(positive)[:3]
    shares = [
        best_optimum(x, w0[i], c[i], radius, name, seed=int(i)) / supremum[name][i]
        for i in chosen
        for name in MEASURES
    ]
    suprema = r"of the closed-form suprema of $E$, $|\Delta_1|$, $|\Delta_2|$"
    return (
        Number(
            f"largest share {suprema} reached by any of $3^6$ patterns of steps on {int(positive.sum())} "
            "networks, $m=6$",
            brute,
        ),
        Number(
            f"largest share {suprema} found by an optimiser free in all of $u$ on {len(chosen)} networks, "
            "$m=6$, $d=2$",
            max(shares),
        ),
        Number("smallest share the optimiser found", min(shares)),
    )


def _suprema(x: Array, w0: Array, c: Array, radius: float) -> dict[str, Array]:
    """(1/√m) Σ over the c = +1 neurons of the band of (r‖x‖-|a|), |a| and r‖x‖."""
    a, reach = np.abs(preactivation(x, w0)), radius * float(np.linalg.norm(x))
    pushed = (c > 0.0) & (a <= reach)
    terms = {"linearization_error": reach - a, "delta1": a, "delta2": reach + 0.0 * a}
    return {n: np.sum(np.where(pushed, t, 0.0), axis=-1) / math.sqrt(c.shape[-1]) for n, t in terms.items()}


def _coordinates(point: Point) -> str:
    alpha, delta, x_norm = in_formula(point.alpha, 4), in_formula(point.delta), in_formula(point.x_norm)
    return rf"at $m={width(point.m)}$, $\alpha={alpha}$, $\delta={delta}$, $\|x\|={x_norm}$"
