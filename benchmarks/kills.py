"""Kills of a whole run at random moments, from its first instant to its end, each followed by the same call.

In: how many kills, a seed for the moments, and what is kept of a run. Out: a line a kill, and whether every
run that came to its end, with nothing but the same command, has the bytes of a run that was left alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .paths import ROOT

TARGET = "results/grid/rates.nc"
CONFIG: dict[str, Any] = {
    "entropy": 11,
    "experiments": {
        "grid": {
            "sampler": "band",
            "perturbation": ["adversarial", "sphere"],
            "m": [64, 4096],
            "d": [2],
            "alpha": [1.0],
            "seeds": 16384,
        },
    },
    "analysis": {"delta": [0.5, 0.1], "x_norm": [1.0]},
    "execution": {"shard_seeds": 4096},
}


@dataclass(frozen=True)
class Outcome:
    """How many runs were killed and how many came to their end, with other bytes or an error among them."""

    kills: int
    completed: int
    faults: list[str]


def kill_at_random(times: int, seed: int, keep: str = "runs") -> Outcome:
    """Kill `times` runs; a run is called again until it completes, then a new one begins in a new folder.

    `keep` is the route: `runs`, or `aggregates`, whose shards hold all seeds of a width of this grid.
    """
    config = CONFIG | {"experiments": {"grid": CONFIG["experiments"]["grid"] | {"keep": keep}}}
    moments = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.json").write_text(json.dumps(config))
        began = time.monotonic()
        code, output = _call(folder, None)
        seconds = time.monotonic() - began
        if code:
            raise RuntimeError(f"a run that was left alone failed:\n{output}")
        expected = _digests(folder / "out")
        shutil.rmtree(folder / "out")
        kills, completed, faults = 0, 0, []
        while kills < times:
            moment = moments.uniform(0.0, seconds)
            code, output = _call(folder, moment)
            if code == -signal.SIGKILL:
                kills += 1
                left = len(list((folder / "out").glob("results/**/*.nc")))
                print(f"kill {kills} after {moment:.2f} s of {seconds:.2f} s: {left} files made", flush=True)
                continue
            completed += 1
            same = not code and _digests(folder / "out") == expected
            if not same:
                faults.append(output if code else "other bytes")
            print(f"run {completed} completed: {'the same bytes' if same else faults[-1]}", flush=True)
            shutil.rmtree(folder / "out")
    return Outcome(kills, completed, faults)


def _call(folder: Path, moment: float | None) -> tuple[int, str]:
    """One call of snakemake, killed with all its jobs after `moment` seconds unless it has ended by then."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "2"]
    command += ["--directory", str(folder / "out"), TARGET, "--configfile", str(folder / "config.json")]
    with (folder / "log").open("w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.seek(0)
        return process.returncode, log.read()


def _digests(out: Path) -> dict[str, str]:
    files = sorted(out.glob("results/**/*.nc"))
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
