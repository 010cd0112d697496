"""The notebook: ten cells, run from top to bottom on the results of the default run.

They run in this process. That Jupyter runs them and shows the figure is in archive/test_write.py.
"""

from __future__ import annotations

import ast
import contextlib
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import nbformat
import pytest
import yaml
from conftest import DELTA, ROOT, X_NORM, archive_results, results_of
from PIL import Image

from ntk_core.datasets.aggregates import add, aggregate_shard
from ntk_core.experiments.drawn import DrawnExperiment
from ntk_core.experiments.shards import Shard
from ntk_core.storage.checksums import write_manifest

NOTEBOOK = ROOT / "notebooks/reanalysis.ipynb"


@pytest.fixture(scope="module")
def executed(default_run, tmp_path_factory):
    """The last value of each cell of code by the cell's name, and the folder that they ran in."""
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "results").symlink_to(default_run.run.directory / "results")
    values = run(folder)
    yield values, folder / "notebooks"
    plt.close(values["figure"].figure)


def run(folder: Path) -> dict[str, Any]:
    """The last value of each cell of code, run in a new folder `notebooks` beside `results`."""
    (folder / "notebooks").mkdir()
    names: dict[str, Any] = {}
    with contextlib.chdir(folder / "notebooks"):
        cells = nbformat.read(NOTEBOOK, as_version=4).cells
        return {cell.id: last_value(cell.source, names) for cell in cells if cell.cell_type == "code"}


def last_value(source: str, names: dict[str, Any]) -> Any:
    """The value of the expression that a cell ends in; `names` is what the cells before have set."""
    *statements, last = ast.parse(source).body
    assert isinstance(last, ast.Expr)
    exec(compile(ast.Module(statements, []), NOTEBOOK.name, "exec"), names)
    return eval(compile(ast.Expression(last.value), NOTEBOOK.name, "eval"), names)


def test_it_is_ten_cells_without_stored_output():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert len(notebook.cells) == 10
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)


def test_its_words_name_the_part_of_the_default_grid_that_it_shows():
    """The middle radius and the first dimension, as its cell `radii` chooses."""
    grid = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))["experiments"][
        "theorem1"
    ]
    d, alpha = grid["d"][0], grid["alpha"][len(grid["alpha"]) // 2]
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert f"In the default grid at d = {d}, α = {alpha:g} and ‖x‖ = 1, which is what is shown" in text
    assert "change the line `results = …` of the next cell" in text


def test_it_runs_and_its_words_are_true(executed):
    values, folder = executed
    assert values["verify"].endswith("byte for byte as they were written")
    assert 0.05 < values["share"] < 0.1  # "less than a tenth"
    assert "theorem1: band, adversarial, m = " in repr(values["replay"])
    file = io.BytesIO()
    values["figure"].figure.savefig(file, format="png")
    with Image.open(file) as figure:
        assert len(figure.convert("RGB").getcolors(1 << 24)) > 100
    assert list(folder.iterdir()) == []  # in an archive, a file would be one too many


def test_it_takes_an_experiment_with_runs_and_replays_the_largest_of_them(tmp_path):
    """Runs whose seeds begin at 64, beside more runs of which only aggregates remain."""
    results, few = tmp_path / "both/results", ("band", ("adversarial",), (16, 64), (2,), (1.0,), 64)
    later = DrawnExperiment("e", *few, first_seed=64)
    results_of(archive_results(later, tmp_path / "made"), results)
    more = replace(later, name="more", m=(64,), seeds=200, first_seed=0, keep="aggregates")
    more = replace(more, delta=DELTA, x_norm=X_NORM)
    shard = tmp_path / "shard.nc"
    aggregate_shard(Shard(more, 1, 64, 0, 200), shard, 1, lambda _: None)
    for folder in (results, tmp_path / "none/results"):
        add(more, 1, [(shard, more)], folder / "more/aggregates.nc", None)
        write_manifest(folder, sorted(folder.rglob("*.nc")))
    values = run(tmp_path / "both")
    plt.close(values["figure"].figure)
    error, replayed = values["runs"]["linearization_error"].sel(perturbation="adversarial"), values["replay"]
    assert error["seed"].values.tolist() == list(range(64, 128))
    assert replayed.same
    assert replayed.archived["linearization_error"] == error.max("seed").max()
    with pytest.raises(
        AssertionError, match="no drawn experiment here has its runs: give an archive with one"
    ):
        run(tmp_path / "none")
