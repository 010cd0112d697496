"""The summary of a run or a reanalysis, as a page of text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from textwrap import wrap

import numpy as np
import xarray as xr

from ..claims.answer import Answer, Estimate, answer
from ..claims.falsehoods import falsehoods
from ..claims.headlines import finding
from ..claims.headlines.grid import runs_over_theorem_1
from ..claims.headlines.words import FRACTIONS, NO_ERROR, resolved
from ..claims.plain_text import plain_text
from ..claims.record import Claim
from ..claims.wording import level, nearest_to_one, runs_text, width
from ..datasets.chance import CHANCE, beyond_chance
from ..datasets.rates import FOLLOWS
from ..datasets.statistics import RATE_STATISTICS, runs_for_upper_limit, why_no_interval
from ..experiments.drawn import GRID_AXES
from ..experiments.units import count_text
from ..laws import THEOREM_LAWS, in_theorem_ball
from ..laws.moments import typical_statistic
from ..quantities import QUANTITIES
from ..storage.metadata import spec_of
from .tails import left_out, tails


def summarise(
    experiments: Iterable[tuple[xr.Dataset, xr.Dataset]],
    trainings: Iterable[tuple[xr.Dataset, xr.Dataset]] = (),
    folder: Path = Path("results"),
    claims: Sequence[Claim] = (),
    drawn: bool = True,
    reanalysis: bool = False,
) -> str:
    """The page for pairs of quantiles and rates, one pair for each drawn and each trained experiment.

    It begins with a paragraph of what each experiment showed and which of the `claims` are false, and ends
    with a list of the other files in `folder`, which is of a run unless it is of a `reanalysis`, with figures
    among them if they are `drawn`. Between them stand the numbers.
    """
    pairs, trainings = list(experiments), list(trainings)
    weighted = [table for table, _ in pairs if "effective_runs" in table]
    experiments = [pair for pair in pairs if "effective_runs" not in pair[0]]
    shown = [
        line
        for pair in experiments
        for line in (_rate_findings(*pair) if _in_theorem_ball(pair[0]) else _findings(("norms",), *pair))
    ]
    shown += [line for pair in trainings for line in _findings(SUMMARY_FIGURES, *pair)]
    shown += [line for table in weighted for line in _paragraph(left_out(table))]
    shown += _paragraph(f"The lecture notes: {plain_text(falsehoods(claims))}.") if claims else []
    grids = [_experiment(table, rates) for table, rates in experiments]
    grids += map(tails, weighted)
    trained = [_trained(answer(table, rates)) for table, rates in trainings]
    explorable = trainings or any(_in_theorem_ball(table) for table, _ in experiments)
    specs = [spec_of(table) for table, _ in (*pairs, *trainings)]
    kept = sorted({spec.get("keep", "runs") for spec in specs}, reverse=True)
    files = {
        f"<experiment>/{{{','.join([*kept, 'quantiles', 'rates'])}}}.nc": "the data",
        "figures/": "the figures (SVG, PDF, PNG)" if drawn and (experiments or trainings) else "",
        "summary.txt": "these lines and the numbers behind them",
        "findings.html": "the article, claim by claim" if experiments or trainings else "",
        "explore.html": "runs, quantiles, bounds and slopes, cell by cell" if explorable else "",
        "report.html": "the report",
        "manifest.json": f"checksums, for: ntk-core verify {folder}",
    }
    if reanalysis:
        files = {name: files[name] for name in ("figures/", "summary.txt", "manifest.json")}
        files = {"<experiment>/{quantiles,rates}.nc": "the data", **files}
    contents = "\n".join(f"{f'{folder}/{name}':<57}  {what}" for name, what in files.items() if what)
    return "\n\n".join(["\n".join(shown), *grids, *trained, contents] if shown else [contents]) + "\n"


def _experiment(table: xr.Dataset, rates: xr.Dataset) -> str:
    runs = int(table["runs"].sum())
    name, sampler = table.attrs["experiment"], f"{spec_of(table)['sampler']} sampler"
    lines = [f"{name}: {runs_text(runs)}, {sampler}", ""]
    lines += [*_rates(table, rates), *(["", *_bounds(table)] if _in_theorem_ball(table) else [])]
    lines += _missing_limits(table, rates)
    return "\n".join(lines)


NO_INTERVAL = "no interval"
"""Stands for the interval of a slope that has none."""

SUMMARY_FIGURES = ("radius", "training_rate", "twin")
"""Figures of a trained experiment whose findings the summary begins with."""


def _findings(figures: Iterable[str], table: xr.Dataset, rates: xr.Dataset) -> list[str]:
    """The experiment's name and what these figures of it show, each finding once, in lines."""
    findings = dict.fromkeys(filter(None, (finding(figure, table, rates) for figure in figures)))
    sentences = [f"{plain_text(text)}." for text in findings] or ["no finding; the numbers are below."]
    return _experiment_lines(table, sentences)


