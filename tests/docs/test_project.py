"""What surrounds the code: environment, lock, and words that must not be there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from requirements import groups, locked, project, required

CONDA_NAMES = {"snakemake": "snakemake-minimal", "matplotlib": "matplotlib-base"}


def asked(*extras: str) -> list[str]:
    """What is required with some extras, those of extras too."""
    optional = project()["optional-dependencies"]
    requirements = list(project()["dependencies"])
    for extra in extras:
        for text in optional[extra]:
            requirement = Requirement(text)
            requirements += asked(*requirement.extras) if requirement.name == "ntk-core" else [text]
    return requirements


def test_conda_environment_names_the_same_packages_and_versions():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = {}
    for text in environment["dependencies"]:
        name, _, versions = text.partition(" ")
        conda[name] = SpecifierSet(versions)
    expected = {CONDA_NAMES.get(name, name): spec for name, spec in required(asked("workflow")).items()}
    expected["python"] = SpecifierSet(project()["requires-python"])
    assert conda == expected


def test_lock_satisfies_pyproject():
    extras = asked("workflow", "cluster", "zarr", "notebook")
    check_lock(locked("requirements.lock"), extras + groups()["docs"] + groups()["test"])


def check_lock(lock: dict[str, list[Version]], requirements: list[str]) -> None:
    for name, versions in required(requirements).items():
        assert name in lock
        assert all(version in versions for version in lock[name])


def test_autodiff_lock_satisfies_pyproject_and_adds_to_the_lock_of_all_else():
    extra = groups()["autodiff"]
    added = locked("tests/autodiff.lock")
    check_lock(added | locked("benchmarks/torch.lock"), project()["dependencies"] + extra)
    lock = locked("requirements.lock")
    assert not lock.keys() & required(extra).keys()
    assert {name: added[name] for name in added.keys() & lock.keys()} == {
        name: lock[name] for name in added.keys() & lock.keys()
    }


def test_readme_names_the_make_targets_it_has():
    makefile = (ROOT / "Makefile").read_text()
    for command in re.findall(r"^make (\w+)", (ROOT / "README.md").read_text(), re.M):
        assert re.search(rf"^{command}:", makefile, re.M)
    for link in re.findall(r"\]\(([^):]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / link).exists()


def rules() -> dict[str, set[str]]:
    """Each target of the Makefile, with the words of its rule."""
    text = re.sub(r"\\\n", " ", (ROOT / "Makefile").read_text())
    (targets,) = re.findall(r"^\.PHONY:(.*)", text, re.M)
    bodies = dict(re.findall(r"^([\w-]+):((?:.*\n)(?:\t.*\n)*)", text, re.M))
    return {target: set(bodies[target].split()) for target in targets.split()}


def test_every_target_of_the_makefile_is_called():
    """By .ci/run or as part of a target that is; `clean` below."""
    targets = rules()
    lines = re.findall(r"^ *make (.*)", (ROOT / ".ci/run").read_text(), re.M)
    called = {"clean"} | {word for line in lines for word in line.split()}
    for _ in targets:
        called |= {word for target in targets.keys() & called for word in targets[target]}
    assert targets.keys() - called == set()


def test_clean_removes_all_environments_and_the_site_and_nothing_else(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in (".venv", ".venv-bench", ".venv-autodiff", ".venv-python3.12", "site", "results"):
        (tmp_path / name / "inside").mkdir(parents=True)
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
    assert {path.name for path in tmp_path.iterdir()} == {"Makefile", "results"}


def set_up_in(folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """A call of `make run` in a checkout without sources."""
    folder.mkdir(exist_ok=True)
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("requirements.lock", "requirements-uv.lock", "pyproject.toml"):
        (folder / name).touch()
        os.utime(folder / name, (0, 0))
    return subprocess.run(["make", *flags, "run"], cwd=folder, capture_output=True, text=True, check=False)


def test_an_environment_that_has_moved_with_its_checkout_is_made_anew(tmp_path):
    programs = tmp_path / ".venv/bin"
    programs.mkdir(parents=True)
    (tmp_path / ".venv/.ready").touch()
    for python, anew in ((programs / "python", False), (tmp_path / "former/.venv/bin/python", True)):
        (programs / "snakemake").write_text(f"#!{python}\nimport sys\n")
        calls = set_up_in(tmp_path, "--dry-run").stdout
        assert ("-m venv --clear .venv\n" in calls) == ("-m venv" in calls) == anew
        assert ".venv/bin/snakemake --cores all" in calls


def test_a_checkout_below_a_folder_with_a_space_is_refused_before_it_is_set_up(tmp_path):
    done = set_up_in(tmp_path / "my checkout")
    assert f"{tmp_path}/my checkout has a space" in done.stderr
    assert not (tmp_path / "my checkout/.venv").exists()


def test_version_is_the_same_everywhere():
    from ntk_core import __version__

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == __version__
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize(
    "module",
    ["ntk_core.experiments.plan", "ntk_core.datasets.shard"],
)
def test_simulating_imports_neither_figures_nor_analysis(module):
    """What a simulate job pays at its start: no plotting, nothing of SciPy's, no workflow engine."""
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    heavy = {"matplotlib", "seaborn", "scipy.special", "scipy.stats", "snakemake", "xarray"}
    assert not loaded & heavy
