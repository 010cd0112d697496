"""Two archives as one: the bytes of the whole, or one error that says where they disagree."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import netCDF4
import numpy as np
import pytest
from conftest import DELTA, ROOT, X_NORM
from trained import EXPERIMENTS, train
from typer.testing import CliRunner

import ntk_core
from ntk_core.archive import merge
from ntk_core.archive.merge import MergeError, merge_archives
from ntk_core.archive.verify import check
from ntk_core.cli import app
from ntk_core.datasets.quantiles import quantile_dataset
from ntk_core.datasets.rates import rate_dataset
from ntk_core.datasets.runs import collect
from ntk_core.datasets.runs_file import DrawnRunsFile
from ntk_core.datasets.shard import simulate_shard
from ntk_core.datasets.theory import theory_dataset
from ntk_core.experiments.drawn import DrawnExperiment
from ntk_core.experiments.shards import Shard
from ntk_core.laws import CustomLaw
from ntk_core.network import Array
from ntk_core.sampling.cell import Cell
from ntk_core.storage.checksums import write_manifest
from ntk_core.storage.netcdf import write

WHOLE = DrawnExperiment("e", "band", ("adversarial", "sphere"), (64, 256), (2,), (0.5, 2.0), 3000)
FILES = ("runs.nc", "theory.nc", "quantiles.nc", "rates.nc")


@pytest.fixture(scope="module")
def make(client, tmp_path_factory):
    """An archive of one experiment, as the workflow would make it, or of its runs alone."""

    def made(experiment: DrawnExperiment, entropy: int = 1, tables: bool = True) -> Path:
        root = tmp_path_factory.mktemp("part")
        shards = []
        for m in experiment.m:
            shards.append(root / f"{m}.nc")
            numbers = experiment.numbers
            shard = Shard(experiment, entropy, m, numbers.start, numbers.stop)
            simulate_shard(shard, shards[-1], client, lambda _: None)
        folder = root / "archive" / experiment.name
        collect(experiment, entropy, shards, folder / "runs.nc")
        if tables:
            theory = theory_dataset(experiment, entropy, DELTA, X_NORM, client)
            table = quantile_dataset(folder / "runs.nc", theory, experiment, entropy, client)
            for name, data in (("theory", theory), ("quantiles", table)):
                write(data, folder / f"{name}.nc")
            write(rate_dataset(table, experiment, entropy), folder / "rates.nc")
        write_manifest(folder.parent, sorted(folder.glob("*.nc")))
        return folder.parent

    return made


@pytest.fixture(scope="module")
def whole(make):
    return make(WHOLE)


def digests(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / "e" / name).read_bytes()).hexdigest() for name in FILES}


@pytest.mark.parametrize(
    "parts",
    [
        [{"m": (64,)}, {"m": (256,)}],
        [{"alpha": (2.0,)}, {"alpha": (0.5,)}],
        [{"perturbation": ("sphere",)}, {"perturbation": ("adversarial", "sphere")}],
        [{"seeds": 1700}, {"seeds": 1300, "first_seed": 1700}],
        [{"seeds": 900, "first_seed": 2100}, {"seeds": 2200}],
    ],
    ids=["widths", "radii", "overlapping laws", "seeds", "overlapping seeds"],
)
def test_the_parts_give_the_bytes_of_the_whole(make, whole, tmp_path, parts):
    first, second = (make(replace(WHOLE, **part)) for part in parts)
    merged = merge_archives(first, second, tmp_path / "both")
    assert merged == {"e": WHOLE}
    assert digests(tmp_path / "both") == digests(whole)
    assert not check(tmp_path / "both").faults


def test_a_part_with_later_seeds_is_replayed_and_checked_block_by_block(make):
    part = make(replace(WHOLE, m=(64,), seeds=1300, first_seed=1700))
    described = CliRunner().invoke(app, ["describe", str(part)]).output
    assert "e: 5,200 runs (seeds 1700 to 2999), simulation" in described
    grid = ntk_core.open_archive(part)["e"]
    assert grid.runs["seed"].values.tolist() == list(range(1700, 3000))
    assert grid.replay("sphere", 64, 2, 0.5, 1700).same
    assert grid.replay("sphere", 64, 2, 0.5, 2999).same
    with pytest.raises(ValueError, match="seed is 1699; archived: 1700 to 2999"):
        grid.replay("sphere", 64, 2, 0.5, 1699)
    done = CliRunner().invoke(app, ["verify", str(part), "--recompute", "12"])
    assert done.exit_code == 0, done.output
    assert "seeds 1700 to 2999" in done.output


def changed(archive: Path, to: Path) -> Path:
    """The archive with one run one bit off, and a manifest that says so."""
    shutil.copytree(archive, to)
    with netCDF4.Dataset(to / "e/runs.nc", "a") as file:
        file["delta1"][1, 0, 0, 0, 77] = np.nextafter(file["delta1"][1, 0, 0, 0, 77], 1.0)
    write_manifest(to, sorted(to.glob("e/*.nc")))
    return to


def test_what_is_no_part_of_one_whole_is_refused_with_the_place(make, whole, tmp_path):
    """Before any table is read: there are none."""

    def part(entropy=1, **changes):
        return make(replace(WHOLE, **changes), entropy, tables=False)

    both = tmp_path / "both"
    narrow = part(m=(64,))
    cases = [
        (part(m=(256,), entropy=2), "entropy is 1 in one archive, 2 in the other"),
        (part(m=(256,), alpha=(2.0,)), "neither archive holds .*256, .*= 0.5, seed 0"),
        (part(m=(64,), seeds=100, first_seed=3100), "neither archive holds .*, seed 3000"),
        (part(m=(64,), seeds=100, first_seed=2**39), "neither archive holds .*, seed 3000"),
        (part(sampler="dense", m=(64,), seeds=64), "sampler is band in one archive, dense"),
        (part(m=(256,), version=3), "format_version is 4 in one archive, 3 in the other"),
        (part(perturbation=("frobenius",), m=(64,)), "no config allows: .*frobenius"),
        (changed(whole, tmp_path / "changed"), "delta1 of band, sphere, .*, alpha = 0.5, seed 77, is "),
    ]  # fmt: skip
    for other, message in cases:
        with pytest.raises(MergeError, match=message):
            merge_archives(narrow, other, both)
        assert not list(tmp_path.glob("*both*"))


def test_runs_of_both_are_compared_in_pieces(whole, tmp_path, monkeypatch):
    other, sizes, read = changed(whole, tmp_path / "changed"), set(), merge._Source.read

    def measured(source: merge._Source, quantity: str, cell: Cell, numbers: range) -> Array:
        sizes.add(len(numbers))
        return read(source, quantity, cell, numbers)

    monkeypatch.setattr(merge._Source, "read", measured)
    monkeypatch.setattr(merge, "PIECE", 70)
    with (
        DrawnRunsFile(whole / "e/runs.nc") as left,
        DrawnRunsFile(other / "e/runs.nc") as right,
        pytest.raises(MergeError, match=r"delta1 of band, sphere, .*, seed 77, is "),
    ):
        merge._check_overlap([merge._Source(left), merge._Source(right)])
    assert sizes == {70, 3000 % 70}


HALF = "def band(rng, position, sign, c, d, radius):\n    return 0.5 * c * (sign > 0)\n"


def own(name: str, source: str = HALF) -> CustomLaw:
    return CustomLaw(name, source, "own.py", may_run=True)


def test_archives_of_different_laws_of_ones_own_merge_and_of_one_name_must_have_one_source(make, tmp_path):
    few = replace(WHOLE, m=(64,), seeds=100)
    names = (("sphere", "z"), ("a",), ("a", "sphere", "z"))
    laws = [replace(few, perturbation=p, laws=tuple(map(own, sorted({*p} - {"sphere"})))) for p in names]
    laws[2] = replace(laws[2], perturbation=("sphere", "a", "z"))
    first, second, both = map(make, laws)
    merged = merge_archives(first, second, tmp_path / "both")
    assert merged == {"e": laws[2]}
    assert digests(tmp_path / "both") == digests(both)
    other = make(replace(few, perturbation=("a",), laws=(own("a", HALF + "# other\n"),)))
    with pytest.raises(MergeError, match="e: the archives have different laws of the name a"):
        merge_archives(second, other, tmp_path / "none")


def test_an_experiment_of_one_archive_is_copied_without_files_the_format_does_not_have(make, tmp_path):
    first, second = (make(replace(WHOLE, name=name, m=(64,), seeds=100)) for name in "ef")
    shutil.copy(second / "f/rates.nc", second / "f/other.nc")
    write_manifest(second, sorted(second.glob("f/*.nc")))
    assert merge_archives(first, second, tmp_path / "both").keys() == {"e", "f"}
    for path in (first / "e", second / "f"):
        for name in FILES:
            assert (tmp_path / "both" / path.name / name).read_bytes() == (path / name).read_bytes()
    assert len([*tmp_path.glob("both/*/*")]) == 2 * len(FILES)
    assert not check(tmp_path / "both").faults


def test_trained_runs_of_both_are_refused_with_their_folders_and_what_to_do(tmp_path):
    folders = [tmp_path / archive / "lone" for archive in ("first", "second")]
    train(EXPERIMENTS["lone"], tmp_path / "trained")
    for folder in folders:
        folder.mkdir(parents=True)
        shutil.copy(tmp_path / "trained/lone.nc", folder / "runs.nc")
        write_manifest(folder.parent, [folder / "runs.nc"])
    with pytest.raises(MergeError) as error:
        merge_archives(folders[0].parent, folders[1].parent, tmp_path / "both")
    assert str(error.value) == (
        f"trained runs cannot be merged: {folders[0]}, {folders[1]}; leave lone out of the config of one "
        "run, then merge copies those of the other"
    )


def test_a_damaged_part_is_refused(whole, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(whole, other)
    with (other / "e/rates.nc").open("ab") as file:
        file.write(b"x")
    with pytest.raises(MergeError, match=r"fails verification: e/rates\.nc \(changed\)"):
        merge_archives(whole, other, tmp_path / "both")


def test_the_command_says_what_it_made_and_never_overwrites(make, tmp_path):
    parts = [make(replace(WHOLE, m=(m,), seeds=100)) for m in (64, 256)]
    call = ["merge", *map(str, parts), "--to", str(tmp_path / "both")]
    done = CliRunner().invoke(app, call)
    assert (done.exit_code, done.output) == (0, f"{tmp_path / 'both/e'}: 800 runs\n")
    made = {path.relative_to(tmp_path / "both").as_posix() for path in (tmp_path / "both").rglob("*.*")}
    assert made == {"manifest.json", "manifest.json.sha256", *(f"e/{name}" for name in FILES)}
    page = (ROOT / "docs/reanalysis.md").read_text(encoding="utf-8")
    words = "no README, config, licence, sources, claims, figures or pages"
    for text in (
        CliRunner().invoke(app, ["merge", "--help"]).output,
        page.partition("## Two archives as one")[2],
    ):
        assert words in " ".join(text.split())
    again = CliRunner().invoke(app, call)
    assert again.exit_code == 2
    assert "already exists; choose a new path" in again.output
    with pytest.raises(FileExistsError, match="choose a path outside of it"):
        merge_archives(*parts, parts[0] / "inside")
