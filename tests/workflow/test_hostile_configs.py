"""Hostile and broken input: whatever is thrown at it, one clear error, and nothing harmed.

Configs: thousands of malformed ones go through the reading, the model and the plan in this process;
ten go through the command line, one with little memory, in a folder with things to lose.
"""

from __future__ import annotations

import collections
import concurrent.futures
import copy
import datetime
import hashlib
import json
import math
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, SNAKEFILE, start_snakemake
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from snakemake.exceptions import WorkflowError
from snakemake.settings.types import ConfigSettings

from ntk_core.execution.workers import check as check_execution
from ntk_core.experiments.config import Config, parse_config
from ntk_core.experiments.config_file import read_config_file
from ntk_core.experiments.cost import check_size
from ntk_core.experiments.plan import MAX_SHARDS, Plan
from ntk_core.experiments.section import ConfigError

pytestmark = pytest.mark.usefixtures("snakemake")

EXAMPLES = 1500
SECONDS = 5.0
"""Of processor time for one config; what is meant is that no config takes minutes."""

EXPERIMENT = {
    "sampler": "band",
    "perturbation": ["adversarial", "sphere"],
    "m": [64, 4096],
    "d": [2],
    "alpha": [0.5, 1.0],
    "seeds": 100,
}
TRAINED = {
    "kind": "trained",
    "data": "digits",
    "classes": [3, 8],
    "training_inputs": 20,
    "held_out_inputs": 10,
    "loss": "squared",
    "step": 0.5,
    "steps": 8,
    "target_loss": 0.01,
    "m": [64, 128],
    "seeds": 3,
}
VALID: list[dict[str, Any]] = [
    {"entropy": 7, "experiments": {"grid": EXPERIMENT}},
    {
        "entropy": 3,
        "experiments": {
            "digits": TRAINED,
            "teacher": {k: v for k, v in TRAINED.items() if k != "classes"} | {"data": "teacher", "d": 3},
        },
    },
    {
        "entropy": 2**100,
        "experiments": {
            "a": EXPERIMENT | {"m": [16], "sampler": "dense"},
            "b-2": EXPERIMENT | {"m": [2**30]},
        },
        "analysis": {"delta": [0.5, 0.01], "x_norm": [1.0]},
        "execution": {"shard_seeds": 1024, "threads": 2},
    },
]
TEXT = """\
# a grid
entropy: 7
experiments:
  grid:
    sampler: band
    perturbation: [adversarial, sphere]
    m: &widths [64, 4096]
    d: [2]
    alpha: [0.5, 1.0e+0]
    seeds: 100
  check: {sampler: dense, perturbation: [aligned], m: *widths, d: [3], alpha: [1], seeds: 64}
analysis:
  delta: [0.5, 0.1]
"""

# What Snakemake's own loading may raise. It prints a traceback for all but the first.
LOADING = (WorkflowError, RecursionError, ValueError, OverflowError, KeyError, AttributeError, TypeError)


def bomb(item: str, levels: int = 12) -> str:
    """A short text that is 9^levels values when its aliases are written out."""
    lines = ["a0: &a0 " + item]
    for level in range(1, levels):
        inner = ", ".join([f"*a{level - 1}"] * 9)
        value = {"[": f"[{inner}]", "{": f"{{<<: [{inner}]}}"}.get(item[0]) or inner
        lines.append(f"a{level}: &a{level} {value}")
    return "\n".join(lines) + "\n"


def mappings_bomb(levels: int = 12) -> str:
    lines = ["a0: &a0 {x: 1}"]
    for level in range(1, levels):
        lines.append(f"a{level}: &a{level} {{{', '.join(f'k{i}: *a{level - 1}' for i in range(9))}}}")
    return "\n".join(lines) + "\n"


WIDTHS = "&widths [64, 4096]"


def with_value(value: str, at: str = "[64, 4096]") -> bytes:
    assert at in TEXT
    return TEXT.replace(at, value, 1).encode("utf-8", "surrogatepass")


def with_line(line: str) -> bytes:
    return (TEXT + line + "\n").encode()


