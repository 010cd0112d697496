"""Each verdict is computed: it flips when the statement's constant is spoiled, and when the archive is."""

from __future__ import annotations

import dataclasses
import functools
import io
import json
import math
import os
import re
import shutil
import subprocess
import sys

import netCDF4
import numpy as np
import pytest
import xarray as xr
from conftest import EXPERIMENT, archive_results
from scipy.stats import binom

from ntk_core import network
from ntk_core.claims import JUDGES, LEDGER, STATEMENTS, Results, claim, inequalities, open_results, to_json
from ntk_core.claims.__main__ import main
from ntk_core.claims.beyond import MODULES
from ntk_core.claims.record import FALSE, LOOSE, SLACK, THIS_PROJECT, TRUE, UNDECIDED, Number, judge_factor
from ntk_core.claims.results import DrawnTables
from ntk_core.claims.wording import in_formula
from ntk_core.datasets.quantiles import quantile_dataset
from ntk_core.datasets.rates import rate_dataset
from ntk_core.datasets.simulation import simulate
from ntk_core.execution.workers import workers
from ntk_core.experiments.execution_model import ExecutionModel


@pytest.fixture(scope="module")
def archive(archived, client):
    return open_results([archived], client)


@pytest.fixture(scope="module")
def judged(archive):
    """The judgement on a statement, from the archive as it is, by its name: each is made once."""
    return functools.cache(lambda name: JUDGES[name](archive))


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    """A folder with a small experiment that evaluates the definitions on all weights."""
    experiment = dataclasses.replace(EXPERIMENT, name="full", sampler="dense", m=(4, 16, 64), seeds=500)
    return archive_results(experiment, tmp_path_factory.mktemp("dense"))


def test_a_share_of_runs_has_the_limits_of_the_binomial_law():
    """At each limit as many runs or more, or as few or fewer, have a probability of 1/200."""
    number = Number.share("share", 7, 50)
    assert number.value == 7 / 50
    assert binom.sf(6, 50, number.lower) == pytest.approx(0.005)
    assert binom.cdf(7, 50, number.upper) == pytest.approx(0.005)
    doubled = Number.share("the same in halves", 7, 50, 0.5)
    assert (doubled.value, doubled.lower, doubled.upper) == (0.28, 2 * number.lower, 2 * number.upper)


def verdict(name, archive, factor=1.0):
    return JUDGES[name](archive, factor).verdict


def needed(judgement):
    """The least factor with which a bound holds, from its own evidence."""
    return next(n.value for n in judgement.evidence if n.what.startswith("least factor"))


def test_the_ledger_is_complete():
    ledger = ["L1.1", "L1.2", "L2", "L3", "R1", "T1", "T1.rate", "D", "S"]
    ledger += ["L4.Δ1", "L4.Δ2", "A1", "AC", "H", "LT"]
    assert list(STATEMENTS) == ledger
    assert list(LEDGER) == list(JUDGES) == [*ledger, *MODULES]
    assert all((LEDGER[name].source == THIS_PROJECT) == (name not in ledger) for name in LEDGER)


@pytest.mark.parametrize("name", ["L1.1", "L1.2", "L2", "L3", "D"])
def test_identities_are_true_and_any_other_constant_is_false(name, archive, judged):
    assert judged(name).verdict == TRUE
    for factor in (1 - 1e-6, 1 + 1e-6):
        assert verdict(name, archive, factor) == FALSE


@pytest.mark.parametrize("name", ["T1", "L4.Δ1", "L4.Δ2", "A1", "H"])
def test_a_bound_is_true_just_above_the_factor_it_needs_and_false_just_below(name, archive, judged):
    printed = {"T1": LOOSE, "H": TRUE}.get(name, FALSE)
    assert judged(name).verdict == printed
    least = needed(judged(name))
    assert verdict(name, archive, least * 1.01) == TRUE
    assert verdict(name, archive, least * 0.99) == FALSE
    if name not in ("L4.Δ1", "L4.Δ2"):  # which are judged as A1 is, of another quantity
        assert verdict(name, archive, least * 1.2) == LOOSE


@pytest.mark.parametrize(("name", "larger"), [("AC", 1.2), ("S", 1.2), ("R1", 0.8)])
def test_sharp_statements_are_false_when_made_sharper_and_loose_when_made_weaker(
    name, larger, archive, judged
):
    """R1's factor is on the exponent, so there a smaller one is the weaker statement."""
    assert judged(name).verdict == TRUE
    assert verdict(name, archive, larger) == LOOSE
    assert verdict(name, archive, {"R1": 1.001, "AC": 0.999, "S": 0.99}[name]) == FALSE


