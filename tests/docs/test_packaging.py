"""The wheel, away from the checkout and without the packages of the workflow; the recipe of the container."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

LACKING = ("snakemake", "dask", "distributed", "psutil", "matplotlib", "seaborn", "jinja2", "markdown_it")
"""Packages of the extra `workflow`: reading, checking and replaying needs none of them."""

RUNS = {
    "drawn": "replay --experiment theorem1 --perturbation aligned --m 512 --d 2 --alpha 1 --seed 3 --dense",
    "dense": "replay --experiment definitions --perturbation sphere --m 64 --d 2 --alpha 1 --seed 70",
    "trained": "replay --experiment lazy --m 64 --seed 1",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The folder in which the wheel is installed, alone."""
    folder = tmp_path_factory.mktemp("installed")
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        pytest.skip("no uv beside this Python")
    command = [uv, "pip", "install", "--quiet", "--offline", "--no-deps", "--target", folder, wheel]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    return folder


def test_the_wheel_holds_the_library_and_nothing_else(wheel):
    files = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    source = ROOT / "src"
    expected = {
        path.relative_to(source).as_posix()
        for path in source.glob("ntk_core/**/*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files == expected
    assert {
        "ntk_core/py.typed",
        *(f"ntk_core/pages/findings/page.{kind}" for kind in ("html.jinja", "js")),
        "ntk_core/pages/page.css",
        "ntk_core/pages/findings/article.css",
    } < files


def test_the_wheel_asks_for_what_pyproject_says(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
    text = archive.read(name).decode()
    assert re.search(r"^Requires-Dist: xarray", text, re.M)
    assert not re.search(r"^Requires-Dist: snakemake[^;]*$", text, re.M)
    assert any(name.endswith("/licenses/LICENSE") for name in archive.namelist())
    assert b"ntk-core = ntk_core.cli:app" in archive.read(name.replace("METADATA", "entry_points.txt"))


def test_the_command_works_away_from_the_checkout(installed, default_run, tmp_path):
    results = default_run.run.directory / "results"

    def call(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = call("-c", "import ntk_core; print(ntk_core.__file__)")
    assert Path(where.strip()) == installed / "ntk_core/__init__.py"
    command = str(installed / "bin/ntk-core")
    assert "replay" in call(command, "--help")
    assert call(command, "verify", str(results)).startswith("ok: ")
    assert "theorem1" in call(command, "describe", str(results))
    page = "from ntk_core.pages.embedding import asset\n"
    page += "print(*(len(asset('ntk_core.pages.findings', name)) for name in ('article.css', 'page.js')))"
    assert min(map(int, call("-c", page).split())) > 100


def test_an_archive_is_checked_and_replayed_without_the_packages_of_the_workflow(default_run, tmp_path):
    results = default_run.run.directory / "results"
    calls = [["verify", "--recompute", "2"], *(call.split() for call in RUNS.values())]
    script = f"""
import sys
sys.modules.update(dict.fromkeys({LACKING!r}))
from ntk_core.cli import app
for call in {calls!r}:
    try:
        app([*call, {str(results)!r}])
    except SystemExit as end:
        assert end.code == 0, (call, end.code)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("the same bits") == 2 + len(RUNS)


def test_all_modules_but_the_pages_import_without_the_packages_of_the_workflow():
    """Figures draw and pages are written with them; execution starts Dask when it is asked to."""
    names = [
        ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((ROOT / "src").glob("ntk_core/**/*.py"))
        if path.parent.name not in {"findings", "figures", "explore"}
        and path.name not in {"__main__.py", "embedding.py"}
    ]
    script = f"""
import importlib, sys
sys.modules.update(dict.fromkeys({LACKING!r}))
for name in {names!r}:
    importlib.import_module(name)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def instructions() -> list[list[str]]:
    """The words of each instruction of the Containerfile."""
    text = (ROOT / "Containerfile").read_text(encoding="utf-8")
    lines = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.M)).splitlines()
    return [line.split() for line in lines if line.strip()]


def test_the_container_copies_what_there_is_and_all_that_a_run_needs():
    copied = [words[1:-1] for words in instructions() if words[0] == "COPY"]
    sources = {source for words in copied for source in words if not source.startswith("--")}
    assert all((ROOT / source).exists() for source in sources)
    let_in = (ROOT / ".containerignore").read_text(encoding="utf-8").splitlines()
    assert let_in[0] == "*"
    assert sources == {line[1:] for line in let_in if line.startswith("!")}
    workflow = [ROOT / "workflow/Snakefile", *ROOT.glob("workflow/**/*.smk")]
    named = {part for path in workflow for part in re.findall(r'CHECKOUT / f?"([\w./]+)', path.read_text())}
    folders = tuple(f"{source}/" for source in sources if (ROOT / source).is_dir())
    assert {name for name in named if not f"{name}/".startswith(folders)} <= sources
    assert {"docs/theory.md", "docs/notes.md"} <= named


def test_the_container_is_pinned_checked_and_not_root():
    words = instructions()
    assert re.fullmatch(r"python:3\.11-slim[\w.-]*", words[0][1])
    for line in (" ".join(instruction) for instruction in words if instruction[0] == "RUN"):
        for command in re.findall(r"(?:pip|uv pip) install [^&]*", line):
            ours = "--no-deps" in command and "--editable ." in command
            assert ours or "--require-hashes" in command, command
    users = [instruction[1] for instruction in words if instruction[0] == "USER"]
    assert users
    assert users[-1] != "root"
    assert [instruction[0] for instruction in words][-1] == "ENTRYPOINT"
    assert '"/data"' in " ".join(words[-1])
