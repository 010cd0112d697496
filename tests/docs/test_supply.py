"""What is installed: locked by hash, licences known, nothing beside the lock."""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import distributions, metadata
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from packaging.licenses import canonicalize_license_expression
from packaging.utils import canonicalize_name
from snakemake.common.configfile import load_configfile

from ntk_core.experiments.config import parse_config
from ntk_core.experiments.section import ConfigError
from tools import supply

LOCKS = sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.lock"), *ROOT.glob("[!.]*/*.lock")])
INSTALLERS = {"pip", "setuptools", "wheel"}  # that `python -m venv` may bring

made_by_make = pytest.mark.skipif(
    not (Path(sys.prefix) / ".ready").exists(), reason="not the environment that make sets up"
)


@pytest.fixture(scope="module")
def bill() -> dict:
    return supply.bill()


def entries(text: str) -> list[str]:
    """Logical lines of a lock or a Makefile, without comments."""
    lines = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.M)).splitlines()
    return [line for line in lines if line.strip()]


def test_every_lock_is_looked_at():
    locks = {
        "requirements.lock",
        "requirements-uv.lock",
        "benchmarks/requirements.lock",
        "tests/autodiff.lock",
    }
    assert locks < set(LOCKS)


@pytest.mark.parametrize("path", LOCKS)
def test_lock_pins_all_by_version_and_hash_and_holds_no_address(path):
    text = (ROOT / path).read_text()
    assert "//" not in text
    assert "file:" not in text
    assert entries(text)
    for entry in entries(text):
        pin, *hashes = entry.split("--hash=")
        assert re.match(r"^[a-z0-9._-]+==[^ ]+( ; [^;]+)?$", pin.strip()), (
            entry
        )  # no option, no `name @ place`
        assert hashes, entry
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest.strip()) for digest in hashes), entry


def test_everything_make_installs_has_a_hash():
    installs = [line for line in entries((ROOT / "Makefile").read_text()) if "pip install" in line]
    assert len(installs) > 3
    for line in installs:
        ours = "--no-deps" in line and "--no-build-isolation" in line and "--editable ." in line
        assert ours or ("--require-hashes" in line and "--requirement" in line), line
    for path in [ROOT / ".ci/run", *(ROOT / ".github").rglob("*.yml")]:
        assert not re.search(r"\b(pip|uv|conda)\b", path.read_text())  # they go through make


@made_by_make
def test_the_environment_is_what_the_locks_say():
    installed = {
        canonicalize_name(distribution.name): distribution.version for distribution in distributions()
    }
    locked = {pin.name: pin.version for pin in supply.pins() if pin.applies}
    (uv,) = re.findall(r"^uv==(\S+)", (ROOT / "requirements-uv.lock").read_text(), re.M)
    locked["uv"] = uv
    brought = INSTALLERS - locked.keys()
    assert {name: installed[name] for name in installed.keys() - brought - {"ntk-core"}} == locked


def test_the_page_of_licences_lists_what_the_lock_pins():
    rows = re.findall(
        r"^\| ([\w.-]+) \| ([\w.]+)[^|]* \| ([^|]+) \|", (ROOT / "docs/licences.md").read_text(), re.M
    )
    listed = [row[:2] for row in rows if row[0] != "package"]
    assert listed == [(pin.name, pin.version) for pin in supply.pins()]
    for _, _, licence in rows[1:]:
        assert canonicalize_license_expression(licence) == licence


@made_by_make
def test_the_page_of_licences_is_what_make_writes(bill, monkeypatch):
    monkeypatch.setattr(supply, "bill", lambda: bill)
    assert (ROOT / "docs/licences.md").read_text() == supply.licences()


def test_a_licence_read_by_hand_is_not_older_than_what_the_package_says():
    locked = {pin.name: pin for pin in supply.pins()}
    assert supply.READ.keys() <= locked.keys()
    for name, licence in supply.READ.items():
        if locked[name].applies:
            assert metadata(name).get("License-Expression", licence) == licence


def test_an_unknown_licence_stops():
    for licences in ([], [{"license": {"name": "as you like"}}], [{"license": {"id": "MIT"}}] * 2):
        with pytest.raises(SystemExit, match="some names no SPDX licence"):
            supply._licence({"name": "some", "licenses": licences})


@made_by_make
def test_a_licence_nobody_has_judged_stops(bill, monkeypatch):
    monkeypatch.setattr(supply, "bill", lambda: bill)
    monkeypatch.setattr(supply, "PERMISSIVE", supply.PERMISSIVE - {"ISC"})
    with pytest.raises(SystemExit, match="under ISC"):
        supply.licences()


@made_by_make
def test_the_bill_of_materials_is_the_lock_with_licences_and_no_place_or_time(bill):
    listed = {canonicalize_name(c["name"]): c["version"] for c in bill["components"]}
    assert listed == {pin.name: pin.version for pin in supply.pins() if pin.applies}
    assert all(len(component["licenses"]) == 1 for component in bill["components"])
    assert "timestamp" not in bill["metadata"]
    assert "serialNumber" not in bill
    text = json.dumps(bill)
    for place in ("file:", str(ROOT), sys.prefix, str(Path(sys.prefix).resolve()), str(Path.home())):
        assert f"{place}/" not in text


def test_a_config_as_json_is_data_only(tmp_path):
    """What SECURITY.md advises: Snakemake runs what a YAML config asks for, and nothing of a JSON one."""
    trap = tmp_path / "ran"
    evil = {"__use_yte__": True, "entropy": f"?__import__('pathlib').Path({str(trap)!r}).touch()"}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(evil))
    (tmp_path / "config.json").write_text(json.dumps(evil))
    with pytest.raises(ConfigError, match="__use_yte__"):
        parse_config(load_configfile(tmp_path / "config.json"))
    assert not trap.exists()
    load_configfile(tmp_path / "config.yaml")
    assert trap.exists()  # else the advice is no longer needed