NASTY: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "config.yaml is empty; allowed: a mapping, with keys at top level"),
    "only comments": (b"#\n" * 1000, "config.yaml is empty; allowed: a mapping, with keys at top level"),
    "only blanks": (b" " * 200_000, "config.yaml is empty; allowed: a mapping, with keys at top level"),
    "null": (b"---\n", "config.yaml is empty;"),
    "a list": (b"[1, 2]", "config.yaml holds [1, 2];"),
    "a number": (b"5", "config.yaml holds 5;"),
    "a text": (b"text", "config.yaml holds 'text';"),
    "not utf-8": (b"entropy: \xff\n", "byte 0xff at offset 9; allowed: text in UTF-8"),
    "latin-1": ("experiments: {größe: 3}".encode("latin-1"), "byte 0xf6"),
    "utf-16": (TEXT.encode("utf-16"), "byte 0xff at offset 0"),
    "overlong utf-8": (b"entropy: \xc0\xaf", "byte 0xc0"),
    "surrogate in utf-8": (with_value('["\ud800"]'), "byte 0xed"),
    "escaped surrogate": (with_value(r'["\ud800"]'), r"m[0] is '\ud800'"),
    "surrogate as law": (with_value(r'["\udfff"]', "[adversarial, sphere]"), r"perturbation[0] is '\udfff'"),
    "surrogate as name": (TEXT.replace("grid", r'"\ud800"').encode(), r"'\ud800'"),
    "surrogate as key": (with_line(r'"\ud800": 3'), r"'\ud800'"),
    "NUL": (with_line("x: \0"), "the character U+0000"),
    "escape sequences": (with_line("x: \x1b[2J"), "the character U+001B"),
    "quoted escape sequences": (
        TEXT.replace("sampler: band", r'sampler: "\e[2J\a"').encode(),
        r"'\x1b[2J\x07'",
    ),
    "right to left": (TEXT.replace("sampler: band", "sampler: \u202edneb").encode(), r"'\u202edneb'"),
    "binary file": (bytes(range(256)) * 10, "config.yaml"),
    "tab": (with_line("\tx: 3"), "line 14: invalid YAML"),
    "open bracket": (with_value("[64"), "invalid YAML"),
    "open quote": (with_line('x: "'), "invalid YAML"),
    "deep flow": (b"a: " + b"[" * 5000 + b"]" * 5000, "nested too deep"),
    "deep flow, open": (b"[" * 200_000, "nested too deep"),
    "deep mappings": (b"{a: " * 5000 + b"1" + b"}" * 5000, "nested too deep"),
    "deep blocks": ("\n".join(" " * i + "a:" for i in range(600)).encode(), "nested too deep"),
    "deep dashes": (b"- " * 50_000, "nested too deep"),
    "deep json": (b'{"a":' * 5000 + b"1" + b"}" * 5000, "nested too deep"),
    "less deep json": (b'{"a":' * 300 + b"1" + b"}" * 300, "a: unknown key"),
    "deep by aliases": (
        ("a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 40))).encode(),
        "a0: unknown key",
    ),
    "billion laughs": (bomb("[lol]").encode(), "too many values"),
    "billion keys": (mappings_bomb().encode(), "too many values"),
    "billion merges": (bomb("{x: 1}").encode(), "too many values"),
    "laughs as widths": (
        bomb("[2]", 4).encode() + with_value("&widths [*a3]", WIDTHS),
        "m[0] is [[[[2], [2]",
    ),
    "a list in itself": (with_value("&m [64, *m]", WIDTHS), "*'m' is part of the value it names"),
    "a mapping in itself": (with_line("x: &x {a: *x}"), "*'x' is part of the value it names"),
    "unknown alias": (
        with_value("*nothing", WIDTHS),
        "line 7: invalid YAML (found undefined alias 'nothing')",
    ),
    "very many values": (b"a: [" + b"1," * 100_000 + b"]", "too many values"),
    "very many keys": ("\n".join(f"k{i}: 1" for i in range(20_000)).encode(), "too many values"),
    "many keys": ("\n".join(f"k{i}: 1" for i in range(2000)).encode(), "and 1,982 more"),
    "a megabyte": (
        b"# " + b"x" * 1_000_000 + b"\n" + TEXT.encode(),
        "is too large; allowed: at most 262,144",
    ),
    "a long text": (with_line("x: " + "y" * 200_000), "x: unknown key"),
    "a long quoted text": (with_line('x: "' + r"\n" * 100_000 + '"'), "x: unknown key"),
    "a long key": (with_line("? " + "y" * 100_000 + "\n: 3"), "yyy...: unknown key"),
    "a long name": (TEXT.replace("grid", "g" * 900).encode(), "letters, digits"),
    "two equal keys": (with_line("entropy: 8"), "line 14: the key 'entropy' appears twice"),
    "two equal names": (TEXT.replace("  check:", "  grid:").encode(), "the key 'grid' appears twice"),
    "two equal keys, one quoted": (with_line("'entropy': 8"), "the key 'entropy' appears twice"),
    "two equal keys in json": (
        b'{"entropy": 1, "entropy": 2}',
        "config.yaml: the key 'entropy' appears twice",
    ),
    "two equal keys by an alias": (b"a: &a b\nb: 1\n*a : 2", "line 1: the key 'b' appears twice"),
    "two merges": (with_line("<<: {a: 1}\n<<: {b: 1}"), "the key '<<' appears twice"),
    "merge of a number": (with_line("<<: 5"), "invalid YAML (expected a mapping"),
    "a merge that is part of itself": (with_line("x: &x {<<: *x}"), "*'x' is part of the value it names"),
    "merge of what is unknown": (with_line("<<: {widths: 5}"), "widths: unknown key"),
    "two documents": (
        TEXT.encode() + b"---\n" + TEXT.encode(),
        "line 14: invalid YAML (but found another document)",
    ),
    "template": (with_line("__use_yte__: true"), "the key __use_yte__"),
    "object": (
        with_value("!!python/object/apply:os.system [exit]"),
        "the tag '!!python/object/apply:os.system'",
    ),
    "name": (with_value("!!python/name:os.system"), "the tag '!!python/name:os.system'"),
    "module": (with_value("!!python/module:os"), "the tag '!!python/module:os'"),
    "tuple": (with_value("!!python/tuple [64]"), "the tag '!!python/tuple'"),
    "own tag": (with_value("!widths [64]"), "the tag '!widths'"),
    "long tag": (with_value("!<" + "x" * 50_000 + "> [64]"), "the tag 'xxx"),
    "set": (with_value("!!set {64, 66}"), "the tag '!!set'"),
    "binary": (with_value("!!binary aGk="), "the tag '!!binary'"),
    "tagged number": (with_value("!!int abc"), "the tag '!!int'"),
    "tagged date": (with_value("!!timestamp abc"), "the tag '!!timestamp'"),
    "tagged bool": (with_value("!!bool abc"), "the tag '!!bool'"),
    "list as key": (with_line("? [a, b]\n: 3"), "line 14: a key that is a list or mapping"),
    "alias as key": (with_line("*widths : 3"), "a key that is a list or mapping"),
    "date": (with_value("2026-11-23"), "line 7: 2026-11-23 is read as timestamp"),
    "no date": (with_value("2026-99-99"), "2026-99-99 is read as timestamp"),
    "date as key": (with_line("2026-11-23: 3"), "2026-11-23 is read as timestamp"),
    "octal": (with_value("[0100]"), "line 7: 0100 is read in base 8"),
    "number without digits": (with_value("0x_", "100"), "a number that cannot be read"),
    "base 60": (with_value("1:30", "100"), "1:30 is read in base 60"),
    "base 60, long": (with_value("1" + ":1" * 400, "100"), "is read in base 60"),
    "base 60, broken": (with_value("1" + ":1" * 400 + ".5", "100"), "is read in base 60"),
    "base 60, endless": (with_value("1" + ":1" * 20_000, "100"), "is read in base 60"),
    "hexadecimal, huge": (with_value("0x" + "f" * 900, "7"), "entropy is "),
    "thousands of digits": (with_value("9" * 5000, "7"), "config.yaml: a number that cannot be read"),
    "digits in json": (b'{"entropy": ' + b"9" * 2000 + b"}", "entropy is 999"),
    "nan": (with_value(".nan", "0.5"), "alpha[0] is nan"),
    "inf": (with_value("-.inf", "0.5"), "alpha[0] is -inf"),
    "nan in json": (json.dumps(VALID[0]).replace("0.5", "NaN").encode(), "alpha[0] is nan"),
    "nan as key": (with_line(".nan: 3"), "the key .nan is not text"),
    "number as name": (TEXT.replace("grid", "5").encode(), "line 4: the key 5 is not text"),
    "true as name": (TEXT.replace("grid", "on").encode(), "the key on is not text"),
    "huge alpha": (with_value("9" * 400, "0.5"), "alpha[0] is 999"),
    "tiny delta": (with_value("1.0e-400", "0.1"), "delta[1] is 0.0"),
    "path as name": (TEXT.replace("grid", "../../escape").encode(), "'../../escape'; allowed"),
    "absolute path as name": (TEXT.replace("grid", "/etc/x").encode(), "'/etc/x'"),
    "dots as name": (TEXT.replace("grid", "'..'").encode(), "'..'"),
    "empty name": (TEXT.replace("grid", "''").encode(), "has the name ''; allowed"),
    "name with newline": (TEXT.replace("grid", r'"a\n"').encode(), r"'a\n'"),
    "name with NUL": (TEXT.replace("grid", r'"a\0"').encode(), r"'a\x00'"),
    "wildcard as name": (TEXT.replace("grid", "'{e}'").encode(), "'{e}'"),
    "pydantic's word as key": (with_line('"[key]": 3'), "'[key]': unknown key"),
    "pydantic's word as name": (TEXT.replace("grid", '"[key]"').encode(), "has the name '[key]'"),
    "pydantic's word as law": (with_line("laws: {'[key]': 3}"), "laws.'[key]' is 3 (no path)"),
    "many faults": (with_value(str([1] * 900)), "and 1,780 more"),
    "a key with one letter wrong": (
        with_line("anlaysis: {}"),
        "anlaysis: unknown key (did you mean 'analysis'?); allowed here: entropy",
    ),
    "a key in capitals": (
        with_line("ANALYSIS: {}"),
        "ANALYSIS: unknown key (did you mean 'analysis'?); allowed here: entropy",
    ),
    "a law with one letter wrong": (
        TEXT.replace("sphere]", "spheer]").encode(),
        "perturbation[1] is 'spheer' (did you mean 'sphere'?); allowed: a list",
    ),
    "a sampler with two letters swapped": (
        with_value("sampler: bnad", "sampler: band"),
        "sampler is 'bnad' (did you mean 'band'?); allowed",
    ),
    "a kind with one letter missing": (
        with_value("kind: traind", "sampler: band"),
        "kind is 'traind' (did you mean 'trained'?); allowed: 'drawn' or 'trained'",
    ),
    "a number in quotes": (
        with_value("['0.5']", "[0.5, 1.0e+0]"),
        "no quotes; after --config, nested values are",
    ),
    "many unknown laws": (
        json.dumps(
            {
                "entropy": 1,
                "laws": {f"law{i}": "x" for i in range(3000)},
                "experiments": {"e": EXPERIMENT | {"perturbation": [f"wal{i}" for i in range(900)]}},
            }
        ).encode(),
        "more",
    ),
    "many widths": (with_value(str(list(range(2, 4002, 2)))), "m has more than 1,000 values"),
    "many experiments": (
        json.dumps({"entropy": 1, "experiments": {f"e{i}": EXPERIMENT for i in range(1100)}}).encode(),
        "experiments has more than 1,000 values",
    ),
    "many cells": (
        TEXT.replace("d: [2]", f"d: {list(range(1, 1001))}")
        .replace("[0.5, 1.0e+0]", str([i / 8 for i in range(1, 1001)]))
        .encode(),
        "allowed: at most 1,000,000, so shorten the lists",
    ),
    "many seeds": (with_value("seeds: 1000000000000", "seeds: 100"), "of memory; allowed: "),
    "huge table": (
        json.dumps(
            VALID[0]
            | {
                "experiments": {"grid": EXPERIMENT | {"d": list(range(1, 1001)), "seeds": 1}},
                "analysis": {
                    "delta": [i / 1100 for i in range(1, 1001)],
                    "x_norm": [float(i) for i in range(1, 1001)],
                },
            }
        ).encode(),
        "cells, levels and norms needs",
    ),
    "huge shards": (
        with_line(f"execution: {{shard_seeds: {2**70}}}"),
        "shard_seeds is 1180591620717411303424",
    ),
}


