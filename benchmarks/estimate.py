"""What the plan expects of five grids, beside what their runs take.

In: how many cores. Out: for each grid seconds, bytes of disk and bytes of the largest process, expected and
actual. The constants of `ntk_core.experiments.cost` are set by this table.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from ntk_core.experiments.config import parse_config
from ntk_core.experiments.cost import expected_cost
from ntk_core.experiments.plan import Plan

from .paths import ROOT
from .report import table
from .snakemake_call import call_snakemake

LEVELS = {"delta": [0.5, 0.1, 0.01], "x_norm": [0.5, 1.0, 4.0]}


def _grid(**experiment: Any) -> dict[str, Any]:
    return {
        "entropy": 5,
        "experiments": {"grid": experiment},
        "analysis": LEVELS,
        "execution": {"shard_seeds": 2**18},
    }


GRIDS = {
    "little of everything": _grid(
        sampler="band", perturbation=["adversarial", "sphere"], m=[64, 1024], d=[2], alpha=[1.0], seeds=2048
    ),
    "many runs": _grid(
        sampler="band", perturbation=["adversarial", "sphere"], m=[64, 4096], d=[2], alpha=[1.0],
        seeds=2_000_000,
    ),
    "many cells": _grid(
        sampler="band", perturbation=["adversarial", "aligned", "sphere"], m=[2**k for k in range(6, 26)],
        d=[2, 8, 64], alpha=[0.25, 0.5, 1.0, 2.0], seeds=64,
    ),
    "definitions": _grid(
        sampler="dense", perturbation=["adversarial", "sphere"], m=[256, 4096], d=[16], alpha=[1.0],
        seeds=20_000,
    ),
    "training": _grid(
        kind="trained", data="teacher", d=16, training_inputs=64, held_out_inputs=64, loss="squared",
        steps=256, m=[256, 4096], seeds=64,
    ),
}  # fmt: skip


def measure(cores: int) -> list[dict[str, Any]]:
    """A record for each grid."""
    records = []
    for name, config in GRIDS.items():
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "config.json"
            file.write_text(json.dumps(config))
            plan = Plan(parse_config(config), Path(directory) / "results")
            hoped = expected_cost(plan, cores)
            call = call_snakemake(
                ROOT, Path(sys.executable), "--configfile", str(file), "--directory", directory,
                "--cores", str(cores),
            )  # fmt: skip
            written = sum(path.stat().st_size for path in plan.root.rglob("*") if path.is_file())
        records.append(
            {
                "grid": name,
                "runs": plan.runs,
                "seconds": [hoped.seconds, call.wall],
                "disk": [hoped.disk, written],
                "memory": [hoped.memory, call.peak],
            }
        )
    return records


def markdown(records: list[dict[str, Any]], command: str, machine: str) -> str:
    """The table a person reads."""
    rows = [["grid", "runs", "seconds", "expected", "MB of disk", "at most", "MB of memory", "expected"]]
    for one in records:
        cells = [one["grid"], f"{one['runs']:,}", *(f"{value:.0f}" for value in reversed(one["seconds"]))]
        for key in ("disk", "memory"):
            cells += [f"{value / 1e6:.1f}" for value in reversed(one[key])]
        rows.append(cells)
    about = (
        f"{machine}. Made by `{command}`. Disk: all results. Memory: the largest process. Seconds "
        "depend on what else the machine does."
    )
    return "\n".join(["# What the plan expects, and what a run takes", "", about, "", *table(rows)]) + "\n"
