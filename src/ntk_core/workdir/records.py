"""What Snakemake records of the files in the working directory, against what is in them.

Snakemake remakes a file when the config behind it changes, because it keeps a record of every file that it
makes. Where results came without their records, as copied from another disk, it would call them up to date.
It also marks each file of a job under way, and remakes a file with a mark.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..experiments.drawn import DrawnExperiment
from ..experiments.experiment import Experiment
from ..experiments.plan import Plan
from ..experiments.section import ConfigError
from ..storage.checksums import seal_fault
from ..storage.metadata import full_spec

STATE = Path(".snakemake")
"""Snakemake's folder in the working directory. The records are a file each, in `metadata`, or a database; so
are the marks of files of jobs under way, in `incomplete`."""


def check_records(plan: Plan, summary: Path) -> None:
    """Raise `ConfigError` for results of another config of which there is no record.

    `summary` is made of all experiments.
    """
    if (STATE / "metadata.db").exists():
        return
    for name in plan.config.experiments:
        for path, experiment, spec in _tables(plan, name):
            if not path.exists() or _has_record(path):
                continue
            if key := _differing_key(path, experiment, spec):
                raise ConfigError(
                    f"{path} is of another config, by its {key}, and {_REASON}. Delete {path.parent}/*.nc "
                    f"and call again; the runs stay, in {path.parent}/shards"
                )
    names = {path.parent.name for path in plan.root.glob("*/quantiles.nc")} - set(plan.config.experiments)
    if names and summary.exists() and not _has_record(summary):
        raise ConfigError(
            f"{summary} may be of another config, as {plan.root / min(names)} is, and {_REASON}. Delete the "
            f"files {plan.root}/*.* and call again"
        )


def aggregates_of_other_levels(plan: Plan) -> list[str]:
    """A line for a person on each experiment whose only shards of aggregates are at other δ or ‖x‖.

    The name of their folder is the content key with those levels.
    """
    lines = []
    for name in plan.config.experiments_with_aggregates:
        experiment = plan.config.drawn_experiment(name)
        folder = plan.folder(experiment)
        others = () if folder.exists() else sorted(folder.parent.glob("*/"))
        for shard in filter(None, (next(other.glob("*.nc"), None) for other in others)):
            spec = _spec(shard)
            other = replace(experiment, delta=spec.get("delta", ()), x_norm=spec.get("x_norm", ()))
            if other.content_key(plan.config.entropy) == shard.parent.name:
                keys = [key for key in ("delta", "x_norm") if spec[key] != list(getattr(experiment, key))]
                lines.append(
                    f"[plan] {name}: all runs are drawn again, as the aggregates in {shard.parent} are of "
                    f"another {' and '.join(keys)}"
                )
                break
    return lines


def _spec(path: Path) -> dict[str, Any]:
    """The spec of a file, with its format version; empty where it cannot be read."""
    import netCDF4  # slow to import, and only files of which little is known are read

    try:
        with netCDF4.Dataset(path) as file:
            return {"format_version": int(file.format_version), **json.loads(file.spec)}
    except (OSError, RuntimeError, AttributeError, TypeError, ValueError):
        return {}


def drop_marks(plan: Plan) -> None:
    """Drop the mark of each shard of a plan that matches its seal.

    A job that outlives its Snakemake finishes its shard, whose mark stays. The name of a shard says all that
    its content depends on, so it is what it would be remade to. The name of a table does not.
    """
    for path in map(plan.path, plan.all_shards):
        mark = _record(path, "incomplete")
        if mark is not None and mark.exists() and seal_fault(path) is None:
            mark.unlink(missing_ok=True)


_REASON = f"the record that Snakemake keeps of it in {STATE} is missing"


def _tables(plan: Plan, name: str) -> Iterator[tuple[Path, Experiment, dict[str, Any]]]:
    """The files of an experiment that nothing else in its folder decides, and the spec of each."""
    experiment, folder = plan.experiment(name), plan.root / name
    entropy, levels = plan.config.entropy, {"delta": plan.config.delta, "x_norm": plan.config.x_norm}
    yield plan.data(name), experiment, full_spec(experiment, entropy)
    yield folder / "quantiles.nc", experiment, full_spec(experiment, entropy, **levels)
    if isinstance(experiment, DrawnExperiment):
        yield folder / "theory.nc", experiment, full_spec(experiment.without_runs(), entropy, **levels)


def _has_record(path: Path) -> bool:
    """Whether Snakemake has a record of a file; assumed of paths too long for a file name."""
    record = _record(path, "metadata")
    return record is None or record.exists()


def _record(path: Path, kind: str) -> Path | None:
    """The record, or the mark, of a file; None for a path too long for a file name."""
    name = urlsafe_b64encode(str(path).encode()).decode()
    return STATE / kind / name if len(name) <= 200 else None


def _differing_key(path: Path, experiment: Experiment, spec: dict[str, Any]) -> str | None:
    """The first key by which a file is not of the experiment with this spec; None if it is."""
    content = _spec(path)
    if not content:
        return "content, which cannot be read"
    expected = json.loads(json.dumps({"format_version": experiment.format_version, **spec}))
    return next((key for key in sorted({*content, *expected}) if content.get(key) != expected.get(key)), None)
