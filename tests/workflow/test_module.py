"""Another workflow imports this one as a module: with a config of its own, and below a prefix of its own."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
import time
from ast import literal_eval
from types import SimpleNamespace

import pytest
import yaml
from conftest import ROOT, run_snakemake, start_snakemake

from ntk_core.execution import job
from ntk_core.workdir.run import plan_run

pytestmark = pytest.mark.usefixtures("snakemake")

PAGE = (ROOT / "docs/own-grid.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def runs():
    return {
        "entropy": 7,
        "experiments": {
            "mine": {
                "sampler": "band",
                "perturbation": ["adversarial", "sphere"],
                "m": [64],
                "d": [2],
                "alpha": [1.0],
                "seeds": 1100,
            }
        },
    }


@pytest.fixture(scope="module")
def alone(runs, tmp_path_factory) -> bytes:
    """Runs of the config without an importing workflow."""
    run = run_snakemake(tmp_path_factory.mktemp("alone") / "out", runs, "results/mine/runs.nc")
    assert run.code == 0, run.output
    return (run.directory / "results/mine/runs.nc").read_bytes()


@pytest.mark.parametrize("prefix", ["", "elsewhere/"])
def test_a_workflow_that_imports_ours_makes_the_same_runs(tmp_path, runs, alone, prefix):
    """The Snakefile of the page, as it is there, but for the place of the checkout."""
    text = re.search(r"```snakemake\n# Snakefile\n(.*?)```", PAGE, re.S)[1]
    text = text.replace("../ntk-core/", f"{ROOT}/")
    if prefix:
        text = text.replace("    config: config\n", f'    config: config\n    prefix: "{prefix}"\n')
        text = text.replace('"results/', f'"{prefix}results/')
    snakefile = tmp_path / "Snakefile"
    snakefile.write_text(text)
    (tmp_path / "importing").mkdir()
    (tmp_path / "importing" / "mine.yaml").write_text(yaml.safe_dump(runs))
    done = run_snakemake(tmp_path / "importing", None, snakefile=snakefile)
    assert done.code == 0, done.output
    made = tmp_path / "importing" / f"{prefix}results/mine/runs.nc"
    assert made.read_bytes() == alone


def test_rules_of_the_importing_workflow_keep_their_settings(tmp_path, runs):
    """A script of theirs imports the module beside it, and its `MPLBACKEND` is theirs."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "helper.py").write_text("import os\nprint('helped', os.environ['MPLBACKEND'])\n")
    (tmp_path / "scripts" / "own.py").write_text("import helper\n")
    command = f"{sys.executable} {tmp_path}/scripts/own.py"
    snakefile = tmp_path / "Snakefile"
    snakefile.write_text(
        f"module ntk:\n    snakefile: '{ROOT}/workflow/Snakefile'\n    config: config\n"
        f"use rule * from ntk as ntk_*\nrule own:\n    shell: {command!r}\n"
    )
    call = start_snakemake(
        tmp_path / "importing", runs, "own", snakefile=snakefile, environment={"MPLBACKEND": "svg"}
    )
    output, _ = call.communicate()
    assert call.returncode == 0, output
    assert "\nhelped svg\n" in output


def test_the_report_of_imported_rules_shows_the_figures_below_their_prefix(tmp_path, runs):
    """Only the report is made: all else is there, as by an earlier run."""
    importing, now = tmp_path / "importing", time.time()
    for path in plan_run(runs, []).products:
        file = importing / "elsewhere" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("<svg/>")
        os.utime(file, (now, now))  # so none is older than what it is made from
    snakefile = tmp_path / "Snakefile"
    snakefile.write_text(
        f"module ntk:\n    snakefile: '{ROOT}/workflow/Snakefile'\n    config: config\n"
        "    prefix: 'elsewhere'\nuse rule * from ntk as ntk_*\n"
    )
    done = run_snakemake(importing, runs, "ntk_report", snakefile=snakefile)
    assert done.code == 0, done.output
    assert done.jobs() == {"ntk_report": 1}
    report = importing / "elsewhere/results/report.html"
    assert "elsewhere/results/figures/mine-failure.svg" in report.read_text(encoding="utf-8")


def test_the_catalog_agrees_with_the_rules():
    """Each rule with a script has an environment for conda, and the entry in the workflow catalog says so."""
    catalog = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())
    rules = [path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk")]
    scripts = sum(len(re.findall(r"^    script:$", text, re.M)) for text in rules)
    environments = sum(len(re.findall(r"^    conda:$", text, re.M)) for text in rules)
    assert scripts == environments > 10
    assert catalog["usage"]["software-stack-deployment"]["conda"] is True


def test_the_report_is_made_whatever_characters_its_path_has_and_the_locale_lacks(tmp_path, monkeypatch):
    """The Snakefile that it is made by is ASCII: here one sees it, and no report is made."""
    written = []
    monkeypatch.setattr(job, "begin", lambda: None)
    monkeypatch.setattr(subprocess, "run", lambda command, **_: written.append(command[4].read_bytes()))
    monkeypatch.chdir(tmp_path)
    script = SimpleNamespace(
        scriptdir="/Übung/workflow/scripts", output=["Ø/results/report.html"], log=["log"], config={"é": 1}
    )
    runpy.run_path(f"{ROOT}/workflow/scripts/report.py", {"snakemake": script})
    lines = [line.partition(":")[2].strip() for line in written[0].decode("ascii").splitlines()]
    assert {"/Übung/workflow/Snakefile", "Ø"} <= {literal_eval(text) for text in lines if text[:1] == "'"}
