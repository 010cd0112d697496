"""The manifest and the seals find every change; `ntk-core` says it in words and exit codes."""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import netCDF4
import numpy as np
import pytest
from command_line import call
from conftest import EXPERIMENT, archive_results, results_of
from trained import EXPERIMENTS

from ntk_core.archive import replay
from ntk_core.archive.replay import random_blocks
from ntk_core.archive.verify import Fault, check
from ntk_core.datasets.data_file import open_data
from ntk_core.datasets.runs import collect
from ntk_core.datasets.trained_shard import train_shard
from ntk_core.execution.workers import workers
from ntk_core.experiments.execution_model import ExecutionModel
from ntk_core.experiments.shards import Shard
from ntk_core.storage.checksums import MANIFEST, seal, seal_fault, seal_path, write_manifest

UNSEALED = (
    "nothing else was compared, as manifest.json does not match or lacks its seal, manifest.json.sha256\n"
)


@pytest.fixture
def results(tmp_path, archived) -> Path:
    """A folder of results: an experiment, a shard with its seal, a figure, claims, a report, the manifest."""
    root = tmp_path / "results"
    shard = root / "e" / "shards" / EXPERIMENT.content_key(1) / "m64_seeds0-1500.nc"
    shard.parent.mkdir(parents=True)
    (root / "figures").mkdir()
    for name in ("runs", "quantiles", "rates"):
        shutil.copy(archived / f"{name}.nc", root / "e")
    shutil.copy(archived / "64.nc", shard)
    seal(shard)
    (root / "figures" / "e-rate.svg").write_text("<svg/>")
    (root / "claims.json").write_text("[]\n")
    (root / "report.html").write_text("<p>took 3 s</p>")
    remade(root)
    return root


def remade(root: Path) -> None:
    paths = [*root.glob("e/*.nc"), *root.glob("figures/*"), root / "claims.json"]
    write_manifest(root, paths)


def test_an_untouched_archive_is_whole(results):
    verification = check(results)
    assert (verification.files, verification.shards, verification.faults) == (5, 1, [])
    assert call("verify", results) == (0, "ok: 5 files of the manifest, 1 shards\n")


def test_every_kind_of_fault_is_named(results):
    shard = next(results.rglob("m64*.nc"))
    data = (results / "e/rates.nc").read_bytes()
    (results / "e/rates.nc").write_bytes(data[:-1])
    (results / "figures/e-rate.svg").unlink()
    (results / "figures/mine.svg").write_text("")
    (results / "claims.json").write_text("[]  \n")
    (results / "e/runs.nc").rename(results / "elsewhere.nc")
    (results / "e/runs.nc").symlink_to(results / "elsewhere.nc")
    shard.write_bytes(b"")
    expected = [
        Fault("claims.json", "changed"),
        Fault("e/rates.nc", "truncated"),
        Fault("e/runs.nc", "a link, not a file"),
        Fault(shard.relative_to(results).as_posix(), "truncated"),
        Fault("elsewhere.nc", "extra"),
        Fault("figures/e-rate.svg", "missing"),
        Fault("figures/mine.svg", "extra"),
    ]
    assert check(results).faults == sorted(expected)
    code, output = call("verify", results)
    assert code == 1
    for fault in expected:
        assert f"{fault.kind}: {results / fault.path}\n" in output


def test_what_stands_in_the_place_of_a_file_is_named(results):
    shard = next(results.rglob("m64*.nc"))
    for path in (results / "claims.json", shard):
        path.unlink()
        path.mkdir()
    (results / "figures/e-rate.svg").unlink()
    os.mkfifo(results / "figures/e-rate.svg")
    (results / "report.html").rename(results.parent / "elsewhere.html")
    (results / "report.html").symlink_to(results.parent / "elsewhere.html")
    expected = [
        Fault("claims.json", "a folder, not a file"),
        Fault(shard.relative_to(results).as_posix(), "a folder, not a file"),
        Fault("figures/e-rate.svg", "a pipe, not a file"),
        Fault("report.html", "a link, not a file"),
    ]
    assert check(results).faults == sorted(expected)
    for path in (shard, results / "figures/e-rate.svg"):
        assert seal_fault(path) == next(fault.kind for fault in expected if path == results / fault.path)
    assert f"a folder, not a file: {results / 'claims.json'}\n" in call("verify", results)[1]


