"""What a run says when it ends."""

from __future__ import annotations

import errno
import io
import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from ntk_core.pages.summary import summarise
from ntk_core.workdir import run
from ntk_core.workdir.run import RunError, Session, check_start


def test_what_cannot_be_removed_before_a_run_is_said(directory, monkeypatch):
    def refuse(folder: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", f"{folder}/e/m64_seeds0-8.nc.progress")

    monkeypatch.setattr(run, "sweep", refuse)
    with pytest.raises(RunError, match=r"Permission denied: 'results/e/m64_seeds0-8\.nc\.progress'"):
        Session(Path("results/summary.txt")).start(touch=False)


def test_a_python_that_snakemake_cannot_call_is_refused_before_any_work(directory, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/home/Übung/checkout/.venv/bin/python")
    check_start([])
    for folder in ("my checkout", "checkout(1)", "Anna's"):
        monkeypatch.setattr(sys, "executable", f"/home/{folder}/.venv/bin/python")
        with pytest.raises(RunError, match=rf"{re.escape(folder)}/.* has a .*; move the checkout"):
            check_start([])


@pytest.mark.parametrize("folder", [".", ".snakemake", "results"])
def test_a_folder_of_another_user_is_refused_before_any_work(directory, monkeypatch, folder):
    Path(folder).mkdir(exist_ok=True)
    check_start([])
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != Path(folder))
    with pytest.raises(
        RunError, match=f"^nothing can be written in {Path(folder).resolve()}: choose another"
    ):
        check_start([])


def test_a_number_of_cores_that_does_no_work_is_refused(directory):
    for cores in (None, 1):
        check_start([], cores)
    for cores in (0, -1):
        with pytest.raises(RunError, match=f"^--cores or --jobs is {cores}; allowed: "):
            check_start([], cores)


def test_a_target_that_snakemake_takes_for_a_config_is_told_its_place(directory):
    Path("my.yaml").write_text("entropy: 1")
    Path("rates.nc").write_bytes(b"\x89HDF")
    advice = "; if it is a target: that goes before --configfile, or after another option"
    for target in ("rates.nc", "not_yet.nc"):
        with pytest.raises(RunError, match=rf"(?m)^{target}.*{advice}$"):
            check_start(["my.yaml", target])
    with pytest.raises(RunError) as alone:
        check_start(["rates.nc"])
    assert advice not in str(alone.value)


def test_characters_that_the_terminal_lacks_are_shown_as_escapes(directory, monkeypatch):
    summary = Path("results/summary.txt")
    summary.parent.mkdir()
    summary.write_text("about √m\n\nresults/", encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="latin-1"))
    Session(summary).summarise(None)
    sys.stdout.flush()
    assert sys.stdout.buffer.getvalue().startswith(b"\nabout \\u221am\n")


def test_a_run_without_standard_output_ends_without_an_error(directory, monkeypatch):
    summary = Path("results/summary.txt")
    summary.parent.mkdir()
    summary.write_text("about\n\nresults/")
    monkeypatch.setattr(sys, "stdout", None)
    Session(summary).summarise(None)


@pytest.mark.parametrize("folder", ["results", "reanalysis"])
@pytest.mark.parametrize(
    ("chosen", "place"), [(None, ""), (Path("out"), "out/"), ("/a/b", "/a/b/"), ("my dir", "my dir/")]
)
def test_files_are_named_as_from_the_call(directory, capsys, folder, chosen, place):
    summary = Path(folder, "summary.txt")
    (summary.parent / "figures").mkdir(parents=True)
    for name in ("manifest.json", "findings.html"):
        (summary.parent / name).touch()
    about = "results: 3 runs of results"  # an experiment of that name stays what it is
    files = summarise([], [], summary.parent, reanalysis=folder == "reanalysis")
    summary.write_text(f"{about}\n\n{files}")
    Session(summary).summarise(chosen)
    text, _, files = capsys.readouterr().out.strip().partition("\n\n")
    assert text == about
    assert all(line.startswith(f"{place}{folder}/") for line in files.splitlines())
    command = files.rpartition("for: ")[2]
    assert shlex.split(command) == ["ntk-core", "verify", f"{place}{folder}"]  # can be pasted
    assert "report.html" not in files  # it is not made: only the archive was asked for, for instance


def test_the_files_of_a_reanalysis_are_listed_where_it_is_one_whatever_the_name_of_the_folder():
    for folder in (Path("results"), Path("reanalysis")):
        assert f"{folder}/report.html" in summarise([], [], folder)
        assert "report.html" not in summarise([], [], folder, reanalysis=True)


def test_an_archive_of_these_results_is_named_with_the_command_that_checks_it(directory, capsys):
    summary, archive = Path("results/summary.txt"), Path("archive.zip")
    summary.parent.mkdir()
    summary.write_text(f"about\n\n{summarise([], [])}")
    archive.touch()
    Session(summary).summarise("out")
    *_, last, folder, file = capsys.readouterr().out.splitlines()
    lines = [folder, file]
    assert len({re.search(r"\S  +", line).end() for line in (last, folder, file)}) == 1  # one column
    assert [line.split()[0] for line in lines] == ["out/archive/", "out/archive.zip"]
    assert lines[0].endswith("ntk-core verify out/archive")
    os.utime(archive, ns=(0, summary.stat().st_mtime_ns - 1))
    Session(summary).summarise("out")
    assert "archive" not in capsys.readouterr().out


@pytest.mark.parametrize("file", ["runs", "rates"])
def test_a_summary_of_older_data_is_not_shown(directory, capsys, file):
    data, summary = Path(f"results/grid/{file}.nc"), Path("results/summary.txt")
    data.parent.mkdir(parents=True)
    for path in (data, summary):
        path.write_text("of this run")
    os.utime(data, ns=(0, summary.stat().st_mtime_ns))
    Session(summary).summarise(None)
    assert "of this run" in capsys.readouterr().out
    os.utime(data, ns=(0, summary.stat().st_mtime_ns + 1))
    Session(summary).summarise(None)
    assert capsys.readouterr().out == ""