def refusal(error: ConfigError) -> str:
    """The message of a refusal: some lines of bearable length, nothing in them that moves a terminal."""
    text = str(error)
    lines = text.splitlines()
    assert 1 <= len(lines) <= 21
    for line in lines:
        assert len(line) <= 600
        assert line.isprintable()
        assert "; allowed" in line or re.fullmatch(r"and [\d,]+ more", line)
    return text


def check(raw: Any, root: Path) -> Config:
    """What the Snakefile does with a config that was read."""
    plan = Plan(parse_config(raw), root)
    check_execution(plan.config.execution)
    check_size(plan)
    return plan.config


def number(value: Any, least: float, most: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most


def whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and number(value, least, most)


def is_valid(raw: Any) -> bool:
    """The ranges of a drawn experiment once more, by other means than the model's."""
    if not isinstance(raw, dict) or not {"entropy", "experiments"} <= set(raw):
        return False
    if set(raw) - {"entropy", "experiments", "analysis", "execution"}:
        return False
    axes: list[tuple[Any, Any]] = []
    for name, e in raw["experiments"].items():
        if not isinstance(name, str) or set(name) - set("-_" + "".join(map(chr, range(48, 123)))):
            return False
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) or name in ("figures", "laws", "code"):
            return False
        if e.get("kind") == "trained":
            axes += trained_axes(e)
            continue
        if set(e) - {"kind"} != set(EXPERIMENT) or e.get("kind", "drawn") != "drawn":
            return False
        most = {"band": 2**40, "dense": 2**26}[e["sampler"]]
        axes += [
            (e["perturbation"], lambda v: v in ("adversarial", "aligned", "sphere")),
            (e["m"], lambda v, most=most: whole(v, 2, most) and v % 2 == 0),
            (e["d"], lambda v: whole(v, 1, 2**20)),
            (e["alpha"], lambda v: number(v, 1e-9, 1e6)),
            ([e["seeds"]], lambda v: whole(v, 1, 2**40)),
        ]
    analysis, execution = raw.get("analysis", {}), raw.get("execution", {})
    axes += [
        ([raw["entropy"]], lambda v: whole(v, 0, 2**128 - 1)),
        (analysis.get("delta", [0.5]), lambda v: number(v, 1e-9, 0.999)),
        (analysis.get("x_norm", [1]), lambda v: number(v, 1e-12, 1e12)),
        ([execution.get("shard_seeds", 1024)], lambda v: whole(v, 1024, 2**40) and v % 1024 == 0),
        ([execution.get("threads", 1)], lambda v: whole(v, 1, 4096)),
    ]
    return bool(raw["experiments"]) and all(
        isinstance(axis, list) and 0 < len(axis) == len(set(axis)) and all(map(fits, axis))
        for axis, fits in axes
    )


