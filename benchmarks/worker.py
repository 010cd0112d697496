"""A contender in a process of its own: commands in, answers out, one line of JSON each.

Pinned before anything numerical is imported, so that every library counts the cores it may use.
Thread settings come with the environment (`race.environment`).
"""

from __future__ import annotations

import argparse
import gc
import importlib
import importlib.metadata
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from typing import Any, TextIO


def main() -> None:
    """Serve one contender until the commands end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("contender")
    parser.add_argument("cores", type=lambda text: [int(core) for core in text.split(",")])
    chosen = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, chosen.cores)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints must not be taken for an answer
    for answer in serve(chosen.contender, len(chosen.cores), sys.stdin):
        print(json.dumps(answer), file=answers)


def serve(contender: str, cores: int, commands: TextIO) -> Iterator[dict[str, Any]]:
    """First what the contender is, or why it can't race; then an answer to each command."""
    try:
        module = importlib.import_module(f".contenders.{contender}", __package__)
    except Exception as error:  # whatever a library raises while it is imported
        yield {"left_out": without_paths(f"{type(error).__name__}: {error}".splitlines()[0])}
        return
    yield {"unit": getattr(module, "UNIT", 1) * cores, "versions": _versions(module.PACKAGES)}
    runners = {}
    for line in commands:
        command = json.loads(line)
        # Imported here: nothing numerical before the pinning and the contender's own imports.
        from .point import Point

        point = Point(*command["point"])
        if point not in runners:
            runners[point] = module.prepare(point, command["seed"], cores)
        gc.collect()
        start = time.perf_counter()
        values = runners[point](command["runs"])
        seconds = time.perf_counter() - start
        yield {"seconds": seconds, "values": values.tolist() if command["values"] else None}


def without_paths(text: str) -> str:
    """A message fit for a stored result: no path of this machine."""
    return re.sub(r"\s*\(?/[\w.+/-]+\)?", "", text)


def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    versions = {}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


if __name__ == "__main__":
    main()
