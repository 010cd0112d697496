"""Every sentence above a figure is read again and checked against the data, for six unlike experiments.

The readings here share no code with those that make the sentences: they fit slopes by NumPy and take numbers
from the tables.
"""

from __future__ import annotations

import html
import importlib
import itertools
import json
import math
import re

import grids
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.text import Text

from ntk_core.claims.answer import answer
from ntk_core.claims.headlines import FINDINGS, TOPICS, finding, headline
from ntk_core.claims.headlines.words import digits, percent
from ntk_core.claims.plain_text import plain_text
from ntk_core.figures import ALL_FIGURES, FIGURES, TRAINING_FIGURES, drawable, style, training_drawable
from ntk_core.figures import _module as module
from ntk_core.pages.findings import render
from ntk_core.pages.findings.text import inline
from ntk_core.pages.summary import summarise
from ntk_core.quantities import QUANTITIES

POWERS = {"1/2": 0.5, "3/4": 0.75, "3/2": 1.5, "2": 2.0}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return grids.tables(tmp_path_factory.mktemp("six"))


def planned(table: xr.Dataset) -> tuple[str, ...]:
    axes = {str(name): table[name].values for name in table.dims}
    return training_drawable(axes) if "steps" in table.dims else drawable(axes, QUANTITIES)


def cut(dataset: xr.Dataset) -> xr.Dataset:
    """E where the figures show it: all six have α = 1 and show the largest d."""
    return dataset.sel(quantity="linearization_error", alpha=1.0, d=int(dataset["d"].values[-1]))


def listed(names: str) -> list[str]:
    return re.split(", | and ", names)


def number(text: str) -> float:
    mantissa, _, power = text.strip("$").partition(r"\times10^")
    return float(mantissa) * 10.0 ** float(power.strip("{}") or 0)


def width(text: str) -> int:
    base, _, power = text.partition("^")
    return int(base) ** int(power.strip("{}") or 1)


def statistic(law: str) -> str:
    return "rms" if law == "sphere" else "mean"


def fitted(x, y) -> float:
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def powers_under(text: str) -> dict[str, float]:
    """Laws with the exponents that the sentence gives them."""
    parts = re.findall(r"as \$[^$^]*\^\{-?([\d/]+)\}\$ under (.+?)(?=, and (?:its .+? )?as|, from|;|$)", text)
    return {law: POWERS[power] for power, names in parts for law in listed(names)}


def check_rate(text, table, rates):
    exponents = powers_under(text)
    assert set(exponents) == set(table["perturbation"].values)
    for law, k in exponents.items():
        row = cut(rates).sel(perturbation=law, statistic=statistic(law))
        assert row["slope_lower"] <= -k <= row["slope_upper"]
        assert not row["slope_lower"] <= k - 1.25 <= row["slope_upper"]
        values = cut(table)[statistic(law)].sel(perturbation=law)
        assert abs(fitted(table["m"], values) + k) < 0.03
    assert text.startswith("The mean linearization error falls as")
    assert ("and its root mean square as $m^{-3/4}$ under sphere, from" in text) == ("sphere" in exponents)
    assert tuple(map(width, re.search(r"from \$m=(\S+)\$ to \$(\S+)\$", text).groups())) == (
        table["m"].values[0],
        table["m"].values[-1],
    )


def check_collapse(text, table, rates):
    cells = table.sel(alpha=1.0, d=table["d"].values[-1])
    scaled = cells["mean"] * np.sqrt(table["m"])
    near = re.search(r"the means under (.+?) are within 5 % of their limits", text)
    half = 1 / math.sqrt(2 * math.pi)
    limits = {
        "adversarial": {"linearization_error": half / 2, "delta1": half / 2, "delta2": half},
        "aligned": {"linearization_error": half / 4, "delta1": half / 4, "delta2": half / 2},
    }
    for law in listed(near[1]) if near else []:
        for quantity, limit in limits[law].items():
            assert abs(scaled.sel(perturbation=law, quantity=quantity)[-1] / limit - 1) <= 0.05
    faster = re.search(r"under (\S+) falls faster than", text)
    if faster:
        for quantity in ("linearization_error", "delta1", "delta2"):
            means = cells["mean"].sel(perturbation=faster[1], quantity=quantity)
            assert fitted(table["m"], means) < -0.55
    assert near or faster


