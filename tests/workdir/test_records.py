"""Results of another config, which came without Snakemake's records of them, are refused; and shards that are
whole lose Snakemake's marks of files under way."""

from __future__ import annotations

import base64
import copy

import netCDF4
import pytest

from ntk_core.experiments.config import parse_config
from ntk_core.experiments.plan import Plan
from ntk_core.experiments.section import ConfigError
from ntk_core.storage.checksums import seal
from ntk_core.storage.metadata import attributes
from ntk_core.workdir.records import aggregates_of_other_levels, check_records, drop_marks
from ntk_core.workdir.run import Run, check_run

CONFIG = {
    "entropy": 3,
    "experiments": {
        "grid": {"sampler": "band", "perturbation": ["adversarial"], "m": [64], "d": [2], "alpha": [0.1],
                 "seeds": 8},
        "sums": {"sampler": "band", "perturbation": ["adversarial"], "m": [64], "d": [2], "alpha": [0.1],
                 "seeds": 8, "keep": "aggregates"},
        "lazy": {"kind": "trained", "data": "teacher", "d": 3, "training_inputs": 6, "held_out_inputs": 5,
                 "loss": "squared", "steps": 8, "m": [4, 16], "seeds": 12},
    },
    "analysis": {"delta": [0.1, 0.5], "x_norm": [1.0, 2.0]},
}  # fmt: skip


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Files with the specs of `CONFIG`, in a working directory without records."""
    monkeypatch.chdir(tmp_path)
    plan = Plan(parse_config(CONFIG), Run.results)
    for name in CONFIG["experiments"]:
        experiment = plan.experiment(name)
        (plan.root / name).mkdir(parents=True)
        tables = {plan.data(name): (experiment, {}), plan.root / name / "quantiles.nc": (experiment, LEVELS)}
        if name != "lazy":
            tables[plan.root / name / "theory.nc"] = experiment.without_runs(), LEVELS
        for path, (spec, levels) in tables.items():
            with netCDF4.Dataset(path, "w") as file:
                file.setncatts(attributes("title", "summary", spec, 3, **levels))
    Run.summary.touch()
    return plan


LEVELS = CONFIG["analysis"]


def changed(*keys, value=None):
    """The config with another value of a key, or without the key."""
    config = copy.deepcopy(CONFIG)
    section = config
    for key in keys[:-1]:
        section = section[key]
    if value is None:
        del section[keys[-1]]
    else:
        section[keys[-1]] = value
    return config


def record(path, kind="metadata"):
    """A record of Snakemake's of a file, or a mark, as it names it."""
    folder = Run.results.parent / ".snakemake" / kind
    folder.mkdir(parents=True, exist_ok=True)
    (folder / base64.urlsafe_b64encode(str(path).encode()).decode()).touch()


def test_those_of_the_config_are_taken(results):
    check_records(results, Run.summary)


@pytest.mark.parametrize(
    ("config", "file", "key"),
    [
        (changed("entropy", value=4), "grid/runs.nc", "entropy"),
        (changed("experiments", "grid", "alpha", value=[0.2]), "grid/runs.nc", "alpha"),
        (changed("experiments", "grid", "first_seed", value=1024), "grid/runs.nc", "first_seed"),
        (changed("experiments", "sums", "seeds", value=16), "sums/aggregates.nc", "seeds"),
        (changed("experiments", "lazy", "seeds", value=13), "lazy/runs.nc", "seeds"),
        (changed("analysis", "delta", value=[0.1]), "grid/quantiles.nc", "delta"),
    ],
)
def test_those_of_another_config_are_named_unless_there_is_a_record_of_them(results, config, file, key):
    plan = Plan(parse_config(config), Run.results)
    record(Run.summary)
    with pytest.raises(ConfigError, match=rf"results/{file} is of another config, by its {key}, "):
        check_records(plan, Run.summary)
    record(Run.results / file)
    with pytest.raises(ConfigError, match=r"^results/(?!" + file + ")"):  # the next one of that config
        check_records(plan, Run.summary)
    for path in Run.results.rglob("*.nc"):
        record(path)
    check_records(plan, Run.summary)


def test_theory_of_other_levels_is_named_also_without_quantiles(results):
    (results.root / "grid/quantiles.nc").unlink()
    plan = Plan(parse_config(changed("analysis", "x_norm", value=[3.0])), Run.results)
    with pytest.raises(ConfigError, match=r"grid/theory\.nc is of another config, by its x_norm, "):
        check_records(plan, Run.summary)


def test_pages_of_an_experiment_that_is_gone_are_named(results):
    plan = Plan(parse_config(changed("experiments", "lazy")), Run.results)
    with pytest.raises(ConfigError, match=r"summary\.txt may be of another config, as results/lazy is, "):
        check_records(plan, Run.summary)
    record(Run.summary)
    check_records(plan, Run.summary)


@pytest.mark.parametrize("content", ["no NetCDF", None])
def test_a_file_that_cannot_be_read_is_named(results, content):
    if content is None:
        with netCDF4.Dataset(results.data("grid"), "a") as file:
            file.spec = "[1]"
    else:
        results.data("grid").write_text(content)
    with pytest.raises(ConfigError, match=r"runs\.nc is of another config, by its content, which cannot be"):
        check_records(results, Run.summary)


@pytest.mark.parametrize(
    ("keys", "values", "said"),
    [
        (("analysis", "delta"), [0.5], "delta"),
        (("analysis",), {"delta": [0.5], "x_norm": [2.0]}, "delta and x_norm"),
        (("experiments", "sums", "seeds"), 16, None),
        (("experiments", "sums", "alpha"), [0.2], None),
    ],
)
def test_aggregates_of_other_levels_and_the_same_grid_are_said_to_be_of_no_use(
    results, capsys, keys, values, said
):
    folder = results.folder(results.experiment("sums"))
    folder.mkdir(parents=True)
    shard = next(shard for shard in results.all_shards if shard.experiment.name == "sums")
    (folder / "m2_seeds0-1.nc").write_text("no NetCDF")
    with netCDF4.Dataset(results.path(shard), "w") as file:
        file.setncatts(attributes("title", "summary", shard.content, 3))
    assert aggregates_of_other_levels(results) == []
    plan = Plan(parse_config(changed(*keys, value=values)), Run.results)
    line = f"[plan] sums: all runs are drawn again, as the aggregates in {folder} are of another {said}"
    for path in (Run.summary, *Run.results.rglob("*.nc")):
        record(path)
    check_run(Run(plan), 1, None, dry=False)
    assert capsys.readouterr().err.splitlines().count(line) == (said is not None)


def test_marks_of_shards_that_match_their_seals_are_dropped_and_no_others(results):
    """A shard under way may be there, and not be sealed yet; a table may be of another config."""
    sealed, unsealed, damaged = [results.path(shard) for shard in results.all_shards[:3]]
    marked = [sealed, unsealed, damaged, results.root / "grid/quantiles.nc"]
    for path in marked:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("content")
        record(path, "incomplete")
    seal(sealed)
    seal(damaged)
    damaged.write_text("other content")
    drop_marks(results)
    marks = (results.root.parent / ".snakemake/incomplete").iterdir()
    assert sorted(base64.urlsafe_b64decode(mark.name).decode() for mark in marks) == sorted(
        map(str, marked[1:])
    )
