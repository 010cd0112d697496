"""SHA-256 of files: a seal beside each shard, and a manifest of all results.

NetCDF's own checksums cover data but not coordinates, attributes or structure. A seal `<file>.sha256` is a
line as `sha256sum` writes it, so that `sha256sum --check` reads it too. The manifest, `manifest.json` in the
folder of the results, has size and SHA-256 of every file whose bytes the config determines; it has a seal
itself. Shards are not in it: their sizes are no part of the result.
"""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .atomic import write_text
from .regular_file import FileError, as_file_error, open_regular_file, other_kind, read_regular_file

MANIFEST = "manifest.json"

SEAL_SUFFIX = ".sha256"
"""What is added to the name of a file, for that of its seal."""

MAX_SEAL = 512
"""Largest seal in bytes: a digest and a name."""


ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""Errors of the system by which there is no file; by any other there may be one."""


def digest(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits. Raises `FileError` where it is not regular or cannot be read."""
    with open_regular_file(path) as file, as_file_error(path):
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal_path(path: Path) -> Path:
    """The path of the seal of a file."""
    return path.with_name(path.name + SEAL_SUFFIX)


def seal(path: Path) -> None:
    """Write the seal of a finished file."""
    write_text(seal_path(path), _seal_line(path))


def seal_fault(path: Path) -> str | None:
    """The fault of a sealed file (see `archive.verify.Fault`); None where it matches its seal."""
    try:
        status = path.stat()
    except OSError as error:
        return "missing" if error.errno in ABSENT else "unreadable"
    if other := other_kind(status.st_mode):
        return other
    if status.st_size == 0:
        return "truncated"
    try:
        sealed = read_regular_file(seal_path(path), MAX_SEAL)
    except FileError as error:
        return "without its seal" if error.errno in {None, *ABSENT} else "unreadable"
    try:
        return None if sealed == _seal_line(path).encode("ascii") else "changed"
    except FileError:
        return "unreadable"


def _seal_line(path: Path) -> str:
    return f"{digest(path)}  {path.name}\n"


def write_manifest(root: Path, paths: Iterable[Path]) -> None:
    """Write the manifest of files below `root`, and its seal."""
    files = {path.relative_to(root).as_posix(): _entry(path) for path in paths}
    write_text(root / MANIFEST, manifest_text(files))
    seal(root / MANIFEST)


def _entry(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": digest(path)}


def manifest_text(files: dict[str, Any]) -> str:
    """The text of a manifest of these entries by path."""
    return json.dumps({"algorithm": "sha256", "files": dict(sorted(files.items()))}, indent=1) + "\n"
