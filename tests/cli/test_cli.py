"""`ntk-core describe`, `claims`, `exact`, `export`, and their JSON: what they say is what the files hold."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from command_line import call
from conftest import ROOT, results_of
from trained import EXPERIMENTS, train
from typer.testing import CliRunner

from ntk_core.claims.record import from_json
from ntk_core.cli import app
from ntk_core.laws.exact import exact_quantile
from ntk_core.quantities import QUANTITIES
from ntk_core.storage.checksums import write_manifest
from ntk_core.theory.bounds import bound

RUN = (
    "--experiment",
    "e",
    "--perturbation",
    "sphere",
    "--m",
    "64",
    "--d",
    "2",
    "--alpha",
    "0.5",
    "--seed",
    "7",
)


@pytest.fixture(scope="module")
def results(archived, tmp_path_factory) -> Path:
    root = results_of(archived, tmp_path_factory.mktemp("cli") / "results")
    shutil.copy(ROOT / "tests/claims.json", root)
    write_manifest(root, [*root.glob("e/*.nc"), root / "claims.json"])
    return root


def as_json(*arguments: object) -> object:
    code, output = call(*arguments, "--json")
    assert code == 0, output
    return json.loads(output)


def test_describe_tells_what_is_inside(results):
    description = as_json("describe", results)
    e = description["experiments"]["e"]
    runs = xr.load_dataset(results / "e/runs.nc")
    assert e["runs"] == runs["delta1"].size
    assert (e["seeds"], e["first_seed"]) == (1500, 0)
    assert description["without_runs"] == []
    assert {axis: e["axes"][axis] for axis in ("m", "d", "alpha", "perturbation")} == {
        axis: runs[axis].values.tolist() for axis in ("m", "d", "alpha", "perturbation")
    }
    assert e["axes"]["delta"] == xr.load_dataset(results / "e/quantiles.nc")["delta"].values.tolist()
    assert e["files"]["runs.nc"]["bytes"] == (results / "e/runs.nc").stat().st_size
    assert e["files"]["runs.nc"]["variables"]["delta1"] == dict(runs["delta1"].sizes)
    verdicts = {claim.id: claim.verdict for claim in from_json((results / "claims.json").read_text())}
    assert {name: verdict for verdict, names in description["verdicts"].items() for name in names} == verdicts
    code, text = call("describe", results)
    assert code == 0
    for word in (
        "e: 18,000 runs, simulation",
        "64, 256, 4096",
        "adversarial, sphere",
        "runs.nc",
        "true, loose:",
    ):
        assert word in text


def test_claims_are_shown_as_archived(results):
    archived = from_json((results / "claims.json").read_text())
    assert [claim["id"] for claim in as_json("claims", results)] == [claim.id for claim in archived]
    code, text = call("claims", results)
    assert code == 0
    for claim, line in zip(archived, text.splitlines(), strict=True):
        assert line.startswith(claim.id)
        assert claim.verdict in line
    code, text = call("claims", results, "T1")
    assert code == 0
    assert text.startswith("T1  ")
    assert "(√(2/π) α + √(log(1/δ)))" in text
    assert not {"$", "\\"} & set(text)
    both = call("claims", results, "T1", "L1.1")[1]
    assert both.startswith(text.rstrip())  # in the order of the call
    assert "\nL1.1  " in both
    code, text = call("claims", results, "T9")
    assert code == 2
    assert "there is no statement T9; allowed: L1.1" in text


def test_characters_that_the_terminal_lacks_are_shown_as_escapes(results):
    code, text = call("claims", results, "A1", charset="latin-1")
    assert code == 0
    assert text.encode().decode("unicode_escape") == call("claims", results, "A1")[1]
    assert call("exact", "--help", charset="latin-1")[0] == 0


def test_exact_needs_no_archive():
    options = ("--perturbation", "aligned", "--m", 64, "--d", 3, "--alpha", 0.5, "--x-norm", 2.0)
    rows = as_json("exact", *options, "--delta", 0.1, "--delta", 0.5, "--delta", 0.1)
    assert len(rows) == 2 * len(QUANTITIES)
    for row in rows:
        scale = 1.0 if QUANTITIES[row["quantity"]].fraction else 2.0
        value = exact_quantile("aligned", row["quantity"], 64, 3, 0.5, row["delta"])
        assert row["exact_quantile"] == scale * value
        assert row["bound_sharp"] == float(bound("sharp", row["quantity"], 64, 0.5, row["delta"], 2.0))
    code, text = call("exact", *options, "--delta", 0.1)
    assert code == 0
    assert f"{rows[0]['exact_quantile']:.8g}" in text


def test_exact_names_the_laws_and_says_why_it_has_no_number_of_one():
    options = ("--m", 64, "--alpha", 1, "--delta", 0.1)
    text = " ".join(call("exact", "--help")[1].split())
    assert "displacement law: adversarial, aligned, sphere, frobenius" in text
    code, text = call("exact", *options, "--perturbation", "frobenius")
    assert code == 0
    assert text.splitlines()[-1].startswith(
        "frobenius leaves the ball of Theorem 1, of which the bounds speak"
    )
    assert "N4" in text.splitlines()[-1]
    assert "leaves the ball" not in call("exact", *options)[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--m", "63"), "--m is 63; allowed: even whole numbers, 2 to 2^40"),
        (("--d", "0"), "--d is 0; allowed: whole numbers, 1 to 2^20"),
        (("--alpha", "-1"), "--alpha is -1; allowed: numbers, 1e-9 to 1e6"),
        (("--delta", "1"), "--delta is 1; allowed: numbers, 1e-9 to 0.999"),
        (("--perturbation", "sphre"), "--perturbation is 'sphre'; allowed: adversarial, aligned, sphere, "
         "frobenius; did you mean sphere?"),
        (("--x-norm", "0"), "--x-norm is 0; allowed: numbers, 1e-12 to 1e12"),
    ],
)  # fmt: skip
def test_exact_refuses_what_has_no_law(change, message):
    options = {"--m": "64", "--alpha": "1", "--delta": "0.1"} | dict([change])
    code, text = call("exact", *(part for item in options.items() for part in item))
    assert code == 2
    assert text == f"ntk-core: {message}\n"


def test_exact_refuses_several_faults_on_one_line():
    code, text = call("exact", "--m", 63, "--alpha", 1, "--delta", 1)
    assert code == 2
    assert "--m is 63; allowed: " in text
    assert "; --delta is 1; allowed: " in text
    assert len(text.splitlines()) == 1


def test_verify_and_replay_speak_json(results, tmp_path):
    record = as_json("verify", results, "--recompute", 2)
    assert (record["files"], record["faults"]) == (5, [])
    assert list(record["recomputed"].values()) == [{}, {}]
    assert record["blocks"] == 12  # 1,500 runs of a cell are one
    assert as_json("verify", results)["blocks"] is None
    record = as_json("replay", *RUN, results, "--dense")
    assert record["same"] is True
    assert record["archived"] == record["recomputed"]
    assert record["apart"] < 1e-15
    other = tmp_path / "other"
    shutil.copytree(results, other)
    (other / "claims.json").write_text("[]")
    code, output = call("verify", other, "--json")
    assert code == 1
    assert json.loads(output)["faults"] == [{"path": "claims.json", "kind": "truncated"}]


def test_the_json_of_verify_holds_the_faults_where_a_run_cannot_be_recomputed(results, tmp_path):
    other = shutil.copytree(results, tmp_path / "other")
    (other / "e/runs.nc").write_bytes(b"none")
    done = CliRunner().invoke(app, ["verify", str(other), "--recompute", "1", "--json"])
    output = json.loads(done.stdout)
    assert done.exit_code == 2
    assert output["faults"] == [{"path": "e/runs.nc", "kind": "truncated"}]
    assert (output["blocks"], output["recomputed"]) == (None, {})
    assert output["error"].startswith(f"{other / 'e/runs.nc'} cannot be read")
    assert done.stderr == f"ntk-core: {output['error']}\n"


def test_export_to_zarr_keeps_every_value(results, tmp_path):
    store = tmp_path / "store.zarr"
    code, output = call("export", results, "--to", store)
    assert code == 0, output
    for name in ("runs", "theory", "quantiles", "rates"):
        assert f"e/{name}" in output
        exported = xr.open_zarr(store, group=f"e/{name}", consolidated=False).load()
        xr.testing.assert_equal(exported, xr.load_dataset(results / f"e/{name}.nc"))
        assert exported.attrs["spec"] == xr.load_dataset(results / f"e/{name}.nc").attrs["spec"]
    code, output = call("export", results, "--to", store)
    assert (code, "already exists; choose a new path" in output) == (2, True)
    code, output = call("export", results, "--to", results / "e/store.zarr")
    assert (code, "choose a path outside of it" in output) == (2, True)
    assert not (results / "e/store.zarr").exists()


@pytest.mark.parametrize("command", [["export"], ["merge", "both"]])
def test_where_nothing_can_be_written_there_is_one_line(results, command):
    name, *other = command
    code, output = call(name, results, *[results for _ in other], "--to", "/proc/new")
    assert code == 2
    assert output.startswith("ntk-core: ")
    assert len(output.splitlines()) == 1


def test_export_without_zarr_says_what_it_needs(results, tmp_path):
    code = "import sys; sys.modules['zarr'] = None; from ntk_core.cli import app; app()"
    done = subprocess.run(
        [sys.executable, "-c", code, "export", results, "--to", tmp_path / "z"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == "ntk-core: export needs the package zarr: pip install zarr\n"


@pytest.mark.parametrize("command", ["describe", "claims", "exact", "verify", "replay", "export", "merge"])
def test_help_shows_an_example(command):
    code, text = call(command, "--help")
    assert code == 0
    assert f"\n    ntk-core {command} " in text.replace("      ntk-core", "    ntk-core")


@pytest.mark.parametrize("command", ["describe", "claims", "verify", "replay", "export", "merge"])
def test_a_packed_archive_is_refused_with_the_command_that_unpacks_it(command, results, tmp_path):
    packed = tmp_path / "a.zip"
    packed.write_bytes(b"PK")
    options = {"replay": RUN, "export": ("--to", tmp_path / "z"), "merge": ("--to", tmp_path / "z")}
    paths = [(packed, results), (results, packed)] if command == "merge" else [(packed,)]
    for arguments in paths:
        code, text = call(command, *arguments, *options.get(command, ()))
        unpack = f"unpack it first: python -m zipfile -e {packed} ."
        assert (code, text) == (2, f"ntk-core: {packed} is packed; {unpack}\n")


@pytest.mark.parametrize("command", ["describe", "claims", "verify", "export"])
def test_where_there_is_no_archive_there_is_one_line(command, tmp_path):
    options = ("--to", tmp_path / "z") if command == "export" else ()
    code, text = call(command, tmp_path, *options)
    assert code == 2
    assert text.startswith("ntk-core: ")
    assert text.count("\n") == 1


def test_replay_tells_all_that_is_wrong_with_a_run_and_what_is_archived(results):
    wrong = ("--perturbation", "sphre", "--m", 63, "--d", 2, "--alpha", 0.5, "--seed", 1500)
    laws = "archived: adversarial, sphere"
    rest = "d is missing; archived: 2; alpha is missing; archived: 0.5, 2.0"
    cases = [
        (wrong, f"perturbation is sphre; {laws}; did you mean sphere?; m is 63; archived: 64, 256, 4096; "
         "seed is 1500; archived: 0 to 1499"),
        (("--m", 64, "--seed", 7), f"perturbation is missing; {laws}; {rest}"),
        (("--m", 64, "--seed", 7, "--perturbation", "sphere"), rest),
    ]  # fmt: skip
    for options, message in cases:
        code, text = call("replay", "--experiment", "e", *options, results)
        assert (code, text) == (2, f"ntk-core: {results / 'e/runs.nc'}: {message}\n")


def test_replay_of_a_run_that_does_not_fit_says_what_it_needs(results, monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr("ntk_core.archive.replay.simulate", full)
    code, text = call("replay", *RUN, results)
    assert code == 2
    assert re.fullmatch(r"ntk-core: seed \d+ of m = \d+ needs at least [\d.]+ k?B of memory\n", text), text


def test_ctrl_c_is_said(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("ntk_core.archive.results.open_archive", interrupted)
    assert call("describe", tmp_path) == (130, "ntk-core: interrupted\n")


def test_replay_of_a_trained_run_refuses_what_only_drawn_runs_have(tmp_path):
    train(EXPERIMENTS["lone"], tmp_path)
    (tmp_path / "lone").mkdir()
    (tmp_path / "lone.nc").rename(tmp_path / "lone/runs.nc")
    run = ("--experiment", "lone", "--m", 4, "--seed", 0, tmp_path)
    code, text = call("replay", *run, "--d", 3, "--alpha", 0)
    assert (code, text) == (2, "ntk-core: lone has trained runs, so leave out --d 3, --alpha 0.0\n")
    assert call("replay", *run)[0] == 0


def test_in_the_folder_of_an_experiment_its_parent_is_named(results, monkeypatch):
    for folder, parent in ((results / "e", results), ("e", "."), (".", "..")):
        monkeypatch.chdir(results / "e" if folder == "." else results)
        code, text = call("describe", folder)
        assert code == 2
        assert text.endswith(
            f"there is no <experiment>/runs.nc or aggregates.nc in it; give its parent folder: {parent}\n"
        )
        code, text = call("verify", folder)
        assert code == 2
        assert text.endswith(f"; give the folder with manifest.json: {parent}\n")
    code, text = call("verify", ROOT / "tests")
    assert code == 2
    assert text.endswith("; give the folder with manifest.json\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verfy"], "ntk-core: there is no command verfy; allowed: export, merge, describe, claims, exact, "
         "verify, replay; did you mean verify?; see: ntk-core --help"),
        (["exact"], "ntk-core exact: missing option '--m' (width: even whole numbers, 2 to 2^40); see: "),
        (["exact", "--m", "1e3"], "ntk-core exact: invalid value for '--m': '1e3' should be a valid integer, "
         "unable to parse string as an integer (width: even whole numbers, 2 to 2^40); see: "),
        (["exact", "--delta", "1", "--delta", "1,2"], "ntk-core exact: invalid value for '--delta': '1,2' "
         "should be a valid number, unable to parse string as a number (failure probability: numbers, 1e-9 "),
        (["replay", "--seed", "-1"], "ntk-core replay: invalid value for '--seed': '-1' should be greater "
         "than or equal to 0 (number of the run); see: "),
        (["verify", ROOT, "--recompute", "-3"], "ntk-core verify: invalid value for '--recompute': '-3' "
         "should be greater than or equal to 0 (recompute this many parts"),
        (["claims", "T1"], "ntk-core claims: invalid value for 'path': dir 'T1' does not exist (the folder "
         "of an archive, or of the results of a run; statements come after it: ntk-core claims results T1)"),
        (["exact", "--law"], "ntk-core exact: no such option: --law"),
        (["describe", "/no/such"], "ntk-core describe: invalid value for 'path': dir '/no/such' does not"),
        (["verify", "/no/such"], "ntk-core verify: invalid value for 'path': dir '/no/such' does not"),
        (["merge", "/no/such", "/no", "--to", "/x"], "ntk-core merge: invalid value for 'first': dir "),
        (["describe", ROOT / "README.md"], f"ntk-core describe: invalid value for 'path': dir "
         f"'{ROOT / 'README.md'}' is a file"),
        (["describe", "a" * 300], f"ntk-core describe: invalid value for 'path': dir '{'a' * 300}' does not"),
    ],
)  # fmt: skip
def test_a_call_that_cannot_be_read_gets_one_line(arguments, message):
    code, text = call(*arguments)
    assert code == 2
    assert text.startswith(message)
    assert text.count("\n") == 1


def test_version_and_help_are_no_errors():
    from ntk_core import __version__

    assert call("--version") == (0, f"ntk-core {__version__}\n")
    code, text = call()
    assert code == 0
    assert text == call("--help")[1]
    assert "Commands:" in text


def test_infinite_numbers_are_null_in_json():
    from ntk_core.cli.common import _plain

    assert _plain({"a": np.array([1.0, np.inf]), "b": (np.float64("nan"), 2)}) == {
        "a": [1.0, None],
        "b": [None, 2],
    }


def test_the_shell_completes_commands():
    done = subprocess.run(
        [sys.executable, "-c", "from ntk_core.cli import app; app(prog_name='ntk-core')"],
        env={"PATH": "", "PYTHONPATH": str(ROOT / "src"), "_NTK_CORE_COMPLETE": "complete_bash",
             "COMP_WORDS": "ntk-core de", "COMP_CWORD": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["describe"]


@pytest.mark.parametrize(
    ("stream", "arguments"),
    [("stdout", ["describe"]), ("stderr", ["describe", "--bad"]), ("stderr", ["none"])],
)
def test_a_reader_that_ends_is_no_difference(results, stream, arguments):
    """`ntk-core … | head -1` has another exit code than an archive whose bits differ."""
    read, write = os.pipe()
    os.close(read)
    code = "from ntk_core.cli import app; app()"
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: write}
    done = subprocess.run([sys.executable, "-c", code, *arguments, results], **streams, check=False)
    os.close(write)
    assert (done.returncode, done.stdout or b"", done.stderr or b"") == (141, b"", b"")


@pytest.mark.parametrize("module", ["ntk_core.cli verify", "ntk_core.claims T1 --results"])
def test_a_full_disk_below_the_output_is_no_difference(results, module):
    """`ntk-core verify results > file` has another exit code than an archive whose bits differ."""
    name, *arguments = module.split()
    code = f"import sys; from {name} import app; app()" if name == "ntk_core.cli" else None
    command = [sys.executable, *(["-c", code] if code else ["-m", name]), *arguments, results]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "the output cannot be written: No space left on device\n")


def test_without_standard_output_a_command_ends_as_with_it(results):
    command = shlex.join([sys.executable, "-c", "from ntk_core.cli import app; app()", "describe"])
    done = subprocess.run(
        ["sh", "-c", f"{command} --json {shlex.quote(str(results))} >&-"], stderr=subprocess.PIPE, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
