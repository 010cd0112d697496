"""A law of a user's own: one law from band and weights, the same bits, refused outside the ball, archived."""

from __future__ import annotations

import json
import math
import os
import shutil
from dataclasses import replace
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import yaml
from command_line import call
from conftest import ROOT, run_snakemake
from scipy.stats import ks_2samp

from ntk_core.datasets.data_file import open_data
from ntk_core.datasets.runs import collect
from ntk_core.datasets.runs_file import DrawnRunsFile
from ntk_core.datasets.shard import simulate_shard
from ntk_core.datasets.validation import ResultsError
from ntk_core.execution.workers import workers
from ntk_core.experiments.config import parse_config
from ntk_core.experiments.config_file import read_config_file, with_law_paths
from ntk_core.experiments.cost import cost_text, expected_cost
from ntk_core.experiments.drawn import DrawnExperiment
from ntk_core.experiments.execution_model import ExecutionModel
from ntk_core.experiments.plan import Plan
from ntk_core.experiments.section import ConfigError
from ntk_core.experiments.shards import Shard
from ntk_core.laws import CustomLaw, LawError, moments
from ntk_core.laws.custom import MAX_SOURCE
from ntk_core.laws.law import PAIRS
from ntk_core.quantities import QUANTITIES, flip_sums
from ntk_core.sampling.band import BandBlock
from ntk_core.sampling.cell import Cell
from ntk_core.sampling.definitions import definitions
from ntk_core.sampling.samplers import simulate
from ntk_core.sampling.streams import Streams
from ntk_core.storage.checksums import write_manifest

EXAMPLE = ROOT / "config/examples/laws/noisy_aligned.py"

ALIGNED = """
import numpy as np

def weights(rng, x, w0, c, radius):
    return (radius * c * (w0 @ x >= 0))[..., None] * x / np.linalg.norm(x)

def band(rng, position, sign, c, d, radius):
    return c * (sign > 0)
"""

SPHERE = """
import numpy as np

def weights(rng, x, w0, c, radius):
    u = rng.standard_normal(w0.shape)
    return radius * u / np.linalg.norm(u, axis=-1, keepdims=True)

def band(rng, position, sign, c, d, radius):
    g = rng.standard_normal(position.shape)
    return g / np.sqrt(g**2 + 2 * rng.standard_gamma((d - 1) / 2, position.shape))
"""

TWO_DRAWS = """
import numpy as np

def weights(rng, x, w0, c, radius):
    u = rng.standard_normal(w0.shape)
    u *= radius / np.linalg.norm(u, axis=-1, keepdims=True)
    return rng.random(c.shape)[..., None] * u

def band(rng, position, sign, c, d, radius):
    return rng.random(position.shape) * rng.uniform(-1, 1, position.shape)
"""
"""Draws all of one variate before the next, so what a run gets depends on how many are drawn with it."""

SOURCES = {"aligned": ALIGNED, "sphere": SPHERE}


def own(source: str = ALIGNED, name: str = "mine", may_run: bool = True) -> CustomLaw:
    return CustomLaw(name, source, f"{name}.py", may_run)


EXAMPLE_LAW = own(EXAMPLE.read_text(), "noisy")

KS_CASES = [(2, 1, 1.0), (6, 2, 3.0), (64, 2, 1.0), (64, 64, 2.0), (500, 7, 4.0)]
KS_FALSE_ALARM = 1e-3
"""Over all cases and quantities together (Bonferroni)."""


@pytest.mark.parametrize(("m", "d", "alpha"), KS_CASES)
def test_band_and_dense_agree_in_distribution(m, d, alpha):
    level = KS_FALSE_ALARM / (len(KS_CASES) * len(QUANTITIES))
    one = simulate(3, Cell("band", "noisy", m, d, alpha, EXAMPLE_LAW), 0, 4096)
    other = simulate(4, Cell("dense", "noisy", m, d, alpha, EXAMPLE_LAW), 0, 4096)
    for quantity, a, b in zip(QUANTITIES, one, other, strict=True):
        # Atoms of the law come out of the two routes a rounding error apart.
        pvalue = ks_2samp(np.round(a * m / alpha, 8), np.round(b * m / alpha, 8), method="asymp").pvalue
        assert pvalue > level, quantity