def trained_axes(e: dict[str, Any]) -> list[tuple[Any, Any]]:
    """The same of a trained experiment; an empty axis, which nothing fits, for what is all wrong."""
    needed = {"kind", "data", "training_inputs", "held_out_inputs", "loss", "steps", "m", "seeds"}
    digits = e.get("data") == "digits"
    ours = "classes" if digits else "d"
    other = e.get({"d": "classes", "classes": "d"}[ours])
    if needed - set(e) or set(e) - needed - {"classes", "d", "step", "target_loss"} or other is not None:
        return [([], None)]
    counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    axes: list[tuple[Any, Any]] = [
        ([e["data"]], lambda v: v in ("digits", "teacher")),
        ([e["loss"]], lambda v: v in ("squared", "logistic")),
        (e["m"], lambda v: whole(v, 2, 2**20) and v % 2 == 0),
        ([e["seeds"]], lambda v: whole(v, 1, 2**20)),
        ([e["steps"]], lambda v: whole(v, 1, 10**6)),
        ([e.get("step", 1)], lambda v: number(v, 0, 1e6) and v > 0),
        ([e.get("target_loss")], lambda v: v is None or (number(v, 0, 1e300) and v > 0)),
        ([e["training_inputs"]], lambda v: whole(v, 1, 2**14)),
        ([e["held_out_inputs"]], lambda v: whole(v, 1, 2**14)),
    ]
    if not digits:
        return [*axes, ([e.get("d")], lambda v: whole(v, 1, 2**12))]
    classes = e.get("classes")
    axes.append((classes, lambda v: whole(v, 0, 9)))
    if isinstance(classes, list) and all(whole(v, 0, 9) for v in classes):
        images = sum(counts) if len(classes) == 1 else sum(counts[v] for v in classes)
        asked = e["training_inputs"] + e["held_out_inputs"]
        axes.append(([len(classes), 99], lambda v: v < 3 or (v == 99 and asked <= images)))
    return axes