def _rate_findings(table: xr.Dataset, rates: xr.Dataset) -> list[str]:
    """The rate, at which α and d it is if there are several, and how many runs exceed Theorem 1, in lines."""
    point = {"alpha": nearest_to_one(rates["alpha"].values), "d": rates["d"].values.max()}
    several = [f"{name} = {value:g}" for name, value in point.items() if rates.sizes[name] > 1]
    rate = finding("rate", table, rates)
    sentences = [f"{plain_text(rate)}."] if rate else []
    if several and rate not in ("", NO_ERROR):
        sentences.append(f"The rate is that at {' and '.join(several)}.")
    return _experiment_lines(table, [*sentences, f"{_over(table)}."])


def _experiment_lines(table: xr.Dataset, sentences: Sequence[str]) -> list[str]:
    """The experiment's name and sentences on it, in lines."""
    return _paragraph(" ".join([f"{table.attrs['experiment']}:", *sentences]))


def _paragraph(text: str) -> list[str]:
    return wrap(text, 108, subsequent_indent=" " * 2, break_on_hyphens=False)


def _in_theorem_ball(table: xr.Dataset) -> bool:
    """Whether the displacements are in the ball of Theorem 1, whose bounds the table has."""
    return in_theorem_ball(table["perturbation"].values)


def _over(table: xr.Dataset) -> str:
    """How many runs exceed the bound of Theorem 1 where it is lowest, as a clause."""
    (over, delta), runs = runs_over_theorem_1(table), int(table["runs"].sum())
    return (
        f"{over:,} of {runs_text(runs)} {'exceeds' if over == 1 else 'exceed'} Theorem 1 as printed "
        f"(at delta = {delta:g}, where it is lowest)"
    )


def _trained(a: Answer) -> str:
    """Whether training stays in the ball, and how far it is below the bound."""
    kind = f"{a.spec['loss']} loss, trained with the step size {_digits(a.step_size)}"
    lines = [f"{a.name}: {a.task}, {kind}", "", *_paragraph(f"  {a.ended}")]
    if not a.trained:
        return "\n".join([*lines, "  No run was left after the first step recorded."])
    numbers, laws = a.numbers, ", ".join(f"{law} {_digits(value)}" for law, value in a.position.items())
    lines += [
        f"  At m = {a.m:,} and step {a.time:,}, means over the runs and 99 % intervals:",
        *([f"  intervals            {a.undecided}"] if a.undecided else []),
        f"  radius alpha_hat     {_estimate(a.radius)}, runs from {_digits(a.least)} to {_digits(a.largest)}",
        f"                       its limit as m grows {_limit(a.limit_ceiling)};",
        f"                       at every width at most {_digits(a.ceiling)} while the loss does not grow",
        f"  sqrt(m) mean |u_i|   {_estimate(a.displacement)}, limit {_digits(a.displacement_limit)}",
        f"  slope of rms E       {_estimate(a.rate)}, theory {-a.exponent:g};",
        f"                       between the two largest m {_estimate(a.last_rate)}",
        f"  m^({FRACTIONS[a.exponent]}) rms E        {_estimate(a.constant)}, "
        f"limit {_digits(a.constant_limit)}",
        f"  rms E, divided by that of a law: {laws}",
        f"  Theorem 1 / quantile of E at delta = {a.delta:g}, |x| = {a.x_norm:g}: {_estimate(a.loose)}",
        *([] if np.isnan(a.loose.value) else [f"                       ({a.resolution})"]),
        f"  test loss            network {_digits(numbers['test_loss'].value)}, "
        f"linear twin {_digits(numbers['twin_test_loss'].value)}, "
        f"distance {_digits(numbers['twin_distance'].value)}",
        f"  ever flipped         {_digits(numbers['flipped_fraction'].value)} of neurons and inputs, "
        f"{_digits(numbers['flipped_neurons'].value)} of neurons",
    ]
    if a.over is not None:
        lines += [
            "  Over the bound of Theorem 1 at one held-out input or more, at the time, level and |x| "
            f"of most: {runs_text(a.over)}."
        ]
    lines += [
        "  Largest E in units of the bound for all radii, at any width and time: "
        f"{_digits(a.share)} at delta = {a.share_delta:g}."
    ]
    return "\n".join(lines)


