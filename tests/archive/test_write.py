"""The archive: whole, self-explaining, the same bytes, and sound by checkers that are not ours."""

from __future__ import annotations

import copy
import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import command_line
import pytest
import rocrate
import xarray as xr
import yaml
from conftest import ROOT, results_of
from test_trained_archive import LAZY, made

import ntk_core
from ntk_core.archive.verify import check
from ntk_core.archive.write import NAME, _pack, bundle, description, sources
from ntk_core.claims.__main__ import main
from ntk_core.execution.workers import workers
from ntk_core.experiments.config import parse_config
from ntk_core.experiments.execution_model import ExecutionModel
from ntk_core.storage.atomic import replacing_folder

CONFIG = {
    "entropy": 1,
    "experiments": {
        "e": {
            "sampler": "band", "perturbation": ["adversarial", "sphere"], "m": [64, 256, 4096], "d": [2],
            "alpha": [0.5, 2.0], "seeds": 1500,
        },
        "lazy": {
            "kind": "trained", "data": "teacher", "d": 3, "training_inputs": 6, "held_out_inputs": 5,
            "loss": "squared", "steps": 8, "m": [4, 16], "seeds": 12,
        },
    },
    "analysis": {"delta": [0.5, 0.1, 0.001], "x_norm": [0.1, 1.0, 20.0]},
    "execution": {"threads": 2},
}  # fmt: skip


@pytest.fixture(scope="module")
def results(archived, tmp_path_factory):
    """Finished results: a grid, a trained experiment, and stand-ins for what is drawn and written."""
    root = results_of(archived, tmp_path_factory.mktemp("bundled") / "results")
    with workers(ExecutionModel(), 1) as client:
        made(LAZY, root.parent / "trained", client)
    (root / "lazy").mkdir()
    for name in ("runs", "quantiles", "rates"):
        shutil.copy(root.parent / f"trained/{name}.nc", root / "lazy")
    (root / "figures").mkdir()
    (root / "figures/e-rate.svg").write_text("<svg/>")
    shutil.copy(ROOT / "tests/claims.json", root)
    (root / "findings.html").write_text("<!doctype html>")
    (root / "summary.txt").write_text("In short\n")
    return root


def packed(results: Path, folder: Path) -> Path:
    files = [path for path in results.rglob("*") if path.is_file()]
    bundle(files, results, parse_config(CONFIG), ROOT, folder)
    return folder


@pytest.fixture(scope="module")
def archive(results, tmp_path_factory):
    return packed(results, tmp_path_factory.mktemp("archive") / "archive")


def test_it_is_whole_and_a_changed_byte_is_seen(archive, tmp_path):
    folder = shutil.copytree(archive, tmp_path / "archive")
    verification = check(folder)
    assert verification.files > 150
    assert not verification.faults
    with (folder / "code/docs/theory.md").open("a") as page:
        page.write(" ")
    assert [fault.path for fault in check(folder).faults] == ["code/docs/theory.md"]


def test_only_datasets_are_links(archive, results):
    """The sources go on being edited, in place too; a dataset is replaced as a whole or not at all."""
    linked = {
        p.relative_to(archive).as_posix() for p in archive.rglob("*") if p.is_file() and p.stat().st_nlink > 1
    }
    assert linked == {p.relative_to(results).as_posix() for p in results.glob("*/*.nc")}


def test_the_same_results_give_the_same_bytes(archive, results, tmp_path):
    again = packed(results, tmp_path / "archive")
    for suffix in ("archive.zip", "archive/manifest.json"):
        assert (archive.parent / suffix).read_bytes() == (again.parent / suffix).read_bytes()