def judge(data: bytes, file: Path) -> str | None:
    """The message with which a config file is refused, None if it is good. All else fails the test.

    What the check of the file lets through must load in Snakemake as what the check has read. And
    the model must withstand what Snakemake loads though the check would refuse it.
    """
    file.write_bytes(data)
    root = file.parent / "results"
    try:
        raw = read_config_file(file)
    except ConfigError as error:
        message = refusal(error)
        assert str(file) in message
        if "too many values" not in message and "too large" not in message:
            try:
                loaded = ConfigSettings(configfiles=[file]).overwrite_config
            except LOADING:
                return message
            try:
                check(loaded, root)
            except ConfigError as second:
                refusal(second)
        return message
    loaded = ConfigSettings(configfiles=[file]).overwrite_config
    assert json.dumps(loaded) == json.dumps(raw)
    try:
        config = check(copy.deepcopy(loaded), root)
    except ConfigError as error:
        return refusal(error)
    assert is_valid(raw), raw
    assert len(Plan(config, root).all_shards) <= MAX_SHARDS
    return None


@pytest.mark.parametrize("kind", NASTY)
def test_a_nasty_config_gets_one_clear_error_soon(kind, tmp_path):
    data, expected = NASTY[kind]
    start = time.process_time()
    message = judge(data, tmp_path / "config.yaml")
    assert time.process_time() - start < SECONDS
    assert message is not None
    assert expected in message
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