def _limit(ceiling: float) -> str:
    """What is known of the limit of α̂, in words."""
    if np.isnan(ceiling):
        return "is unknown"
    return f"is at most {_digits(ceiling)} (at finite m the mean may lie above)"


def _digits(value: float) -> str:
    return "unknown" if np.isnan(value) else f"{value:.4g}"


def _estimate(estimate: Estimate) -> str:
    interval = (
        f" [{_digits(estimate.lower)}, {_digits(estimate.upper)}]" if np.isfinite(estimate.lower) else ""
    )
    return _digits(estimate.value) + interval


def _rates(table: xr.Dataset, rates: xr.Dataset) -> list[str]:
    """Slope and constant of the error for every law, d and α, of the statistic that theory describes."""
    wide = _law_column(rates)
    header = (
        f"  {'law':<{wide}}{'d':>5}{'alpha':>8}  {'statistic':<10}{'slope':>9}  {'99 % interval':<20}"
        f"{'theory':>7}   {'constant':>10}{'limit':>12}{'off by':>9}"
    )
    lines = [
        "  Error against width: slope, slope in theory as m → ∞, constant (m^k times E at the largest m):",
        header,
    ]
    limits, off_limit = [], False
    for value, cells in _slopes(table, rates):
        law, d, alpha = (cells[name].item() for name in ("perturbation", "d", "alpha"))
        measured, limit = value["constant"], value["constant_limit"]
        limits.append(limit)
        has_limit = np.isfinite(limit)  # a custom law has none
        lower, upper = (value[f"slope_{end}"] + value["exponent"] for end in ("lower", "upper"))
        off_limit |= bool(has_limit and (lower > 0.0 or upper < 0.0))
        lines.append(
            f"  {law:<{wide}}{d:>5}{alpha:>8g}  {typical_statistic(law):<10}{_slope(value, cells):<31}"
            + (f"{-value['exponent']:>7.4g}   " if has_limit else f"{'unknown':>7}   ")
            + f"{measured:>10.5g}"
            + (f"{limit:>12.5g}{measured / limit - 1:>+9.2%}" if has_limit else f"{'unknown':>12}")
        )
    if not np.isfinite(limits).all():
        lines.append("  Where theory is unknown, k = 1/2.")
    if off_limit:
        lines.append("  A slope over finite widths may be off the one of theory, which is for m → ∞.")
    return lines + _follows(rates)


def _slopes(table: xr.Dataset, rates: xr.Dataset) -> Iterator[tuple[dict[str, float], xr.Dataset]]:
    """For every law, d and α the numbers of the rate of E, and the cells of all widths."""
    error = rates.sel(quantity="linearization_error")
    for law, d, alpha in product(*(rates[name].values for name in ("perturbation", "d", "alpha"))):
        place = {"perturbation": law, "d": d, "alpha": alpha}
        row = error.sel(statistic=typical_statistic(law), **place)
        value = {str(k): float(v) for k, v in row.data_vars.items() if v.ndim == 0}
        yield value, table.sel(quantity="linearization_error", **place)


def _slope(rate: Mapping[str, float], cells: xr.Dataset) -> str:
    """A slope and its interval in two columns, or why there is none."""
    if not _has_error(cells):
        return f"  {plain_text(NO_ERROR)}"
    if np.isnan(rate["slope"]):
        return f"{'none':>9}  " + ("one width" if cells.sizes["m"] == 1 else "too few above 0")
    limits = rate["slope_lower"], rate["slope_upper"]
    interval = f"[{limits[0]:.4f}, {limits[1]:.4f}]" if np.isfinite(limits).all() else NO_INTERVAL
    return f"{rate['slope']:>9.4f}  {interval}"