def test_the_rate_is_true_and_any_other_exponent_is_false(archive, judged):
    assert judged("T1.rate").verdict == TRUE
    for factor in (0.999, 1.001):
        assert verdict("T1.rate", archive, factor) == FALSE


def off_the_rate(archive, archived, change):
    """The archive as if the error of its runs fell as m^(-k - change): exact quantiles move the other way."""
    item, theory = archive.experiments[0], xr.load_dataset(archived / "theory.nc")
    theory["exact_quantile"] *= (theory["m"] / 64.0) ** change
    entropy = int(item.table.attrs["entropy"])
    table = quantile_dataset(item.data, theory, item.experiment, entropy, archive.workers)
    return dataclasses.replace(archive, experiments=(dataclasses.replace(item, table=table),))


def test_archived_runs_off_the_exact_law_make_the_rate_false(archive, archived):
    """Runs at 4096 off by a fifth; the exact laws alone would not notice."""
    assert verdict("T1.rate", off_the_rate(archive, archived, 0.0)) == TRUE
    for change in (-0.05, 0.05):
        assert verdict("T1.rate", off_the_rate(archive, archived, change)) == FALSE


@pytest.mark.parametrize("seeds", [2, 3, 4])
def test_few_runs_never_make_a_true_rate_false_and_say_how_many_are_needed(seeds, archived, tmp_path, client):
    """Four archives of each size; false-alarm rate 12 · 1e-4."""
    theory = xr.load_dataset(archived / "theory.nc")
    for entropy in range(4):
        experiment = dataclasses.replace(EXPERIMENT, seeds=seeds)
        axes = {"law": EXPERIMENT.perturbation, "m": EXPERIMENT.m, "d": EXPERIMENT.d}
        runs = simulate(**axes, alpha=EXPERIMENT.alpha, runs=seeds, entropy=entropy)
        runs.to_netcdf(tmp_path / f"{entropy}.nc")
        table = quantile_dataset(tmp_path / f"{entropy}.nc", theory, experiment, entropy, client)
        rates = rate_dataset(table, experiment, entropy)
        item = DrawnTables(experiment, tmp_path / f"{entropy}.nc", table, rates)
        judgement = JUDGES["T1.rate"](Results((item,), client))
        assert judgement.verdict == TRUE
        assert np.isnan(rates["slope_lower"]).all()
        slopes = [n for n in judgement.evidence if n.what.startswith("slope of the")]
        assert slopes
        for number in slopes:
            assert number.what.endswith(f"undecided: {seeds} runs a cell; at least 24 are needed")
            assert number.lower is None


def test_runs_over_the_bound_beyond_chance_make_theorem_1_false(archive):
    item = archive.experiments[0]
    table = item.table.copy(deep=True)
    cell = {"quantity": 0, "perturbation": 0, "m": 0, "d": 0, "alpha": 0, "bound": 0, "delta": 0, "x_norm": 0}
    table["exceedances"][cell] = 20  # of 1500 at δ = 0.001
    spoiled = dataclasses.replace(archive, experiments=(dataclasses.replace(item, table=table),))
    judgement = JUDGES["T1"](spoiled)
    assert judgement.verdict == FALSE
    assert verdict("L4.Δ2", spoiled) == FALSE


@pytest.mark.parametrize(
    ("name", "variable", "value"), [("D", "linearization_error", 1e-3), ("S", "sign_change_fraction", 0.9)]
)
def test_a_single_spoiled_dense_run_is_found(name, variable, value, dense, tmp_path, client):
    """One run of six thousand, anywhere: claims read all of them."""
    folder = shutil.copytree(dense, tmp_path / "full")
    assert verdict(name, open_results([folder], client)) == TRUE
    with netCDF4.Dataset(folder / "runs.nc", "a") as file:
        file[variable][1, 2, 0, 1, 499] += value
    spoiled = open_results([folder], client)
    assert verdict(name, spoiled) == FALSE
    assert count(JUDGES[name](spoiled), "archived dense runs with") == 1


def count(judgement, words):
    """The number of the evidence whose description starts with these words."""
    return next(n.value for n in judgement.evidence if n.what.startswith(words))


def test_runs_that_cannot_contradict_a_statement_are_no_evidence_for_it(archived, dense, client):
    """Band runs make E from Δ₁ + Δ₂, and let only neurons of the band flip."""
    both = open_results([archived, dense], client)
    band_runs, dense_runs = 2 * 3 * 2 * 1500, 2 * 3 * 2 * 500
    for name in ("D", "S"):
        judgement = JUDGES[name](both)
        assert count(judgement, "archived dense runs checked: all") == dense_runs
        assert count(judgement, "archived band runs, for which the statement holds by") == band_runs
    for name in ("T1", "A1"):
        compared = count(JUDGES[name](both), "archived runs compared with the bound: all")
        assert compared == band_runs + dense_runs