def check_constant(text, table, rates):
    exponents = powers_under(text)
    if exponents:
        assert set(exponents) == set(table["perturbation"].values)
    widest = table.sel(quantity="linearization_error", d=table["d"].values[-1], m=table["m"].values[-1])
    for law, power in exponents.items():
        assert abs(fitted(table["alpha"], widest[statistic(law)].sel(perturbation=law)) - power) < 0.1
    if r"proportional to $\|x\|$" in text:
        bound, x = widest["bound_printed"].isel(alpha=0, delta=0), table["x_norm"]
        assert np.ptp((bound / x).values) > 0.1 * float((bound / x).mean())
    assert "proportional" in text or exponents


def check_delta(text, table, rates):
    match = re.match(
        r"The quantiles at \$\\delta=(\S+)\$ and \$(\S+)\$ draw together under (.+?), from", text
    )
    least, largest = float(match[1]), float(match[2])
    assert {least, largest} <= set(table["delta"].values)
    for law in listed(match[3]):
        q = cut(table)["quantile"].sel(perturbation=law)
        ratio = (q.sel(delta=least) / q.sel(delta=largest)).values
        assert ratio[-1] < ratio[0]
        assert law != "sphere"  # E is the size of a number that is almost normal: the ratio tends to 5 or so
    printed = cut(table)["bound_printed"].sel(x_norm=1.0)
    spread = (printed.sel(delta=least) / printed.sel(delta=largest)).values
    assert np.allclose(spread, spread[0])


def check_dimension(text, table, rates):
    m = table["m"].values[-1]
    widest = table.sel(quantity="linearization_error", alpha=1.0, m=m)
    same = re.search(r"is the same within 5 % under (.+?)(?:, and|$)", text)
    falls = re.search(r"falls with \$d\$ under (.+)$", text)
    for law in listed(same[1]) if same else []:
        values = widest["mean"].sel(perturbation=law).values
        assert values.max() < 1.05 * values.min()
    for law in listed(falls[1]) if falls else []:
        assert (np.diff(widest[statistic(law)].sel(perturbation=law)) < 0).all()
    assert same or falls


def check_ladder(text, table, rates):
    stated = [number(value) for value in re.findall(r"(\S+) to (\S+) times", text) for value in value]
    error = table.sel(quantity="linearization_error", alpha=1.0, x_norm=1.0).isel(delta=[0, -1])
    expected = []
    for name in ("printed", "bernstein"):
        ratio = error[f"bound_{name}"] / error["bound_exact"]
        expected += [float(ratio.min()), float(ratio.max())]
    assert np.allclose(stated, expected, rtol=0.05)


def check_slope(text, table, rates):
    stated = tuple(map(int, re.match(r"(\d+) of (\d+) intervals", text).groups()))
    hits = total = 0
    for law in table["perturbation"].values:
        for name in [statistic(law), *rates["statistic"].values[2:]]:
            for m in table["m"].values:
                row = cut(rates).sel(perturbation=law, statistic=name, m=m)
                low, exact, high = (
                    row[f"{n}"].item()
                    for n in ("local_slope_lower", "exact_local_slope", "local_slope_upper")
                )
                if not any(map(math.isnan, (low, exact, high))):
                    total += 1
                    hits += low <= exact <= high
    assert stated == (hits, total)


def check_failure(text, table, rates):
    """By the curves that are drawn."""
    with style.context():
        drawn = module("failure").draw(table, rates)
    plt.close(drawn)
    failing = {
        (title := ax.get_title("left")).split(" (")[0] + ("" if "Lemma" not in title else title[-9:-2])
        for ax in drawn.axes
        if any(np.nanmax(line.get_ydata()) > 1.0 for line in ax.lines[1:])
    }
    says, _, holds = text.partition(";")
    assert len(failing) == says.count("Lemma 4") + says.count("event") + says.count("Theorem 1") == 3
    assert "Theorem 1" in holds


