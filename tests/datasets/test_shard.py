"""From shards to runs.nc: layout, attributes, and bytes that do not depend on the cutting."""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from ntk_core.datasets.runs import RUN_DIMS, RunsWriter, collect
from ntk_core.datasets.shard import simulate_shard
from ntk_core.datasets.shard_checks import check_experiment
from ntk_core.datasets.validation import ResultsError
from ntk_core.execution.workers import workers
from ntk_core.experiments.drawn import DrawnExperiment, tasks
from ntk_core.experiments.execution_model import ExecutionModel
from ntk_core.experiments.shards import Shard
from ntk_core.quantities import QUANTITIES
from ntk_core.sampling.samplers import simulate
from ntk_core.sampling.streams import FORMAT_VERSIONS
from ntk_core.storage import atomic
from ntk_core.storage.atomic import replacing
from ntk_core.storage.metadata import full_spec

EXPERIMENT = DrawnExperiment("e", "band", ("aligned", "sphere"), (6, 64), (2, 3), (0.5,), 3000)


def make(folder: Path, cuts: list[int], experiment: DrawnExperiment = EXPERIMENT) -> list[Path]:
    paths = []
    with workers(ExecutionModel(), 2) as client:
        for m in experiment.m:
            for start, stop in itertools.pairwise(cuts):
                path = folder / f"{m}-{start}-{stop}.nc"
                simulate_shard(Shard(experiment, 5, m, start, stop), path, client, lambda _: None)
                paths.append(path)
    return paths


def test_runs_file_is_labelled_and_holds_the_runs(tmp_path):
    collect(EXPERIMENT, 5, make(tmp_path, [0, 3000]), tmp_path / "runs.nc")
    with xr.open_dataset(tmp_path / "runs.nc") as runs:
        assert tuple(runs.sizes) == RUN_DIMS
        assert list(runs.data_vars) == list(QUANTITIES)
        assert all(runs[name].dtype == np.float64 for name in QUANTITIES)
        assert runs["perturbation"].values.tolist() == ["aligned", "sphere"]
        for cell in EXPERIMENT.cells():
            values = simulate(5, cell, 0, 3000)
            at = runs.sel(perturbation=cell.perturbation, m=cell.m, d=cell.d, alpha=cell.alpha)
            assert np.array_equal(np.stack([at[name] for name in QUANTITIES]), values)
        for name in runs.variables:
            assert runs[name].attrs["long_name"]
            assert name == "perturbation" or runs[name].attrs["units"] == "1"
        attrs = runs.attrs
        assert attrs["Conventions"] == "CF-1.11, ACDD-1.3"
        assert {"title", "summary", "keywords", "license", "source", "history"} <= set(attrs)
        spec = json.loads(attrs["spec"])
        assert spec["entropy"] == attrs["entropy"] == "5"
        assert spec["m"] == [6, 64]
        assert attrs["numpy_version"] == np.__version__
        assert attrs["format_version"] == FORMAT_VERSIONS["band"]


def test_bytes_do_not_depend_on_how_runs_were_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(RunsWriter, "CHUNK", 512)
    digests = set()
    for number, cuts in enumerate(([0, 3000], [0, 1024, 2048, 3000], [0, 7, 1500, 3000])):
        folder = tmp_path / str(number)
        shards = make(folder, cuts)
        collect(EXPERIMENT, 5, shards[::-1], folder / "runs.nc")
        digests.add(hashlib.sha256((folder / "runs.nc").read_bytes()).hexdigest())
    assert len(digests) == 1


def test_collect_refuses_shards_that_do_not_cover(tmp_path):
    shards = make(tmp_path, [0, 1024, 3000])
    (tmp_path / "runs.nc").write_text("before")
    for wrong in (shards[1:], shards + shards[:1], shards[:-1]):
        with pytest.raises(ResultsError, match=r"m = \d+: the seeds are .*; needed: 0 to 2999, each once"):
            collect(EXPERIMENT, 5, wrong, tmp_path / "runs.nc")
    assert (tmp_path / "runs.nc").read_text() == "before"
    assert not list(tmp_path.glob(".*"))


