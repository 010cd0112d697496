"""What the numbers depend on: processor, system, versions."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import ntk_core


def cores() -> list[int]:
    """The cores this process may use, the last first: the first ones serve most of the system."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0), reverse=True)
    return list(range(os.cpu_count() or 1))


def describe(versions: Iterable[dict[str, str]]) -> dict[str, Any]:
    """Processor, system, and the versions of Python, ntk-core and of all that raced."""
    all_versions = {"python": platform.python_version(), "ntk-core": ntk_core.__version__}
    for some in versions:
        all_versions |= some
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "pinned": hasattr(os, "sched_setaffinity"),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": all_versions,
    }


def sentence(described: dict[str, Any]) -> str:
    """What `describe` found, for a person."""
    versions = ", ".join(f"{name} {version}" for name, version in described["versions"].items())
    return f"{described['processor']}, {described['cores']} cores, {described['system']}; {versions}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    fields = [line.partition(":") for line in lines]
    for wanted in ("model name", "Model", "CPU part"):
        for name, _, value in fields:
            if name.strip() == wanted:
                return value.strip()
    return platform.processor() or "unknown"