def test_a_shard_and_its_seal_belong_together(results):
    shard = next(results.rglob("m64*.nc"))
    name = shard.relative_to(results).as_posix()
    line = seal_path(shard).read_text()
    checked = subprocess.run(["sha256sum", "--check", seal_path(shard).name], cwd=shard.parent, check=False)
    assert checked.returncode == 0
    seal_path(shard).unlink()
    assert check(results).faults == [Fault(name, "without its seal")]
    seal_path(shard).write_text(line.upper())
    assert check(results).faults == [Fault(name, "changed")]
    seal_path(shard).write_text(line)
    shard.unlink()
    assert check(results).faults == [Fault(name, "missing")]


def test_shards_of_trained_runs_are_compared_with_them_too(tmp_path):
    experiment, shards = EXPERIMENTS["usual"], []
    folder = tmp_path / "usual" / "shards" / experiment.content_key(2)
    with workers(ExecutionModel(), 1) as client:
        for m, start in itertools.product(experiment.m, (0, 2)):
            shards.append(folder / f"m{m}_seeds{start}-{start + 2}.nc")
            train_shard(Shard(experiment, 2, m, start, start + 2), shards[-1], client, lambda _: None)
    collect(experiment, 2, shards, tmp_path / "usual/runs.nc")
    write_manifest(tmp_path, [tmp_path / "usual/runs.nc"])
    verification = check(tmp_path)
    assert (verification.shards, verification.faults) == (6, [])
    shutil.copy(shards[0], shards[1])
    seal(shards[1])
    with netCDF4.Dataset(shards[3], "a") as file:
        file["alpha_hat"][0, 1, 0] = np.nextafter(file["alpha_hat"][0, 1, 0], 1.0)
    seal(shards[3])
    names = [shards[number].relative_to(tmp_path).as_posix() for number in (1, 3)]
    assert check(tmp_path).faults == sorted(Fault(name, "unlike runs.nc") for name in names)


def test_every_single_flipped_bit_is_found(results):
    """Twenty in each file but the report, the manifest and the seals among them; the file is named."""
    random_ = random.Random(6)
    files = [path for path in results.rglob("*") if path.is_file() and path.name != "report.html"]
    for path in sorted(files) * 20:
        with path.open("rb+") as file:
            place = random_.randrange(path.stat().st_size)
            file.seek(place)
            byte = file.read(1)
            file.seek(place)
            file.write(bytes([byte[0] ^ (1 << random_.randrange(8))]))
        name = path.relative_to(results).as_posix().removesuffix(".sha256")
        assert name in [fault.path for fault in check(results).faults], (path, place)
        with path.open("rb+") as file:
            file.seek(place)
            file.write(byte)
    assert check(results).faults == []


def test_a_changed_manifest_is_told_from_changed_files(results):
    text = (results / MANIFEST).read_text()
    (results / MANIFEST).write_text(text.replace("0", "1", 1))
    assert call("verify", results) == (1, f"changed: {results / MANIFEST}\n{UNSEALED}")
    (results / MANIFEST).write_text("")
    assert call("verify", results) == (1, f"truncated: {results / MANIFEST}\n{UNSEALED}")


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        "[" * 100_000,
        '{"algorithm": "sha256", "files": []}',
        json.dumps({"algorithm": "sha256", "files": {"../x": {"bytes": 1, "sha256": "0"}}}, indent=1) + "\n",
        json.dumps({"algorithm": "sha256", "files": {"/etc/passwd": {"bytes": 1, "sha256": ""}}}, indent=1)
        + "\n",
        json.dumps({"algorithm": "sha256", "files": {"a": {"bytes": "1", "sha256": ""}}}, indent=1) + "\n",
        json.dumps({"algorithm": "sha256", "files": {"a": 1}}, indent=1) + "\n",
        b"\xff\xfe".decode("latin1"),
    ],
)
def test_what_is_no_manifest_is_refused_with_one_line(results, text):
    (results / MANIFEST).write_text(text)
    seal(results / MANIFEST)
    code, output = call("verify", results)
    assert code == 2
    assert output.startswith(f"ntk-core: {results / MANIFEST} ")
    assert len(output.splitlines()) == 1


