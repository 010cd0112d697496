"""SHA-256 of whole files: a seal beside each shard, a manifest over all results, and what they reveal.

NetCDF's own checksums cover data but not coordinates, attributes or structure. A seal `<file>.sha256` is a
line as `sha256sum` writes it, so that `sha256sum --check` reads it too. The manifest is
`manifest.json` in the folder of the results: size and SHA-256 of every file the same config gives the same
bytes of; it has a seal itself. Shards are not in it: how a run is cut into them is no part of the result.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from .datasets import replacing

MANIFEST = "manifest.json"

UNLISTED = {MANIFEST, f"{MANIFEST}.sha256", "report.html"}
"""Files no manifest lists: itself, its seal, and the report, which carries run times."""

_SHARD = re.compile(r"[\w-]+/shards/[0-9a-f]{10}/m\d+_seeds\d+-\d+\.nc")


class NoManifestError(ValueError):
    """A folder that cannot be checked; the message says why."""


@dataclass(frozen=True, order=True)
class Fault:
    """A file that is not what it was; `kind` is changed, truncated, missing, extra or without its seal."""

    path: str
    kind: str


def digest(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal_path(path: Path) -> Path:
    """Where the seal of a file is."""
    return path.with_name(path.name + ".sha256")


def seal(path: Path) -> None:
    """Write the seal of a finished file."""
    with replacing(seal_path(path)) as beside:
        beside.write_text(_seal_line(path), encoding="ascii")


def broken(path: Path) -> str | None:
    """What is wrong with a sealed file (see `Fault.kind`), or None: then its bytes are those sealed."""
    if not path.is_file():
        return "missing"
    if path.stat().st_size == 0:
        return "truncated"
    try:
        intact = seal_path(path).read_bytes() == _seal_line(path).encode("ascii")
    except OSError:
        return "without its seal"
    return None if intact else "changed"


def _seal_line(path: Path) -> str:
    return f"{digest(path)}  {path.name}\n"


def write_manifest(root: Path, paths: Iterable[Path]) -> None:
    """Write the manifest of files below `root`, and its seal."""
    files = {path.relative_to(root).as_posix(): _entry(path) for path in paths}
    with replacing(root / MANIFEST) as beside:
        beside.write_text(_to_text(files), encoding="utf-8")
    seal(root / MANIFEST)


def _entry(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": digest(path)}


def _to_text(files: dict[str, Any]) -> str:
    return json.dumps({"algorithm": "sha256", "files": dict(sorted(files.items()))}, indent=1) + "\n"


@dataclass(frozen=True)
class Checked:
    """What a check found: files of the manifest and shards looked at, and every fault."""

    files: int
    shards: int
    faults: list[Fault]


def check(root: Path) -> Checked:
    """Compare every file below `root` with the manifest there, or with its seal.

    A manifest that is not as it was sealed is the only fault told: nothing else can be judged by it. Raises
    `NoManifestError` where there is no manifest, or none that can be read.
    """
    if (root / MANIFEST).is_file() and (kind := broken(root / MANIFEST)):
        return Checked(0, 0, [Fault(MANIFEST, kind)])
    listed = _read(root / MANIFEST)
    present = {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*")) if _is_leaf(path)}
    kinds = {name: _fault(present.pop(name, None), entry) for name, entry in listed.items()}
    shards = 0
    for name, path in present.items():
        shard = name.removesuffix(".sha256")
        if path.is_symlink() or not (_SHARD.fullmatch(shard) or name in UNLISTED):
            kinds[name] = "extra"
        elif name == shard and name not in UNLISTED:
            kinds[name] = broken(path)
            shards += 1
        elif shard not in present:
            kinds[shard] = "missing"
    return Checked(len(listed), shards, sorted(Fault(name, kind) for name, kind in kinds.items() if kind))


def _is_leaf(path: Path) -> bool:
    return path.is_symlink() or not path.is_dir()


def _fault(path: Path | None, entry: dict[str, Any]) -> str | None:
    if path is None:
        return "missing"
    if path.is_symlink() or not path.is_file():
        return "changed"
    if path.stat().st_size < entry["bytes"]:
        return "truncated"
    return None if _entry(path) == entry else "changed"


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise NoManifestError(f"{path} cannot be read: {reason}") from None
    try:
        files = json.loads(text)["files"]
        sound = text == _to_text(files) and all(_sound(name, entry) for name, entry in files.items())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise NoManifestError(f"{path} is not as it was written: changed, or no manifest")
    return dict(files)


def _sound(name: str, entry: Any) -> bool:
    """Whether an entry is one that `manifest` writes; a name that leads out of the folder is not."""
    parts = PurePosixPath(name).parts
    return (
        bool(parts)
        and PurePosixPath(name).as_posix() == name
        and not name.startswith("/")
        and ".." not in parts
        and set(entry) == {"bytes", "sha256"}
        and type(entry["bytes"]) is int
    )
