"""An archive looked at anew: verified first, nothing simulated, nothing written into it."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import xarray as xr
from conftest import EXPERIMENT, results_of, run_snakemake

import ntk_core
from ntk_core.archive.reanalysis import parse_reanalysis
from ntk_core.archive.verify import check
from ntk_core.datasets.aggregates import add
from ntk_core.datasets.quantiles import quantile_dataset
from ntk_core.datasets.shard import make_shard
from ntk_core.datasets.theory import theory_dataset
from ntk_core.datasets.validation import ResultsError
from ntk_core.experiments.section import ConfigError
from ntk_core.experiments.shards import Shard
from ntk_core.storage.checksums import digest, write_manifest
from ntk_core.storage.netcdf import write
from ntk_core.workdir.run import RunError, plan_reanalysis


@pytest.fixture(scope="module")
def archive(archived, tmp_path_factory) -> Path:
    """A folder of results with one experiment, `e`, and its manifest."""
    root = results_of(archived, tmp_path_factory.mktemp("old") / "archive")
    write_manifest(root, sorted(root.glob("e/*.nc")))
    return root


def state(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        str(path): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


ASKED = ["analysis={delta: [0.05, 0.3], x_norm: [3.0]}", "select={perturbation: [sphere], figure: [rate]}"]


def test_new_levels_of_an_old_archive(archive, tmp_path):
    before = state(archive)
    command = ("reanalyse", "--config", f"archive={archive}", *ASKED)
    run = run_snakemake(tmp_path / "out", None, *command)
    assert run.code == 0, run.output
    rules = (
        "verify_archive",
        "reanalyse_experiment",
        "redraw_figures",
        "rewrite_summary",
        "rewrite_manifest",
    )
    assert run.jobs() == dict.fromkeys((*rules, "reanalyse"), 1)
    made = run.directory / "reanalysis"
    e = ntk_core.open_archive(archive)["e"]
    table = e.quantiles(delta=[0.05, 0.3], x_norm=3.0, perturbation="sphere")
    xr.testing.assert_identical(xr.load_dataset(made / "e/quantiles.nc"), table)
    xr.testing.assert_identical(xr.load_dataset(made / "e/rates.nc"), e.rates(table))
    assert {path.name for path in (made / "figures").iterdir()} == {
        f"e-rate.{s}" for s in ("svg", "pdf", "png")
    }
    assert "sphere" in (made / "summary.txt").read_text()
    assert "reanalysis/manifest.json" in run.output
    assert not check(made).faults
    archived = {"manifest": digest(archive / "manifest.json"), "files": check(archive).files}
    assert json.loads((made / "archive.json").read_text()) == archived
    with pytest.raises(
        ResultsError, match="has tables alone, as a reanalysis has: give the archive with the"
    ):
        ntk_core.open_archive(made)
    assert not (run.directory / "results").exists()
    assert state(archive) == before
    assert "Nothing to be done" in run_snakemake(tmp_path / "out", None, *command).output


def test_a_changed_archive_is_refused_before_a_number_is_taken_from_it(archive, tmp_path):
    other = tmp_path / "changed"
    shutil.copytree(archive, other)
    with (other / "e/runs.nc").open("r+b") as file:
        file.seek(-9, 2)
        file.write(b"\x01")
    run = run_snakemake(tmp_path / "out", None, "reanalyse", "--config", f"archive={other}")
    assert run.code != 0
    assert "fails verification: e/runs.nc (changed)" in run.output
    assert not list((run.directory / "reanalysis").rglob("*.nc"))


def test_an_archive_that_has_changed_since_is_refused_before_it_is_read_again(archive, tmp_path):
    other = tmp_path / "changed"
    shutil.copytree(archive, other)
    command = ("reanalyse", "--config", f"archive={other}", "select={experiment: [e], figure: []}")
    assert run_snakemake(tmp_path / "out", None, *command).code == 0
    with (other / "e/runs.nc").open("r+b") as file:
        file.seek(-9, 2)
        file.write(b"\x01")
    run = run_snakemake(tmp_path / "out", None, *command, "analysis={delta: [0.25]}")
    assert run.code != 0
    assert "fails verification: e/runs.nc (changed)" in run.output


def test_without_an_archive_there_is_one_clear_error(tmp_path):
    run = run_snakemake(tmp_path / "out", None, "reanalyse")
    assert run.code != 0
    assert "snakemake reanalyse --config archive=PATH" in run.output
    run = run_snakemake(tmp_path / "out", None, "reanalyse", "--config", "select={experiment: [e]}")
    assert run.code != 0
    assert "archive is missing; allowed: the folder of an archive" in run.output


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"archive": "nowhere"}, "archive is 'nowhere': .*nowhere holds no results"),
        ({"archive": 3}, "archive is 3; allowed: the folder of an archive"),
        (
            {"analysis": {"delta": [1.5]}},
            r"analysis\.delta\[0\] is 1\.5; allowed: a list, each once, of numbers",
        ),
        ({"analysis": {"level": [0.5]}}, r"analysis\.level: unknown key; allowed here: delta, x_norm"),
        ({"select": {"experiment": ["f"]}}, r"select\.experiment is 'f'; allowed: e"),
        ({"select": {"m": [128]}}, r"select\.m is 128; archived: 64, 256, 4096 \(experiment e\)"),
        ({"select": {"m": ["wide"]}}, r"select\.m\[0\] is 'wide'; allowed: a list of archived widths"),
        ({"select": {"quantity": ["error"]}}, r"select\.quantity is \['error'\]; allowed"),
        ({"select": {"seeds": 10**6}}, r"select\.seeds is 1000000; archived: 1 to 1500"),
        ({"select": {"figure": ["pie"]}}, r"select\.figure is 'pie'; allowed with this selection: rate"),
        (
            {"select": {"figure": ["rate"], "quantity": ["delta1"]}},
            r"select\.figure is 'rate'; allowed with this selection: failure",
        ),
        ({"entropy": 3}, "entropy: unknown key; allowed here: archive, analysis, select, execution"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_key(archive, raw, message):
    with pytest.raises(ConfigError, match=message):
        parse_reanalysis({"archive": str(archive)} | raw)


def test_names_of_an_archive_do_not_move_the_cursor(archive, tmp_path):
    (tmp_path / "named").mkdir()
    shutil.copytree(archive / "e", tmp_path / "named/e\x1b[2J")
    with pytest.raises(RunError) as raised:
        plan_reanalysis({"archive": str(tmp_path / "named"), "select": {"experiment": ["f"]}})
    assert str(raised.value).replace("\n", "").isprintable()


def test_results_are_not_written_into_the_archive(archive, monkeypatch, tmp_path):
    monkeypatch.chdir(archive / "e")
    (tmp_path / "link").symlink_to(archive)
    for path in (archive, "..", "../e/..", tmp_path / "link"):
        with pytest.raises(ConfigError, match="allowed: a folder that nothing is written in"):
            parse_reanalysis({"archive": str(path)})
    for place in ("reanalysis", "reanalysis/old"):
        folder = tmp_path / place.replace("/", "-")
        shutil.copytree(archive, folder / place)
        monkeypatch.chdir(folder)
        with pytest.raises(ConfigError, match="allowed: a folder that nothing is written in"):
            parse_reanalysis({"archive": place})


def test_aggregates_are_asked_for_their_own_levels_only(tmp_path, client):
    grid = replace(EXPERIMENT, name="2024", m=(64,), keep="aggregates", delta=(0.1, 0.5), x_norm=(1.0,))
    make_shard(shard := Shard(grid, 1, 64, 0, grid.seeds), tmp_path / "shard.nc", client, lambda _: None)
    add(grid, 1, [(tmp_path / "shard.nc", shard.content)], tmp_path / "old/2024/aggregates.nc", None)
    theory = theory_dataset(grid, 1, grid.delta, grid.x_norm, None)
    table = quantile_dataset(tmp_path / "old/2024/aggregates.nc", theory, grid, 1, None)
    write(table, tmp_path / "old/2024/quantiles.nc")
    raw = {"archive": str(tmp_path / "old"), "select": {"experiment": ["2024"]}}
    with pytest.raises(ConfigError, match=r"old': .*manifest\.json"):
        parse_reanalysis(raw)
    write_manifest(tmp_path / "old", sorted(tmp_path.glob("old/*/*.nc")))
    assert parse_reanalysis({**raw, "analysis": {"delta": ["0.1"]}}).selections == {"2024": {"delta": [0.1]}}
    with pytest.raises(ConfigError, match=r"analysis\.delta is 0\.25; archived: 0\.1, 0\.5, as aggregates"):
        parse_reanalysis({**raw, "analysis": {"delta": [0.1, 0.25]}})


def test_numbers_of_the_command_line_are_numbers(archive):
    """Snakemake hands on the text inside a list."""
    reanalysis = parse_reanalysis(
        {"archive": str(archive), "select": {"m": ["64"], "alpha": ["0.5"], "seeds": "10"}}
    )
    assert reanalysis.selections == {"e": {"m": [64], "alpha": [0.5], "seeds": 10}}
    assert reanalysis.figures == {"e": ("constant", "delta", "ladder", "failure")}  # one width, d and α