@pytest.mark.parametrize(
    ("m", "d", "alpha", "seeds"), [((16, 64), 2, 1e-6, 30), ((2**17,), 1, 0.1, 6)], ids=["still", "wide"]
)
def test_rounding_of_dense_runs_makes_nothing_false(m, d, alpha, seeds, tmp_path):
    """F is a sum that cancels: its rounding does not shrink with α."""
    grid = dataclasses.replace(EXPERIMENT, sampler="dense", m=m, d=(d,), alpha=(alpha,), seeds=seeds)
    results = open_results([archive_results(grid, tmp_path / "e")], 1)
    verdicts = {name: claim(name, results).verdict for name in ("D", "T1", "T1.rate", "N1")}
    assert FALSE not in verdicts.values(), verdicts


def test_the_split_of_the_error_is_compared_with_the_error_itself(archive, monkeypatch):
    """By its definition: [∇F(w) - ∇F(w(0))]ᵀw is Δ₁ + Δ₂ whatever F is, so comparing these cannot fail."""
    error = network.linearization_error
    monkeypatch.setattr(network, "linearization_error", lambda *a: error(*a) * (1.0 + 1e-6))
    assert verdict("D", archive) == FALSE


@pytest.mark.parametrize("name", ["L4.Δ1", "L4.Δ2", "A1"])
def test_counterexamples_fail_with_the_probability_the_exact_law_says(name, judged):
    """The exact probability lies in the simulated 99 % interval; fixed seeds."""
    example = judged(name).counterexample
    exact, simulated = example.evidence
    assert exact.value > 10 * example.parameters["delta"]
    assert simulated.lower <= exact.value <= simulated.upper
    assert (example.parameters["x_norm"] > 1) == (name == "L4.Δ1")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.5, "0.5"),
        (0.001, "0.001"),
        (1e-9, "10^{-9}"),
        (1e4, "10^{4}"),
        (2e-5, r"2\times10^{-5}"),
        (1.32866e-69, r"1.32866\times10^{-69}"),
        (2.5e7, r"2.5\times10^{7}"),
    ],
)
def test_a_number_in_a_formula_is_never_in_the_notation_of_programs(value, written):
    assert in_formula(value) == written


def test_texts_of_counterexamples_and_of_evidence_have_no_notation_of_programs(judged):
    for name in ("L4.Δ1", "L4.Δ2", "A1", "H", "N1"):
        judgement = judged(name)
        texts = [number.what for number in judgement.evidence]
        texts += [judgement.counterexample.text] if judgement.counterexample else []
        assert [text for text in texts if re.search(r"\de[+-]\d", text)] == []


def test_a_failure_that_is_all_but_certain_is_not_called_certain(judged):
    text = judged("L4.Δ2").counterexample.text
    assert r"fails with probability $1-2.4\times10^{-5}$ under" in text
    rare = inequalities._counterexample([inequalities.Point(1024, 10.0, 1e-9, 0.01)], "delta2", 1.0).text
    assert rare.startswith(r"Meant to fail with probability at most $\delta=10^{-9}$, ")
    assert r": $1.03\times10^{7}$ times $\delta$" in rare


@pytest.mark.parametrize("quantity", ["delta1", "delta2", "band_fraction", "linearization_error"])
def test_the_counterexample_is_the_most_extreme_of_all_points(quantity):
    """By the exact law at every point, of which the search skips most."""
    points = [
        inequalities.Point(m, alpha, delta, x)
        for m in (4, 64, 1024)
        for alpha in (0.25, 4.0)
        for delta in (0.1, 0.001, 1e-6)
        for x in (0.01, 1.0, 1e4)
    ]
    pairs = [(inequalities._failure(quantity, point, 0.1), point) for point in points]
    for chance, point in pairs:
        assert chance <= inequalities._largest_failure(quantity, point, 0.1) * (1.0 + 1e-9)
    most = min(pairs, key=lambda pair: inequalities._extreme(*pair))
    assert inequalities._most_extreme(points, quantity, 0.1) == most


