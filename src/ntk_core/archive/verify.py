"""Compare every file of the results with their manifest, and every shard with its seal and all runs.

A seal alone proves nothing, as anybody can write one: a shard belongs to a result if a `runs.nc` that the
manifest lists has its runs, bit for bit, or if shards that hold each seed of a width once add up to what an
`aggregates.nc` has. Any other shard is extra, as is every file that is not listed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Container
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..datasets.data_file import NAMES, open_data
from ..datasets.validation import ResultsError, UnreadableError
from ..experiments.shards import FILE_NAME
from ..storage.checksums import MANIFEST, SEAL_SUFFIX, digest, manifest_text, seal_fault
from ..storage.regular_file import FileError, other_kind, read_regular_file

MAX_MANIFEST = 16 << 20
"""Largest manifest in bytes: a hundred thousand files, more than any config makes."""

UNLISTED = {MANIFEST, f"{MANIFEST}{SEAL_SUFFIX}", "report.html"}
"""Files that no manifest lists: itself, its seal, and the report, which contains run times."""

_SHARD = re.compile(rf"([A-Za-z0-9_-]+)/shards/([0-9a-f]{{10}})/{FILE_NAME}")


class NoManifestError(ValueError):
    """A folder that cannot be checked; the message says why."""


@dataclass(frozen=True, order=True)
class Fault:
    """A file that differs from the manifest.

    `kind` is changed, truncated, missing, extra, unreadable, without its seal or, of a shard, unlike runs.nc
    or unlike aggregates.nc; of what is no regular file, as `storage.regular_file.other_kind` says.
    """

    path: str
    kind: str


@dataclass(frozen=True)
class Verification:
    """How many files of the manifest were compared, how many shards the files of all runs, or aggregates,
    confirm, and every fault.
    """

    files: int
    shards: int
    faults: list[Fault]


def check(root: Path) -> Verification:
    """Compare every file below `root` with the manifest there, and every shard with its seal and all runs.

    A manifest that differs from its seal, or lacks it, is the only fault reported, as nothing can be compared
    with it.
    Raises `NoManifestError` where there is no manifest, none that can be read, or one of no files.
    """
    try:
        data = read_regular_file(root / MANIFEST, MAX_MANIFEST)
    except FileError as error:
        message = str(error)
        if not (root / MANIFEST).exists():
            parent = parent_where(root, lambda folder: (folder / MANIFEST).is_file())
            message += f"; give the folder with {MANIFEST}" + (f": {parent}" if parent else "")
        raise NoManifestError(message) from None
    if kind := seal_fault(root / MANIFEST):
        return Verification(0, 0, [Fault(MANIFEST, kind)])
    listed = _parse(root / MANIFEST, data)
    paths = {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*"))}
    kinds = {name: _fault(paths.get(name), entry) for name, entry in listed.items()}
    present = {name: path for name, path in paths.items() if name not in listed and _is_leaf(path)}
    shards: dict[str, tuple[str, ...]] = {}
    for name, path in present.items():
        shard = name.removesuffix(SEAL_SUFFIX)
        parts = _SHARD.fullmatch(shard)
        if not (parts or name in UNLISTED):
            kinds[name] = "extra"
        elif other := _other_kind(path):
            if not kinds.get(shard):  # else it is without its seal, which is this
                kinds[name] = other
        elif parts and name == shard:
            shards[name] = parts.groups()
            kinds[name] = seal_fault(path)
        elif shard not in present:
            kinds[shard] = _other_kind(paths[shard]) if shard in paths else "missing"
    _judge_shards(root, listed, {name: parts for name, parts in shards.items() if kinds[name] is None}, kinds)
    faults = sorted(Fault(name, kind) for name, kind in kinds.items() if kind)
    return Verification(len(listed), sum(kinds[name] is None for name in shards), faults)


def parent_where(folder: Path, condition: Callable[[Path], object]) -> Path | None:
    """The parent of a folder, for messages, if it meets the condition: people give that of one experiment."""
    parent = Path(os.path.normpath(folder / ".."))
    return parent if condition(parent) else None


def _judge_shards(
    root: Path, listed: Container[str], shards: dict[str, tuple[str, ...]], kinds: dict[str, str | None]
) -> None:
    """Add to `kinds` the faults of `shards` that match their seals: the parts of their names, by name."""
    for experiment in {parts[0] for parts in shards.values()}:
        experiment_shards = {name: parts[1:] for name, parts in shards.items() if parts[0] == experiment}
        data = [name for name in (f"{experiment}/{file}" for file in NAMES) if name in listed]
        if any(kinds[name] for name in data):
            continue  # the file itself is the fault: its shards cannot be compared with it
        kinds.update(dict.fromkeys(experiment_shards, "extra"))
        for data_name in data:
            try:
                with open_data(root / data_name) as file:
                    width_and_seeds = {
                        root / name: (int(m), range(int(start), int(stop)))
                        for name, (key, m, start, stop) in experiment_shards.items()
                        if file.holds(key, int(m), range(int(start), int(stop)))
                    }
                    for path, same in file.confirmations(width_and_seeds).items():
                        name = path.relative_to(root).as_posix()
                        kinds[name] = None if same else f"unlike {file.path.name}"
            except (UnreadableError, MemoryError):
                kinds.update(dict.fromkeys(experiment_shards, "not compared"))
            except ResultsError:
                continue  # it holds nothing that a shard could be compared with


def _is_leaf(path: Path) -> bool:
    return path.is_symlink() or not path.is_dir()


def _other_kind(path: Path) -> str | None:
    """What is at a path instead of a regular file; links are not followed."""
    return other_kind(path.lstat().st_mode)


def _fault(path: Path | None, entry: dict[str, Any]) -> str | None:
    if path is None:
        return "missing"
    if other := _other_kind(path):
        return other
    size = path.stat().st_size
    if size != entry["bytes"]:
        return "truncated" if size < entry["bytes"] else "changed"
    try:
        return None if digest(path) == entry["sha256"] else "changed"
    except FileError:
        return "unreadable"


def _parse(path: Path, data: bytes) -> dict[str, Any]:
    """The entries of the manifest at `path`, by name of the file."""
    try:
        text = data.decode("utf-8")
        files = json.loads(text)["files"]
        valid = text == manifest_text(files) and all(_is_valid(name, entry) for name, entry in files.items())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        valid = False
    if not valid:
        raise NoManifestError(f"{path} is not a manifest as this version writes it")
    if not files:
        raise NoManifestError(f"{path} lists no file, so nothing can be compared with it")
    return dict(files)


def _is_valid(name: str, entry: Any) -> bool:
    """Whether `write_manifest` writes such an entry; a name that leads out of the folder is invalid."""
    parts = PurePosixPath(name).parts
    return (
        bool(parts)
        and PurePosixPath(name).as_posix() == name
        and not name.startswith("/")
        and ".." not in parts
        and set(entry) == {"bytes", "sha256"}
        and type(entry["bytes"]) is int
    )
