"""Results in the working directory, against the config: whether Snakemake can know that they are of another.

Snakemake remakes a table when the config behind it changes, because it keeps a record of every file that it
makes. Where the results came without these records, as copied from another disk, it would call them up to
date.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import netCDF4

from ..experiments.plan import Plan
from ..experiments.section import ConfigError

RECORDS = Path(".snakemake")


def check_records(plan: Plan) -> None:
    """Raise `ConfigError` for results of another config of which there is no record."""
    if any(RECORDS.glob("metadata/*")) or any(RECORDS.glob("metadata.db")):
        return
    levels = {"delta": list(plan.config.delta), "x_norm": list(plan.config.x_norm)}
    for name in plan.config.experiments:
        content = {"entropy": str(plan.config.entropy), **plan.experiment(name).spec(), **levels}
        for path in (plan.data(name), plan.root / name / "quantiles.nc"):
            if path.exists() and (key := _other(path, content)):
                raise ConfigError(
                    f"{path} is of another config, by its {key}, and {RECORDS}, where Snakemake keeps a "
                    f"record of what it made, is missing or empty. Delete {path.parent}/*.nc and call again; "
                    f"the runs stay, in {path.parent}/shards."
                )


def _other(path: Path, content: dict[str, Any]) -> str | None:
    """The first key of a file's spec with another value than `content`, None if there is none."""
    try:
        with netCDF4.Dataset(path) as file:
            spec = json.loads(file.spec)
    except (OSError, AttributeError, ValueError):
        return "content, which cannot be read"
    expected = json.loads(json.dumps(content))
    return next((key for key, value in spec.items() if value != expected.get(key)), None)