@pytest.mark.parametrize(
    "change",
    [("# a grid", "\ufeff# a grid"), ("\n", "\r\n"), ("7", "0x7"), ("100", "1_00"), ("aligned", "'aligned'")],
)
def test_what_only_looks_odd_is_a_good_config(change, tmp_path):
    assert judge(TEXT.replace(*change).encode(), tmp_path / "config.yaml") is None


SCALARS = st.one_of(
    st.sampled_from(
        [None, True, False, 0, -1, 1, 63, 2**41, 2**53 + 1, 2**128, 10**400, 64.0, 0.1, 1e308, 5e-324, -0.0,
         math.nan, math.inf, -math.inf, "", "64", "1e-3", "nan", "../../x", "/etc/passwd", "~", "a/b", "\x00",
         "\x1b[31m", "\u202e", "ß", "x" * 900, "0100", "1:30", "?1/0", "{e}", "[key]", "dense", "sphere",
         b"\xff\x00", datetime.date(2026, 11, 23), datetime.datetime(2026, 11, 23, 4, 5), (64, 66), {64, 66}]
    ),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
)  # fmt: skip
KEYS = st.one_of(
    st.sampled_from(["m", "d", "entropy", "experiments", "grid", "[key]", "<<", "=", "__use_yte__", "..", "",
                     5, None, True, math.nan, datetime.date(2026, 1, 1), b"m", (1, 2)]),
    st.text(max_size=6),
)  # fmt: skip
JUNK = st.one_of(SCALARS, st.lists(SCALARS, max_size=4), st.dictionaries(KEYS, SCALARS, max_size=3))
FRAGMENTS = [
    "[", "]", "{", "}", ": ", "- ", "? ", "&a ", "*a", "*widths", "<<: *widths\n", "!!python/object:os.x ",
    "!!set ", "!!binary ", "!!str ", "!x ", "%YAML 1.2\n", "---\n", "...\n", "\t", "\0", "\x07", "\x85",
    "\u2028", "\ufeff", "|\n", ">\n", "'", '"', "#", "\\", "@", "`", "0100", "0o100", "0x40", "0b1", "1:30",
    "1:30.5", "1_0", ".nan", ".inf", "1e5", "2026-11-23", "2026-13-23", "yes", "~", "entropy: 1\n",
    "experiments:\n", "__use_yte__: false\n", "../", "9" * 50, "[" * 50, "- " * 50, "\n  ", "\r", "\n",
]  # fmt: skip


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all values of a config below its top."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [place for key, value in items for place in [(*path, key), *places(value, (*path, key))]]


def mutate(config: dict[str, Any], draw: Any) -> None:
    """One thing in a config made wrong, or at least different."""
    config.setdefault("entropy", 7)
    *path, last = draw(st.sampled_from(places(config)))
    at: Any = config
    for key in path:
        at = at[key]
    value = at[last]
    way = draw(st.sampled_from(["junk", "junk", "delete", "wrap", "name", "key", "rename", "repeat", "grow"]))
    if way == "junk":
        at[last] = draw(JUNK)
    elif way == "delete":
        del at[last]
    elif way == "wrap":
        at[last] = draw(
            st.sampled_from([[value], {"m": value}, [[value]], {value if isinstance(value, str) else 1: 2}])
        )
    elif way == "name":
        config["experiments"] = {draw(KEYS): config.get("experiments")}
    elif way == "repeat" and isinstance(value, list):
        at[last] = value * draw(st.sampled_from([2, 2, 2, 600]))
    elif way == "grow" and isinstance(value, (int, float)):
        at[last] = draw(st.sampled_from([-value, value * 10**15, value + 1, value / 3, value * 1e-15]))
    elif isinstance(at, dict):
        at[draw(KEYS)] = at.pop(last) if way == "rename" else draw(JUNK)
    else:
        at.append(draw(JUNK))