def test_the_zip_file_holds_the_folder(archive, tmp_path):
    with zipfile.ZipFile(archive.with_suffix(".zip")) as file:
        assert {entry.date_time for entry in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        # No entry is forced to be large, which before Python 3.11.4 gave other bytes.
        assert {entry.extract_version for entry in file.infolist()} == {20}
        file.extractall(tmp_path)
    whole = check(tmp_path / NAME)
    assert not whole.faults
    assert (tmp_path / NAME / "manifest.json").read_bytes() == (archive / "manifest.json").read_bytes()


def test_a_failure_leaves_the_archive_there_was(results, tmp_path):
    folder = packed(results, tmp_path / "archive")
    before = (folder / "manifest.json").read_bytes(), folder.with_suffix(".zip").read_bytes()
    with pytest.raises(FileNotFoundError):
        bundle([results / "missing.nc"], results, parse_config(CONFIG), ROOT, folder)
    assert ((folder / "manifest.json").read_bytes(), folder.with_suffix(".zip").read_bytes()) == before
    assert {path.name for path in tmp_path.iterdir()} == {"archive", "archive.zip"}


def test_a_folder_that_cannot_be_renamed_leaves_the_file_of_the_archive_too(results, tmp_path, monkeypatch):
    folder = packed(results, tmp_path / "archive")
    before = (folder / "manifest.json").read_bytes(), folder.with_suffix(".zip").read_bytes()

    def pack_and_remove(source, target):
        _pack(source, target)
        shutil.rmtree(source)

    monkeypatch.setattr("ntk_core.archive.write._pack", pack_and_remove)
    with pytest.raises(FileNotFoundError):
        bundle([results / "summary.txt"], results, parse_config(CONFIG), ROOT, folder)
    assert ((folder / "manifest.json").read_bytes(), folder.with_suffix(".zip").read_bytes()) == before
    assert {path.name for path in tmp_path.iterdir()} == {"archive", "archive.zip"}


def test_a_folder_is_replaced_as_a_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / "old").touch()
    with pytest.raises(FileNotFoundError), replacing_folder(folder):
        pass  # nothing is written
    assert [path.name for path in tmp_path.rglob("*")] == ["archive", "old"]
    with replacing_folder(folder) as beside:
        beside.mkdir()
    assert [path.name for path in tmp_path.rglob("*")] == ["archive"]


def test_a_folder_that_has_come_meanwhile_is_not_replaced(tmp_path):
    def make(folder):
        with replacing_folder(folder) as beside:
            beside.mkdir()
            folder.mkdir()
            (folder / "mine").touch()

    with pytest.raises(OSError, match="not empty"):
        make(tmp_path / "both")
    assert [path.name for path in tmp_path.rglob("*")] == ["both", "mine"]


