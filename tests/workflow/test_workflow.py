"""The workflow as a user calls it: what is computed, what is not, and what a bad config does."""

from __future__ import annotations

import copy
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import xarray as xr
from conftest import ROOT, SMALL, SMALL_TARGETS, Run, run_snakemake, snakemake_process
from snakemake_calls import Call

from ntk_core.figures import BALL_FIGURES
from ntk_core.figures.files import pdf
from ntk_core.quantities import QUANTITIES


def test_same_bytes_for_any_cores_shards_and_workers(finished, snakemake, small):
    """The promise of the project: how the work is spread is not in the data.

    Runs that processes draw are compared with these in cluster/test_workers.py.
    """
    assert len(list(finished.directory.glob("results/grid/shards/*/*.nc"))) == 2
    threads = {**small, "execution": {"shard_seeds": 2048, "threads": 2}}
    run = snakemake(threads, "results/grid/quantiles.nc", "results/check/runs.nc")
    assert run.code == 0, run.output
    assert len(list(run.directory.glob("results/grid/shards/*/*.nc"))) == 2 * 2
    assert run.digests() == finished.digests()
    processes = {**small, "execution": {"threads": 2, "workers": "processes"}}
    theory = "results/grid/theory.nc"  # the only job of this grid with more than one task
    spread = snakemake(processes, theory, to="processes")
    assert spread.code == 0, spread.output
    assert spread.digests(theory) == finished.digests(theory)


def test_only_what_is_new_is_computed(continued, snakemake, small):
    assert continued.jobs() == {"simulate": 3, "collect": 2, "theory": 1, "quantiles": 1}
    before = continued.digests()

    again = snakemake(small, *SMALL_TARGETS)
    assert "Nothing to be done" in again.output
    other_shards = snakemake({**small, "execution": {"shard_seeds": 1024, "threads": 2}}, *SMALL_TARGETS)
    assert "Nothing to be done" in other_shards.output

    with xr.open_dataset(continued.directory / "results/grid/runs.nc") as runs:
        old = runs.load()
    grown = copy.deepcopy(small)
    grown["experiments"]["grid"] |= {"m": [64, 256, 4096], "seeds": 3000}
    more = snakemake(grown, *SMALL_TARGETS)
    assert more.code == 0, more.output
    # the new width, and seeds 2500 to 3000 of the two old ones; the other experiment is left alone
    assert more.jobs() == {"simulate": 3, "collect": 1, "theory": 1, "quantiles": 1}
    with xr.open_dataset(continued.directory / "results/grid/runs.nc") as new:
        assert new.sizes["seed"] == 3000
        same = new.sel({name: old[name] for name in old.dims})
        for name in QUANTITIES:
            assert (same[name] == old[name]).all()

    back = snakemake(small, *SMALL_TARGETS)
    assert back.code == 0, back.output
    assert back.digests() == before

    analysis = copy.deepcopy(small)
    analysis["analysis"]["delta"] = [0.25]
    assert snakemake(analysis, "--dry-run", *SMALL_TARGETS).jobs() == {"theory": 1, "quantiles": 1}


def test_aggregates_of_more_seeds_are_added_and_have_the_bytes_of_one_run(snakemake, small, tmp_path):
    """And take the place of the runs that the experiment kept before."""
    target, pattern = "results/grid/quantiles.nc", "results/grid/*.nc"
    small["experiments"]["grid"] |= {"keep": "aggregates", "m": [64]}
    former = tmp_path / "out/results/grid/runs.nc"
    former.parent.mkdir(parents=True)
    former.write_bytes(b"")
    first = snakemake(small, target)
    assert first.code == 0, first.output
    assert not former.exists()
    assert first.jobs() == {"simulate": 1, "add": 1, "theory": 1, "quantiles": 1}
    small["experiments"]["grid"]["seeds"] = 4000
    more = snakemake(small, target)
    assert more.jobs() == {"simulate": 1, "add": 1, "quantiles": 1}
    shards = sorted(path.name for path in more.directory.glob("results/grid/shards/*/*.nc"))
    assert shards == ["m64_seeds0-2500.nc", "m64_seeds2500-4000.nc"]
    whole = snakemake(small, target, to="whole")
    assert whole.code == 0, whole.output
    assert whole.digests(pattern) == more.digests(pattern)
    assert "results/grid/aggregates.nc" in whole.digests(pattern)


def test_a_figure_is_the_same_pdf_each_time_of_the_size_of_the_svg(default_run):
    paths = sorted(default_run.run.directory.glob("results/figures/*.svg"))
    assert paths
    for path in paths:
        svg, content = path.read_text(), path.with_suffix(".pdf").read_bytes()
        assert pdf(svg) == content, path.name
        points = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', svg).groups()
        page = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", content).groups()
        assert [*map(float, page)] == pytest.approx([*map(float, points)], abs=1e-3), path.name