@st.composite
def trees(draw: Any) -> bytes:
    """A valid config with one to three mutations, written as YAML in some style or as JSON."""
    config = copy.deepcopy(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(1, 3))):
        mutate(config, draw)
    style = draw(st.sampled_from(["block", "flow", "json"]))
    if style == "json":
        return json.dumps({str(k): v for k, v in config.items()}, default=str, skipkeys=True).encode()
    return yaml.dump(config, default_flow_style=style == "flow", sort_keys=False, width=80).encode(
        errors="replace"
    )


@st.composite
def texts(draw: Any) -> bytes:
    """A valid text with things put in, cut out, doubled or overwritten; then perhaps broken as bytes."""
    text = draw(st.sampled_from([TEXT, json.dumps(VALID[0])]))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        stop = start + draw(st.sampled_from([0, 0, 1, 2, 5, 40]))
        between = draw(
            st.one_of(st.sampled_from(FRAGMENTS), st.just(text[start:stop] * 2), st.text(max_size=3))
        )
        text = text[:start] + between + text[stop:]
    data = text.encode(errors="replace")
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.binary(min_size=1, max_size=4)) + data[at:]
    return data


def test_thousands_of_malformed_configs_are_refused_and_no_good_one_is_made_up(tmp_path):
    file = tmp_path / "config.yaml"
    refused: set[bytes] = set()
    kinds: collections.Counter[str] = collections.Counter()
    slowest = 0.0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    @settings(
        max_examples=EXAMPLES, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.one_of(trees(), trees(), texts()))
    def throw(data: bytes) -> None:
        nonlocal slowest
        start = time.process_time()
        message = judge(data, file)
        slowest = max(slowest, time.process_time() - start)
        if message is not None and data not in refused:
            refused.add(data)
            kinds[re.sub(r".*config\.yaml(, line \d+)?|\[.*|[^a-z ]", "", message)[:40]] += 1

    throw()
    assert len(refused) >= 1200
    assert len(kinds) >= 50
    assert slowest < SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 500e6
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_the_model_alone_withstands_what_no_file_holds():
    """Values of `--config`, or of another program: no file was checked."""
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    laughs: Any = [2]
    for _ in range(30):
        laughs = [laughs] * 9
    loop: list[Any] = [64]
    loop.append(loop)
    keys = {f"k{i}": i for i in range(50_000)}
    start = time.process_time()
    for value in (
        deep,
        laughs,
        [laughs],
        loop,
        keys,
        {"x" * 10**6: 1},
        "x" * 10**7,
        b"x" * 10**6,
        10**5000,
        [3] * 50_000,
    ):
        for name, change in (
            ("entropy", {"entropy": value}),
            ("experiments.grid.m", {"experiments": {"grid": EXPERIMENT | {"m": value}}}),
            ("experiments.grid.d", {"experiments": {"grid": EXPERIMENT | {"d": [value]}}}),
            ("experiments", {"experiments": value}),
            ("execution", {"execution": {"scheduler": value}}),
            ("more", {"more": value}),
        ):
            with pytest.raises(ConfigError) as error:
                parse_config(VALID[0] | change)
            assert refusal(error.value).startswith(name)
    widths = list(range(2, 2 * 10**6, 2))
    with pytest.raises(ConfigError, match="m has more than 1,000 values"):
        parse_config(VALID[0] | {"experiments": {"grid": EXPERIMENT | {"m": widths}}})
    assert time.process_time() - start < 4 * SECONDS


def world(folder: Path) -> dict[str, str]:
    """All files below a folder with their digests, but what Snakemake keeps for itself."""
    own = (".snakemake", "source-cache")
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in sorted(folder.rglob("*"))
        if not any(part in own for part in path.relative_to(folder).parts)
    }


