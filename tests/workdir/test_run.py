"""What a run says when it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from ntk_core.pages.summary import summarise
from ntk_core.workdir.run import Session


@pytest.mark.parametrize("folder", ["results", "reanalysis"])
@pytest.mark.parametrize(("chosen", "place"), [(None, ""), (Path("out"), "out/"), ("/a/b", "/a/b/")])
def test_files_are_named_as_from_the_call(directory, capsys, folder, chosen, place):
    summary = Path(folder, "summary.txt")
    summary.parent.mkdir()
    about = "results: 3 runs of results"  # an experiment of that name stays what it is
    summary.write_text(f"{about}\n\n{summarise([], [], summary.parent)}")
    Session(summary).summarise(chosen)
    text, _, files = capsys.readouterr().out.strip().partition("\n\n")
    assert text == about
    assert all(line.startswith(f"{place}{folder}/") for line in files.splitlines())
    assert files.endswith(f"for: ntk-core verify {place}{folder}")
