"""What a run says when it ends."""

from __future__ import annotations

import pytest

from ntk_core.pages.summary import summarise
from ntk_core.workdir.run import Session


@pytest.mark.parametrize("folder", ["results", "reanalysis"])
def test_files_are_named_as_from_the_folder_of_the_call(directory, capsys, folder):
    out = directory / "out"
    summary = out / folder / "summary.txt"
    summary.parent.mkdir(parents=True)
    about = "results: 3 runs of results"  # an experiment of that name stays what it is
    summary.write_text(about + "\n\n" + summarise([], [], summary.parent.relative_to(out)))
    session = Session(summary.relative_to(out))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(out)
        for start, named in (
            (out, folder),
            (directory, f"out/{folder}"),
            (directory / "other", str(out / folder)),
        ):
            session.summarise(str(start))
            text, _, files = capsys.readouterr().out.strip().partition("\n\n")
            assert text == about
            lines = files.splitlines()
            assert all(line.startswith(f"{named}/") for line in lines)
            assert lines[-1].endswith(f"for: ntk-core verify {named}")