MOMENT_CASES = [(64, 2, 1.0), (1002, 3, 4.0)]
MOMENT_RUNS = 8192
MOMENT_Z = 5.0
"""Standard errors; a false alarm in all 80 comparisons together has probability 5e-5."""


@pytest.mark.parametrize("law", SOURCES)
@pytest.mark.parametrize("sampler", ["band", "dense"])
def test_laws_of_the_package_written_anew_have_their_exact_moments(sampler, law):
    for m, d, alpha in MOMENT_CASES:
        seeds = MOMENT_RUNS if sampler == "band" else MOMENT_RUNS // 8
        runs = simulate(8, Cell(sampler, "mine", m, d, alpha, own(SOURCES[law])), 0, seeds)
        for quantity, values in zip(QUANTITIES, runs, strict=True):
            mean = moments.mean(law, quantity, m, d, alpha)
            square = moments.root_mean_square(law, quantity, m, d, alpha) ** 2
            for sample, exact in ((values, mean), (values**2, square)):
                error = sample.std(ddof=1) / math.sqrt(seeds)
                assert np.isnan(exact) or abs(sample.mean() - exact) < MOMENT_Z * error, quantity


def test_sums_over_flips_are_those_of_the_definition():
    """Run by run and chunk by chunk; also runs without pairs, and one of several chunks."""
    pairs = np.array([0, 3, 0, PAIRS + 5, PAIRS - 8, 0, 2 * PAIRS, 1, 0])
    block = BandBlock(pairs, pairs.size, 0.3, 2, Streams(1, "x", 0, 4), 2**20, 0.3 * 2**10)
    law = own(SPHERE)
    sums = law.law().band_sums(block)
    drawn = [*block.projected(int(pairs.sum()), law._functions()[1])]
    a = np.concatenate([a for a, _ in drawn])
    t = np.concatenate([t for _, t in drawn], axis=1)
    for run, (start, count) in enumerate(zip(np.cumsum(pairs) - pairs, pairs, strict=True)):
        some = slice(start, start + count)
        twice = np.concatenate([a[some], a[some]])
        c = np.repeat([1.0, -1.0], count)
        expected = flip_sums(twice, np.concatenate([*t[:, some]]), c, 1.0)
        for field in ("count", "position", "projection"):
            assert getattr(sums, field)[run] == pytest.approx(getattr(expected, field), rel=1e-12, abs=1e-11)


@pytest.mark.parametrize("sampler", ["band", "dense"])
@pytest.mark.parametrize(("m", "d"), [(64, 2), (2048, 3), (40, 50)])
def test_any_stretch_of_seeds_is_the_same_bits(sampler, m, d):
    cell = Cell(sampler, "mine", m, d, 1.5, own(TWO_DRAWS))
    block = cell.block
    whole = simulate(9, cell, 0, block + 5)
    for low, high in ((0, 1), (0, 37), (3, 4), (block - 2, block + 3)):
        assert np.array_equal(simulate(9, cell, low, high), whole[:, low:high])


def test_a_wide_band_takes_little_memory():
    """Some 13,000 pairs a run; the block is drawn in parts of a fixed size."""
    import tracemalloc

    cell = Cell("band", "mine", 2**30, 2, 1.0, own())
    simulate(1, cell, 0, 1)
    tracemalloc.start()
    values = simulate(1, cell, 0, 64)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert values[0].mean() * 2**15 == pytest.approx(0.5 * 0.19947, rel=0.01)
    assert peak < 4e6


def test_what_a_law_is_given_cannot_be_changed_by_it():
    functions = {
        "dense": ("weights", "rng, x, w0, c, radius", "w0"),
        "band": ("band", "rng, position, sign, c, d, radius", "position"),
    }
    for sampler, (name, arguments, victim) in functions.items():
        law = own(f"def {name}({arguments}):\n    {victim}[:] = 0\n    return {victim}\n")
        with pytest.raises(LawError, match=rf"law mine \(mine.py\) fails in {name}, line 2: .* read-only"):
            simulate(1, Cell(sampler, "mine", 64, 2, 1.0, law), 0, 20)


