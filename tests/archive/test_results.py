"""`ntk_core.open_archive`: what is asked of an archive is what its files and the definitions say."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import netCDF4
import numpy as np
import pytest
import xarray as xr
from command_line import call
from conftest import DELTA, EXPERIMENT, ROOT, X_NORM, results_of

import ntk_core
from ntk_core.datasets.validation import ResultsError
from ntk_core.laws.exact import exact_quantile
from ntk_core.theory import bounds

TABLES = ("runs", "theory", "quantiles", "rates")


@pytest.fixture(scope="module")
def results(archived, tmp_path_factory):
    return results_of(archived, tmp_path_factory.mktemp("opened"))


@pytest.fixture(scope="module")
def grid(results):
    return ntk_core.open_archive(results)["e"]


def test_the_files_are_there_as_they_are(results, grid):
    assert list(ntk_core.open_archive(results)) == ["e"]
    assert grid.spec == EXPERIMENT
    assert grid.entropy == 1
    for name in TABLES:
        xr.testing.assert_identical(grid.datasets[name].load(), xr.load_dataset(results / f"e/{name}.nc"))


def test_an_unknown_name_gets_those_there_are_and_the_nearest(results, tmp_path):
    """A `KeyError`, as of any mapping, and a `ResultsError`, as of anything wrong with an archive."""
    for name in ("theorem1", "lazy"):
        shutil.copytree(results / "e", tmp_path / name)
    archive = ntk_core.open_archive(tmp_path)
    assert "theorm1" not in archive
    assert archive.get("theorm1") is None
    for kind in (KeyError, ResultsError):
        with pytest.raises(kind) as raised:
            archive["theorm1"]
        assert str(raised.value) == "experiment is 'theorm1'; allowed: lazy, theorem1; did you mean theorem1?"
    with pytest.raises(KeyError, match=r"experiment is 'zzz'; allowed: lazy, theorem1$"):
        archive["zzz"]
    with pytest.raises(ValueError, match=r"quantity is delta_1; .*; did you mean delta1\?"):
        ntk_core.open_archive(results)["e"].exact(quantity="delta_1")
    with pytest.raises(ValueError, match=r"law is 'Spheer'; .*; did you mean sphere\?"):
        ntk_core.moments("delta1", law="Spheer", m=4, alpha=1)


def test_runs_are_read_in_pieces_when_asked_for(grid):
    assert grid.runs["delta1"].chunks == ((1, 1), (1, 1, 1), (1,), (1, 1), (1500,))


def test_a_file_may_be_open_many_times(results):
    """HDF5 ends the process where a file that is open twice holds strings of any length."""
    code = (
        "import sys, netCDF4, xarray as xr\n"
        "for path in sys.argv[1:]:\n"
        "    kept = [xr.open_dataset(path).load() for _ in range(3)]\n"
        "    for _ in range(5):\n"
        "        xr.load_dataset(path)\n"
        "        kept.append(netCDF4.Dataset(path))\n"
        "        kept.append(xr.open_dataset(path).load())\n"
        "        netCDF4.Dataset(path).close()\n"
        "    print(path)\n"
    )
    files = [str(results / f"e/{name}.nc") for name in TABLES]
    for path in files:
        with netCDF4.Dataset(path) as file:
            assert not [v.name for v in file.variables.values() if v.dtype is str]
    done = subprocess.run(
        [sys.executable, "-c", code, *files], stdout=subprocess.PIPE, text=True, check=False
    )
    assert (done.returncode, done.stdout.split()) == (0, files)


def test_without_a_wish_the_tables_are_those_archived(results, grid):
    for name, table in (("quantiles", grid.quantiles()), ("rates", grid.rates())):
        xr.testing.assert_identical(table, xr.load_dataset(results / f"e/{name}.nc"))


def test_the_archived_levels_asked_for_give_the_archived_tables(grid):
    xr.testing.assert_identical(grid.quantiles(delta=DELTA, x_norm=X_NORM), grid.quantiles())
    xr.testing.assert_identical(grid.rates(grid.quantiles(delta=DELTA)), grid.rates())


def test_a_part_of_the_grid_has_the_numbers_of_the_whole(grid):
    part = {"m": [64, 4096], "perturbation": "sphere", "alpha": 2.0, "quantity": ["delta2", "delta1"]}
    some = grid.quantiles(**part)
    whole = grid.quantiles().sel({name: np.atleast_1d(value) for name, value in part.items()})
    xr.testing.assert_equal(some, whole.sel(quantity=["delta1", "delta2"]))


def test_new_levels_and_norms_follow_the_definitions(results, grid):
    table = grid.quantiles(delta=0.04, x_norm=3.0, seeds=1000, quantity="linearization_error")
    runs = xr.load_dataset(results / "e/runs.nc")["linearization_error"].isel(seed=slice(0, 1000))
    expected = np.sort(runs.values, axis=-1)[..., 960 - 1]  # the least value that 96 % do not exceed
    np.testing.assert_array_equal(table["quantile"].values[0, ..., 0], expected)
    np.testing.assert_allclose(table["mean"].values[0], runs.values.mean(axis=-1), rtol=1e-12)
    for name in bounds.BOUNDS:
        limit = table[f"bound_{name}"].isel(quantity=0, delta=0, x_norm=0, drop=True)
        over = (3.0 * runs > limit * (1.0 + 1e-12)).sum("seed")
        counted = table["exceedances"].isel(quantity=0, delta=0, x_norm=0, drop=True)
        xr.testing.assert_equal(counted.sel(bound=name, drop=True), over)
    assert (table["runs"] == 1000).all()


def test_rates_are_those_of_the_part(grid):
    rates = grid.rates(grid.quantiles(delta=0.1, alpha=0.5, quantity="delta1"))
    whole = grid.rates().sel(alpha=[0.5], quantity=["delta1"], statistic=["mean", "rms", "0.1"])
    xr.testing.assert_equal(rates, whole)


def test_bounds_and_exact_laws_are_known_off_the_grid(grid):
    table = grid.bounds(delta=1e-6, x_norm=[2.0, 0.5], m=1 << 40, alpha=[0.1, 3.0])
    for name in bounds.BOUNDS:
        value = table[f"bound_{name}"].sel(quantity="delta1", m=1 << 40, alpha=3.0, delta=1e-6, x_norm=0.5)
        assert float(value) == float(bounds.bound(name, "delta1", 1 << 40, 3.0, 1e-6, 0.5))
    exact = grid.exact(delta=0.3, quantity="delta1", perturbation="aligned", m=10, d=7, alpha=0.2)
    assert float(exact["exact_quantile"].item()) == exact_quantile("aligned", "delta1", 10, 7, 0.2, 0.3)
    assert set(exact["exact_rms"].dims) == {"quantity", "perturbation", "m", "d", "alpha"}


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda g: g.quantiles(m=128), "m is 128; archived: 64, 256, 4096"),
        (lambda g: g.quantiles(m="64"), "m is '64'; archived: 64, 256, 4096"),
        (lambda g: g.quantiles(quantity=3), "quantity is 3; allowed: linearization_error"),
        (lambda g: g.replay("sphere", "64", 2, 0.5, 3), "m is '64'; archived: 64, 256, 4096"),
        (lambda g: g.quantiles(width=64), "width is no axis; archived: perturbation, m, d, alpha"),
        (lambda g: g.quantiles(seeds=1501), "seeds is 1501; archived: 1 to 1500"),
        (lambda g: g.quantiles(seeds=2.5), r"seeds is 2\.5; archived: 1 to 1500"),
        (lambda g: g.quantiles(seeds=True), "seeds is True; archived: 1 to 1500"),
        (lambda g: g.quantiles(alpha=[]), "alpha is empty"),
        (lambda g: g.quantiles(delta=[]), r"delta is \[\]; allowed: a list of numbers, 1e-9 to 0\.999"),
        (lambda g: g.quantiles(delta=1.0), r"delta is 1; allowed: numbers, 1e-9 to 0\.999"),
        (lambda g: g.quantiles(x_norm=[1.0, 0.0]), "x_norm is 0; allowed: numbers, 1e-12"),
        (lambda g: g.quantiles(quantity="error"), "quantity is error; allowed: linearization_error"),
        (lambda g: g.exact(m=3), r"m\[0\] is 3; allowed: .* even whole numbers"),
        (lambda g: g.bounds(alpha=-1.0), r"alpha\[0\] is -1.0; allowed"),
        (lambda g: g.replay("sphere", 64, 2, 0.5, 1500), "seed is 1500; archived: 0 to 1499"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(grid, ask, message):
    with pytest.raises(ValueError, match=message):
        ask(grid)


def test_a_level_that_is_given_needs_no_archived_table(grid, archived, tmp_path):
    folder = results_of(archived, tmp_path) / "e"
    (folder / "quantiles.nc").unlink()
    alone = ntk_core.open_archive(tmp_path)["e"]
    xr.testing.assert_identical(alone.exact(delta=DELTA), grid.exact())
    xr.testing.assert_identical(alone.bounds(delta=DELTA, x_norm=X_NORM), grid.bounds())
    with pytest.raises(ResultsError, match=r"quantiles\.nc"):
        alone.exact()


def test_an_experiment_whose_runs_are_missing_is_no_misspelt_one(archived, tmp_path):
    (results_of(archived, tmp_path) / "e").rename(tmp_path / "f")
    shutil.copytree(tmp_path / "f", tmp_path / "e")
    (tmp_path / "e/runs.nc").unlink()
    with pytest.raises(
        ResultsError, match=r"^experiment is 'e', which has tables alone: its runs are missing$"
    ):
        ntk_core.open_archive(tmp_path)["e"]
    code, text = call("describe", tmp_path)
    assert code == 0
    assert "\n\ne: its runs are missing; tables alone\n" in text
    code, text = call("describe", tmp_path, "--json")
    assert json.loads(text)["without_runs"] == ["e"]
    assert ntk_core.open_archive(tmp_path).get(3) is None
    (tmp_path / "f/runs.nc").unlink()
    with pytest.raises(
        ResultsError, match="has tables alone, as a reanalysis has: give the archive with the"
    ):
        ntk_core.open_archive(tmp_path)


def test_why_an_archive_may_have_no_claims_is_said(results):
    with pytest.raises(
        ResultsError,
        match=r"claims\.json does not exist: a merged archive has none, nor has one of weighted runs alone; "
        "of any other the run has not ended, or the copy is not whole$",
    ):
        _ = ntk_core.open_archive(results).claims


def test_damaged_runs_are_named(archived, tmp_path):
    other = results_of(archived, tmp_path) / "e/runs.nc"
    raw = bytearray(other.read_bytes())
    raw[len(raw) // 2] ^= 1
    other.write_bytes(raw)
    with pytest.raises(ResultsError, match=r"e/runs\.nc is damaged"):
        ntk_core.open_archive(tmp_path)["e"].quantiles(delta=0.2)


def test_a_run_is_replayed_and_a_changed_bit_is_seen(archived, grid, tmp_path):
    run = ("sphere", 256, 2, 2.0, 77)
    replayed = grid.replay(*run, definitions=True)
    assert replayed.same
    assert replayed.apart < 1e-15
    assert replayed.archived.keys() == replayed.definitions.keys() == set(grid.runs.data_vars)
    other = results_of(archived, tmp_path)
    with netCDF4.Dataset(other / "e/runs.nc", "a") as file:
        file["delta1"][1, 1, 0, 1, 77] = np.nextafter(file["delta1"][1, 1, 0, 1, 77], 1.0)
    assert not ntk_core.open_archive(other)["e"].replay(*run).same


def test_values_may_be_those_of_a_dataset_and_text_is_shown_as_text(grid):
    runs = grid.runs
    run = (runs.perturbation[1], runs.m[1], runs.d[0], runs.alpha[1], runs.seed[77])
    assert grid.replay(*run).archived == grid.replay("sphere", 256, 2, 2.0, 77).archived
    part = {"delta": 0.2, "m": 64, "perturbation": "sphere", "quantity": "delta1"}
    assert grid.quantiles(**part, seeds=np.int64(50)).identical(grid.quantiles(**part, seeds=50))
    table = grid.quantiles()
    assert grid.exact(quantity=table.quantity[2:4]).quantity.values.tolist() == ["delta1", "delta2"]
    assert grid.exact(quantity=table.quantity[2]).quantity.values.tolist() == ["delta1"]
    assert grid.exact(delta={0.2, 0.1}).equals(grid.exact(delta=[0.1, 0.2]))
    for values in ([[64, 256]], np.ma.array([64, 256], mask=[False, True]), runs):
        with pytest.raises(ValueError, match=r"^m is "):
            grid.quantiles(m=values)
    for values, message in (
        ({"m": "256"}, r"m is '256'; archived: 64, 256, 4096$"),
        ({"seed": "3"}, r"seed is '3'; archived: 0 to 1499$"),
    ):
        with pytest.raises(ResultsError, match=message):
            grid.replay(**{"perturbation": "sphere", "m": 256, "d": 2, "alpha": 2.0, "seed": 3} | values)
    with pytest.raises(ValueError, match=r"^delta is 'a'; allowed: numbers, 1e-9 to 0\.999$"):
        grid.quantiles(delta="a")


def test_rates_are_those_of_quantiles_alone(grid):
    assert grid.rates(grid.quantiles()).sizes["quantity"] == 5
    part = grid.quantiles(quantity=["delta1"], d=2, perturbation="sphere")
    assert grid.rates(part).sizes["quantity"] == 1
    for table in (grid.runs, grid.datasets["rates"], part.sel(quantity="delta1"), part.drop_vars("mean"), 3):
        with pytest.raises(ValueError, match=r"none that quantiles\(\) of a drawn experiment makes"):
            grid.rates(table)


def test_nothing_there_and_packed_archives_are_refused(tmp_path):
    with pytest.raises(
        ResultsError, match=r"holds no results: there is no <experiment>/runs\.nc or aggregates\.nc in it"
    ):
        ntk_core.open_archive(tmp_path)
    (tmp_path / "a.zip").write_bytes(b"PK")
    with pytest.raises(ResultsError, match=r"a\.zip is packed; unpack it first"):
        ntk_core.open_archive(tmp_path / "a.zip")


def test_an_error_is_one_line_that_no_terminal_acts_on(tmp_path):
    """Whoever made the archive named its folders, and Snakemake prints the error as it is."""
    name = "e\x1b[2J\nok"
    (tmp_path / name).mkdir()
    (tmp_path / name / "runs.nc").write_bytes(b"no NetCDF")
    with pytest.raises(ResultsError) as raised:
        ntk_core.open_archive(tmp_path)[name]
    assert str(raised.value).isprintable()


def test_tables_of_other_runs_are_refused(archived, tmp_path):
    other = results_of(archived, tmp_path)
    with netCDF4.Dataset(other / "e/theory.nc", "a") as file:
        file.spec = file.spec.replace('"entropy": "1"', '"entropy": "2"')
    grid = ntk_core.open_archive(other)["e"]
    grid.quantiles()
    with pytest.raises(ResultsError, match=r"theory\.nc was not made from the runs beside it"):
        grid.datasets  # noqa: B018


WITHOUT = """
import sys
for name in "snakemake dask distributed psutil matplotlib seaborn jinja2 altair rocrate".split():
    sys.modules[name] = None
import ntk_core
archive = ntk_core.open_archive(sys.argv[1])
grid = archive["e"]
table = grid.quantiles(delta=0.2)
print(table["quantile"].size, grid.rates(table)["slope"].size)
print(grid.replay("sphere", 64, 2, 0.5, 3).same, grid.runs["delta1"].shape)
"""


def test_it_works_without_workflow_workers_and_figures(results):
    """What `pip install ntk-core` alone brings."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, results], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.stdout == "60 60\nTrue (2, 3, 1, 2, 1500)\n", done.stderr