def check_radius(text, table, rates):
    means = table["run_mean"].sel(variable="alpha_hat").isel(steps=-1).values
    match = re.match(r"\$\\hat\\alpha\$ grows from (\S+) at \S+ to (\S+) at (\S+)", text)
    assert np.allclose([number(match[1]), number(match[2])], means[[0, -1]], rtol=5e-3)
    assert fitted(table["m"], means) > 0
    if "its bound at every width" in text:
        largest = table["run_max"].sel(variable="alpha_hat").max("m")
        assert (largest[1:] < table["alpha_ceiling"][1:]).all()


def check_training_rate(text, table, rates):
    for power, kind in re.findall(r"falls as \$m\^\{-([\d/]+)\}\$ at (\S+) inputs", text):
        name = "rms" if kind == "held-out" else "training_rms"
        values = table[name].sel(quantity="linearization_error").isel(steps=-1)
        assert abs(fitted(table["m"], values) + POWERS[power]) < 0.05


def check_standing(text, table, rates):
    row = table.sel(quantity="linearization_error").isel(m=-1, steps=-1)
    worst = re.search(r"is \$(\S+)\$ % of that of the worst", text)
    random = re.search(r"and \$(\S+)\$ times that of a random", text)
    for stated, law, scale in ((worst, "adversarial", 100.0), (random, "sphere", 1.0)):
        ratio = scale * row["rms"] / row["law_rms"].sel(perturbation=law)
        assert abs(float(stated[1]) / ratio - 1) < 0.05


def check_twin(text, table, rates):
    variables = {"held-out": "twin_distance", "training": "twin_training_distance"}
    parts = re.findall(r"(?:with slope \$(\S+)\$|as \$m\^\{-(\S+)\}\$) at (\S+) inputs", text)
    assert len(parts) == text.count(" inputs") > 0
    assert text.count(" falls ") == 1
    assert text.startswith(f"After {int(table['steps'].values[-1])} steps the distance")
    for slope, power, kind in parts:
        means = table["run_mean"].sel(variable=variables[kind]).isel(steps=-1)
        stated = float(slope) if slope else -POWERS[power]
        assert abs(fitted(table["m"], means) - stated) < 0.05


def check_flips(text, table, rates):
    for name in ("flipped_fraction", "flipped_neurons"):
        assert (np.diff(table["run_mean"].sel(variable=name).isel(steps=-1)) < 0).all()


@pytest.mark.parametrize("name", [*grids.DRAWN, "trained"])
def test_every_headline_is_true_of_its_data(tables, name):
    table, rates = tables[name]
    for figure in planned(table):
        text = finding(figure, table, rates)
        assert headline(figure, table, rates) == (text or TOPICS[figure])
        if text:
            globals()[f"check_{figure}"](text, table, rates)
        inline(headline(figure, table, rates))  # pages can show it


def test_the_six_state_some_findings_and_withhold_others(tables):
    stated = {(name, f) for name, pair in tables.items() for f in planned(pair[0]) if finding(f, *pair)}
    assert {f for _, f in stated} >= set(FIGURES) | {"radius", "standing", "twin", "flips"}
    assert not {("few", "rate"), ("few", "collapse"), ("few", "delta"), ("own-laws", "slope")} & stated
    assert list(FINDINGS) == list(TOPICS) == list(ALL_FIGURES)
    text = finding("rate", *tables["own-laws"])
    assert "under a_law-2 and half" in text
    assert not re.search("sphere|adversarial|3/4", text)


def test_small_levels_are_powers_of_ten(tables):
    table, rates = tables["default-like"]
    small = table.assign_coords(delta=1e-6 * table["delta"].values)
    assert finding("failure", small, rates).endswith(r"at $\delta=10^{-9}$; Theorem 1 does not")
    assert r"at $\delta=10^{-7}$ and $5\times10^{-7}$ draw together" in finding("delta", small, rates)


def test_quantiles_that_are_rounding_do_not_draw_together(tables):
    """The dense sampler leaves 1e-17 where E is 0; its ratio to a quantile above 0 says nothing."""
    table, rates = tables["default-like"]
    spec = {**json.loads(table.attrs["spec"]), "sampler": "dense"}
    table = table.assign_attrs(spec=json.dumps(spec))
    assert "draw together" in finding("delta", table, rates)
    for name in ("quantile", "quantile_lower", "quantile_upper"):
        table[name] = table[name].where(table["delta"] < table["delta"].max(), 1e-18 * table["m"])
    assert finding("delta", table, rates) == ""