def test_a_folder_that_is_no_archive_is_left(results, tmp_path):
    folder = tmp_path / "archive"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(FileExistsError, match="is a link: move it elsewhere"):
        packed(results, tmp_path / "link")
    packed(results, folder)  # an empty one, as Snakemake makes it
    packed(results, folder)
    (tmp_path / "mine/archive").mkdir(parents=True)
    (tmp_path / "mine/archive/thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"mine/archive holds something else .* move it elsewhere"):
        packed(results, tmp_path / "mine/archive")
    assert (tmp_path / "mine/archive/thesis.txt").read_text() == "mine"


def test_its_config_gives_the_same_experiments(archive):
    config = parse_config(yaml.safe_load((archive / "config.yaml").read_text()))
    whole = parse_config(CONFIG)
    assert [config.experiment(name) for name in ("e", "lazy")] == [whole.experiment(n) for n in ("e", "lazy")]
    assert (config.delta, config.x_norm, config.entropy) == (whole.delta, whole.x_norm, whole.entropy)


def test_every_file_is_explained(archive):
    page = (archive / "README.md").read_text()
    for path in archive.rglob("*"):
        name = path.relative_to(archive).as_posix()
        if path.is_file():
            assert description(name)
            group = re.match("(code|figures)/", name)
            assert f"| `{group[0] if group else name}` | " in page


def test_what_the_page_says_of_the_files_is_so(archive, results):
    page = " ".join((archive / "README.md").read_text().split())
    files = {path.relative_to(archive).as_posix() for path in archive.rglob("*") if path.is_file()}
    listed = json.loads((archive / "manifest.json").read_text())["files"]
    assert files - set(listed) == {"manifest.json", "manifest.json.sha256"}
    assert "every file but itself and its digest, `manifest.json.sha256`." in page
    assert "every file here but itself and `manifest.json.sha256`." in page
    specs = {path.name: json.loads(xr.load_dataset(path).attrs["spec"]) for path in archive.glob("e/*.nc")}
    assert {name for name, spec in specs.items() if spec["seeds"] == 0} == {"theory.nc"}
    assert "in `theory.nc` its `seeds` are 0, as no run enters." in page
    whole = ("points", "m_fit", "follows_from")
    assert {str(xr.load_dataset(archive / "e/rates.nc")[name].dtype) for name in whole} == {"float64"}
    assert "all else is float64, as are `points`, `m_fit` and `follows_from` of `rates.nc`." in page
    assert (archive / "summary.txt").read_bytes() == (results / "summary.txt").read_bytes()
    assert (
        "the files of the run: here they are not in `results/`, and `report.html` is not among them." in page
    )
    assert "a part is a block of runs, a trained run, or a value of aggregates." in page


def test_the_sources_are_all_that_a_run_reads():
    names = {path.as_posix() for path in sources(ROOT)}
    tracked = subprocess.run(
        [
            "git", "ls-files", "src", "workflow", "config", "profiles", "Snakefile", "docs", "notebooks",
            "LICENSES",
        ],
        cwd=ROOT, capture_output=True, text=True, check=False,
    ).stdout.split()  # fmt: skip
    assert {
        "Snakefile",
        "src/ntk_core/archive/readme.md",
        "docs/theory.md",
        "notebooks/reanalysis.ipynb",
        "codecheck.yml",
        "REUSE.toml",
        "workflow/rules/archive.smk",
    } < names
    assert set(tracked) - names == set()
    _, _, set_up = (ROOT / "Makefile").read_text().partition("\n$(READY):")
    tools = re.findall(r"python -m (tools\.\w+)$", set_up, re.MULTILINE)
    assert tools
    assert {f"{name.replace('.', '/')}.py" for name in tools} <= names
    assert not any("__pycache__" in name or name.startswith(".") for name in names)


def test_the_archive_is_opened_and_what_is_in_it_is_what_was_put_in(archive, results):
    opened = ntk_core.open_archive(archive)
    assert list(opened) == ["e", "lazy"]
    assert opened.verify().faults == []
    assert [claim.id for claim in opened.claims] == [
        c["id"] for c in json.loads((results / "claims.json").read_text())
    ]
    for name in ("e/runs.nc", "lazy/rates.nc"):
        assert (archive / name).read_bytes() == (results / name).read_bytes()


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.S)


