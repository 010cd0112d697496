"""Other Pythons beside this one: `make test-pythons` sets up an environment for each that runs here.

Not collected by `make test`, which has one environment.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import netCDF4
import pytest
from conftest import ROOT, arguments_of, once

ENVIRONMENTS = sorted(ROOT.glob(".venv-python3.*"))
NUMERICAL = (
    "sampling/test_samplers.py",
    "sampling/test_golden.py",
    "sampling/test_kernels.py",
    "theory/test_unit_vector.py",
    "theory/test_moments.py",
    "test_network.py",
)
"""Test files of what could differ in bits. Exact laws take longer; the grid has some of them."""

LEFT_OUT = "is_kept_for_the_next_process or agree_in_distribution or agree_with_the_exact_ones"
"""Tests of these files that are not called.

One compiles kernels once more, as the environment has done; the others draw much for their statistics, which
follow from bits that are those of the golden runs.
"""

each_python = pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda environment: environment.name)


def run(*command: str | Path) -> None:
    """Run a command in the checkout; the test fails with its output if it does."""
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def tiny_grid(python: Path, directory: Path) -> Path:
    """The results of the smallest grid, as that Python makes them."""
    directory.mkdir(exist_ok=True)
    arguments = arguments_of(directory, ROOT / "config/examples/tiny.yaml")
    run(python, "tests/snakemake_calls.py", *arguments)
    return directory / "results"


def content(path: Path, numpy_version: str) -> object:
    """The bytes of a file, or of all that is in a NetCDF file, without the version of NumPy."""
    if path.suffix != ".nc":
        return path.read_bytes().replace(numpy_version.encode(), b"NumPy")
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        parts = {name: (item.__dict__, item[:].tobytes()) for name, item in file.variables.items()}
        return file.__dict__ | {"numpy_version": "NumPy"}, parts


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return once(tmp_path_factory, "grid", lambda folder: tiny_grid(Path(sys.executable), folder))


@each_python
def test_the_smallest_grid_has_the_same_bits(environment, ours, tmp_path):
    """But for shards, whose runs `runs.nc` has, for digests of files, and for the report with its times."""
    theirs = tiny_grid(environment / "bin/python", tmp_path)
    files = {path.relative_to(ours) for path in ours.rglob("*") if path.is_file()}
    assert files == {path.relative_to(theirs) for path in theirs.rglob("*") if path.is_file()}
    versions = [version_of(results) for results in (ours, theirs)]
    different = {
        str(file)
        for file in files
        if "shards" not in file.parts
        and file.name not in {"report.html", "manifest.json", "manifest.json.sha256"}
        and content(ours / file, versions[0]) != content(theirs / file, versions[1])
    }
    assert different == set()


def version_of(results: Path) -> str:
    with netCDF4.Dataset(results / "small/runs.nc") as file:
        return str(file.numpy_version)


@each_python
def test_the_numerical_tests_pass(environment):
    files = [f"tests/{name}" for name in NUMERICAL]
    run(environment / "bin/python", "-m", "pytest", *files, "-k", f"not ({LEFT_OUT})")