LEAVES = """
import numpy as np

def weights(rng, x, w0, c, radius):
    long = 1.5 if w0.shape[-2] > 8 else 1.0
    return np.broadcast_to(long * radius * x / np.linalg.norm(x), w0.shape)

def band(rng, position, sign, c, d, radius):
    long = 1.5 if radius < 0.01 else 1.0
    return -sign * long
"""


@pytest.mark.parametrize("sampler", ["band", "dense"])
def test_a_draw_outside_the_ball_is_refused_with_its_length(sampler):
    """The law is one of the ball at small width, so it is found by the run that draws it."""
    law = own(LEAVES)
    law.try_out(sampler, 8, 2, 1.0)
    large = 2**20 if sampler == "band" else 16
    assert np.isfinite(simulate(1, Cell(sampler, "mine", 8, 2, 1.0, law), 0, 5)).all()
    with pytest.raises(LawError) as error:
        simulate(1, Cell(sampler, "mine", large, 2, 1.0, law), 70, 71)
    length = {"band": "|u_i·x|/‖x‖", "dense": "‖u_i‖"}[sampler]
    seeds = {"band": "0 to 4095", "dense": "64 to 127"}[sampler]
    assert str(error.value) == (
        f"law mine (mine.py) leaves the ball: {length} is 1.5 α/√m; allowed: at most 1; in the block of "
        f"seeds {seeds} of {sampler}, mine, m = {large}, d = 2, alpha = 1"
    )


@pytest.mark.parametrize(("excess", "refused"), [(1e-13, False), (1e-11, True)])
def test_rounding_is_no_way_out_of_the_ball(excess, refused):
    law = own(f"def band(rng, position, sign, c, d, radius):\n    return -sign * (1 + {excess})\n")
    cell = Cell("band", "mine", 64, 2, 1.0, law)
    if refused:
        with pytest.raises(LawError, match="leaves the ball"):
            simulate(1, cell, 0, 1)
    else:
        simulate(1, cell, 0, 1)


def test_replay_draws_a_network_that_matches():
    for sampler in ("band", "dense"):
        for m, d, alpha in ((2, 1, 1.0), (64, 2, 1.0), (1024, 3, 2.0), (64, 1, 30.0), (65536, 3, 1.0)):
            cell = Cell(sampler, "noisy", m, d, alpha, EXAMPLE_LAW)
            for seed in (0, 5, 70) if sampler == "band" and m > 1024 else (0, 70):
                values = simulate(7, cell, seed, seed + 1)[:, 0]
                assert definitions(7, cell, seed) == pytest.approx(values, rel=0, abs=1e-9 * alpha / m)


def grid(tmp_path: Path, source: str | None = None, **changes: object) -> tuple[dict, Path]:
    """A config with a law of one's own in a file beside it, and that file."""
    file = tmp_path / "laws" / "mine.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(EXAMPLE.read_text() if source is None else source)
    experiment = {
        "sampler": "band", "perturbation": ["mine", "adversarial"], "m": [64, 4096], "d": [2],
        "alpha": [1.0], "seeds": 300,
    }  # fmt: skip
    return {
        "entropy": 3,
        "laws": {"mine": str(file)},
        "experiments": {"own": experiment | changes, "other": experiment | {"perturbation": ["sphere"]}},
        "analysis": {"delta": [0.5, 0.1], "x_norm": [1.0]},
    }, file


def test_the_plan_says_that_it_does_not_know_how_long_a_law_takes(tmp_path):
    raw, _ = grid(tmp_path, "def band(rng, position, sign, c, d, radius):\n    return 0.5 * c\n")
    for names, said in ((("own", "other"), True), (("other",), False)):
        chosen = raw | {"experiments": {name: raw["experiments"][name] for name in names}}
        plan = Plan(parse_config(chosen), tmp_path / "results")
        assert (
            "without the time that laws of your own take" in cost_text(plan, expected_cost(plan, 1))
        ) == said