@pytest.mark.parametrize(
    ("value", "count", "written"),
    [(99.7, 2, "$100$"), (999.6, 3, "$1000$"), (123456.0, 3, "$123456$"), (2.5e7, 3, r"$2.5\times10^{7}$")],
)
def test_a_number_is_rounded_before_its_notation_is_chosen(value, count, written):
    assert digits(value, count) == written


@pytest.mark.parametrize(
    ("share", "written"),
    [(0.994, "$99$ % of"), (0.997, "$1$ times"), (1.0, "$1$ times"), (123.4, "$123$ times")],
)
def test_a_share_that_rounds_to_one_is_one(share, written):
    assert percent(share) == written


def test_a_figure_needs_an_axis_with_two_values(tables):
    assert planned(tables["one-width"][0]) == ("constant", "delta", "dimension", "ladder", "failure")
    assert "dimension" not in planned(tables["one-law"][0])
    assert planned(tables["default-like"][0]) == tuple(FIGURES)
    assert ("crossover", *planned(tables["trained"][0])) == tuple(
        TRAINING_FIGURES
    )  # it has several training inputs
    assert "crossover" in training_drawable({"m": (4,), "steps": (0, 1, 2), "training_input": (0,)})
    assert "slope" not in planned(tables["few"][0])  # two widths have one slope between them
    assert training_drawable({"m": (4,), "steps": (0, 1)}) == ("twin",)


def changed(rates, at, **values):
    """The dataset with other values at one place."""
    rates = rates.copy(deep=True)
    for name, value in values.items():
        rates[name].loc[at] = value
    return rates


def test_a_rate_is_named_only_if_each_interval_singles_one_out(tables):
    table, rates = tables["default-like"]
    at = {"quantity": "linearization_error", "perturbation": "adversarial", "alpha": 1.0, "d": 64}
    at["statistic"] = "mean"
    assert "falls as" in finding("rate", table, rates)
    for low, high in ((-0.76, -0.49), (-0.58, -0.46), (-0.499, -0.49), (-0.76, -0.74), (np.nan, np.nan)):
        assert finding("rate", table, changed(rates, at, slope_lower=low, slope_upper=high)) == ""
    zero = table.assign(rms=0.0 * table["rms"])
    assert finding("rate", zero, rates) == "$E=0$ in every run"


def test_a_bound_that_does_not_fail_at_the_fixed_points_is_not_said_to_hold(tables):
    """At δ = 0.1 Lemma 4 for |Δ₁| fails at none of them, and fails elsewhere; Theorem 1 is true."""
    table, rates = tables["default-like"]
    text = finding("failure", table.assign_coords(delta=100.0 * table["delta"].values), rates)
    assert text == (
        r"Lemma 4 for $|\Delta_2|$ and event $A_1$ fail at some of four fixed pairs of $m$ and $\alpha$, "
        r"at $\delta=0.1$; Theorem 1 does not"
    )


def test_a_rate_says_of_which_statistic_it_is(tables):
    table, rates = (data.sel(perturbation=["sphere"]) for data in tables["default-like"])
    for figure in ("rate", "constant"):
        said = finding(figure, table, rates)
        assert said.startswith("The root mean square of the ")
        assert "mean error" not in said
    both = finding("constant", *tables["default-like"])
    assert both.startswith(r"The mean error grows as $\alpha^{2}$ under adversarial and aligned, and its ")


def test_the_summary_says_at_which_of_several_points_the_rate_is(tables):
    table, rates = tables["default-like"]
    sentence = "The rate is that at alpha = 1 and d = 64."
    assert sentence in " ".join(summarise([(table, rates)]).split())
    one = [dataset.sel(alpha=[1.0], d=[64]) for dataset in (table, rates)]
    zero = table.assign(rms=0.0 * table["rms"]), rates
    for pair in (one, zero):
        assert "The rate is" not in " ".join(summarise([tuple(pair)]).split())