def test_a_lost_figure_is_drawn_again_and_comes_out_the_same(default_run, tmp_path):
    drawn = default_run.run.digests("results/figures/frobenius-*")
    assert len(drawn) == 3 * len(BALL_FIGURES)
    shutil.copytree(default_run.run.directory, tmp_path / "out")
    figures = [f"results/figures/frobenius-{name}.svg" for name in BALL_FIGURES]
    (tmp_path / "out" / figures[0]).unlink()
    again = run_snakemake(tmp_path / "out", None, *figures)
    assert again.jobs() == {"figures_frobenius": 1}
    assert again.digests("results/figures/frobenius-*") == drawn


@pytest.fixture(scope="module")
def dry(tmp_path_factory) -> Run:
    """A dry run from the command line, with the time that each import takes."""
    out = tmp_path_factory.mktemp("dry") / "out"
    with snakemake_process(out, SMALL, "--dry-run", PYTHONPROFILEIMPORTTIME="1") as process:
        output, _ = process.communicate()
    assert process.returncode == 0, output
    return Run(out, 0, output)


def test_a_call_ends_with_its_jobs_and_not_with_the_timers_of_its_scheduler(small, tmp_path):
    """Snakemake starts one for each job that has ended, here of an hour."""
    target = [*["--max-jobs-per-timespan", "100/1h", "--"], "results/check/runs.nc"]
    with snakemake_process(tmp_path / "run", small, *target) as call:
        try:
            assert "done after" in call.communicate(timeout=120)[0]
        finally:
            call.kill()
    assert call.returncode == 0


def test_dry_run_writes_no_results(dry):
    assert dry.jobs()["simulate"] == 3
    assert not (dry.directory / "results").exists()


def modules(dry):
    """What the call has loaded, by the interpreter's own log."""
    return set(re.findall(r"\| +([\w.]+)$", dry.output, re.M))


def test_a_call_loads_no_grammars(dry):
    """Those of internet addresses: two seconds, by way of the reader of notebooks that Snakemake loads."""
    loaded = modules(dry)
    assert "jsonschema" in loaded
    assert "lark" not in loaded


def test_a_call_without_old_results_loads_no_data_library(dry):
    assert not {"netCDF4", "xarray"} & modules(dry)


def test_a_config_file_replaces_the_default_one_and_keys_override(dry, snakemake):
    assert "theorem1" not in dry.output
    default = snakemake(None, "--dry-run")
    assert "theorem1" in default.output
    narrower = "experiments={theorem1: {perturbation: [sphere]}}"
    key = snakemake(None, "--dry-run", "--config", "entropy=5", narrower)
    assert "theorem1" in key.output
    assert "results/definitions/runs.nc" in key.output  # another experiment of the default config
    plan = r"\[plan\] .* runs"
    assert re.search(plan, key.output)[0] != re.search(plan, default.output)[0]

    def folders(text: str) -> set[str]:
        return {word.split("/")[3] for word in text.split() if word.startswith("results/theorem1/shards/")}

    assert folders(key.output).isdisjoint(folders(default.output))


# One of each place that refuses; test_config.py has the values.
BAD = [
    ({"m": [63]}, "experiments.grid.m[0] is 63; allowed:"),
    ({"width": [64]}, "experiments.grid.width: unknown key"),
    ({"seeds": 4 * 10**8}, "allowed:"),
    ({"seeds": 10**12}, "of memory; allowed: "),
]


def test_a_bad_config_stops_with_one_message_and_touches_nothing(continued, snakemake, small):
    before = sorted(p for p in continued.directory.rglob("*") if ".snakemake" not in p.parts)
    digests = continued.digests("results/**/*.nc")
    cases = []
    for change, message in BAD:
        config = copy.deepcopy(small)
        config["experiments"]["grid"] |= change
        cases.append((config, message))
    delta = copy.deepcopy(small)
    delta["analysis"]["delta"] = [1]
    cases.append((delta, "analysis.delta[0] is 1; allowed:"))
    for config, message in cases:
        run = snakemake(config)
        assert run.code != 0
        assert message in run.output
        assert "Traceback" not in run.output
        assert not run.jobs()
    assert sorted(p for p in continued.directory.rglob("*") if ".snakemake" not in p.parts) == before
    assert continued.digests("results/**/*.nc") == digests


def test_nothing_is_written_where_a_bad_config_is_tried_first(snakemake, small):
    small["experiments"]["grid"]["m"] = [63]
    run = snakemake(small, to="fresh")
    assert run.code != 0
    assert not (run.directory / "results").exists()
    assert not (run.directory / "logs").exists()