def test_collect_refuses_shards_of_another_grid(tmp_path):
    from dataclasses import replace

    kept = replace(EXPERIMENT, keep="aggregates", delta=(0.1,), x_norm=(1.0,))
    for other, version, message in (
        (EXPERIMENT, 2, f"has format 2, not {EXPERIMENT.format_version}"),
        (kept, EXPERIMENT.format_version, "holds keep None, not aggregates"),
    ):
        with pytest.raises(ResultsError, match=message):
            check_experiment("a.nc", json.dumps(full_spec(EXPERIMENT, 5)), version, 6, other, 5)
    shards = make(tmp_path, [0, 3000])
    for other in ({"alpha": (0.25,)}, {"perturbation": ("adversarial", "sphere")}, {"d": (2, 4)}):
        with pytest.raises(ResultsError, match="holds"):
            collect(replace(EXPERIMENT, **other), 5, shards, tmp_path / "runs.nc")
    with pytest.raises(ResultsError, match="holds m = 6, not one of 64"):
        collect(replace(EXPERIMENT, m=(64,)), 5, shards, tmp_path / "runs.nc")
    with pytest.raises(ResultsError, match="holds entropy 5, not 6"):
        collect(EXPERIMENT, 6, shards, tmp_path / "runs.nc")
    assert not (tmp_path / "runs.nc").exists()


def test_collect_takes_more_shards_than_files_may_be_open(tmp_path):
    import resource

    single = DrawnExperiment("many", "band", ("aligned",), (6,), (2,), (0.5,), 90)
    shards = make(tmp_path, list(range(91)), single)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 75, hard))
    try:
        collect(single, 5, shards, tmp_path / "runs.nc")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with xr.open_dataset(tmp_path / "runs.nc") as runs:
        assert runs.sizes["seed"] == 90


def test_a_cell_cut_into_tasks_has_the_runs_of_the_sampler_in_their_order(tmp_path, monkeypatch):
    from dataclasses import replace

    monkeypatch.setattr("ntk_core.datasets.shard.TASK_COST", 1)
    grid = replace(EXPERIMENT, sampler="dense", m=(6,), seeds=150)
    assert len(tasks(Shard(grid, 5, 6, 0, 150), 1)) > len(list(grid.cells()))
    (shard,) = make(tmp_path, [0, 150], grid)
    with xr.open_dataset(shard) as runs:
        for index, cell in zip(np.ndindex(grid.shape), grid.cells(), strict=True):
            for name, row in zip(QUANTITIES, simulate(5, cell, 0, 150), strict=True):
                assert np.array_equal(runs[name].values[index], row)


def test_growing_axes_leaves_runs_unchanged(tmp_path):
    from dataclasses import replace

    more = replace(EXPERIMENT, m=(6, 10, 64), d=(2, 3, 9), alpha=(0.25, 0.5), seeds=3500)
    collect(EXPERIMENT, 5, make(tmp_path / "a", [0, 3000]), tmp_path / "a.nc")
    collect(more, 5, make(tmp_path / "b", [0, 2048, 3500], more), tmp_path / "b.nc")
    with xr.open_dataset(tmp_path / "a.nc") as old, xr.open_dataset(tmp_path / "b.nc") as new:
        common = new.sel({name: old[name] for name in RUN_DIMS})
        for name in QUANTITIES:
            assert np.array_equal(old[name], common[name])


def test_replacing_puts_a_new_file_in_place_and_leaves_other_names_of_the_old(tmp_path):
    target, link = tmp_path / "file", tmp_path / "link"
    target.write_text("old")
    link.hardlink_to(target)
    with replacing(target) as beside:
        beside.write_text("new")
    assert target.read_text() == "new"
    assert link.read_text() == "old"


def test_replacing_leaves_the_old_file_when_writing_fails(tmp_path):
    target = tmp_path / "file"
    target.write_text("old")

    def fail() -> None:
        with replacing(target) as beside:
            beside.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "make room"),
        (errno.EDQUOT, "make room"),
        (errno.EACCES, "see to the folder and its perm"),
    ],
)
def test_replacing_says_what_to_do_where_nothing_can_be_written(tmp_path, monkeypatch, number, advice):
    error = OSError(number, os.strerror(number))
    monkeypatch.setattr(atomic, "_write_error", lambda _: error)
    with (
        pytest.raises(OSError, match=f"cannot be written: {error.strerror}. Nothing is lost: {advice}"),
        replacing(tmp_path / "file"),
    ):
        raise RuntimeError("NetCDF: HDF error")