def test_where_there_is_no_archive(tmp_path):
    code, output = call("verify", tmp_path / "nowhere")
    assert code == 2
    assert "nowhere' does not exist" in output
    code, output = call("verify", tmp_path)
    assert code == 2
    assert "manifest.json cannot be read: No such file" in output


def tamper(path: Path, quantity: str = "delta1", seed: int = 7) -> None:
    with netCDF4.Dataset(path, "a") as file:
        value = file[quantity][1, 1, 0, 1, seed]
        file[quantity][1, 1, 0, 1, seed] = np.nextafter(value, 2.0)


def test_recomputing_finds_what_no_checksum_can(results):
    """A value changed by its last bit, and the manifest made to fit."""
    assert call("verify", results, "--recompute", 3)[0] == 0
    tamper(results / "e/runs.nc")
    remade(results)
    assert call("verify", results)[0] == 0
    code, output = call("verify", results, "--recompute", 400)
    assert code == 1
    line = "recomputed e (band, sphere, m = 256, d = 2, alpha = 2, seeds 0 to 1499): 1 runs differ in delta1"
    assert f"{line}\n" in output
    assert "seeds 0 to 1499): the same bits" in output
    lines = output.splitlines()
    assert len(set(lines)) == len(lines) == 1 + 12 + 2  # 12 cells of a block each, once
    line = "recomputed 12 of 12 parts: where one alone is altered, the chance to miss it is 1 - 12/12 = 0 %"
    assert lines[-1] == line
    assert lines[-2].startswith("only runs were recomputed: tables, claims, ")


def test_blocks_drawn_are_different_and_one_is_missed_as_often_as_is_said(results, monkeypatch):
    """Each of the 12 is left out by 1 - 3/12 of 2000 draws; one is 5 standard errors off at chance 7e-6."""
    generator = random.Random(3)
    monkeypatch.setattr(replay, "Random", lambda: generator)
    with open_data(results / "e/runs.nc") as runs:
        drawn = [random_blocks([runs], 3) for _ in range(2000)]
    assert {count for _, count in drawn} == {12}
    times = Counter(str(block) for blocks, _ in drawn for block in blocks)
    assert all(len({str(block) for block in blocks}) == 3 for blocks, _ in drawn)
    assert len(times) == 12
    missed = 1 - np.array(list(times.values())) / 2000
    assert np.all(np.abs(missed - (1 - 3 / 12)) < 5 * math.sqrt(0.25 * 0.75 / 2000))
    output = call("verify", results, "--recompute", 3)[1]
    assert output.splitlines()[-1].startswith("recomputed 3 of 12 parts: ")
    assert output.endswith("the chance to miss it is 1 - 3/12 = 75 %\n")


RUN = ("--experiment", "e", "--perturbation", "sphere", "--m", 256, "--d", 2, "--alpha", 2, "--seed")


@pytest.fixture(scope="module")
def former(tmp_path_factory) -> Path:
    """An archive of runs that were drawn in format 3."""
    grid = replace(EXPERIMENT, m=(64, 256), seeds=1100, version=3)
    root = results_of(
        archive_results(grid, tmp_path_factory.mktemp("former")), tmp_path_factory.mktemp("all")
    )
    write_manifest(root, [*root.glob("e/*.nc")])
    return root