def test_the_page_tells_the_truth_without_anything_of_ours(archive, tmp_path):
    """Its Python for people who have numpy, xarray and netCDF4, with all else out of reach."""
    check_it, read_it, new_quantile, _ = blocks((archive / "README.md").read_text(), "python")
    only = "import sys\nfor name in 'ntk_core dask snakemake scipy numba'.split():"
    only += "\n    sys.modules[name] = None\n"
    for code in (check_it, read_it, new_quantile):
        command = [sys.executable, "-c", only + code]
        done = subprocess.run(command, cwd=archive, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "changed" not in done.stdout
    broken = tmp_path / "broken"
    shutil.copytree(archive, broken)
    with (broken / "e/rates.nc").open("ab") as file:
        file.write(b"x")
    command = [sys.executable, "-c", check_it]
    done = subprocess.run(command, cwd=broken, capture_output=True, text=True, check=True)
    assert done.stdout == "changed: e/rates.nc\n"


def test_the_page_of_an_archive_without_runs_says_nothing_of_them(archive, results, tmp_path):
    config = copy.deepcopy(CONFIG)
    config["experiments"]["e"]["keep"] = "aggregates"
    files = [path for path in results.rglob("*") if path.is_file()]
    bundle(files, results, parse_config(config), ROOT, tmp_path / "archive")
    page = (tmp_path / "archive/README.md").read_text()
    assert len(blocks(page, "python")) == 2
    assert "nc_open" not in page
    for text in (page, (archive / "README.md").read_text()):
        assert "<!--" not in text


def test_its_authors_and_date_are_those_of_the_citation(archive, results, tmp_path):
    shutil.copytree(archive / "code", tmp_path / "checkout")
    path = tmp_path / "checkout/CITATION.cff"
    citation = yaml.safe_load(path.read_text())
    orcid = "https://orcid.org/0000-0002-1825-0097"
    persons = [
        {"given-names": "Josiah", "family-names": "Carberry", "orcid": orcid},
        {"given-names": "Emmy", "family-names": "Noether"},
    ]
    citation["authors"], citation["date-released"] = [*persons, *citation["authors"]], "2031-02-03"
    path.write_text(yaml.safe_dump(citation))
    config = parse_config(CONFIG)
    bundle([results / "summary.txt"], results, config, tmp_path / "checkout", tmp_path / "archive")
    graph = json.loads((tmp_path / "archive/ro-crate-metadata.json").read_text())["@graph"]
    crate = {entity["@id"]: entity for entity in graph}
    authors = [author["@id"] for author in crate["./"]["author"]]
    assert authors == [orcid, "#Emmy-Noether", "#ntk-core-developers"]
    assert [crate[author]["@type"] for author in authors] == ["Person", "Person", "Organization"]
    assert crate[orcid]["name"] == "Josiah Carberry"
    assert crate["./"]["datePublished"] == "2031-02-03"


@pytest.fixture
def installed(monkeypatch):
    """As after `pip install ./code`, but for the bytecode that would lie in the archive."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def test_the_page_reads_with_ntk_core(archive, monkeypatch, capsys):
    """Its commands and its Python, but for those that install from the network and for the notebook below.

    All in this process; that `ntk-core` is a command is in docs/test_packaging.py.
    """
    monkeypatch.chdir(archive)
    page = (archive / "README.md").read_text()
    ours, again = (block for block in blocks(page, "sh") if not re.search("pip install|make", block))
    printed = ""
    for line in ours.splitlines():
        program, *arguments = shlex.split(line)
        assert program == "ntk-core"
        code, output = command_line.call(*arguments)
        assert code == 0, output
        printed += output
    assert again.startswith("python -m ntk_core.claims ")
    assert main(shlex.split(again)[3:]) == 0
    exec(compile(blocks(page, "python")[3], "README.md", "exec"), {})
    printed += capsys.readouterr().out
    for words in ("e: 18,000 runs", "recomputed", "T1  Theorem 1", "AC  Gaussian", "delta"):
        assert words in printed
    assert not check(archive).faults


def test_the_notebook_of_the_archive_runs_where_it_lies_and_leaves_nothing(archive, installed, tmp_path):
    (block,) = [block for block in blocks((archive / "README.md").read_text(), "sh") if "jupyter" in block]
    command = block.splitlines()[-1].replace("$PWD/..", str(tmp_path))
    done = subprocess.run(["bash", "-euc", command], cwd=archive, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    cells = {cell["id"]: cell for cell in json.loads((tmp_path / "reanalysis.ipynb").read_text())["cells"]}
    (drawn,) = cells["figure"]["outputs"]
    assert "image/png" in drawn["data"]
    assert "e: band, adversarial, m = 64, d = 2, alpha = 2" in str(cells["replay"]["outputs"])
    assert not check(archive).faults


HAS_NO_ADDRESS = {
    "process-run-crate-0.5_3.2",  # application: url
    "process-run-crate-0.5_5.1",  # application: an absolute address as its name
    "ro-crate-1.1_31.2",  # organization: url
}
HAS_NO_TIME = {"process-run-crate-0.5_8.4"}  # action: endTime, which would be other bytes every time


def complaints(
    folder: Path, monkeypatch: pytest.MonkeyPatch, severity: str = "RECOMMENDED"
) -> set[tuple[str, str]]:
    """Severity and check of every issue from this severity on that the public validator finds.

    Of what is required, the first.

    It asks the network for the vocabulary; it gets the one that the rocrate library brings, with the terms of
    Bioschemas at the address they had in RO-Crate 1.1.
    """
    from rocrate_validator import services  # a second to load
    from rocrate_validator.models import Severity, ValidationSettings
    from rocrate_validator.utils.http import HttpRequester

    text = (Path(rocrate.__file__).parent / "data/ro-crate.jsonld").read_text()
    text = text.replace("https://bioschemas.org/terms/", "https://bioschemas.org/")
    answer = SimpleNamespace(
        status_code=200, text=text, content=text.encode(), ok=True, url="", json=lambda: json.loads(text),
        headers={"Content-Type": "application/ld+json"}, raise_for_status=lambda: None,
    )  # fmt: skip

    def get(self: object, url: str, *_: object, **__: object) -> SimpleNamespace:
        assert url == "https://w3id.org/ro/crate/1.1/context"
        return answer

    monkeypatch.setattr(HttpRequester, "get", get, raising=False)
    settings = ValidationSettings(
        rocrate_uri=str(folder),
        profile_identifier="workflow-run-crate-0.5",
        requirement_severity=Severity[severity],
        abort_on_first=severity == "REQUIRED",
    )
    issues = services.validate(settings).get_issues()
    return {(issue.severity.name, issue.check.identifier) for issue in issues}


def test_a_public_validator_finds_a_workflow_run_crate(archive, monkeypatch):
    faults = complaints(archive, monkeypatch)
    assert {severity for severity, _ in faults} <= {"RECOMMENDED"}
    assert {name for _, name in faults} == HAS_NO_ADDRESS | HAS_NO_TIME


def test_the_validator_sees_a_file_that_is_missing(archive, tmp_path, monkeypatch):
    other = tmp_path / "other"
    shutil.copytree(archive, other)
    (other / "e/runs.nc").unlink()
    faults = complaints(other, monkeypatch, "REQUIRED")
    assert "REQUIRED" in {severity for severity, _ in faults}


def test_metadata_name_every_file_with_its_digest(archive):
    entities = {e["@id"]: e for e in json.loads((archive / "ro-crate-metadata.json").read_text())["@graph"]}
    listed = json.loads((archive / "manifest.json").read_text())["files"]
    assert {name for name in listed if name != "ro-crate-metadata.json"} == {
        name for name in entities if name in listed and "sha256" in entities[name]
    }
    assert all(
        entities[name]["sha256"] == listed[name]["sha256"]
        for name in listed.keys() & entities.keys()
        if "sha256" in entities[name]
    )
    run = entities["#run"]
    assert run["instrument"] == {"@id": "code/workflow/Snakefile"}
    assert run["object"] == {"@id": "config.yaml"}
    assert {"@id": "e/runs.nc"} in run["result"]
    assert {"@id": "code/docs/theory.md"} not in run["result"]


NETCDF = [
    "e/runs.nc",
    "e/theory.nc",
    "e/quantiles.nc",
    "e/rates.nc",
    "lazy/runs.nc",
    "lazy/quantiles.nc",
    "lazy/rates.nc",
]


@pytest.mark.parametrize("name", NETCDF)
def test_public_checkers_find_cf_and_acdd(archive, name, tmp_path, monkeypatch):
    """No complaint by CF-1.11; by ACDD-1.3 none that weighs, but for names that CF has not got."""
    from compliance_checker.cf import util as checker_util  # a second to load
    from compliance_checker.runner import CheckSuite, ComplianceChecker

    for searched in ("get_auxiliary_coordinate_variables", "get_geophysical_variables"):  # hundreds of times
        monkeypatch.setattr(checker_util, searched, functools.cache(getattr(checker_util, searched)))
    out = tmp_path / "report.json"
    CheckSuite.load_all_available_checkers()
    ComplianceChecker.run_checker(
        str(archive / name),
        ["cf:1.11", "acdd:1.3"],
        0,
        "normal",
        output_filename=str(out),
        output_format="json",
    )
    report = json.loads(out.read_text())
    faults = {
        checker: [message for group in report[checker]["all_priorities"] for message in failed(group)]
        for checker in ("cf:1.11", "acdd:1.3")
    }
    assert not faults["cf:1.11"]
    heavy = [m for group in report["acdd:1.3"]["high_priorities"] for m in failed(group)]
    assert {m.rpartition("* ")[2] if "* " in m else m for m in heavy} <= {"standard_name"}


def failed(group: dict) -> list[str]:
    scored, possible = group["value"] if isinstance(group["value"], list) else (group["value"], 1)
    return group["msgs"] if scored < possible else []