NONE = "def nothing():\n    pass\n"
BAND = "def band(rng, position, sign, c, d, radius):\n    return "
BAD = [
    (NONE, "band", "has no function band; allowed: weights for the sampler dense, band for"),
    (NONE, "dense", "has no function weights"),
    ("weights = 3\n", "dense", "has no function weights"),
    ("def band(:\n", "band", "fails in its file, line 1: SyntaxError: invalid syntax"),
    (
        "\nimport numpy\nraise OSError('no licence')\n",
        "band",
        "fails in its file, line 3: OSError: no licence",
    ),
    ("import sys\nsys.exit(0)\n", "band", "fails in its file, line 2: SystemExit: 0"),
    (
        BAND.replace("return", "raise") + "KeyboardInterrupt\n",
        "band",
        "was interrupted",
    ),
    ("import no_such_module\n", "band", "fails in its file, line 1: ModuleNotFoundError: No module named"),
    ("\0", "band", "fails in its file: "),
    (BAND + "1 / 0\n", "band", "fails in band, line 2: ZeroDivisionError"),
    ("def band(rng):\n    pass\n", "band", "fails in band: TypeError: band() takes 1 positional argument"),
    (
        BAND + "position[0]\n",
        "band",
        "gives float64 of shape (4096,) from band; allowed: an array, float64 of",
    ),
    (BAND + "position > 1\n", "band", "gives bool of shape (2, 4096) from band"),
    (BAND + "None\n", "band", "gives a NoneType from band"),
    (BAND + "position.tolist()\n", "band", "gives a list from band"),
    (BAND + "position * float('nan')\n", "band", "gives nan from band; allowed: finite numbers"),
    (BAND + "position / 1e-300 / 1e-300\n", "band", "gives inf from band; allowed: finite numbers"),
    (BAND + "2.5 * sign\n", "band", "leaves the ball: |u_i·x|/‖x‖ is 2.5 α/√m; allowed: at most 1"),
    (
        "def weights(rng, x, w0, c, radius):\n    return w0 * 1e200\n",
        "dense",
        "leaves the ball: ‖u_i‖ is inf α/√m; allowed: at most 1",
    ),
    (
        "import numpy\n" + BAND + "numpy.random.default_rng().random(position.shape)\n",
        "band",
        "gives different numbers for the same generator; allowed: randomness from rng only",
    ),
]


@pytest.mark.parametrize(("source", "sampler", "reason"), BAD)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_law_that_is_none_is_refused_before_a_run_in_one_line(tmp_path, source, sampler, reason):
    raw, file = grid(tmp_path, source, sampler=sampler, m=[16, 64])
    plan = Plan(parse_config(raw), tmp_path / "results")
    with pytest.raises(ConfigError) as error:
        plan.check_laws()
    message = str(error.value)
    assert message.startswith(f"laws.mine: law mine ({file}) {reason}")
    assert "; tried at m = " in message
    assert len(message.splitlines()) == 1
    assert {path.name for path in tmp_path.rglob("*")} == {"laws", "mine.py"}


def test_names_and_paths_that_cannot_be_are_refused_with_the_key(tmp_path):
    raw, file = grid(tmp_path)
    cases: list[tuple[object, str]] = [
        ({"mine": str(file) + "x"}, "(no such file); allowed: a mapping of names"),
        ({"mine": str(tmp_path)}, "(not a file)"),
        ({"mine": 3}, "laws.mine is 3 (no path)"),
        ({"mine": ""}, "laws.mine is '' (no path)"),
        ({"mine": str(file), "sphere": str(file)}, "laws has the name 'sphere' (a law of the package)"),
        (
            {"mine": str(file), "_a": str(file)},
            "laws has the name '_a'; allowed: a mapping of names (a letter, then",
        ),
        ([str(file)], "laws is ["),
        (
            {},
            "experiments.own.perturbation[0] is 'mine'; allowed: a list, each once, from:",
        ),
    ]
    for laws, message in cases:
        with pytest.raises(ConfigError) as error:
            parse_config(raw | {"laws": laws})
        assert message in str(error.value), message
    for content, message in (
        (b"\xff", "(not text in UTF-8)"),
        (b" " * (MAX_SOURCE + 1), "(larger than 32,768"),
    ):
        file.write_bytes(content)
        with pytest.raises(ConfigError) as error:
            parse_config(raw)
        assert message in str(error.value)
    os.mkfifo(tmp_path / "pipe")  # would be waited for
    with pytest.raises(ConfigError, match="not a file"):
        parse_config(raw | {"laws": {"mine": str(tmp_path / "pipe")}})


