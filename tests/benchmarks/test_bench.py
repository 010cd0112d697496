"""The benchmarks' own logic: nothing here depends on how long anything takes, or on the peers being there."""

from __future__ import annotations

import copy
import json
import re
import resource
import subprocess
import sys
import time
from importlib.metadata import packages_distributions
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import ROOT
from packaging.utils import canonicalize_name
from requirements import locked, project, required

from benchmarks import (
    chance,
    compare,
    cpu,
    efficiency,
    equality,
    machine,
    paper,
    pipeline,
    report,
    reproduce,
    snakemake_call,
    tail,
    widths,
    worker,
)
from benchmarks.__main__ import compare_with, race
from benchmarks.contenders import CONTENDERS, blas_numpy, floor, naive_numpy, ntk_band
from benchmarks.point import LAWS as RACE_LAWS
from benchmarks.point import QUANTITIES, Point
from benchmarks.race import FLOORS, OURS, Entry, Panel, Process, panels, time_panel
from ntk_core import network, quantities
from ntk_core.claims import LEDGER
from ntk_core.laws import LAWS

RESULTS = ROOT / "benchmarks" / "results"
LOCKS = ("benchmarks/requirements.lock", "benchmarks/torch.lock")


def by_definition(point: Point, w0, c, u):
    root = np.sqrt(point.m)
    return [
        network.linearization_error(point.x, w0, c, u),
        np.count_nonzero(network.sign_changes(point.x, w0, u)) / point.m,
        np.abs(network.signed_delta1(point.x, w0, c, u) * root) / root,
        np.abs(network.signed_delta2(point.x, w0, c, u)),
        np.count_nonzero(network.band(point.x, w0, point.radius)) / point.m,
    ]