def test_neither_a_clone_nor_a_touch_of_the_sources_makes_anything_again(continued, small, tmp_path):
    """A change of branch gives scripts a new time stamp and may give rules another text."""
    clone = tmp_path / "clone"
    for name in ("Snakefile", "config", "profiles", "src", "workflow"):
        source, target = ROOT / name, clone / name
        if source.is_dir():  # a new time stamp for each file
            shutil.copytree(source, target, copy_function=shutil.copyfile)
        else:
            target.parent.mkdir()
            shutil.copyfile(source, target)
    rules = clone / "workflow/rules/simulate.smk"
    rules.write_text(rules.read_text().replace("Simulating", "Drawing"))
    targets = ["results/grid/rates.nc", "results/check/runs.nc"]
    again = run_snakemake(continued.directory, small, *targets, snakefile=clone / "Snakefile")
    assert "Nothing to be done" in again.output, again.output


def test_touch_does_not_make_old_results_those_of_another_config(continued, small):
    """Snakemake would record them as made with it, and call them up to date from then on."""
    small["entropy"] += 1
    target = "results/grid/rates.nc"
    refused = run_snakemake(continued.directory, small, "--touch", target)
    assert refused.code != 0
    assert refused.output.splitlines()[-1].startswith("--touch would call any file a result of this config")
    assert run_snakemake(continued.directory, small, "--dry-run", target).jobs()["collect"] == 1


LOOKING = {
    "-n": (0, "Job stats:"), "-np": (0, "Job stats:"), "--summary": (0, "output_file"),
    "--dag": (0, "digraph"), "--lint": (0, "in a good condition"),
    "--report ../r.html": (1, "Creating report"),
}  # fmt: skip
"""Calls that run nothing, each with its exit code, where there are no results, and words that it prints."""


@pytest.mark.parametrize("arguments", LOOKING)
def test_a_call_that_only_looks_changes_and_cancels_nothing(arguments, tmp_path, small, monkeypatch):
    """Beside a run at work, or after one that was killed: its jobs, files and lock stay."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("squeue", "scancel"):
        (tools / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\n")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    out = tmp_path / "out"
    left = [
        out / name
        for name in ("results/grid/.runs.nc.x.part", "results/grid/m64.nc.progress", ".ntk-core/lock")
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("left")
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    run = run_snakemake(out, small, *arguments.split())
    code, words = LOOKING[arguments]
    assert run.code == code, run.output
    assert words in run.output
    assert {path: path.stat().st_mtime_ns for path in before} == before
    new = {path.relative_to(out).parts[0] for path in out.rglob("*")} - {".snakemake"}
    assert new == {"results", ".ntk-core"}
    assert not (tmp_path / "asked").exists()


def test_a_folder_may_be_called_as_a_target(tmp_path, small):
    run = run_snakemake(tmp_path / "reanalyse", small, "--dry-run")
    assert run.code == 0, run.output
    assert run.jobs()["simulate"] == 3
    refused = run_snakemake(tmp_path / "reanalyse", small, "--dry-run", "reanalyse")
    assert refused.code != 0
    assert "Missing input files for rule reanalyse" in refused.output
    assert "snakemake reanalyse --config archive=PATH" in refused.output


@pytest.mark.parametrize("target", ["results/grid/aggregates.nc", "results/nope/runs.nc"])
def test_a_file_that_the_config_does_not_ask_for_has_no_rule(target, tmp_path, small):
    """An experiment keeps runs or aggregates: the file of the others would take its place."""
    refused = run_snakemake(tmp_path / "out", small, "--dry-run", target)
    assert refused.code != 0
    assert "MissingRuleException" in refused.output
    assert "Traceback" not in refused.output


def test_tables_name_the_code_that_made_them():
    """A change of the library remakes tables and figures: its digest is a parameter of their rules."""
    rules = {
        rule: text
        for path in (ROOT / "workflow/rules").glob("*.smk")
        for rule, text in re.findall(
            r"^ *rule ?(\w*):\n(.*?)(?=^ *rule ?\w*:|\Z)", path.read_text(), re.M | re.S
        )
    }
    without = {rule for rule, text in rules.items() if "library=LIBRARY" not in text}
    shards_and_what_joins_them = {"simulate", "collect"}
    assert without == {"results", "report", "reanalyse"} | shards_and_what_joins_them
    assert {"quantiles", "claims", ""} <= rules.keys()  # those of figures have no name in the file


SHOW = """
import json, os, signal, sys
signals = {number: str(signal.getsignal(number)) for number in (1, 2, 13, 15, 17)}
path = [one for one in sys.path if os.path.isabs(one)]
names = {name: value for name, value in os.environ.items() if name not in ("_", "PWD", "OLDPWD", "SHLVL")}
print("shown", json.dumps([path, sys.argv[1:], os.getcwd(), names, os.getsid(0), signals]), flush=True)
"""
SHOW_OF_JOB = (
    SHOW
    + """
