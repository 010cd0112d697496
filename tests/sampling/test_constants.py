"""A constant of the samplers either has no effect on what they draw, or docs/randomness.md lists it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import altered
import pytest
from conftest import ROOT

ROW = re.compile(r"^\| `([a-z_/]+)\.py` \| (.+?) \| (.+?) \| .+ \|$", re.MULTILINE)
NUMBER = re.compile(r"0x[0-9a-f]+|2\^-?[0-9]+|[0-9.]+(?:e-?[0-9]+)?")


def number(text: str) -> float:
    if text.startswith("0x"):
        return int(text, 16)
    return 2.0 ** int(text[2:]) if "^" in text else float(text)


@pytest.fixture(scope="module")
def listed() -> dict[str, list[float]]:
    """Constants by module and name, and the numbers beside them in the table; of a long list, its length."""
    rows: dict[str, list[float]] = {}
    for module, constants, values in ROW.findall((ROOT / "docs/randomness.md").read_text()):
        names = re.findall(r"`(\w+)`", constants)
        numbers = [number(text) for text in NUMBER.findall(re.sub(r"`\w+`", "", values))]
        for place, name in enumerate(names):
            rows[f"{module.replace('/', '.')}.{name}"] = numbers if len(names) == 1 else [numbers[place]]
    return rows


@pytest.fixture(scope="module")
def effects(listed) -> Any:
    """Which constants there are, which have an effect, and what is drawn without compiled code."""
    done = subprocess.run(
        [sys.executable, Path(altered.__file__), *listed],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def test_the_constants_that_change_what_is_drawn_are_those_of_the_table(effects, listed):
    assert len(listed) > 20
    assert sorted(effects["effective"]) == sorted(listed)


def test_the_table_has_their_values(effects, listed):
    for name, numbers in listed.items():
        values = effects["values"][name]
        assert numbers in (values, [len(values)]), name


def test_constants_without_effect_are_among_those_that_were_changed(effects, listed):
    """The search sees numbers, their containers, and those of the laws."""
    unlisted = set(effects["values"]) - set(listed)
    assert {"laws.custom.LENGTH_TOLERANCE", "laws.custom.TRIALS", "sampling.data.DIGIT_COUNTS"} <= unlisted


def test_kernels_give_the_same_bits_without_being_compiled(effects):
    assert [hashlib.sha256(probe()).hexdigest() for probe in altered.probes()] == effects["draws"]
