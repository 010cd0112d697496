"""Archives from anywhere: cut, damaged, renamed, made up. One clear error each, no crash, nothing written.

Each is opened by all commands that open one, in a process with little memory that is ended if it takes long.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import resource
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
from typer.testing import CliRunner

from ntk_core.band import QUANTITIES
from ntk_core.checksums import write_manifest
from ntk_core.cli import app
from ntk_core.config import ExecutionModel
from ntk_core.datasets import RUN_DIMS
from ntk_core.execution import workers
from ntk_core.grid import Experiment, Shard
from ntk_core.simulation import collect, make_shard
from ntk_core.training import Training
from ntk_core.training.spec import RUN_VARIABLES

CASES = 600
MEMORY = 2 << 30
"""Bytes a process may take beyond what it has loaded; an archive has a hundred thousand."""
SECONDS = 300
"""For a process and its share of the cases; it takes a tenth of that."""

EXPERIMENT = Experiment("e", "band", ("adversarial", "sphere"), (64,), (2,), (1.0,), 300)
TRAINED = Training("e", "teacher", (), 3, 6, 5, "squared", 1.0, 8, None, (64,), 40)
LINE = ["--experiment", "e", "--m", "64", "--seed", "7"]
RUN = {
    "drawn": [*LINE, "--perturbation", "sphere", "--d", "2", "--alpha", "1"],
    "trained": LINE,
}
KEYS = {
    "drawn": ["entropy", "name", "sampler", "perturbation", "m", "d", "alpha", "seeds", "laws"],
    "trained": [field.name for field in fields(Training)],
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
    fault(runs, rng)
    write_manifest(root / "results", [runs] if runs.is_file() and not runs.is_symlink() else [])
    before = tree(root)
    results = []
    for command in (
        ["verify"],
        ["verify", "--recompute", "2"],
        ["replay", *run],
        ["replay", *run, "--dense"],
    ):
        done = CliRunner().invoke(app, [*command, str(root / "results")])
        crashed = done.exception is not None and not isinstance(done.exception, SystemExit)
        results.append((-1 if crashed else done.exit_code, repr(done.exception) if crashed else done.output))
    if tree(root) != before:
        results.append((-1, "something was written"))
    return fault.__name__, results


def tree(root: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.lstat().st_size, p.lstat().st_mtime_ns) for p in root.rglob("*")}


def attempts(folder: Path, original: Path, numbers: range, log: Path) -> None:
    """A process: its cases one after the other, each noted before and after."""
    base = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (base + MEMORY, base + MEMORY))
    with log.open("w", buffering=1) as file:
        for number in numbers:
            file.write(json.dumps({"begun": number}) + "\n")
            file.write(json.dumps({"number": number, "seen": attempt(folder, original, number)}) + "\n")


def test_any_archive_is_judged_or_refused(tmp_path):
    """Never a crash, a traceback or a line more; a sound answer only where nothing that counts is damaged."""
    originals = []
    for experiment in (EXPERIMENT, TRAINED):
        originals.append(tmp_path / f"{len(originals)}.nc")
        shard = Shard(experiment, 1, 64, 0, experiment.seeds)
        with workers(ExecutionModel(), 1) as client:
            make_shard(shard, tmp_path / "shard.nc", client, lambda _: None)
        collect(experiment, 1, [tmp_path / "shard.nc"], originals[-1])
    fork = multiprocessing.get_context("spawn")
    logs = [tmp_path / f"{part}.log" for part in range(2)]
    half = CASES // 2
    parts = [
        fork.Process(
            target=attempts,
            args=(tmp_path / f"case{i}", originals[i], range(i * half, (i + 1) * half), logs[i]),
        )
        for i in range(2)
    ]
    for part in parts:
        part.start()
    for part in parts:
        part.join(SECONDS)
        part.kill()
    told: Counter[str] = Counter()
    for log, part in zip(logs, parts, strict=True):
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert part.exitcode == 0, lines[-1]
        for line in lines[1::2]:
            fault, results = line["seen"]
            verified, recomputed, *replayed = results
            assert verified[0] in (0, 1), (
                line
            )  # the manifest was made to fit, so there is nothing amiss but links
            for code, output in (recomputed, *replayed):
                assert code in (0, 1, 2), line
                assert "Traceback" not in output, line
                if code == 2:
                    assert output.startswith(("ntk-core: ", "ok: ", "extra: ")), line
                    refusals = [text for text in output.splitlines() if text.startswith("ntk-core: ")]
                    assert len(refusals) == 1, line
                    assert "runs.nc" in refusals[0], line
                    assert len(refusals[0]) < 1000, line
            told[fault] += replayed[0][0] != 0
    assert sum(told.values()) >= 500 - 60, told  # `flipped` and `rebuilt` may hit what is not read
    assert min(told.values()) > 30, told


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
    ],
)
def test_claims_are_not_judged_on_tables_that_are_none(tmp_path, archived, capsys, name, fault):
    from ntk_core.claims.__main__ import main

    (tmp_path / "e").mkdir()
    for file in ("runs.nc", "quantiles.nc", "rates.nc"):
        shutil.copy(archived / file, tmp_path / "e")
    fault(tmp_path / "e" / name, random.Random(3))
    assert main(["T1", "R1", "T1.rate", "--results", str(tmp_path)]) == 2
    refusal = capsys.readouterr().err.strip()
    assert refusal.startswith("python -m ntk_core.claims: ")
    assert len(refusal.splitlines()) == 1