@pytest.mark.parametrize("name", ["L4.Δ1", "L4.Δ2", "A1"])
def test_the_norms_at_which_a_printed_bound_holds_end_where_the_statement_says(name, judged):
    """Up to the end of the norms no point fails; one per cent beyond it the exact probability is above δ."""
    judgement = judged(name)
    evidence = [n for n in judgement.evidence if r"holds for all $m,\alpha,\delta$" in n.what]
    end = {"L4.Δ1": 3.7512, "L4.Δ2": 0.5 * math.sqrt(2 / math.pi), "A1": math.sqrt(2 / math.pi)}[name]
    assert [n.value for n in evidence] == [pytest.approx(end, abs=2e-5)]
    assert 0.9 < count(judgement, "least factor with which it holds at that") <= 1.0
    assert count(judgement, "exact probability that the bound fails one per cent beyond") > 1.2
    words = {"L4.Δ1": r"\le x^*=3.7512\ldots$", "L4.Δ2": r"\ge1/\sqrt{2\pi}$", "A1": r"\ge\sqrt{2/\pi}$"}[
        name
    ]
    assert rf"if and only if $\|x\|{words}" in STATEMENTS[name].corrected.replace("$$", "")


def test_the_looseness_of_theorem_1_is_the_least_over_all_parameters(judged):
    judgement = judged("T1")
    least = count(judgement, "smallest ratio of the printed bound")
    assert f"at least {least:.2f} times" in STATEMENTS["T1"].corrected
    assert 1.0 / count(judgement, "least factor") > least  # of the points tried
    assert 0.99 < count(judgement, "the same for the bernstein bound") < 1.0
    assert 0.64 < count(judgement, "largest ratio of that quantile to the `sharp`") < 0.65


def test_search_reaches_the_closed_form_supremum_and_does_not_beat_it(judged):
    shares = [n.value for n in judged("T1").evidence if "share" in n.what]
    assert len(shares) == 3
    for share in shares:
        assert share == pytest.approx(1.0, abs=1e-9)


def test_records_have_the_promised_fields_and_are_the_same_bytes_every_time(archive, archived):
    names = ["L1.1", "D", "A1", "T1.rate"]
    text = to_json([claim(name, archive) for name in names])
    with workers(ExecutionModel(), 1) as one:
        assert to_json([claim(name, open_results([archived], one)) for name in names]) == text
    for record, name in zip(json.loads(text), names, strict=True):
        assert record["id"] == name
        assert {"statement", "source", "verdict", "evidence", "corrected", "counterexample"} <= set(record)
        assert record["command"] == f"python -m ntk_core.claims {name}"


def test_every_number_says_what_it_is_and_lies_in_its_interval(judged):
    for name in STATEMENTS:
        for number in judged(name).evidence:
            assert number.what
            assert np.isfinite(number.value)
            if number.lower is not None:
                assert number.lower <= number.value <= number.upper


def test_without_an_archive_exact_laws_and_draws_decide(client):
    empty = open_results([], client)
    assert verdict("A1", empty) == FALSE
    assert verdict("T1.rate", empty) == TRUE
    assert verdict("D", empty) == TRUE


def test_verdicts_by_factor():
    verdicts = [judge_factor(factor) for factor in (float("nan"), 1.1, 1 + 1e-5, 1.0, SLACK, SLACK - 1e-9)]
    assert verdicts == [UNDECIDED, FALSE, FALSE, TRUE, TRUE, LOOSE]


def test_a_reader_of_the_command_that_ends_is_no_error(tmp_path):
    """`python -m ntk_core.claims … | head -1`."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "ntk_core.claims", "AC", "--results", tmp_path]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_the_command_prints_a_judgement_and_names_the_statements_it_knows(archived, tmp_path, capsys):
    (tmp_path / "e").symlink_to(archived)
    assert main(["--results", str(tmp_path), "A1", "D"]) == 0
    out = capsys.readouterr().out
    assert "Event A₁: FALSE" in out
    assert "|B|/m = (1/m) ∑ᵢ 1{|wᵢ(0)ᵀx| ≤ α‖x‖/√m} ≤ (1/√m)[α‖x‖ + √(log(1/δ))]." in out
    assert "$" not in out
    assert "\\" not in out
    assert "Counterexample: m = " in out
    assert "Archived experiments: e" in out
    with pytest.raises(SystemExit) as stopped:
        main(["t1.rat"])
    assert stopped.value.code == 2
    error = " ".join(capsys.readouterr().err.split())
    assert "no statement t1.rat; allowed: L1.1" in error
    assert error.endswith("did you mean T1.rate?")
    with pytest.raises(SystemExit) as stopped:
        main(["--results", str(tmp_path / "nowhere"), "D"])
    assert stopped.value.code == 2
    assert "nowhere is no folder of results" in " ".join(capsys.readouterr().err.split())


def test_a_character_that_the_terminal_lacks_is_no_fault_of_the_results(tmp_path, monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["--results", str(tmp_path), "AC"]) == 0
    assert rb"\u2212" in terminal.buffer.getvalue()
