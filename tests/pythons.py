"""Other Pythons beside this one: `make test-pythons` sets up an environment for each that runs here.

Not collected by `make test`, which has one environment.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from benchmarks.snakemake_call import call_snakemake

ENVIRONMENTS = sorted(ROOT.glob(".venv-python3.*"))
NUMERICAL = ("samplers", "kernels", "exact", "exact_signed", "unit_vector", "moments", "network")

each_python = pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda environment: environment.name)


def digests(python: Path, directory: Path) -> dict[str, str]:
    """Of the smallest grid's results as that Python makes them, but for the report, which holds run times."""
    tiny = str(ROOT / "config/examples/tiny.yaml")
    call_snakemake(ROOT, python, "--configfile", tiny, "--directory", str(directory), "--cores", "2")
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.glob("results/**/*"))
        if path.is_file() and path.name != "report.html"
    }


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return digests(Path(sys.executable), tmp_path_factory.mktemp("grid"))


@each_python
def test_the_smallest_grid_has_the_same_bytes(environment, ours, tmp_path):
    assert "results/small/runs.nc" in ours
    assert digests(environment / "bin/python", tmp_path) == ours


@each_python
def test_the_numerical_tests_pass(environment):
    files = [f"tests/test_{name}.py" for name in NUMERICAL]
    done = subprocess.run(
        [environment / "bin/python", "-m", "pytest", *files],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