def test_a_law_that_no_experiment_names_is_not_run(tmp_path):
    raw, _ = grid(tmp_path, "raise OSError\n", perturbation=["aligned"])
    Plan(parse_config(raw), tmp_path / "results").check_laws()


def test_paths_are_relative_to_the_config_file_that_names_the_law(tmp_path, monkeypatch):
    (tmp_path / "laws").mkdir()
    one, two = tmp_path / "one.yaml", tmp_path / "laws" / "two.yaml"
    one.write_text(yaml.safe_dump({"laws": {"mine": "laws/mine.py", "both": "a.py"}}))
    two.write_text(yaml.safe_dump({"laws": {"both": "b.py", "far": "/c.py", "odd": 3}}))
    merged = {"mine": "laws/mine.py", "both": "b.py", "far": "/c.py", "odd": 3}
    monkeypatch.chdir(tmp_path)
    for files in ([one, two], [Path("one.yaml"), Path("laws/two.yaml")]):
        placed = with_law_paths({"entropy": 1, "laws": merged}, files)
        assert placed == {
            "entropy": 1,
            "laws": {
                "mine": str(tmp_path / "laws/mine.py"),
                "both": str(tmp_path / "laws/b.py"),
                "far": "/c.py",
                "odd": 3,
            },
        }
        assert with_law_paths(placed, files) == placed
    on_the_command_line = {"laws": {"mine": "laws/mine.py"}}
    assert with_law_paths(on_the_command_line, []) == {"laws": {"mine": str(tmp_path / "laws/mine.py")}}
    for odd in ({}, {"laws": None}, {"laws": ["x"]}):
        assert with_law_paths(odd, [one]) == odd


def test_the_source_is_part_of_what_a_grid_is_and_nothing_else_of_the_law(tmp_path):
    raw, file = grid(tmp_path)
    before = Plan(parse_config(raw), tmp_path)
    keys = {name: before.experiment(name).content_key(3) for name in ("own", "other")}
    texts = {name: (before.identity(name), before.grid_identity(name)) for name in ("own", "other")}
    moved = file.rename(file.with_name("moved.py"))
    raw["laws"]["mine"] = str(moved)
    same = Plan(parse_config(raw), tmp_path)
    assert (same.identity("own"), same.grid_identity("own")) == texts["own"]
    moved.write_text(EXAMPLE.read_text() + "# \n")
    after = Plan(parse_config(raw), tmp_path)
    assert after.experiment("own").content_key(3) != keys["own"]
    assert after.identity("own") != texts["own"][0]
    assert after.grid_identity("own") != texts["own"][1]
    assert after.experiment("other").content_key(3) == keys["other"]
    assert (after.identity("other"), after.grid_identity("other")) == texts["other"]


def test_nothing_of_a_grid_without_own_laws_has_changed():
    """Content keys as they were without laws of one's own, and a spec without a word of them."""
    default = parse_config(read_config_file(ROOT / "config/config.yaml"))
    experiments = {name: default.experiment(name) for name in default.experiments}
    assert {name: experiment.content_key(default.entropy) for name, experiment in experiments.items()} == {
        "theorem1": "18fc114b21", "definitions": "45aca5da36", "frobenius": "869e6783f7",
        "lazy": "73cb981f22", "one_input": "ac7ec73909",
    }  # fmt: skip
    for name, key in (("theorem1", "4dd1b7c61d"), ("frobenius", "daf660e666")):
        assert replace(experiments[name], version=3).content_key(default.entropy) == key
    experiment = DrawnExperiment("e", "band", ("aligned",), (64,), (2,), (1.0,), 5)
    assert experiment.spec() == {
        "name": "e", "sampler": "band", "perturbation": ("aligned",), "m": (64,), "d": (2,), "alpha": (1.0,),
        "seeds": 5,
    }  # fmt: skip


EXPERIMENT = DrawnExperiment(
    "own", "band", ("adversarial", "noisy"), (64, 1024), (2,), (1.0,), 1500, (EXAMPLE_LAW,)
)