def _has_error(cells: xr.Dataset) -> bool:
    """Whether E is above rounding at any width."""
    m, alpha = cells["m"].values, float(cells["alpha"])
    return bool(resolved(cells, cells["rms"].values, m, alpha).any())


def _follows(rates: xr.Dataset) -> list[str]:
    """The width from which on mean and quantiles are within 5 % of their limit."""
    lines = [
        "",
        "  The error is within 5 % of its limit from which width on (over all d and alpha; by the exact law,",
        "  or where that is unknown by the whole interval):",
    ]
    wide = _law_column(rates)
    for law in rates["perturbation"].values:
        words = []
        error = rates.sel(quantity="linearization_error", perturbation=law)
        if not np.isfinite(error["constant_limit"]).any():
            lines.append(f"  {law:<{wide}}its limit is unknown")
            continue
        for statistic in rates["statistic"].values:
            label = statistic if statistic in RATE_STATISTICS else f"quantile {level(float(statistic))}"
            words.append(f"{label}: {_follows_from(error.sel(statistic=statistic))}")
        lines.append(f"  {law:<{wide}}" + "; ".join(words))
    return lines


def _follows_from(rate: xr.Dataset) -> str:
    """The largest of the widths `follows_from` of all d and alpha, or why there is none."""
    widths = rate["follows_from"].values
    if np.isfinite(widths).all():
        return _width(widths.max())
    limit = rate["constant_limit"]
    apart = rate["constant_lower"] > (1.0 + FOLLOWS) * limit
    apart |= rate["constant_upper"] < (1.0 - FOLLOWS) * limit
    if rate["perturbation"] in THEOREM_LAWS or (apart & np.isnan(widths)).any():
        return "not on this grid"
    return "too few runs"


def _law_column(rates: xr.Dataset) -> int:
    """Width of the column of laws, in characters."""
    return 1 + max(len(law) for law in ("adversarial", *rates["perturbation"].values))


def _width(m: float) -> str:
    return plain_text(f"${width(int(m))}$")


def _bounds(table: xr.Dataset) -> list[str]:
    """How often runs exceed a bound beyond chance."""
    broken = beyond_chance(table["exceedances"], table["runs"], table["delta"])
    combinations = broken.isel(bound=0, quantity=0).size
    wide = 1 + max(len(quantity.ascii) for quantity in QUANTITIES.values())
    of_all = f"{count_text(combinations, 'combination')} of cell, delta and |x|"
    lines = [
        f"  In how many of {of_all} is a bound exceeded more",
        f"  often than delta, beyond a chance of {CHANCE:g} for all {broken.size:,} comparisons together?",
        "  "
        + " " * 10
        + "".join(f"{QUANTITIES[str(quantity)].ascii:>{wide}}" for quantity in table["quantity"].values),
    ]
    for bound in table["bound"].values:
        counts = broken.sel(bound=bound).sum([*GRID_AXES, "delta", "x_norm"])
        defined = table[f"bound_{bound}"].notnull().any(["m", "alpha", "delta", "x_norm"])
        numbers = np.where(defined.values, [f"{int(count):,}" for count in counts.values], "–")
        lines.append(f"  {bound:<10}" + "".join(f"{number:>{wide}}" for number in numbers))
    lines += [
        "  printed: the notes' own; sharp: with the best constants of its proof; binomial: from the exact",
        "  law of |B|; bernstein: the corrected theorem; exact: the quantile of the supremum itself.",
    ]
    return lines


def _missing_limits(table: xr.Dataset, rates: xr.Dataset) -> list[str]:
    """Why some slopes have no interval, and how many runs an upper limit of a quantile needs."""
    seeds, lines = int(table["runs"].max()), []
    if any(
        np.isfinite(rate["slope"])
        and not np.isfinite([rate["slope_lower"], rate["slope_upper"]]).all()
        and _has_error(cells)
        for rate, cells in _slopes(table, rates)
    ):
        lines += ["", f"  Slopes with {NO_INTERVAL} are {why_no_interval(seeds)}."]
    needed = [
        f"{runs_for_upper_limit(delta):,} at delta = {delta:g}"
        for delta in table["delta"].values
        if np.isinf(table["quantile_upper"].sel(delta=delta).values).any()
    ]
    if needed:
        lines += ["", f"  {runs_text(seeds)} a cell. An upper limit on a quantile needs {', '.join(needed)}."]
    return lines