import atexit, logging, multiprocessing, threading
links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
files = {os.path.realpath(link) for link in links if os.path.exists(link)} - {os.devnull}
files = {file for file in files if "pipe" not in file}
main = threading.current_thread() is threading.main_thread(), multiprocessing.current_process().daemon
library = [name for name in sys.modules if name.startswith("ntk_core")]
handlers = logging.getLogger().handlers
print("shown", json.dumps([sorted(files), main, library, os.getppid(), handlers, __file__]))
atexit.register(print, "shown", '"at exit"')
raise SystemExit("it has failed")
"""
)


def test_a_forked_call_of_these_tests_and_its_job_are_like_processes_of_their_own(tmp_path):
    """Variables that Bash sets for itself are left out: it starts the job of a new process."""
    (tmp_path / "Snakefile").write_text(f"{SHOW}\nimport ntk_core\nrule all:\n    script: 'job.py'\n")
    (tmp_path / "job.py").write_text(SHOW_OF_JOB)
    arguments = ["--quiet", "--cores", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": "", "ONLY": "here"},
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    call = Call(arguments, tmp_path, {"ONLY": "here"})
    shown = []
    for one in (process, call):
        output = re.sub(r"/tmp\w{8}/", "/", one.communicate()[0])  # of Snakemake's cache
        records = [json.loads(line) for line in re.findall("^shown (.*)$", output, re.M)]
        # the session of each, and the parent of the job
        assert records[0][4] == records[1][4] == records[2][3] == one.pid, output
        assert len(records) == 4, output
        assert one.returncode != 0
        assert "it has failed" in output
        shown.append([item for state in records for item in state if item != one.pid])
    for of_process, of_call in zip(*shown, strict=True):
        assert of_process == of_call


WHERE = """
import ntk_core.compiling
print("found", ntk_core.__file__, ntk_core.compiling.CACHE_FOLDER, "ntk_core.workdir.run" in sys.modules)
"""


@pytest.mark.parametrize(
    ("library", "cache"), [(ROOT / "src", None), ("copy", None), (ROOT / "src", "cache")]
)
def test_a_forked_call_and_its_job_have_the_library_that_they_find_first(tmp_path, library, cache):
    """All of this checkout's is there at once; of another, or with other compiled code, what is imported."""
    library, folder = tmp_path / library, tmp_path / (cache or "")
    if not library.exists():
        shutil.copytree(ROOT / "src", library)
    code = f"import os, sys\nos.environ['PYTHONPATH'] = sys.path[0]\n{WHERE}"
    (tmp_path / "Snakefile").write_text(
        f"import sys\nsys.path.insert(0, {str(library)!r})\n{code}\nrule all:\n    script: 'job.py'\n"
    )
    (tmp_path / "job.py").write_text(f"import sys\n{WHERE}")
    call = Call(["--cores", "1"], tmp_path, {"NUMBA_CACHE_DIR": str(folder)} if cache else None)
    output, _ = call.communicate()
    found = re.findall(r"^found (\S+) (\S+) (\w+)$", output, re.M)
    assert len(found) == 2, output
    at_once = str(library == ROOT / "src" and cache is None)
    for file, compiled, loaded in found:
        assert (file, loaded) == (str(library / "ntk_core/__init__.py"), at_once)
        assert at_once == "True" or Path(compiled).is_relative_to(folder if cache else library)


LOAD = """
import altair, matplotlib.pyplot, numba, numpy
print("loaded", numba.config.DISABLE_JIT, numpy.__file__)
"""


def test_settings_of_the_user_and_modules_in_the_directory_do_not_reach_jobs(tmp_path):
    """Each of them ended or changed a job: no docstrings, no such backend, kernels that are not compiled."""
    (tmp_path / "numpy.py").write_text("raise SystemExit('planted')\n")
    command = f"{sys.executable} -c {shlex.quote(LOAD)}"
    (tmp_path / "Snakefile").write_text(
        f"include: {str(ROOT / 'workflow/rules/common.smk')!r}\nrule all:\n    shell: {command!r}\n"
    )
    settings = {
        "PYTHONOPTIMIZE": "2",
        "MPLBACKEND": "nonsense",
        "NUMBA_DISABLE_JIT": "1",
        "NUMBA_NUM_THREADS": "0",
    }
    call = Call(["--cores", "1"], tmp_path, settings)
    output, _ = call.communicate()
    assert call.returncode == 0, output
    assert re.findall("^loaded (.*)$", output, re.M) == [f"0 {numpy.__file__}"]


@pytest.mark.parametrize("script", sorted(path.name for path in (ROOT / "workflow/scripts").iterdir()))
def test_scripts_are_thin(script):
    """A script reads what snakemake hands it, calls the library and writes: no logic to speak of."""
    text = (ROOT / "workflow/scripts" / script).read_text()
    assert len(text.splitlines()) <= 45
    assert "def " not in text