def stored(experiment: DrawnExperiment, folder: Path, cuts: list[int], execution: ExecutionModel) -> Path:
    """`runs.nc` of the experiment, its shards cut at these seeds."""
    folder.mkdir(parents=True)
    shards = []
    with workers(execution, 2) as client:
        for m in experiment.m:
            for start, stop in zip([0, *cuts], [*cuts, experiment.seeds], strict=True):
                shards.append(folder / f"{m}-{start}.nc")
                simulate_shard(Shard(experiment, 3, m, start, stop), shards[-1], client, lambda _: None)
        collect(experiment, 3, shards, folder / "runs.nc")
    for shard in shards:
        shard.unlink()
        shard.with_name(f"{shard.name}.sha256").unlink()
    return folder / "runs.nc"


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    return stored(EXPERIMENT, tmp_path_factory.mktemp("runs") / "own", [], ExecutionModel())


def test_shards_threads_and_processes_give_the_same_bytes(runs, tmp_path):
    """Processes start from nothing but the task, so a law must come with it."""
    other = stored(EXPERIMENT, tmp_path / "other", [100, 1024], ExecutionModel(workers="processes"))
    assert other.read_bytes() == runs.read_bytes()


def test_an_archive_has_source_and_digest_of_its_laws(runs):
    with netCDF4.Dataset(runs) as file:
        archived_spec = json.loads(file.spec)
    assert archived_spec["laws"] == {"noisy": {"sha256": EXAMPLE_LAW.sha256, "source": EXAMPLE.read_text()}}
    with open_data(runs) as data:
        assert isinstance(data, DrawnRunsFile)
        assert data.experiment == EXPERIMENT
        assert not data.experiment.laws[0].may_run


def test_a_long_law_fits_into_an_archive(tmp_path):
    source = ALIGNED + "#" * (MAX_SOURCE - len(ALIGNED.encode()))
    experiment = DrawnExperiment("own", "band", ("mine",), (4,), (1,), (1.0,), 2, (own(source),))
    with open_data(stored(experiment, tmp_path / "own", [], ExecutionModel())) as file:
        assert file.experiment == experiment


def changed_spec(path: Path, **changes: object) -> None:
    with netCDF4.Dataset(path, "a") as file:
        file.spec = json.dumps(json.loads(file.spec) | changes)


@pytest.mark.parametrize(
    ("laws", "message"),
    [
        ({}, "has a spec that no config allows: experiments.own.perturbation[1] is 'noisy'"),
        ({"noisy": {"sha256": "0" * 64, "source": "pass"}}, "has no spec of an experiment"),
        ({"noisy": {"sha256": "0" * 64}}, "has no spec of an experiment"),
        ({"noisy": {"sha256": "0", "source": "\ud800"}}, "has no spec of an experiment"),
        ({"noisy": 3}, "has no spec of an experiment"),
        (["noisy"], "has no spec of an experiment"),
        (
            {name: {"sha256": own().sha256, "source": ALIGNED} for name in ("noisy", "sphere")},
            "laws has the name 'sphere' (a law of the",
        ),
    ],
)
def test_an_archive_with_odd_laws_is_refused(runs, tmp_path, laws, message):
    path = Path(shutil.copy(runs, tmp_path))
    changed_spec(path, laws=laws)
    with pytest.raises(ResultsError) as error, open_data(path):
        pass
    assert message in str(error.value)


RUN = ("--experiment", "own", "--perturbation", "noisy", "--m", 64, "--d", 2, "--alpha", 1, "--seed", 1100)


@pytest.fixture
def marked(runs, tmp_path) -> tuple[Path, Path]:
    """An archive whose law leaves a file behind when it is run, and that file."""
    trace = tmp_path / "trace"
    source = f"open({str(trace)!r}, 'w').close()\n" + EXAMPLE.read_text()
    path = tmp_path / "results" / "own" / "runs.nc"
    path.parent.mkdir(parents=True)
    shutil.copy(runs, path)
    changed_spec(path, laws={"noisy": {"sha256": own(source).sha256, "source": source}})
    write_manifest(tmp_path / "results", [path])
    return tmp_path / "results", trace


