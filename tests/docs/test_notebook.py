"""The notebook: ten cells, run from top to bottom on the results of the default run."""

from __future__ import annotations

import base64
import io
import os

import nbformat
import pytest
from conftest import ROOT
from nbclient import NotebookClient
from PIL import Image

NOTEBOOK = ROOT / "notebooks/reanalysis.ipynb"


@pytest.fixture(scope="module")
def executed(default_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "results").symlink_to(default_run.run.directory / "results")
    (folder / "notebooks").mkdir()
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    old = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(ROOT / "src")
    try:
        where = {"metadata": {"path": str(folder / "notebooks")}}
        NotebookClient(notebook, timeout=300, resources=where).execute()
    finally:
        os.environ.pop("PYTHONPATH")
        os.environ |= {} if old is None else {"PYTHONPATH": old}
    return notebook, folder / "notebooks"


def test_it_is_ten_cells_without_stored_output():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert len(notebook.cells) == 10
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)


def test_it_runs_and_its_words_are_true(executed):
    notebook, folder = executed
    cells = {cell.id: cell for cell in notebook.cells}
    assert cells["verify"].outputs[0]["data"]["text/plain"].endswith("byte for byte as they were written'")
    largest = float(cells["share"].outputs[0]["data"]["text/plain"])
    assert 0.05 < largest < 0.1  # "less than a tenth"
    (shown,) = cells["replay"].outputs
    assert "theorem1: band, adversarial, m = " in shown["data"]["text/plain"]
    (drawn,) = cells["figure"].outputs
    with Image.open(io.BytesIO(base64.b64decode(drawn["data"]["image/png"]))) as figure:
        assert len(figure.convert("RGB").getcolors(1 << 24)) > 100
    assert list(folder.iterdir()) == []  # in an archive, a file would be one too many
