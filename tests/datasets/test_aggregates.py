"""An experiment that keeps aggregates, beside one that keeps the same runs; its files, whole and altered."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr
from conftest import DELTA, X_NORM
from typer.testing import CliRunner

import ntk_core
from benchmarks.aggregates import compare
from ntk_core.archive.merge import MergeError, merge_archives
from ntk_core.archive.verify import check
from ntk_core.cli import app
from ntk_core.datasets.aggregates import add, aggregate_shard
from ntk_core.datasets.aggregates_file import FORMS, AggregatesFile
from ntk_core.datasets.file_reader import FileReader
from ntk_core.datasets.quantiles import quantile_dataset
from ntk_core.datasets.rates import rate_dataset
from ntk_core.datasets.runs import CACHE, collect
from ntk_core.datasets.shard import simulate_shard
from ntk_core.datasets.theory import theory_dataset
from ntk_core.datasets.validation import ResultsError
from ntk_core.execution.compute import Workers
from ntk_core.execution.workers import workers
from ntk_core.experiments.config import parse_config
from ntk_core.experiments.cost import AGGREGATE_BYTES, AGGREGATE_FILE_BYTES
from ntk_core.experiments.drawn import DrawnExperiment
from ntk_core.experiments.execution_model import ExecutionModel
from ntk_core.experiments.plan import Plan
from ntk_core.experiments.shards import Shard
from ntk_core.sampling.aggregate import LARGEST
from ntk_core.storage.checksums import seal, write_manifest
from ntk_core.storage.netcdf import write
from ntk_core.storage.regular_file import FileError

SEEDS = 6000
RUNS = DrawnExperiment("e", "band", ("adversarial", "sphere"), (66, 1024), (2,), (0.5, 2.0), SEEDS)
GRID = replace(RUNS, keep="aggregates", delta=DELTA, x_norm=X_NORM)
ENTROPY = 4


def shards(
    grid: DrawnExperiment, folder: Path, cuts: list[int], executors: Workers = 1
) -> list[tuple[Path, DrawnExperiment]]:
    """Files of some ranges of seeds, and what each holds."""
    parts = []
    for m in grid.m:
        for start, stop in pairwise(cuts):
            path = folder / f"m{m}_seeds{start}-{stop}.nc"
            aggregate_shard(Shard(grid, ENTROPY, m, start, stop), path, executors, lambda _: None)
            parts.append((path, grid.part(m, range(start, stop))))
    return parts


def archive(grid: DrawnExperiment, root: Path, cuts: list[int]) -> Path:
    """The results of a grid as the workflow makes them, with shards where it puts them."""
    folder = root / grid.name
    parts = shards(grid, folder / "shards" / grid.content_key(ENTROPY), cuts)
    add(grid, ENTROPY, parts, folder / "aggregates.nc", None)
    theory = theory_dataset(grid, ENTROPY, DELTA, X_NORM, None)
    table = quantile_dataset(folder / "aggregates.nc", theory, grid, ENTROPY, None)
    tables = {"theory": theory, "quantiles": table, "rates": rate_dataset(table, grid, ENTROPY)}
    for name, dataset in tables.items():
        write(dataset, folder / f"{name}.nc")
    write_manifest(root, sorted(folder.glob("*.nc")))
    return root


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    return archive(GRID, tmp_path_factory.mktemp("whole"), [0, 1000, SEEDS])


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """`runs.nc` of the same runs."""
    folder = tmp_path_factory.mktemp("runs")
    paths = [folder / f"{m}.nc" for m in RUNS.m]
    for m, path in zip(RUNS.m, paths, strict=True):
        simulate_shard(Shard(RUNS, ENTROPY, m, 0, SEEDS), path, 1, lambda _: None)
    collect(RUNS, ENTROPY, paths, folder / "runs.nc")
    return folder / "runs.nc"


@pytest.fixture(scope="module")
def tables(whole, runs) -> tuple[xr.Dataset, xr.Dataset]:
    """`quantiles.nc` from the runs, and from the aggregates."""
    theory = theory_dataset(RUNS, ENTROPY, DELTA, X_NORM, None)
    return quantile_dataset(runs, theory, RUNS, ENTROPY, None), xr.load_dataset(whole / "e/quantiles.nc")


def test_counts_are_those_of_the_runs_and_moments_up_to_rounding(tables):
    stored, aggregated = tables
    for name, values in stored.drop_vars(["bar_runs", "first_bar", "bar_width"]).data_vars.items():
        if values.dtype.kind == "i":
            assert np.array_equal(values, aggregated[name]), name
        elif not name.startswith(("quantile", "bound_ratio")):
            np.testing.assert_allclose(aggregated[name], values, rtol=1e-12, atol=0.0, err_msg=name)


def test_a_quantile_is_within_half_a_bin_and_its_interval_holds_that_of_the_runs(tables):
    stored, aggregated = tables
    error = np.abs(aggregated["quantile"] - stored["quantile"]).values
    assert np.all(error <= 2.0**-10 * stored["quantile"].values)
    assert np.any(error > 0.0)
    assert np.all(aggregated["quantile_lower"] <= stored["quantile_lower"])
    assert np.all(aggregated["quantile_upper"] >= stored["quantile_upper"])
    width = aggregated["quantile_upper"] - stored["quantile_upper"]
    assert np.all((width <= 2.0**-9 * stored["quantile_upper"]).values | np.isinf(stored["quantile_upper"]))


def test_quantiles_of_the_largest_values_and_of_fractions_are_exact(tables):
    stored, aggregated = tables
    for name in ("quantile", "quantile_lower", "quantile_upper"):
        fractions = {"quantity": ["sign_change_fraction", "band_fraction"]}
        assert np.array_equal(aggregated[name].sel(fractions), stored[name].sel(fractions))
        tail = {"delta": list(DELTA[:1])}  # its limits are among the 1,000 largest
        assert np.array_equal(aggregated[name].sel(tail), stored[name].sel(tail))


def test_the_comparison_of_both_routes_says_what_is_lost(tables):
    stored, aggregated = tables
    for one in compare(RUNS, stored, aggregated):
        assert (one.unequal, one.inside, one.exact) == (0, one.intervals, one.tail)
        assert one.tail == 5 * sum(SEEDS * delta < LARGEST for delta in DELTA)
        assert one.moments < 1e-12
        assert 0.0 < one.quantiles <= 0.5 + 1e-9
    changed = aggregated.copy(deep=True)
    for name in ("exceedances", "mean", "quantile", "quantile_lower"):
        changed[name][{"m": 0}] += 1
    for one, cell in zip(compare(RUNS, stored, changed), RUNS.cells(), strict=True):
        narrow = cell.m == RUNS.m[0]
        assert (one.unequal > 0) == (one.moments > 1e-3) == (one.quantiles > 1.0) == narrow
        assert (one.inside < one.intervals) == (one.exact < one.tail) == narrow


def test_histograms_hold_the_same_runs(tables):
    stored, aggregated = tables
    apart = np.abs(stored["bar_runs"].cumsum("bar") - aggregated["bar_runs"].cumsum("bar"))
    assert (aggregated["bar_runs"].sum("bar") == SEEDS).all()
    assert apart.max() > 0
    assert "all runs of a bin are in the bar of one value of it" in aggregated["bar_runs"].attrs["long_name"]
    assert float(apart.max()) < 0.03 * SEEDS
    assert aggregated["bar_width"].values == pytest.approx(stored["bar_width"].values, rel=1e-2)


@pytest.mark.parametrize(
    ("cuts", "kind"), [([0, SEEDS], "processes"), ([0, 1, 1024, 3000, 3001, SEEDS], "threads")]
)
def test_the_same_bytes_however_the_seeds_are_cut(whole, tmp_path, cuts, kind, monkeypatch):
    monkeypatch.setattr("ntk_core.datasets.aggregates.GROUP", 2)
    with workers(ExecutionModel(workers=kind), 2) as executors:
        parts = shards(GRID, tmp_path, cuts, executors)
        add(GRID, ENTROPY, parts[::-1], tmp_path / "sum.nc", executors)
    assert (tmp_path / "sum.nc").read_bytes() == (whole / "e/aggregates.nc").read_bytes()


def test_a_file_stays_small(whole, tmp_path):
    """One of a single cell is mostly bins, of which a wide network has the most."""
    files = [*(whole / "e").rglob("m*.nc"), whole / "e/aggregates.nc", tmp_path / "wide.nc"]
    wide = replace(GRID, perturbation=("sphere",), m=(2**30,), alpha=(1.0,), seeds=1024)
    aggregate_shard(Shard(wide, ENTROPY, 2**30, 0, 1024), files[-1], 1, lambda _: None)
    assert len(files) == 6
    for file in files:
        with AggregatesFile(file) as aggregates:
            most = AGGREGATE_FILE_BYTES + AGGREGATE_BYTES * aggregates.experiment.table_cells
            assert file.stat().st_size < most
    assert files[-1].stat().st_size > AGGREGATE_FILE_BYTES


def missing(plan: Plan) -> int:
    """Runs that are yet to be drawn."""
    return sum(shard.runs for shard in plan.missing_shards("e"))


def test_more_seeds_compute_only_new_ones(tmp_path):
    grid = {"sampler": "band", "perturbation": ["sphere"], "m": [64], "d": [2], "alpha": [1.0]}
    grid |= {"keep": "aggregates"}

    def plan(seeds: int, **analysis) -> Plan:
        raw = {"entropy": 1, "experiments": {"e": {**grid, "seeds": seeds}}}
        return Plan(parse_config(raw | {"analysis": analysis, "execution": {"shard_seeds": 1024}}), tmp_path)

    (first,) = plan(5000).all_shards
    path = plan(5000).path(first)
    path.parent.mkdir(parents=True)
    path.touch()
    assert [(s.start, s.stop) for s in plan(9000).all_shards] == [(0, 5000), (5000, 9000)]
    assert missing(plan(9000)) == 4000
    assert plan(9000).path(plan(9000).all_shards[0]) == path
    assert missing(plan(5000, delta=[0.3])) == 5000  # other levels are other comparisons


@pytest.mark.parametrize("cuts", [[0, 1000], [1000, SEEDS]])
def test_a_gap_is_named(cuts, tmp_path):
    with pytest.raises(ResultsError, match=r"seeds are .* needed: 0 to 5999, each once"):
        add(GRID, ENTROPY, shards(GRID, tmp_path, cuts), tmp_path / "sum.nc", None)
    assert not (tmp_path / "sum.nc").exists()


def spoil(path: Path, name: str, change) -> None:
    with netCDF4.Dataset(path, "a") as file:
        values = file[name][:]
        change(values)
        file[name][:] = values


def swap(values) -> None:
    values[0, 0, 0, 0, 0, [0, 1]] = values[0, 0, 0, 0, 0, [1, 0]]


def put(index, value):
    def change(values) -> None:
        values[index] = value

    return change


ALTERED = {
    "a run too many": (
        "histogram",
        lambda h: h.__setitem__((0, 0, 0, 0, 0, 5000), h[0, 0, 0, 0, 0, 5000] + 1),
    ),
    "a negative count": ("histogram", put((0, 0, 0, 0, 0, 3), -1)),
    "runs in another bin": (
        "histogram",
        lambda h: h.__setitem__((0, 0, 0, 0, 0), np.roll(h[0, 0, 0, 0, 0], 40)),
    ),
    "another sum": ("power_sum", put((0, 0, 0, 0, 0, 0), 0)),
    "values in another order": ("top_value", swap),
    "a larger value": ("top_value", put((0, 0, 0, 0, 0, 0), 0.4)),
    "a value that is none": ("top_value", put((0, 0, 0, 0, 0, 0), np.nan)),
    "a seed twice": ("top_seed", lambda s: s.__setitem__((0, 0, 0, 0, 0, 1), s[0, 0, 0, 0, 0, 0])),
    "a seed of none": ("top_seed", put((0, 0, 0, 0, 0, 1), SEEDS)),
    "a least value of none": ("smallest", put((0, 0, 0, 0, 0), 0.01)),
    "more runs than there are": ("exceedances", put((0, 0, 0, 0, 0, 0, 0, 0), SEEDS + 1)),
    "other bins": ("bin_unit", put((0, 0, 0), 0.5)),
    "other edges": ("bin_lower", put(7, 0.5)),
}


@pytest.mark.parametrize("fault", ALTERED)
def test_a_file_that_contradicts_itself_is_refused(whole, tmp_path, fault):
    path = tmp_path / "aggregates.nc"
    shutil.copy(whole / "e/aggregates.nc", path)
    with AggregatesFile(path) as file:
        file.cell((0, 0, 0, 0))
    spoil(path, *ALTERED[fault])
    with pytest.raises(ResultsError, match=r"aggregates\.nc: "), AggregatesFile(path) as file:
        file.cell((0, 0, 0, 0))


@pytest.mark.parametrize("name", ["bound_sharp", "exact_quantile"])
def test_aggregates_that_were_counted_over_other_bounds_are_refused(whole, name):
    theory = theory_dataset(GRID, ENTROPY, DELTA, X_NORM, None)
    quantile_dataset(whole / "e/aggregates.nc", theory, GRID, ENTROPY, None)
    for factor in (0.99, 1.01):
        other = theory.assign({name: factor * theory[name]})
        with pytest.raises(ResultsError, match=r"aggregates\.nc: .* its runs over the bounds do not fit"):
            quantile_dataset(whole / "e/aggregates.nc", other, GRID, ENTROPY, None)


def test_a_value_that_its_seed_does_not_give_is_told_by_recomputing(whole, tmp_path):
    """It is consistent with all else in the archive, and the manifest is made to fit.

    A fifth of the kept values are altered: a chance of 1e-6 that none of 60 is.
    """
    root = tmp_path / "archive"
    shutil.copytree(whole, root, ignore=shutil.ignore_patterns("shards"))
    with netCDF4.Dataset(root / "e/aggregates.nc", "a") as file:
        file["top_seed"][0] = np.roll(file["top_seed"][0], 1, axis=-1)
    write_manifest(root, sorted((root / "e").glob("*.nc")))
    assert not check(root).faults
    result = CliRunner().invoke(app, ["verify", str(root), "--recompute", "60", "--json"])
    assert result.exit_code == 1
    recomputed = json.loads(result.output)["recomputed"]
    assert len(recomputed) == 60
    for block, faults in recomputed.items():
        assert faults == ({"linearization_error": 1} if "linearization_error" in block else {}), block


@pytest.mark.parametrize(("name", "value"), [("exceedances", SEEDS), ("exact_exceedances", 0)])
def test_counts_that_the_histogram_does_not_allow_are_told_by_recomputing(whole, tmp_path, name, value):
    shutil.copytree(whole, tmp_path / "archive", ignore=shutil.ignore_patterns("shards"))
    call = ["verify", str(tmp_path / "archive"), "--recompute", "1"]
    result = CliRunner().invoke(app, call)
    assert result.exit_code == 0
    assert "of aggregates only the largest values were recomputed: counts, sums and" in result.output
    with netCDF4.Dataset(tmp_path / "archive/e/aggregates.nc", "a") as file:
        file[name][...] = value
    write_manifest(tmp_path / "archive", sorted((tmp_path / "archive/e").glob("*.nc")))
    result = CliRunner().invoke(app, call)
    assert result.exit_code == 1
    assert "more or fewer runs over a bound than the histogram allows: " in result.output
    assert "recomputed 1 of " in result.output  # it goes on


def test_shards_are_those_that_add_up(whole, tmp_path):
    checked = check(whole)
    assert (checked.files, checked.shards, checked.faults) == (4, 4, [])
    root = tmp_path / "archive"
    shutil.copytree(whole, root)
    (shard,) = root.glob("e/shards/*/m66_seeds0-1000.nc")
    with netCDF4.Dataset(shard, "a") as file:
        file["exceedances"][0, 0, 0, 0, 0, 0, 0, 0] += 1
    seal(shard)
    assert {(f.path.rsplit("/")[-1][:3], f.kind) for f in check(root).faults} == {
        ("m66", "unlike aggregates.nc")
    }
    shard.unlink()
    shard.with_name(f"{shard.name}.sha256").unlink()
    assert [f.kind for f in check(root).faults] == ["extra"]


def test_shards_are_added_up_one_by_one_and_one_that_the_system_does_not_open_is_not_called_unlike(
    whole, monkeypatch
):
    """There may be more of them than a process may open."""
    files: list[str] = []
    enter, leave = FileReader.__enter__, FileReader.__exit__

    def counted(reader):
        if len(files) == 2:  # `aggregates.nc` and a shard
            raise FileError(f"{reader._path} cannot be read: {os.strerror(errno.EMFILE)}", errno.EMFILE)
        files.append(str(reader._path))
        return enter(reader)

    def uncounted(reader, *arguments):
        files.remove(str(reader._path))
        leave(reader, *arguments)

    monkeypatch.setattr(FileReader, "__enter__", counted)
    monkeypatch.setattr(FileReader, "__exit__", uncounted)
    assert check(whole).faults == []
    with AggregatesFile(whole / "e/aggregates.nc"):  # now there is room for one file
        result = CliRunner().invoke(app, ["verify", str(whole)])
    assert result.exit_code == 1
    lines = [line for line in result.stdout.splitlines() if "shards/" in line]
    assert len(lines) == 4
    assert all(line.startswith("not compared: ") for line in lines)


def test_little_of_an_open_file_is_kept_in_memory(whole):
    """A job has 32 of them open, and the library would keep all that is read of each."""
    with AggregatesFile(whole / "e/aggregates.nc") as file:
        kept = {name: file._reader._file[name].get_var_chunk_cache()[0] for name in FORMS}
        chunk = 8 * file.read("histogram", (0, 0, 0, 0, 0)).size
    assert set(kept.values()) == {CACHE}
    assert chunk < CACHE < 2 << 20


def test_a_shard_of_fewer_seeds_beside_those_of_the_sum_is_the_only_one_that_is_extra(whole, tmp_path):
    root = tmp_path / "archive"
    shutil.copytree(whole, root)
    (used,) = root.glob("e/shards/*/m66_seeds0-1000.nc")
    fewer = used.with_name("m66_seeds0-500.nc")
    aggregate_shard(Shard(GRID, ENTROPY, 66, 0, 500), fewer, 1, lambda _: None)
    checked = check(root)
    assert [(fault.path.rsplit("/")[-1], fault.kind) for fault in checked.faults] == [(fewer.name, "extra")]
    assert checked.shards == 4


def test_a_run_is_replayed_and_compared_where_it_is_among_the_largest(whole):
    with AggregatesFile(whole / "e/aggregates.nc") as file:
        quantity, seed, value = file.kept_value((1, 1, 0, 0), 0)
        kept = {int(s) for s in file.read("top_seed", (slice(None), 1, 1, 0, 0)).ravel()}
    point = {"perturbation": "sphere", "m": 1024, "d": 2, "alpha": 0.5}
    results = ntk_core.open_archive(whole)["e"]
    replayed = results.replay(**point, seed=seed, definitions=True)
    assert (quantity, replayed.same) == ("linearization_error", True)
    assert replayed.archived["linearization_error"] == value == replayed.recomputed["linearization_error"]
    assert replayed.apart < 1e-12
    other = min(set(range(SEEDS)) - kept)
    assert results.replay(**point, seed=other).archived == {}
    options = [f"--{name}={value}" for name, value in (point | {"experiment": "e", "seed": other}).items()]
    result = CliRunner().invoke(app, ["replay", str(whole), *options])
    assert result.exit_code == 0
    assert "nothing was compared: no value of this run is among the largest" in result.output
    with pytest.raises(ResultsError, match="seed is 6000; archived: 0 to 5999"):
        results.replay(**point, seed=SEEDS)


def test_an_archive_gives_its_aggregates_and_tables_at_its_own_levels(whole, tables):
    results = ntk_core.open_archive(whole)["e"]
    assert results.aggregates["histogram"].sum() == GRID.runs * 5
    with pytest.raises(ResultsError, match="keeps aggregates, not runs"):
        _ = results.runs
    part = results.quantiles(delta=0.1, x_norm=1.0, m=1024, quantity="delta1")
    expected = tables[1].sel(delta=[0.1], x_norm=[1.0], m=[1024], quantity=["delta1"])
    for name in ("quantile", "mean", "exceedances", "exact_shortfalls"):
        assert np.array_equal(part[name], expected[name].transpose(*part[name].dims))
    with pytest.raises(ValueError, match=r"delta is 0.3; archived: .*, as aggregates"):
        results.quantiles(delta=0.3)
    with pytest.raises(ValueError, match="seeds is 10; archived: 6000, all together"):
        results.quantiles(seeds=10)
    result = CliRunner().invoke(app, ["describe", str(whole)])
    assert result.exit_code == 0
    assert "aggregates.nc" in result.output


def test_archives_of_disjoint_seeds_or_cells_merge_into_the_whole(whole, tmp_path):
    first = archive(replace(GRID, seeds=2500), tmp_path / "first", [0, 2500])
    rest = replace(GRID, first_seed=2500, seeds=SEEDS - 2500)
    second = archive(rest, tmp_path / "second", [2500, SEEDS])
    merge_archives(first, second, tmp_path / "both")
    for name in ("aggregates.nc", "theory.nc", "quantiles.nc", "rates.nc"):
        both, one = ((root / "e" / name).read_bytes() for root in (tmp_path / "both", whole))
        assert hashlib.sha256(both).digest() == hashlib.sha256(one).digest(), name
    assert not check(tmp_path / "both").faults
    for alpha in (0.5, 2.0):
        archive(replace(GRID, alpha=(alpha,)), tmp_path / f"{alpha}", [0, SEEDS])
    merge_archives(tmp_path / "0.5", tmp_path / "2.0", tmp_path / "radii")
    assert (tmp_path / "radii/e/aggregates.nc").read_bytes() == (whole / "e/aggregates.nc").read_bytes()
    with pytest.raises(MergeError, match="the seeds are 0 to 2499, 0 to 5999; needed: 0 to 5999, each once"):
        merge_archives(first, whole, tmp_path / "twice")
    assert not (tmp_path / "twice").exists()