def test_an_archive_runs_its_code_only_if_it_is_told_to(marked):
    results, trace = marked
    assert call("verify", results)[0] == 0
    with open_data(results / "own" / "runs.nc") as file:
        file.read("delta1", (1, 0, 0, 0, slice(None)))
        cell = file.experiment.cell((1, 0, 0, 0))
        assert cell.cost() > 0
        with pytest.raises(LawError, match="is code that you have not allowed to run"):
            simulate(3, cell, 0, 1)
    for arguments in (("replay", *RUN, results), ("verify", results, "--recompute", 1)):
        code, output = call(*arguments)
        assert code == 2
        message = f"ntk-core: {results / 'own' / 'runs.nc'} has custom laws (noisy); to recompute"
        assert output.splitlines()[-1].startswith(message)
        assert "--run-archived-code" in output
    built_in = [{"noisy": "adversarial"}.get(argument, argument) for argument in RUN]
    assert call("replay", *built_in, results)[0] == 0
    assert not trace.exists()

    code, output = call("replay", *RUN, results, "--run-archived-code", "--dense")
    assert code == 0, output
    assert "archived and recomputed: the same bits" in output
    assert trace.exists()
    code, output = call("verify", results, "--recompute", 3, "--run-archived-code")
    assert code == 0, output
    assert output.count(": the same bits") == 3


def test_an_archived_law_that_fails_is_one_line(marked):
    results, _ = marked
    changed_spec(results / "own" / "runs.nc", laws={"noisy": {"sha256": own(NONE).sha256, "source": NONE}})
    write_manifest(results, [results / "own" / "runs.nc"])
    for arguments in (("replay", *RUN, results), ("verify", results, "--recompute", 20)):
        code, output = call(*arguments, "--run-archived-code")
        assert code == 2
        assert "law noisy (in " in output.splitlines()[-1]
        assert "has no function band" in output.splitlines()[-1]


def test_a_shard_of_another_source_is_not_collected(tmp_path):
    experiment = DrawnExperiment("own", "band", ("mine",), (4,), (1,), (1.0,), 2, (own(),))
    with workers(ExecutionModel(), 1) as client:
        simulate_shard(Shard(experiment, 3, 4, 0, 2), tmp_path / "shard.nc", client, lambda _: None)
    edited = replace(experiment, laws=(own(ALIGNED + "\n"),))
    with pytest.raises(ValueError, match="was made with other laws of the same names"):
        collect(edited, 3, [tmp_path / "shard.nc"], tmp_path / "runs.nc")


def test_whole_networks_are_counted_where_memory_is_planned():
    dense = DrawnExperiment("e", "dense", ("mine",), (2**20,), (2, 64), (1.0,), 1, (own(),))
    assert dense.memory(2**20) == 64 * 2**20 * 64
    assert replace(dense, laws=(), perturbation=("sphere",)).memory(2**20) == 0
    assert replace(dense, sampler="band").memory(2**20) == 0


def test_the_workflow_makes_anew_only_what_an_edit_changes_and_refuses_before_anything(tmp_path):
    raw, file = grid(tmp_path, m=[64])
    raw["experiments"]["other"]["m"] = [64]
    raw["laws"] = {"mine": "laws/mine.py"}  # beside the config, wherever the run is
    config = tmp_path / "mine.yaml"
    config.write_text(yaml.safe_dump(raw))
    targets = ["results/own/runs.nc", "results/other/runs.nc"]
    first = run_snakemake(tmp_path / "out", config, *targets)
    assert first.code == 0, first.output
    assert first.jobs() == {"simulate": 2, "collect": 2}

    file.write_text(file.read_text().replace("NOISE = 0.25", "NOISE = 0.5"))
    edited = run_snakemake(tmp_path / "out", config, "--dry-run", *targets)
    assert edited.jobs() == {"simulate": 1, "collect": 1}
    assert "Simulating own at m = 64" in edited.output
    assert "Collecting the runs of own" in edited.output

    file.write_text("def band(rng, position, sign, c, d, radius):\n    return 1.25 * sign\n")
    refused = run_snakemake(tmp_path / "fresh", config)
    assert refused.code != 0
    assert "The config cannot be run:\nlaws.mine: law mine (" in refused.output
    assert "leaves the ball: |u_i·x|/‖x‖ is 1.25 α/√m; allowed: at most 1" in refused.output
    assert "Traceback" not in refused.output
    assert not (tmp_path / "fresh" / "results").exists()
    assert not (tmp_path / "fresh" / "logs").exists()


def test_the_page_shows_the_file_that_is_there():
    text = (ROOT / "docs/own-law.md").read_text()
    assert f"```python\n{EXAMPLE.read_text()}```" in text
