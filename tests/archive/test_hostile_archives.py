"""Archives from anywhere: cut, damaged, renamed, made up. One clear error each, no crash, nothing written.

Each is opened by commands that open one, in a process with little memory that is ended if it takes long.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import random
import resource
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import command_line
import netCDF4
import numpy as np
import pytest
from conftest import EXPERIMENT as GRID
from conftest import ROOT, archive_results, results_of

from ntk_core.datasets.runs import RUN_DIMS, collect
from ntk_core.datasets.shard import make_shard
from ntk_core.execution.workers import workers
from ntk_core.experiments.drawn import DrawnExperiment
from ntk_core.experiments.execution_model import ExecutionModel
from ntk_core.experiments.shards import Shard
from ntk_core.experiments.trained import TrainedExperiment
from ntk_core.quantities import QUANTITIES
from ntk_core.sampling.training import RUN_VARIABLES
from ntk_core.storage.checksums import MANIFEST, seal, write_manifest

CASES = 300
MEMORY = 2 << 30
"""Bytes the process may take beyond what it has loaded; an archive has a million."""
SECONDS = 1800
"""For the process; it takes a tenth of that."""

EXPERIMENT = DrawnExperiment("e", "band", ("adversarial", "sphere"), (64,), (2,), (1.0,), 300)
TRAINED = TrainedExperiment("teacher", (), 3, 6, 5, "squared", 1.0, 8, None, name="e", m=(64,), seeds=40)
LINE = ["--experiment", "e", "--m", "64", "--seed", "7"]
RUN = {
    "drawn": [*LINE, "--perturbation", "sphere", "--d", "2", "--alpha", "1"],
    "trained": LINE,
}
KEYS = {
    "drawn": ["entropy", "name", "sampler", "perturbation", "m", "d", "alpha", "seeds", "laws"],
    "trained": [field.name for field in fields(TrainedExperiment)],
}
VICTIMS = {
    "drawn": [*QUANTITIES, *RUN_DIMS],
    "trained": [*QUANTITIES, *RUN_VARIABLES, "m", "steps", "status"],
}
JUNK: list[Any] = [
    "", "{}", "[]", "null", "nonsense", "[" * 50_000, '{"entropy": "1"}', np.int32(7), np.nan, np.arange(9.0),
    '{"entropy": "' + "9" * 5000 + '"}', "\u0000", "../../../etc/passwd",
]  # fmt: skip


def kind_of(file: netCDF4.Dataset) -> str:
    return "trained" if "steps" in file.dimensions else "drawn"


def reattributed(path: Path, rng: random.Random) -> None:
    """A global attribute replaced by junk, or gone."""
    with netCDF4.Dataset(path, "a") as file:
        name = rng.choice(["spec", "format_version"])
        if rng.random() < 0.2:
            file.delncattr(name)
        else:
            file.setncattr(name, rng.choice(JUNK))


def respecified(path: Path, rng: random.Random) -> None:
    """A spec that is JSON, and wrong in one place."""
    with netCDF4.Dataset(path, "a") as file:
        spec = json.loads(file.spec)
        key = rng.choice(KEYS[kind_of(file)])
        values = [
            None,
            -1,
            10**4,
            2**40,
            10**400,
            1e308,
            float("nan"),
            "",
            "../e",
            "a" * 10_000,
            [],
            [[]],
            {},
            True,
        ]
        spec[key] = rng.choice([*values, [64, 64], [65], ["worst"], [float("inf")], [[64]], [2**40], [0.5]])
        file.setncattr("spec", json.dumps(spec))


def rebuilt(path: Path, rng: random.Random) -> None:
    """The same file but for a variable: missing, renamed, of another type or shape, or other values."""
    fault = rng.choice(["missing", "renamed", "type", "dims", "values", "huge", "text", "group"])
    source = path.with_suffix(".old")
    path.rename(source)
    with netCDF4.Dataset(source) as old, netCDF4.Dataset(path, "w") as new:
        old.set_auto_chartostring(False)
        new.set_auto_chartostring(False)
        victim = rng.choice(VICTIMS[kind_of(old)])
        new.setncatts({name: old.getncattr(name) for name in old.ncattrs()})
        for name, dim in old.dimensions.items():
            size = 2**40 if fault == "huge" and name == "seed" else len(dim)
            new.createDimension(name, size)
        new.createDimension("other", 3)
        for name, variable in old.variables.items():
            hit = name == victim
            if hit and fault == "missing":
                continue
            kind = "S1" if hit and fault == "text" else "i2" if hit and fault == "type" else variable.dtype
            dims = ("other",) if hit and fault == "dims" else variable.dimensions
            place = new.createGroup("g") if hit and fault == "group" else new
            made = place.createVariable(f"{name}_" if hit and fault == "renamed" else name, kind, dims)
            if fault == "huge" or (hit and fault in ("dims", "text", "type")):
                continue
            made[...] = variable[...]
            if hit and fault == "values":
                rolled = name in QUANTITIES or kind == "S1"
                made[...] = np.roll(variable[...], 1, axis=0) if rolled else variable[...] + 1
    source.unlink()


def cut(path: Path, rng: random.Random) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: rng.choice([0, 1, 8, 100, rng.randrange(len(data))])])


def flipped(path: Path, rng: random.Random) -> None:
    """Some bits, most of them where HDF5 keeps its structure."""
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice([1, 3, 30])):
        data[rng.randrange(rng.choice([200, 8000, len(data)]))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def unreadable(path: Path, rng: random.Random) -> None:
    """Sound but for values, which their checksum gives away when they are read."""
    with path.open("rb+") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 1000)


def replaced(path: Path, rng: random.Random) -> None:
    """No NetCDF at all, or no file."""
    path.unlink()
    kind = rng.choice(["text", "noise", "folder", "pipe", "link", "loop", "nothing", "hdf5"])
    if kind == "text":
        path.write_text("runs\n" * 1000)
    elif kind in ("noise", "hdf5"):
        path.write_bytes((b"\x89HDF\r\n\x1a\n" if kind == "hdf5" else b"") + rng.randbytes(100_000))
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path)


FAULTS: list[Callable[[Path, random.Random], None]] = [
    reattributed, respecified, rebuilt, cut, flipped, replaced,
]  # fmt: skip


def attempt(root: Path, original: Path, number: int) -> tuple[str, list[tuple[int, str]]]:
    """Make the archive of a case and open it by every command: its fault, and codes and output."""
    rng = random.Random(number)
    fault = FAULTS[number % len(FAULTS)]
    with netCDF4.Dataset(original) as file:
        run = RUN[kind_of(file)]
    runs = root / "results" / "e" / "runs.nc"
    shutil.rmtree(root, ignore_errors=True)
    runs.parent.mkdir(parents=True)
    shutil.copy(original, runs)
    (root / "results" / "LICENSE").write_text("MIT")
    fault(runs, rng)
    listed = [runs] if runs.is_file() and not runs.is_symlink() else []
    write_manifest(root / "results", [root / "results" / "LICENSE", *listed])
    before = tree(root)
    results = [call("verify", "--recompute", 2, root / "results")]
    results.append(call("replay", *run, "--dense", root / "results"))
    if tree(root) != before:
        results.append((-1, "something was written"))
    return fault.__name__, results


def call(*arguments: object) -> tuple[int, str]:
    """Exit code and output of `ntk-core`; -1 and the exception where it crashed."""
    try:
        return command_line.call(*arguments)
    except Exception as error:
        return -1, repr(error)


def tree(root: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.lstat().st_size, p.lstat().st_mtime_ns) for p in root.rglob("*")}


def changed(root: Path, change: Change) -> list[tuple[int, str]]:
    """What the commands say of a whole archive with one change, and of the manifest made to fit."""
    folder = root / "changed"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(root / "whole", folder)
    change.make(folder)
    if change.listed:
        write_manifest(folder, [*folder.glob("e/*.nc"), folder / "claims.json"])
    answers = []
    for command in change.answers:
        name, *options = command.split()
        to = ["--to", root / "store"] if name == "export" else []
        answers.append(call(name, folder, *options, *to))
        assert not (root / "store").exists()
    return answers


def attempts(root: Path, originals: list[Path], log: Path) -> None:
    """The process: all cases one after the other, each noted before and after."""
    base = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (base + MEMORY, base + MEMORY))
    with log.open("w", buffering=1) as file:
        for name, change in CHANGES.items():
            file.write(json.dumps({"begun": name}) + "\n")
            file.write(json.dumps({"name": name, "seen": changed(root, change)}) + "\n")
        for number in range(CASES):
            file.write(json.dumps({"begun": number}) + "\n")
            seen = attempt(root / "case", originals[number % 2], number // 2)
            file.write(json.dumps({"name": number, "seen": seen}) + "\n")


@pytest.fixture(scope="module")
def seen(tmp_path_factory, archived) -> dict[Any, Any]:
    """What the commands said of every case, by its name."""
    root = tmp_path_factory.mktemp("hostile")
    originals = []
    with workers(ExecutionModel(), 1) as client:
        for experiment in (EXPERIMENT, TRAINED):
            originals.append(root / f"{len(originals)}.nc")
            shard = Shard(experiment, 1, 64, 0, experiment.seeds)
            make_shard(shard, root / "shard.nc", client, lambda _: None)
            collect(experiment, 1, [root / "shard.nc"], originals[-1])
    whole = results_of(archived, root / "whole")
    shutil.copy(ROOT / "tests/claims.json", whole)
    (whole / SHARD).parent.mkdir(parents=True)
    shutil.copy(archived / "64.nc", whole / SHARD)
    seal(whole / SHARD)
    write_manifest(whole, [*whole.glob("e/*.nc"), whole / "claims.json"])
    process = multiprocessing.get_context("spawn").Process(
        target=attempts, args=(root, originals, root / "log")
    )
    process.start()
    process.join(SECONDS)
    process.kill()
    lines = [json.loads(line) for line in (root / "log").read_text().splitlines()]
    assert process.exitcode == 0, lines[-1]
    return {line["name"]: line["seen"] for line in lines[1::2]}


def test_any_archive_is_judged_or_refused(seen):
    """Never a crash, a traceback or a line more; a sound answer only where nothing that counts is damaged."""
    outcomes: Counter[str] = Counter()
    for number in range(CASES):
        fault, results = seen[number]
        line = number, fault, results
        for code, output in results:
            assert code in (0, 1, 2), line
            assert "Traceback" not in output, line
            if code == 2:  # the manifest was made to fit, so there is nothing amiss but links
                assert output.startswith(("ntk-core: ", "ok: ", "extra: ")), line
                refusals = [text for text in output.splitlines() if text.startswith("ntk-core: ")]
                assert len(refusals) == 1, line
                assert "runs.nc" in refusals[0], line
                assert len(refusals[0]) < 1000, line
        outcomes[fault] += results[1][0] != 0
    # `flipped` and `rebuilt` may hit what is not read
    assert sum(outcomes.values()) >= CASES * 11 // 15, outcomes
    assert min(outcomes.values()) > CASES // 20, outcomes


@dataclass(frozen=True)
class Change:
    """One change to a whole archive, and what commands answer: exit code and text.

    `listed`: the manifest is made to fit what there is then.
    """

    make: Callable[[Path], None]
    answers: dict[str, tuple[int, str]]
    listed: bool = True


KEY = GRID.content_key(1)
SHARD = f"e/shards/{KEY}/m64_seeds0-1500.nc"
REPLAY = "replay --experiment e --m 64 --d 2 --perturbation sphere --alpha 2 --seed 7"
NO_FILE = ", not a file"


def pipe(name: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / name).unlink()
        os.mkfifo(root / name)

    return change


def endless(name: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / name).unlink()
        (root / name).symlink_to("/dev/zero")

    return change


def large(name: str) -> Callable[[Path], None]:
    """A file of a terabyte that takes no place on the disk."""

    def change(root: Path) -> None:
        os.truncate(root / name, 1 << 40)

    return change


def edited(name: str, edit: Callable[[netCDF4.Dataset], None]) -> Callable[[Path], None]:
    """A NetCDF file with a change of its own."""

    def change(root: Path) -> None:
        with netCDF4.Dataset(root / name, "a") as file:
            edit(file)

    return change


def claiming(size: int) -> Callable[[Path], None]:
    """A `runs.nc` of 2^29 seeds, of which none is there; `size` bytes long, or as many as it has.

    Without variables where `size` is 0.
    """

    def change(root: Path) -> None:
        path = root / "e/runs.nc"
        path.rename(root / "old")
        seeds = 1 << 29
        with netCDF4.Dataset(root / "old") as old, netCDF4.Dataset(path, "w") as new:
            old.set_auto_chartostring(False)
            new.setncatts({name: old.getncattr(name) for name in old.ncattrs()})
            new.spec = json.dumps(json.loads(old.spec) | {"seeds": seeds})
            for name, dim in old.dimensions.items() if size else ():
                new.createDimension(name, seeds if name == "seed" else len(dim))
            for name, variable in old.variables.items() if size else ():
                chunks = [1 << 16 if dim == "seed" else 1 for dim in variable.dimensions]
                made = new.createVariable(name, variable.dtype, variable.dimensions, chunksizes=chunks)
                made.setncatts({name: variable.getncattr(name) for name in variable.ncattrs()})
                if "seed" not in variable.dimensions:
                    made[:] = variable[:]
        (root / "old").unlink()
        os.truncate(path, max(size, path.stat().st_size))

    return change


def with_big(file: netCDF4.Dataset) -> None:
    """A variable of 2^34 numbers that nobody asked for; a coordinate, which xarray reads when it opens."""
    file.createDimension("big", 1 << 34)
    file.createVariable("big", "f8", ("big",), zlib=True, chunksizes=(1 << 20,))


def unpacked(size: int) -> Callable[[Path], None]:
    """A table with 2^29 zeros, in a file of at least `size` bytes."""

    def change(root: Path) -> None:
        path = root / "e/rates.nc"
        with netCDF4.Dataset(path, "a") as file:
            file.createDimension("big", 1 << 29)
            file.createVariable("mean", "f8", ("big",), zlib=True, chunksizes=(1 << 20,))
        os.truncate(path, max(size, path.stat().st_size))

    return change


@contextlib.contextmanager
def new_runs(root: Path) -> Iterator[tuple[netCDF4.Dataset, netCDF4.Dataset]]:
    """The `runs.nc` of before, and a new one in its place that has its attributes alone."""
    path = root / "e/runs.nc"
    path.rename(root / "old")
    with netCDF4.Dataset(root / "old") as old, netCDF4.Dataset(path, "w") as new:
        old.set_auto_chartostring(False)
        new.setncatts({name: old.getncattr(name) for name in old.ncattrs()})
        yield old, new
    (root / "old").unlink()


def in_large_chunks(root: Path) -> None:
    """A `runs.nc` of an axis that may grow, so that a chunk of any size is unpacked for one seed."""
    with new_runs(root) as (old, new):
        for name, dim in old.dimensions.items():
            new.createDimension(name, None if name == "seed" else len(dim))
        for name, variable in old.variables.items():
            chunks = [1 << 16 if dim == "seed" else 1 for dim in variable.dimensions]
            new.createVariable(name, variable.dtype, variable.dimensions, zlib=True, chunksizes=chunks)[:] = (
                variable[:]
            )


def without_delta2(root: Path) -> None:
    """A `runs.nc` by a version without this quantity, so smaller than one of this version."""
    with new_runs(root) as (old, new):
        for name, dim in old.dimensions.items():
            new.createDimension(name, len(dim))
        for name, variable in old.variables.items():
            if name != "delta2":
                made = new.createVariable(name, variable.dtype, variable.dimensions)
                made[:] = variable[:]


def lacking(name: str) -> Callable[[netCDF4.Dataset], None]:
    return lambda file: file.delncattr(name)


def scaled(file: netCDF4.Dataset) -> None:
    file["delta1"].scale_factor = 2.0


def renamed_levels(file: netCDF4.Dataset) -> None:
    file.renameVariable("delta", "slope")


def listing_nothing(root: Path) -> None:
    for path in (*root.glob("*/"), root / "claims.json"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    write_manifest(root, [])


def any_bytes(root: Path) -> None:
    (root / SHARD).write_bytes(b"any bytes")
    seal(root / SHARD)


def one_bit_off(root: Path) -> None:
    with netCDF4.Dataset(root / SHARD, "a") as file:
        file["delta1"][1, 0, 0, 1, 1499] = np.nextafter(file["delta1"][1, 0, 0, 1, 1499], 2.0)
    seal(root / SHARD)


def of_another_grid(root: Path) -> None:
    (root / SHARD).parent.rename(root / "e/shards/0123456789")


def of_later_seeds(root: Path) -> None:
    later = (root / SHARD).with_name("m64_seeds1500-3000.nc")
    shutil.copy(root / SHARD, later)
    seal(later)


def claims_with(edit: Callable[[list[dict[str, Any]]], None]) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        records = json.loads((root / "claims.json").read_text())
        edit(records)
        (root / "claims.json").write_text(json.dumps(records))

    return change


def with_control_characters(records: list[dict[str, Any]]) -> None:
    records[0]["title"] = records[0]["evidence"][0]["what"] = EVIL
    records[1]["id"] = EVIL


def with_odd_numbers(records: list[dict[str, Any]]) -> None:
    records[0]["evidence"][0] |= {"lower": 1.0, "upper": None}
    records[1]["counterexample"] = {"text": "", "parameters": {"m": 10**400}, "evidence": []}


def of_no_seeds(root: Path) -> None:
    """A second experiment, of aggregates: nothing but attributes, which say that it has no runs."""
    (root / "f").mkdir()
    with netCDF4.Dataset(root / "e/runs.nc") as old, netCDF4.Dataset(root / "f/aggregates.nc", "w") as new:
        new.setncatts({name: old.getncattr(name) for name in old.ncattrs()})
        few = {"name": "f", "keep": "aggregates", "seeds": 0, "delta": [0.5], "x_norm": [1.0]}
        new.spec = json.dumps(json.loads(old.spec) | few)


EVIL = "\x1b[2J\x07\x7f\x9b31m\u202eevil\u2028\nok: 5 files"

CHANGES: dict[str, Change] = {
    "nothing": Change(lambda _: None, {"verify --recompute 1": (0, "ok: 5 files of the manifest, 1 shards\n"),
                                       "describe": (0, "e: 18,000 runs"), "claims": (0, "T1")}),
    "pipe as manifest": Change(pipe(MANIFEST), {"verify": (2, NO_FILE)}, False),
    "pipe as seal": Change(pipe(f"{MANIFEST}.sha256"), {"verify": (1, "without its seal")}, False),
    "pipe as seal of a shard": Change(pipe(f"{SHARD}.sha256"), {"verify": (1, "without its seal")}),
    "pipe as claims": Change(pipe("claims.json"), {"claims": (2, NO_FILE), "describe": (2, NO_FILE),
                                                   "verify": (1, "a pipe, not a file: ")}, False),
    "pipe as runs": Change(pipe("e/runs.nc"), {"describe": (2, NO_FILE), "export": (2, NO_FILE)}, False),
    "pipe as table": Change(pipe("e/rates.nc"), {"describe": (2, NO_FILE), "export": (2, NO_FILE)}, False),
    "endless manifest": Change(endless(MANIFEST), {"verify": (2, NO_FILE)}, False),
    "endless seal": Change(endless(f"{MANIFEST}.sha256"), {"verify": (1, "without its seal")}, False),
    "endless claims": Change(endless("claims.json"), {"claims": (2, NO_FILE),
                                                      "verify": (1, "a link, not a file: ")}, False),
    "large manifest": Change(large(MANIFEST), {"verify": (2, "is too large; allowed: at most")}, False),
    "large seal": Change(large(f"{MANIFEST}.sha256"), {"verify": (1, "without its seal")}, False),
    "large claims": Change(large("claims.json"), {"claims": (2, "is too large; allowed: at most"),
                                                  "verify": (1, "changed: ")}, False),
    "2^29 seeds": Change(claiming(1), dict.fromkeys(("verify --recompute 1", "describe", REPLAY, "export"),
                                                    (2, "is truncated: 6,442,450,944 runs need"))),
    "2^29 seeds in a file as large": Change(claiming(1 << 38), {
        REPLAY: (2, "coordinate seed is not what")}, False),
    "2^29 seeds and no variable": Change(claiming(0), {
        "describe": (2, "e/runs.nc lacks the variable linearization_error, which")}),
    "a quantity short": Change(without_delta2, {
        "describe": (2, "e/runs.nc lacks the variable delta2, which")}),
    "unknown variable": Change(edited("e/runs.nc", with_big), dict.fromkeys(
        ("verify --recompute 1", "describe", "export"), (2, "e/runs.nc has a variable big, which"))),
    "unknown variable in a table": Change(edited("e/rates.nc", with_big), dict.fromkeys(
        ("describe", "export"), (2, "e/rates.nc has a variable big of type f8, which the format"))),
    "table larger than it can be": Change(unpacked(0), {"describe": (2, "e/rates.nc is truncated: its")}),
    "table larger than memory": Change(unpacked(8 << 20), {
        "describe": (2, "e/rates.nc needs more memory than there is")}),
    "numbers that are to be scaled": Change(edited("e/runs.nc", scaled), {
        REPLAY: (2, "variable delta1 has the attribute scale_factor")}),
    "large chunks": Change(in_large_chunks, {REPLAY: (2, "variable seed has chunks of [65536]")}),
    "no seeds": Change(of_no_seeds, {"describe": (2, "f/aggregates.nc has a spec that no config allows")}),
    "unreadable values": Change(lambda root: unreadable(root / "e/runs.nc", random.Random(0)), {
        "export": (2, "e/runs.nc cannot be exported: ")}),
    "no version": Change(edited("e/runs.nc", lacking("numpy_version")), {
        "describe": (2, "lacks the attribute numpy_version")}),
    "no version in a table": Change(edited("e/theory.nc", lacking("ntk_core_version")), {
        "describe": (2, "lacks the attribute ntk_core_version")}),
    "no level of confidence": Change(edited("e/quantiles.nc", lacking("confidence_level")), {
        "describe": (2, "lacks the attribute confidence_level")}),
    "no delta": Change(edited("e/quantiles.nc", renamed_levels), {
        "describe": (2, "lacks the coordinate delta")}),
    "manifest of no files": Change(listing_nothing, {"verify": (2, "lists no file")}, False),
    "shard of any bytes": Change(any_bytes, {"verify": (1, f"{SHARD}\n")}),
    "shard one bit off": Change(one_bit_off, {"verify": (1, "unlike runs.nc: ")}),
    "shard of another grid": Change(of_another_grid, {"verify": (1, "extra: ")}),
    "shard of other seeds": Change(of_later_seeds, {"verify": (1, "extra: ")}),
    "control characters": Change(claims_with(with_control_characters), {
        "claims": (0, r"\u001b[2J\u0007\u007f\u009b31m\u202eevil\u2028"),
        "claims L1.1": (0, r"\u202eevil\u2028\nok: 5 files"),
        "claims --json": (0, r"\u001b[2J\u0007\u007f"), "describe": (0, r"\u001b[2J")}),
    "control characters in a name": Change(lambda root: (root / f"{EVIL}\udc80").touch(), {
        "verify": (1, r"\u001b[2J\u0007"), "verify --json": (1, r"\u001b[2J\u0007")}),
    "odd numbers": Change(claims_with(with_odd_numbers), {
        "claims L1.1": (0, "Points tried"),
        "claims L1.2": (2, "claims.json has a number that is too large")}),
    "claims nested deep": Change(lambda root: (root / "claims.json").write_text("[" * 100_000), {
        "claims": (2, "claims.json is not a list of claims")}),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_an_archive_with_one_change_gets_one_answer(seen, name):
    """In bounded memory, without waiting, and with nothing a terminal would act on."""
    for (command, (code, text)), (actual, output) in zip(
        CHANGES[name].answers.items(), seen[name], strict=True
    ):
        assert (actual, text in output) == (code, True), (command, actual, output)
        assert output.replace("\n", "").isprintable(), (command, output)
        if code == 2:
            *before, refusal = output.splitlines()
            assert refusal.startswith("ntk-core: "), (command, output)
            assert all(line.startswith(("ok: ", "extra: ")) for line in before), (command, output)
        if code == 1 and "--json" not in command:
            faults = [
                text for text in output.splitlines() if not text.startswith("nothing else was compared,")
            ]
            assert len(faults) == 1, (command, output)


@pytest.fixture(scope="module")
def dense_archived(tmp_path_factory):
    """Runs that claims read: of the band sampler they read the tables alone."""
    few = replace(GRID, sampler="dense", m=(64, 256), seeds=300)
    return archive_results(few, tmp_path_factory.mktemp("dense"))


def without(variable: str) -> Callable[[Path, random.Random], None]:
    def fault(path: Path, rng: random.Random) -> None:
        import xarray as xr

        table = xr.load_dataset(path).drop_vars(variable)
        path.unlink()
        table.to_netcdf(path)

    return fault


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("quantiles.nc", cut),
        ("quantiles.nc", replaced),
        ("rates.nc", reattributed),
        ("quantiles.nc", respecified),
        ("quantiles.nc", without("exceedances")),
        ("runs.nc", cut),
        ("runs.nc", unreadable),
    ],
)
def test_claims_are_not_judged_on_tables_that_are_none(tmp_path, dense_archived, capsys, name, fault):
    from ntk_core.claims.__main__ import main

    (tmp_path / "e").mkdir()
    for file in ("runs.nc", "quantiles.nc", "rates.nc"):
        shutil.copy(dense_archived / file, tmp_path / "e")
    fault(tmp_path / "e" / name, random.Random(3))
    assert main(["T1", "R1", "T1.rate", "D", "--results", str(tmp_path)]) == 2
    refusal = capsys.readouterr().err.strip()
    assert refusal.startswith("python -m ntk_core.claims: ")
    assert len(refusal.splitlines()) == 1