def test_one_ball_is_said_of_a_bounded_radius_alone(tables):
    table, rates = tables["trained"]
    at = {"variable": "alpha_hat", "steps": 8}
    level = finding("radius", table, changed(rates, at, run_slope_lower=-0.01, run_slope_upper=0.01))
    assert level.startswith("One ball holds the weights at every width tried")
    for low, high in ((-0.3, 0.3), (np.nan, np.nan)):
        unsure = changed(rates, at, run_slope_lower=low, run_slope_upper=high)
        assert "grows from" in finding("radius", table, unsure)
        overlapping = changed(table, at, run_mean_lower=0.1, run_mean_upper=9.0)
        assert finding("radius", overlapping, unsure) == ""
        assert finding("radius", changed(table, at, run_mean_upper=np.nan), unsure) == ""
    two = finding(
        "radius",
        table.isel(m=[0, -1]),
        changed(rates, at, run_slope_lower=-0.01, run_slope_upper=0.01).isel(m=[0, -1]),
    )
    assert not two.startswith("One ball")
    grown = changed(table, {"steps": 8}, loss_grew=1)
    beyond = table.assign(alpha_ceiling=table["alpha_ceiling"] / 100)
    assert "its bound" in finding("radius", table, rates)
    for unbounded in (beyond, grown):
        text = finding("radius", unbounded, rates)
        assert "grows" in text
        assert "its bound" not in text


def test_the_radius_is_stated_at_all_widths_and_where_it_has_intervals(tables):
    """The article gives α̂ at the largest width with runs, and the title the same number."""
    table, rates = tables["trained"]
    wider = table.assign_coords(m=[4 * m for m in table["m"].values]).isel(m=[-1])
    wider = changed(wider, {"variable": "alpha_hat", "steps": 8}, run_mean=9.0, run_mean_upper=np.nan)
    both = xr.concat([table, wider], "m", data_vars="minimal", join="outer").assign_attrs(table.attrs)
    text = finding("radius", both, changed(rates, {"variable": "alpha_hat"}, run_slope_lower=np.nan))
    means = both["run_mean"].sel(variable="alpha_hat", steps=8).values
    assert text.startswith(
        rf"$\hat\alpha$ grows from ${means[0]:.3g}$ at $m=64$ to $9$ at $m=2^{{12}}$ "
        "(means over runs; beyond chance where these have intervals, from $m=64$ to $2^{10}$)"
    )
    assert answer(both, rates).radius.value == 9.0
    fallen = changed(both, {"variable": "alpha_hat", "steps": 8, "m": 4096}, run_mean=means[0] / 2)
    assert finding("radius", fallen, rates) == ""


@pytest.mark.parametrize(
    ("low", "slope", "high", "last", "words"),
    [
        (-0.77, -0.75, -0.73, -0.76, r"falls as $m^{-3/4}$ at held-out inputs"),
        (-0.699, -0.665, -0.632, -0.72, r"approaches $m^{-3/4}$ at held-out inputs (slope $-0.665$"),
        (-0.699, -0.665, -0.632, -0.702, ""),
        (-0.745, -0.740, -0.735, -0.73, ""),
        (-0.9, -0.7, -0.4, -0.75, ""),
        (np.nan, -0.75, np.nan, -0.75, ""),
    ],
)
def test_training_falls_as_the_limit_or_approaches_it_or_nothing_is_said(
    tables, low, slope, high, last, words
):
    """The slope between the two largest widths is known to 0.04: -0.72 reaches -3/4, -0.702 does not."""
    table, rates = tables["trained"]
    at = {"quantity": "linearization_error", "statistic": "rms", "steps": 8}
    values = {"slope_lower": low, "slope": slope, "slope_upper": high, "local_slope_last": last}
    values |= {"local_slope_last_lower": last - 0.04, "local_slope_last_upper": last + 0.04}
    values |= {"training_slope_lower": np.nan, "training_slope_upper": np.nan}
    text = finding("training_rate", table, changed(rates, at, **values))
    assert words in text
    assert bool(text) == bool(words)