def call(folder: Path, *arguments: str, snakefile: Path = SNAKEFILE, fork: bool = False) -> str:
    """What snakemake says before it fails, having touched nothing in `folder`.

    A call that is not forked has 1.5 GB of memory.
    """
    for name in ("out/results/grid", "home/.cache/snakemake/snakemake"):
        (folder / name).mkdir(parents=True)
    for name in ("dear.txt", "out/dear.txt", "out/results/grid/runs.nc", "home/dear.txt"):
        (folder / name).write_text("dear")
    before = world(folder)
    home = {"HOME": str(folder / "home"), "XDG_CACHE_HOME": str(folder / "home/.cache")}
    if fork:
        with start_snakemake(
            folder / "out", None, *arguments, environment=home, snakefile=snakefile
        ) as process:
            output, _ = process.communicate()
        assert process.returncode > 0, output
        assert world(folder) == before
        return output
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--cores", "1"]
    done = subprocess.run(
        ["sh", "-c", 'ulimit -v 1500000; exec "$@"', "sh", *command, "--directory", "out", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": "", **home},
        timeout=300,
        check=False,
    )
    assert done.returncode > 0, done.stdout
    assert world(folder) == before
    return done.stdout


# Of a file of the command line, which the profile checks before Snakemake loads it.
SAID_CLEARLY = ["two equal keys", "path as name", "quoted escape sequences", "many faults", "open bracket"]
PROGRAM = "__use_yte__: true\n__definitions__: [\"open('made-by-the-config', 'w')\"]\n"
# Of a key of the command line.
ARGUMENT = ("experiments={../x: {m: [63]}}", "experiments has the name '../x'; allowed:")
# Of the default file: Snakemake fails on one, and never ends with the other.
REFUSED_BEFORE_SNAKEMAKE_READS = ["not utf-8", "billion keys"]


def test_the_command_line_gives_one_clear_error_and_touches_nothing(tmp_path):
    jobs: dict[str, Callable[[], str]] = {}
    for index, kind in enumerate([*SAID_CLEARLY, *REFUSED_BEFORE_SNAKEMAKE_READS]):
        folder, project = tmp_path / str(index), tmp_path / f"project{index}"
        folder.mkdir()
        if kind in SAID_CLEARLY:
            (folder / "config.yaml").write_bytes(NASTY[kind][0])
            jobs[kind] = partial(call, folder, "--configfile", "config.yaml", fork=True)
            continue
        (project / "config").mkdir(parents=True)
        (project / "config/config.yaml").write_bytes(NASTY[kind][0])
        for name in ("src", "workflow", "profiles"):
            (project / name).symlink_to(ROOT / name)
        shutil.copy(SNAKEFILE, project)
        fork = kind != "billion keys"  # which would take all the memory there is
        jobs[kind] = partial(call, folder, snakefile=project / "Snakefile", fork=fork)
    more = {
        "argument": (("--config", ARGUMENT[0]), ARGUMENT[1]),
        "missing": (
            ("--configfile", "missing.yaml"),
            "missing.yaml is not a file; allowed: a YAML or JSON file",
        ),
        "program": (("--configfile", "config.yaml"), "config.yaml, line 1: the key __use_yte__; allowed:"),
    }
    for name, (arguments, _) in more.items():
        (tmp_path / name).mkdir()
        jobs[name] = partial(call, tmp_path / name, *arguments, fork=True)
    (tmp_path / "program/config.yaml").write_text(PROGRAM)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        outputs = dict(zip(jobs, pool.map(lambda job: job(), jobs.values()), strict=True))
    for kind, output in outputs.items():
        assert (more.get(kind) or NASTY[kind])[1] in output, kind
        assert "Traceback" not in output, kind
        assert output.count("The config cannot be run:") == 1, kind
        assert "Error" not in output, kind
        assert len(output.splitlines()) <= 30, kind
        assert all(map(str.isprintable, output.splitlines())), kind


def test_a_home_in_which_nothing_can_be_written_gives_one_clear_error(tmp_path):
    """As in a container whose user has none."""
    (tmp_path / "file").touch()
    with start_snakemake(
        tmp_path / "out", None, "-n", environment={"XDG_CACHE_HOME": str(tmp_path / "file")}
    ) as process:
        output, _ = process.communicate()
    assert process.returncode == 1
    assert output.splitlines()[-1] == (
        f"Snakemake cannot write in {tmp_path}/file/snakemake (Not a directory): "
        "set XDG_CACHE_HOME to another folder"
    )


def test_both_profiles_check_the_config_files():
    texts = [(ROOT / f"profiles/{name}/config.yaml").read_text() for name in ("default", "slurm")]
    blocks = {text.partition("__use_yte__")[2] for text in texts}
    assert len(blocks) == 1
    assert "check_call" in blocks.pop()