@pytest.mark.parametrize("law", RACE_LAWS)
@pytest.mark.parametrize(("m", "d", "alpha"), [(2, 1, 1.0), (10, 2, 3.0), (300, 7, 1.0)])
def test_numpy_contenders_agree_with_the_definitions_on_the_same_draws(law, m, d, alpha):
    point = Point(law, m, d, alpha)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        half, signs = rng.standard_normal((m // 2, d)), rng.choice([-1.0, 1.0], m // 2)
        w0, c = network.symmetric_initialization(half, signs)
        u = LAWS[law].weights(np.random.default_rng(seed), point.x, w0, c, point.radius)
        expected = pytest.approx(by_definition(point, w0, c, u), abs=1e-13)
        drawn = naive_numpy.displacement(np.random.default_rng(seed), point, w0, c)
        assert drawn == pytest.approx(u, abs=1e-14)
        assert naive_numpy.quantities(point, w0, c, u) == expected
        a = w0 @ point.x
        b = blas_numpy.projections(np.random.default_rng(seed), point, a, c)
        assert blas_numpy.quantities(point, a, b, c) == expected


def test_a_law_that_no_contender_draws_is_refused():
    with pytest.raises(
        ValueError, match="law of a point is frobenius; allowed: adversarial, aligned, sphere"
    ):
        Point("frobenius", 64, 2, 1.0)


def test_quantities_have_the_order_of_the_samplers():
    assert tuple(quantities.QUANTITIES) == QUANTITIES


def test_the_floor_draws_as_many_numbers_as_the_band_has_neurons():
    point = Point("adversarial", 4096, 3, 1.0)
    drawn = ntk_band.prepare(point, 1, 1)(8192)
    fraction = drawn[list(QUANTITIES).index("band_fraction")]
    assert floor.band_neurons(point) == pytest.approx(point.m * fraction.mean(), rel=0.01)


def draw(module, spoil=lambda values: values):
    return lambda point, runs: spoil(module.prepare(point, 1, 1)(runs))


def test_equal_contenders_pass_and_spoiled_ones_are_named():
    def longer(values):
        return values * np.array([1.1, 1.0, 1.0, 1.0, 1.0])[:, None]

    def repeated(values):
        return np.repeat(values[:, :32], values.shape[1] // 32, axis=1)

    contenders = {
        "blas": draw(blas_numpy),
        "band": draw(ntk_band),
        "error off by a tenth": draw(ntk_band, longer),
        "weights not drawn anew": draw(ntk_band, repeated),
        "two quantities exchanged": draw(ntk_band, lambda values: values[[0, 1, 3, 2, 4]]),
        "not a number": draw(ntk_band, lambda values: values * np.nan),
        "a quantity short": draw(ntk_band, lambda values: values[:4]),
        "another width": lambda point, runs: ntk_band.prepare(
            Point(point.law, point.m + 2, point.d, point.alpha), 1, 1
        )(runs),
    }
    failures = equality.failures(contenders)
    assert list(contenders)[2:] == sorted(failures, key=list(contenders).index)
    assert failures["error off by a tenth"].startswith("linearization_error at adversarial, m = 10")


class FakeWorker:
    """A contender whose runs take what it is told; draws are real."""

    unit, left_out, versions = 1, None, {"numpy": "2"}

    def __init__(self, contender: str, seconds: float, spoiled: bool = False) -> None:
        self.contender, self.taken, self.spoiled = contender, seconds, spoiled

    def seconds(self, point: Point, runs: int) -> float:
        return self.taken * runs

    def draw(self, point: Point, runs: int):
        if self.contender in FLOORS:
            return np.full((5, runs), np.nan)
        return draw(ntk_band)(point, runs) * (2.0 if self.spoiled else 1.0)


class FakeWorkers:
    """What takes as long as `seconds` says (1 ms if it doesn't), on two cores."""

    cores = (1, 0)

    def __init__(self, seconds=None, spoiled: str = "", missing: str = "") -> None:
        self.processes: dict[tuple[str, int], FakeWorker] = {}
        self.seconds, self.spoiled, self.missing = seconds or {}, spoiled, missing

    def __call__(self, entry: Entry) -> FakeWorker:
        name = entry.contender
        one = FakeWorker(name, self.seconds.get(name, 1e-3), name == self.spoiled)
        one.left_out = "ImportError: none" if name == self.missing else None
        return self.processes.setdefault((name, entry.cores), one)


@pytest.fixture(scope="module")
def raced(tmp_path_factory):
    """A whole race of fakes, and where it was written."""
    output = tmp_path_factory.mktemp("race")
    assert race(FakeWorkers(missing="with_torch"), "adversarial", 2, output) == 0
    return json.loads((output / "bench.json").read_text()), output


def test_a_race_writes_result_tables_and_figure(raced):
    result, output = raced
    assert {file.name for file in output.iterdir()} == {"bench.json", "bench.md", "bench.svg", "bench.png"}
    assert result["left_out"].keys() == {"with_torch"}
    assert "Left out:** PyTorch (torch.func). It does not start (ImportError: none)." in report.markdown(
        result
    )
    for panel in result["panels"]:
        assert {entry["contender"] for entry in panel["entries"]} >= {"ntk_band", *FLOORS}
        cores = {entry["cores"] for entry in panel["entries"]}
        assert cores == {entry["cores"] for entry in panel["entries"] if entry["contender"] == "floor"}
        assert all(entry["to_floor"]["median"] == 1.0 for entry in panel["entries"])
        assert all(entry["contender"] != "with_torch" for entry in panel["entries"])


def test_a_race_with_an_unequal_contender_names_it_and_fails(tmp_path, capsys):
    assert race(FakeWorkers(spoiled="with_jax"), "aligned", 2, tmp_path / "out") == 1
    errors = capsys.readouterr().err
    assert "NOT EQUAL" in errors
    assert re.findall(r"dense sampler: (\w+), (\d)", errors) == [("with_jax", "1"), ("with_jax", "2")]
    assert not (tmp_path / "out").exists()


def test_ours_missing_is_an_error(tmp_path):
    with pytest.raises(RuntimeError, match="ntk_band can't race"):
        race(FakeWorkers(missing="ntk_band"), "aligned", 2, tmp_path)


@pytest.mark.parametrize(
    ("seconds", "slower"),
    [
        ({}, 0),
        ({"ntk_band": 2e-3}, 33),  # a planted slowdown
        ({"ntk_dense": 2e-3}, 3),
        ({"ntk_band": 1.4e-3}, 0),
        ({"floor": 2e-3, "ntk_band": 2e-3, "ntk_dense": 2e-3}, 0),  # another machine, half as fast
        ({"floor": 0.5e-3}, 36),  # twice as fast, but ours is not
    ],
)
def test_comparison_finds_what_is_slower_relative_to_the_floor(raced, capsys, seconds, slower):
    code = compare_with(FakeWorkers(seconds), raced[1] / "bench.json", 2)
    lines = capsys.readouterr().out.splitlines()
    assert code == (slower > 0)
    assert sum("slower by factor 2.00" in line for line in lines) == slower
    assert len(lines) == 36 + 1
    assert lines[-1].startswith(f"{slower} slower than 1.5 times")


def test_comparison_looks_twice_before_it_says_slower(raced, capsys):
    """A disturbance that is gone the second time is not a slowdown."""

    class Disturbed(FakeWorker):
        calls = 0

        def seconds(self, point, runs):
            self.calls += 1
            return super().seconds(point, runs) * (3.0 if self.calls <= 4 else 1.0)

    workers = FakeWorkers()
    workers.processes["ntk_dense", 1] = Disturbed("ntk_dense", 1e-3)
    assert compare_with(workers, raced[1] / "bench.json", 2) == 0
    assert "slower by" not in capsys.readouterr().out


def test_comparison_is_of_ratios_not_seconds_and_of_ours_alone(raced):
    stored, _ = raced
    measured = copy.deepcopy(stored)
    for panel in measured["panels"]:
        for entry in panel["entries"]:
            entry["seconds"] = {name: 1e6 * value for name, value in entry["seconds"].items()}
            if entry["contender"] not in OURS:
                entry["to_floor"]["median"] *= 10
    assert {one.factor for one in compare.compare(measured, stored, 1.5)} == {1.0}
    with pytest.raises(ValueError, match="no point in common"):
        compare.compare({"panels": []}, stored, 1.5)


def test_ratio_to_the_floor_is_taken_round_by_round():
    """A machine that is ten times slower in some rounds changes times but not ratios."""
    pace = {"rounds": 0.0}

    class Paced(FakeWorker):
        def seconds(self, point, runs):
            if self.contender == "floor":
                pace["rounds"] += 1
            return super().seconds(point, runs) * (10.0 if pace["rounds"] % 2 else 1.0)

    point = Point("adversarial", 64, 2, 1.0)
    panel = Panel("", tuple(Entry(name, point) for name in ("floor", "ntk_band")))
    made = {"floor": Paced("floor", 1e-3), "ntk_band": Paced("ntk_band", 3e-3)}
    floor_record, band_record = time_panel(panel, lambda entry: made[entry.contender], 6)
    assert band_record["to_floor"] == {"median": 3.0, "low": 3.0, "high": 3.0}
    assert floor_record["seconds"]["high"] == pytest.approx(10 * floor_record["seconds"]["low"])


def test_tables_line_up():
    record = {"law": "sphere", "m": 1024, "d": 3, "alpha": 1.0, "cores": 1, "runs_a_round": 1}

    def entry(contender, median, ratio):
        spread = {"median": median, "low": 0.5 * median, "high": 12.345 * median}
        return record | {"contender": contender, "seconds": spread, "to_floor": {"median": ratio}}

    entries = [entry("with_jax", 0.012345, 12345.6), entry("ntk_band", 2e-6, 2.0), entry("floor", 1e-6, 1.0)]
    machine = {"processor": "P", "cores": 2, "system": "S", "versions": {"python": "3"}}
    result = {
        "command": "c",
        "machine": machine,
        "rounds": 5,
        "equality": {"tests": 1, "runs": 2, "false_alarm": 0.001},
        "left_out": {},
        "panels": [{"title": "T", "entries": entries}],
    }
    table = report.markdown(result).split("## T\n\n")[1].splitlines()
    assert table == [
        "| contender                | median a run |      least … most | × floor | × band |",
        "| ------------------------ | -----------: | ----------------: | ------: | -----: |",
        "| JAX (jax.linearize, jit) |      12.3 ms |  6.17 ms … 152 ms |  12,346 |  6,172 |",
        "| ntk-core, band           |      2.00 µs | 1.00 µs … 24.7 µs |    2.00 |   1.00 |",
        "| floor                    |      1.00 µs |  500 ns … 12.3 µs |    1.00 |   0.50 |",
    ]


def test_a_worker_is_pinned_and_answers_and_one_that_cannot_start_says_why():
    core = max(worker.os.sched_getaffinity(0)) if hasattr(worker.os, "sched_getaffinity") else 0
    process = Process("naive_numpy", [core])
    try:
        assert process.left_out is None
        assert set(process.versions) == {"numpy"}
        point = Point("sphere", 6, 2, 1.0)
        first, second = process.draw(point, 3), process.draw(point, 3)
        assert first.shape == (5, 3)
        assert not np.array_equal(first, second)
        assert process.seconds(point, 3) > 0
    finally:
        process.close()
    (greeting,) = worker.serve("none_of_this_name", 1, iter(()))
    assert greeting["left_out"].startswith("ModuleNotFoundError")


def test_reasons_carry_no_paths():
    text = "ImportError: cannot import name 'A' from 'b.c' (/home/of/some-one/b/c.py)"
    assert worker.without_paths(text) == "ImportError: cannot import name 'A' from 'b.c'"


def test_every_contender_is_a_module_with_a_side():
    files = {path.stem for path in (ROOT / "benchmarks" / "contenders").glob("[a-z]*.py")}
    assert files == set(CONTENDERS)
    assert {contender.side for contender in CONTENDERS.values()} == {"peer", "ours", "floor"}


def test_the_stored_result_covers_the_race_and_matches_its_tables():
    stored = json.loads((RESULTS / "bench.json").read_text())
    keys = {
        (entry["contender"], entry["law"], entry["m"], entry["d"], entry["alpha"], entry["cores"])
        for panel in stored["panels"]
        for entry in panel["entries"]
    }
    for panel in panels("adversarial"):
        for entry in panel.entries:
            if entry.contender in (*OURS, *FLOORS):
                point = entry.point
                assert (entry.contender, point.law, point.m, point.d, point.alpha, entry.cores) in keys
    assert (RESULTS / "bench.md").read_text() == report.markdown(stored)
    assert not re.search(r"(?<!\w)/(?:home|root|tmp|work|usr|opt)\b", (RESULTS / "bench.md").read_text())


def test_lock_of_the_race_is_pinned_by_hash_and_holds_no_address():
    for path in LOCKS:
        text = (ROOT / path).read_text()
        assert text.count("--hash=sha256:") >= len(re.findall(r"^[A-Za-z0-9._-]+==", text, re.M)) > 0
        assert not re.search(r"://|--index|--find-links|nvidia|cuda", text)
    lock = locked(LOCKS[0])
    for name, versions in required(project()["dependencies"]).items():
        assert all(version in versions for version in lock[name])


def test_the_lock_of_the_race_has_all_that_its_command_imports():
    """Its environment has no other packages: `make bench` once lacked one that only another command uses."""
    lock = locked(LOCKS[0]).keys() | {"ntk-core"}
    lacking = [
        module
        for module, owners in packages_distributions().items()
        if not {canonicalize_name(owner) for owner in owners} & lock
    ]
    assert "psutil" in lacking
    script = f"import sys; sys.modules.update(dict.fromkeys({lacking!r})); import benchmarks.__main__"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


def test_seconds_of_the_rules_are_read_from_snakemakes_messages():
    output = """
[Tue Nov 24 08:10:37 2026]
Job 20: Simulating wide at m = 64, seeds 0 to 1024
[Tue Nov 24 08:10:38 2026]
Job 21: Simulating wide at m = 64, seeds 1024 to 2048
[Tue Nov 24 08:10:49 2026]
Finished jobid: 21 (Rule: simulate)
[Tue Nov 24 08:10:50 2026]
Finished jobid: 20 (Rule: simulate)
[Tue Nov 24 08:10:50 2026]
localrule all:
    jobid: 0
[Tue Nov 24 08:10:51 2026]
Finished jobid: 0 (Rule: all)
"""
    assert pipeline._rules(output) == {"simulate": (2, 24.0), "all": (1, 1.0)}


def pipeline_of(route: pipeline.Route, raw_write: float) -> pipeline.Pipeline:
    kernels, workflow = pipeline.Seconds(30.0, 50.0), pipeline.Seconds(60.0, 80.0)
    sizes = 20_000, 5 * 10**6, 3 * 10**6, 5 * 10**8
    return pipeline.Pipeline(route, 1000, 2, kernels, raw_write, workflow, *sizes, {"simulate": (2, 24.0)})


def test_the_pipeline_is_compared_with_kernels_and_the_stored_one_with_raw_writing_too():
    stored, kept = pipeline_of("runs", 10.0), pipeline_of("aggregates", 0.0)
    text = pipeline.markdown(stored, "python -m benchmarks pipeline", "A machine")
    assert re.search(r"\| ratio +\| +1\.50 \| +1\.60 \|", text)
    assert "Largest process: 500 MB. `runs.nc`: 20.0 kB, 20 bytes a run." in text
    assert "All results, shards included: 5.0 MB; the largest file: 3.0 MB." in text
    assert re.search(r"\| simulate +\| +2 \| +24 \|", text)
    assert pipeline.record(stored)["ratio"] == 1.5
    assert pipeline.record(kept)["ratio"] == 2.0
    assert "raw bytes" not in pipeline.markdown(kept, "python -m benchmarks pipeline", "A machine")


def test_a_route_changes_what_drawn_experiments_keep_and_their_seeds_alone():
    content = yaml.safe_load((ROOT / "config/examples/tiny.yaml").read_text())
    content["experiments"]["trained"] = {"kind": "trained", "seeds": 4}
    routed = pipeline.on_route(content, "aggregates", 10)
    assert routed["experiments"]["trained"] == {"kind": "trained", "seeds": 4}
    for name in ("small", "small_dense"):
        before, after = content["experiments"][name], routed["experiments"][name]
        assert after == before | {"keep": "aggregates", "seeds": 10 * before["seeds"]}


def test_time_by_a_line_through_two_sizes():
    sizes = [pipeline.record(pipeline_of("aggregates", 0.0)) for _ in range(2)]
    sizes[1] |= {"runs": 3000, "kernels": {"wall": 90.0}, "workflow": {"wall": 120.0}}
    assert tail.line(sizes, 10_000) == {"slope": 0.03, "start": 30.0, "expected": 330.0, "linear": 1.0}


def test_a_call_counts_the_processes_that_it_waited_for(tmp_path, monkeypatch):
    """The fake leaves all work to a child; what it prints comes back, and its failure is an error."""
    work = "bytearray(300_000_000); sum(range(10_000_000))"
    (tmp_path / "snakemake.py").write_text(
        "import subprocess, sys\n"
        f"subprocess.run([sys.executable, '-c', '{work}'], check=True)\n"
        "print(*sys.argv[1:])\n"
        "sys.exit('--fail' in sys.argv)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    began = time.process_time()
    sum(range(10_000_000))
    alone = time.process_time() - began
    call = snakemake_call.call_snakemake(tmp_path, Path(sys.executable), "--cores", "2")
    assert call.output == f"--snakefile {tmp_path / 'Snakefile'} --cores 2\n"
    assert call.cpu > 0.2 * alone
    own = (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    )  # Linux counts what a child is forked from
    assert 3e8 < call.peak < max(6e8, 1.1 * own)
    with pytest.raises(RuntimeError, match=r"Snakemake failed in .*:\n.*--fail"):
        snakemake_call.call_snakemake(tmp_path, Path(sys.executable), "--fail")


@pytest.fixture
def checkout(tmp_path):
    """Another checkout that has an environment, or what looks like one."""
    python = tmp_path / "other/.venv/bin/python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    return tmp_path / "other"


def test_checkouts_take_turns_and_are_compared_in_units_of_the_workload(checkout, monkeypatch):
    turns = []

    def call(root, python, *arguments):
        turns.append((root, arguments[-1]))
        return snakemake_call.Call("", 9.0, 6.0 if root == ROOT else 12.0, 1)

    monkeypatch.setattr(cpu, "call_snakemake", call)
    monkeypatch.setattr(cpu, "workload", lambda: 0.5)
    monkeypatch.setattr(cpu.subprocess, "run", lambda *_, **__: None)
    measured = cpu.measure(["tiny", "dry"], 2, 2, checkout)
    each = [ROOT, checkout]
    assert [root for root, _ in turns] == [*each, *each, *each, *each]
    assert {argument for _, argument in turns} == {"config/examples/tiny.yaml", "--dry-run"}
    assert [one["units"] for one in measured] == [12.0, 24.0, 12.0, 24.0]
    text = cpu.markdown(measured, "python -m benchmarks cpu", "A machine")
    assert re.search(r"\| config/examples/tiny.yaml +\| +this \| +12.0 \| +6.0 \| +9.0 \| +0.50 \|", text)
    (checkout / ".venv/bin/python").unlink()
    with pytest.raises(SystemExit, match="does not exist; call `make"):
        cpu.measure(["dry"], 1, 2, checkout)


def test_a_statement_that_comes_out_otherwise_than_archived_is_said_so(tmp_path, monkeypatch):
    """The fake run takes a minute, and the fake judge prints L2 in other words than those archived."""
    texts = {name: f"{name}, in the words archived" for name in LEDGER}

    def judge(command, folder, failure):
        text = "other words" if command[-1] == "L2" else texts[command[-1]]
        return snakemake_call.Call(f"Archived experiments: e\n\n{text}\n", 2.0, 3.0, 10**8)

    run = snakemake_call.Call("", 9.0, 60.0, 3 * 10**8)
    monkeypatch.setattr(reproduce, "call_snakemake", lambda *_: run)
    monkeypatch.setattr(reproduce, "measured_call", judge)
    monkeypatch.setattr(reproduce, "_archived", lambda results: texts)
    measured = reproduce.measure(2, tmp_path)
    assert list(measured) == [reproduce.RUN, *LEDGER]
    assert [name for name in LEDGER if not measured[name]["same"]] == ["L2"]
    text = reproduce.markdown(measured, "python -m benchmarks reproduce", "A machine")
    assert re.search(r"\| `make run` +\| +9 \| +60 \| +300 \| +\|", text)
    assert re.search(r"\| `L2` +\| +2 \| +3 \| +100 \| +NO \|", text)
    assert re.search(r"\| `T1` +\| +2 \| +3 \| +100 \| +yes \|", text)


def test_the_chance_of_a_wrong_interval_is_that_of_the_samples():
    """Normal values, for which Student's intervals of 64 runs miss 1 %, of 2000; of 4 runs no fit has one."""
    values = 10.0 + np.random.default_rng(3).standard_normal(64 * 2000)
    given, missed, normal = chance.Sample.of(values, 64).shares()
    assert given > 0.99
    assert 0.001 < missed < 0.02
    assert missed < normal < 0.03
    few = [chance.Sample.of(values, 4)] * 2
    assert chance.slope_shares(np.array([1.0, 2.0]), few, 2)[:2] == (0.0, 0.0)
    record = {"runs": 4, "archives": 3, "false": 0, "means": [0.0, 0.0, 0.1], "slopes": [0.0, 0.0, 0.1]}
    assert "0 of 3" in chance.markdown([record], "chance", "here")


def test_the_stored_ratios_by_width_are_those_of_the_table():
    stored = json.loads((RESULTS / "widths.json").read_text())
    text = widths.markdown(stored["results"], stored["command"], machine.sentence(stored["machine"]))
    assert (RESULTS / "widths.md").read_text() == text
    assert {(row["law"], row["d"], row["exponent"]) for row in stored["results"]} == {
        (law, d, exponent) for law, d in widths.LAWS for exponent in widths.RUNS
    }


@pytest.mark.parametrize("law", ["adversarial", "sphere"])
def test_parts_of_a_run_are_of_as_many_runs_as_the_whole(law):
    for version, block in ((3, 1024), (4, 4096)):
        cell = widths.Cell("band", law, 64, 2, 1.0, version=version)
        sizes = {part: np.shape(work()) for part, work in widths._parts(cell, 4096).items()}
        assert sizes["run"] == (len(QUANTITIES), 4096)
        assert sizes["counts"] == (4096 // block, block)
        assert sizes["quantities"] == (4096 // block, len(QUANTITIES), block)


def test_sleeping_tasks_leave_less_than_all_of_the_time_and_give_as_many_bytes():
    assert efficiency.sleep((0.0, 1000, None)).nbytes == 1000
    route = {"seconds": 0.05, "given": 1000, "work": None}
    assert 0.0 < efficiency._efficiencies("threads", 2, [route])[0] <= 1.0


def test_the_paper_adds_up():
    """The stored results are those of the stored inputs, by the command's arithmetic and by hand."""
    stored = json.loads((RESULTS / "paper.json").read_text())
    inputs, results = stored["results"]["inputs"], stored["results"]["results"]
    again = paper.results(inputs)
    assert again == pytest.approx(results, rel=1e-12)
    text = paper.markdown(stored["results"], stored["command"], machine.sentence(stored["machine"]))
    assert (RESULTS / "paper.md").read_text() == text
    mean = sum(inputs["run_seconds"].values()) / 10  # as many runs at each of ten widths
    assert results["runs"] >= paper.RUNS
    assert results["core_hours"] == pytest.approx(results["runs"] * mean / 3600)
    lower = (3600 * results["core_hours"] + results["jobs"] * inputs["job_seconds"]) / paper.CORES
    assert lower <= 60 * results["wall_minutes"] <= lower + 60 * results["longest_job_minutes"]
    assert results["jobs"] <= 5000 < 2 * results["jobs"] or results["jobs"] * 36 <= 10**6
    assert results["bytes_a_second"] * 60 * results["wall_minutes"] == pytest.approx(results["shards_bytes"])
    assert results["failures_a_day"] == pytest.approx(2.738, abs=1e-3)


def test_the_page_has_the_rows_of_the_paper():
    stored = json.loads((RESULTS / "paper.json").read_text())["results"]
    page = (ROOT / "docs" / "performance.md").read_text()
    for row in paper.rows(stored["inputs"], stored["results"])[1:]:
        assert f"| {' | '.join(row)} |" in page


def test_the_longest_job_starts_first():
    assert paper.makespan([1.0, 1.0, 2.0], 2) == 2.0
    assert paper.makespan([3.0], 10) == 3.0
    assert paper.makespan([2.0, 2.0, 2.0], 2) == 4.0