@pytest.mark.parametrize("name", ["one-width", "own-laws", "trained"])
def test_article_and_summary_say_what_the_figures_say(tables, name):
    pair = tables[name]
    figures = {f"{name}-{figure}": f"<svg id='{figure}'/>" for figure in planned(pair[0])}
    captions = {figure: f"The {figure}. How to read it." for figure in TOPICS}
    grids_, trained = ([], [pair]) if name == "trained" else ([pair], [])
    page = render([], grids_, figures, captions, "# Proofs", "# Notes", trained)
    said = [
        finding(figure, *pair)
        for figure in ("rate", "radius", "training_rate", "twin")
        if figure in planned(pair[0])
    ]
    summary = " ".join(summarise(grids_, trained).split())
    for text in filter(None, said):
        assert str(inline(text)) in page
        assert f"{plain_text(text)}." in summary
    for number, figure in enumerate(planned(pair[0]) if trained else []):
        alt = f"The {figure}: {plain_text(headline(figure, *pair))}. How to read it."
        assert f'aria-label="{html.escape(alt)}"' in page, number
    assert ('aria-label="The rate:' in page) == (name == "own-laws")
    assert any(said) == (name != "one-width")


def test_runs_that_diverged_are_said_instead_of_a_finding(tables):
    table, rates = tables["trained"]
    ended = changed(table, {"status": "diverged"}, run_status=2)
    assert all(headline(f, ended, rates).startswith("6 of 390 runs diverged") for f in TRAINING_FIGURES)
    still = changed(table, {"quantity": "linearization_error"}, rms=0.0)
    assert headline("training_rate", still, rates) == "$E=0$ in every run"


def test_one_run_that_diverged_is_one(tables):
    table, rates = tables["trained"]
    ended = changed(table, {"status": "diverged", "m": table["m"].values[0]}, run_status=1)
    assert headline("radius", ended, rates).endswith("runs diverged, and is shown up to there")
    assert "1 of " in headline("radius", ended, rates)


def test_flips_fall_from_every_width_to_the_next(tables):
    table, rates = tables["trained"]
    assert finding("flips", table, rates).startswith("The wider the network")
    first, second = table["m"].values[:2]
    share = table["run_mean"].sel(variable="flipped_neurons", m=first).isel(steps=-1)
    at = {"variable": "flipped_neurons", "m": second, "steps": table["steps"].values[-1]}
    assert finding("flips", changed(table, at, run_mean=1.5 * share), rates) == ""


def test_a_law_is_the_same_at_every_dimension_or_falls(tables):
    table, rates = tables["default-like"]
    at = {"quantity": "linearization_error", "perturbation": "sphere", "alpha": 1.0, "statistic": "rms"}
    d = rates["d"].values
    falling = 1.0 - 0.02 * np.arange(d.size) / d.size
    slightly = rates.copy(deep=True)
    for end, change in (("lower", -0.001), ("upper", 0.001)):
        slightly[f"constant_{end}"].loc[at] = falling + change
    text = finding("dimension", table, slightly)
    assert "sphere" in text
    assert "falls" not in text


def test_the_ladder_leaves_no_width_out_and_names_one_number_once(tables):
    table, rates = tables["default-like"]
    one = table.isel(m=[0], delta=[0])
    assert re.search(r"Theorem 1 is \S+ times the quantile", finding("ladder", one, rates))
    at = {"quantity": "linearization_error", "m": table["m"].values[0]}
    for value in (0.0, np.nan):
        assert finding("ladder", changed(table, at, bound_exact=value), rates) == ""


def test_exponents_of_balls_are_named_where_the_slopes_are_known(monkeypatch):
    from ntk_core.datasets.statistics import Slope
    from ntk_core.theory.norm_ball import exponent

    norms = importlib.import_module("ntk_core.claims.headlines.norms")  # the package has such a function
    table = xr.Dataset(coords={"m": 2 ** np.arange(6, 12)})
    for half, named in ((0.01, True), (1.0, False), (np.nan, False)):

        def slope(_, q, half=half):
            return Slope(-exponent(q), -exponent(q) - half, -exponent(q) + half, 64.0, 6)

        monkeypatch.setattr(norms, "slope", slope)
        assert norms.norms(table, table).startswith("What makes") == named


def drawn_on(box, line) -> bool:
    """Whether a line, as far as it is inside its panel, crosses the box of a text."""
    path = line.get_transform().transform_path(line.get_path())
    if line.get_clip_on():
        path = path.clip_to_bbox(line.axes.bbox)
    return bool(path.vertices.size) and path.intersects_bbox(box, filled=False)


