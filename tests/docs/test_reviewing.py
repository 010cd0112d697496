"""What a reviewer, a codechecker or a fork reads: claims with commands and costs, metadata, licences."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from fnmatch import fnmatchcase
from typing import NamedTuple

import pytest
import xarray as xr
import yaml
from conftest import ROOT

from benchmarks import reproduce
from ntk_core.claims import LEDGER

PAGE = ROOT / "docs/reproducing.md"


class Row(NamedTuple):
    """A row of the page's table of statements."""

    statement: str
    claim: str
    verdict: str
    command: str
    seconds: str
    megabytes: str
    compare: str


def rows() -> list[Row]:
    text = PAGE.read_text(encoding="utf-8")
    lines = re.findall(r"^\| (\S+ \| .*) \|$", text, re.M)
    cells = [line.split(" | ") for line in lines]
    return [Row(*row) for row in cells if row[0] in LEDGER]


@pytest.fixture(scope="module")
def measured() -> dict:
    return json.loads((ROOT / "benchmarks/results/reproduce.json").read_text(encoding="utf-8"))["results"]


def test_every_statement_has_a_row_with_the_command_that_judges_it():
    assert [row.statement for row in rows()] == list(LEDGER)
    for row in rows():
        assert row.command == f"`python -m ntk_core.claims {row.statement}`"


def test_seconds_and_memory_of_a_row_are_those_that_were_measured(measured):
    assert measured.keys() <= {reproduce.RUN, *LEDGER}
    for row in rows():
        record = measured.get(row.statement)
        expected = (f"{record['cpu']:.0f}", f"{record['peak'] / 1e6:.0f}") if record else ("—", "—")
        assert (row.seconds, row.megabytes) == expected, row.statement
    run = measured[reproduce.RUN]
    minutes, megabytes = f"{run['cpu'] / 60:.0f} minutes", f"{run['peak'] / 1e6:.0f} MB"
    assert f"takes {minutes} of CPU time" in PAGE.read_text(encoding="utf-8")
    assert f"no process larger than {megabytes}" in PAGE.read_text(encoding="utf-8")


def test_each_statement_came_out_as_archived_when_it_was_measured(measured):
    assert [name for name, record in measured.items() if not record.get("same", name == reproduce.RUN)] == []


def test_what_a_row_names_is_in_the_results_of_the_default_run(default_run):
    results = default_run.run.directory / "results"
    claims = {claim["id"]: claim for claim in json.loads((results / "claims.json").read_text())}
    for row in rows():
        assert row.verdict == claims[row.statement]["verdict"]
        pairs = re.findall(r"`([\w./]+)`: (`[^;]+`)", row.compare)
        assert pairs
        for file, names in pairs:
            for name in re.findall(r"`(\w+)`", names):
                if file == "claims.json":
                    assert claims[row.statement][name]
                    continue
                with xr.open_dataset(results / file) as dataset:
                    assert name in dataset.data_vars, (row.statement, file, name)


def codecheck() -> dict:
    return yaml.safe_load((ROOT / "codecheck.yml").read_text(encoding="utf-8"))


def test_codecheck_lists_what_the_default_run_makes_and_every_figure_of_a_claim(default_run):
    files = [entry["file"] for entry in codecheck()["manifest"]]
    directory = default_run.run.directory
    assert len(set(files)) == len(files)
    assert all(re.match(r"results/[\w/.-]+$", file) for file in files)
    assert [file for file in files if not (directory / file).is_file()] == []
    figures = {figure for statement in LEDGER.values() for figure in statement.figures}
    listed = {re.sub(r".*-|\.svg$", "", file) for file in files if file.endswith(".svg")}
    assert figures <= listed
    tables = {path.relative_to(directory).as_posix() for path in directory.glob("results/*/*.nc")}
    assert tables | {"results/claims.json"} <= set(files)


def test_codecheck_has_the_form_of_its_specification_and_invents_nobody():
    text = (ROOT / "codecheck.yml").read_text(encoding="utf-8")
    assert text.startswith("%YAML 1.1\n---\n")
    document = codecheck()
    assert document["version"] == "https://codecheck.org.uk/spec/config/2.0/"
    assert all(entry.keys() == {"file", "comment"} and entry["comment"] for entry in document["manifest"])
    assert document.keys() == {"version", "manifest", "paper"}
    assert document["paper"].keys() == {"title"}


def test_citation_zenodo_codecheck_and_package_say_the_same():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    zenodo = json.loads((ROOT / ".zenodo.json").read_text(encoding="utf-8"))
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["title"] == zenodo["title"] == codecheck()["paper"]["title"]
    assert (citation["version"], citation["keywords"]) == (zenodo["version"], zenodo["keywords"])
    assert citation["license"] == zenodo["license"] == package["license"] == "MIT"
    assert citation["authors"] == zenodo["creators"] == package["authors"]
    assert zenodo["description"] == f"<p>{citation['abstract']}</p>"


def test_every_file_has_an_owner_and_a_licence_whose_text_is_there():
    """What `reuse lint` asks for, which is not installed here: it brings a package under GPL."""
    annotations = tomllib.loads((ROOT / "REUSE.toml").read_text(encoding="utf-8"))["annotations"]
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert listed.stdout
    for path in listed.stdout.splitlines():
        assert any(fnmatchcase(path, one["path"].replace("**", "*")) for one in annotations), path
    assert {f"{one['SPDX-License-Identifier']}.txt" for one in annotations} == {
        path.name for path in (ROOT / "LICENSES").iterdir()
    }
    (owner,) = {one["SPDX-FileCopyrightText"] for one in annotations}
    text = (ROOT / "LICENSES/MIT.txt").read_text(encoding="utf-8")
    assert text.replace("<year> <copyright holders>", owner) == (ROOT / "LICENSE").read_text(encoding="utf-8")