def test_an_archive_of_the_format_before_is_verified_and_replayed_by_its_own_draws(former):
    with netCDF4.Dataset(former / "e/runs.nc") as file:
        assert file.format_version == 3
    code, output = call("verify", former, "--recompute", 24)
    assert (code, output.splitlines()[-1][:25]) == (0, "recomputed 16 of 16 parts")
    assert "seeds 1024 to 1099): the same bits" in output
    code, output = call("replay", *RUN, 1030, former, "--dense")
    assert code == 0
    assert "archived and recomputed: the same bits" in output


def test_runs_of_one_format_are_not_those_of_another(former, tmp_path):
    other = shutil.copytree(former, tmp_path / "other")
    for path in other.glob("e/*.nc"):
        with netCDF4.Dataset(path, "a") as file:
            file.format_version = np.int32(4)
    write_manifest(other, [*other.glob("e/*.nc")])
    assert call("verify", other, "--recompute", 1)[0] == 1
    for version in (2, 5):
        with netCDF4.Dataset(other / "e/runs.nc", "a") as file:
            file.format_version = np.int32(version)
        assert "does not have format 3 or 4, which this version reads" in call("describe", other)[1]


def test_replay_shows_a_run_archived_recomputed_and_by_the_definitions(results):
    code, output = call("replay", *RUN, 1030, results, "--dense")
    assert code == 0
    lines = output.splitlines()
    assert lines[0] == (
        "e: band, sphere, m = 256, d = 2, alpha = 2, seed 1030 (block 0, place 1030), at |x| = 1"
    )
    assert lines[1].split() == ["archived", "recomputed", "definitions"]
    with netCDF4.Dataset(results / "e/runs.nc") as file:
        for line in lines[2:7]:
            name, archived, recomputed, defined = line.split()
            assert float(archived) == float(recomputed) == file[name][1, 1, 0, 1, 1030]
            assert float(defined) == pytest.approx(float(archived), rel=1e-9, abs=1e-14)
    assert lines[7] == "archived and recomputed: the same bits"


def test_replay_says_when_the_archive_holds_something_else(results):
    tamper(results / "e/runs.nc")
    code, output = call("replay", *RUN, 7, results)
    assert code == 1
    assert "archived and recomputed: DIFFERENT" in output
    assert call("replay", *RUN, 8, results)[0] == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--m": 128}, "m is 128; archived: 64, 256, 4096"),
        ({"--alpha": "nan"}, "alpha is nan; archived: 0.5, 2.0"),
        ({"--perturbation": "worst"}, "perturbation is worst; archived: adversarial, sphere"),
        ({"--seed": 1500}, "seed is 1500; archived: 0 to 1499"),
        ({"--experiment": "../e"}, "experiment is '../e'; allowed: e"),
        ({"--experiment": "f"}, "experiment is 'f'; allowed: e"),
    ],
)
def test_a_run_that_is_not_there_is_refused_with_what_is(results, change, message):
    options = dict(zip(RUN[::2], [*RUN[1::2], 0], strict=True)) | change
    code, output = call("replay", *(part for item in options.items() for part in item), results)
    assert code == 2
    assert message in output
    assert len(output.splitlines()) == 1


def test_a_network_too_large_to_hold_is_refused():
    from ntk_core.sampling.cell import Cell
    from ntk_core.sampling.definitions import definitions

    with pytest.raises(ValueError, match="at most 16,777,216 weights"):
        definitions(1, Cell("band", "sphere", 2**30, 2, 1.0), 0)


def test_verification_reads_only(results):
    """Neither command writes, so an archive on a read-only disk can be checked."""
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*")}
    call("verify", results, "--recompute", 2)
    call("replay", *RUN, 7, results, "--dense")
    assert {path: path.stat().st_mtime_ns for path in results.rglob("*")} == before
    assert os.listdir(results.parent) == ["results"]  # noqa: PTH208


def test_the_default_run_is_whole_and_can_be_recomputed(default_run):
    code, output = call("verify", default_run.run.directory / "results", "--recompute", 5)
    assert code == 0, output
    assert output.count(": the same bits") == 5