def texts_of(drawn) -> list[Text]:
    """All that is written; of tick labels those inside their axis, as others are not drawn."""
    ticks = {
        ax: [tick for axis in (ax.xaxis, ax.yaxis) for tick in axis._update_ticks()] for ax in drawn.axes
    }
    labels = {label for ax in drawn.axes for tick in ticks[ax] for label in (tick.label1, tick.label2)}
    every = {
        label for ax in drawn.axes for axis in (ax.xaxis, ax.yaxis)
        for tick in (*axis.majorTicks, *axis.minorTicks) for label in (tick.label1, tick.label2)
    }  # fmt: skip
    return [
        text
        for text in drawn.findobj(Text)
        if text.get_visible() and text.get_text().strip() and (text in labels or text not in every)
    ]


def test_numbers_below_neighbouring_panels_stay_apart(tables):
    """By a letter at least, for the longest level that the default grid has."""
    with style.context():
        drawn = module("delta").draw(*tables["default-like"])
        drawn.draw_without_rendering()
        plt.close(drawn)
    boxes = [
        [label.get_window_extent() for label in ax.get_xticklabels() if label.get_text()] for ax in drawn.axes
    ]
    assert {label.get_text() for label in drawn.axes[0].get_xticklabels()} == {"0.001", "0.1", "0.5"}
    for left, right in itertools.pairwise(boxes):
        gap = min(box.x0 for box in right) - max(box.x1 for box in left)
        assert gap > style.SMALL * drawn.dpi / 72.0


@pytest.mark.parametrize("name", [*grids.DRAWN, "trained"])
def test_texts_lie_inside_the_canvas_and_apart_and_nothing_is_empty(tables, name):
    table, rates = tables[name]
    spec = json.loads(table.attrs["spec"])
    for figure in planned(table):
        if figure == "failure" and name != "one-law":
            continue  # it is the same in all
        with style.context():
            drawn = module(figure).draw(table, rates)
            drawn.draw_without_rendering()
            plt.close(drawn)
        canvas, texts = drawn.bbox, []
        for text in texts_of(drawn):
            box = text.get_window_extent()
            place = (figure, text.get_text())
            assert canvas.x0 - 1 <= box.x0 <= box.x1 <= canvas.x1 + 1, place
            assert canvas.y0 - 1 <= box.y0 <= box.y1 <= canvas.y1 + 1, place
            texts.append((text, box))
        for i, (one, box) in enumerate(texts):
            for other, beside in texts[:i]:
                width = min(box.x1, beside.x1) - max(box.x0, beside.x0)
                height = min(box.y1, beside.y1) - max(box.y0, beside.y0)
                assert min(width, height) < 2.0, (figure, one.get_text(), other.get_text())
        lines = [line for ax in drawn.axes for line in (*ax.lines, *ax.artists)]
        for text, box in texts:
            crossed = [line.get_label() for line in lines if drawn_on(box.padded(-1.0), line)]
            assert not crossed, (figure, text.get_text(), crossed)
        for ax in drawn.axes:
            drawn_at = [line.get_xdata() for line in ax.lines if isinstance(line.get_xdata(), np.ndarray)]
            assert figure == "failure" or np.unique(np.concatenate(drawn_at)).size > 1, figure
            shared = [twin for twin in drawn.axes if ax.get_shared_y_axes().joined(ax, twin)]
            numbers = {label for twin in (ax, *shared) for label in twin.get_yticklabels(which="both")}
            assert numbers & {text for text, _ in texts}, figure
            handles, labels = ax.get_legend_handles_labels()
            for handle, label in zip(handles, labels, strict=True):
                line = handle.lines[0] if hasattr(handle, "lines") else handle
                assert np.isfinite(line.get_ydata()).any(), (figure, label)
        words = drawn._supxlabel.get_text() + drawn._suptitle.get_text()
        assert not re.search(r"\bnan\b|\bNone\b|(?<!\w)-\d", re.sub(r"\$[^$]*\$", "", words)), figure
        assert not re.search(r"\$-?[\d.]+\$", drawn._suptitle.get_text()), figure  # a formula is not bold
        bars = any(c.has_yerr for ax in drawn.axes for c in ax.containers if hasattr(c, "has_yerr"))
        assert bars or "bars:" not in words, figure
        for law in ("sphere", "adversarial", "aligned"):
            if law not in spec.get("perturbation", grids.LAWS):
                assert law not in words, figure
