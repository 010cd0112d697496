"""Atomic writing: a file or a folder is complete or absent."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

PART = ".part"
"""How the name of a file or a folder ends that is not complete."""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of the system by which there is no room; others are of the folder or the disk."""


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; at the end the file is synced and renamed to `path`.

    If the body fails, `path` is unchanged and the temporary file is removed. If nothing more can be written
    there, as on a full disk, an `OSError` says so: HDF5 does not.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary_path = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PART}")
    try:
        yield temporary_path
        with temporary_path.open("rb+") as file:
            os.fsync(file.fileno())
        temporary_path.replace(path)
    except (OSError, RuntimeError):
        if write_error := _write_error(temporary_path):
            full = write_error.errno in FULL
            advice = "make room" if full else "see to the folder and its permissions"
            message = (
                f"{path} cannot be written: {write_error.strerror}. Nothing is lost: {advice} and call again"
            )
            raise OSError(write_error.errno, message) from None
        raise
    finally:
        temporary_path.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file in UTF-8, atomically."""
    with replacing(path) as temporary_path:
        temporary_path.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """A path beside `folder` for a new folder; at the end that is renamed to `folder`.

    What was there is removed, or stays if the body or the renaming fails. What has come there since stays,
    with an `OSError`, unless it is an empty folder.
    """
    temporary_folder = folder.with_name(f".{folder.name}{PART}")
    shutil.rmtree(temporary_folder, ignore_errors=True)
    replaces = folder.exists()
    try:
        yield temporary_folder
        former = folder.with_name(f".{folder.name}.former{PART}")
        shutil.rmtree(former, ignore_errors=True)
        if replaces and folder.exists():
            folder.replace(former)
        try:
            temporary_folder.replace(folder)
        except OSError:
            if former.exists():
                former.replace(folder)
            raise
        shutil.rmtree(former, ignore_errors=True)
    finally:
        shutil.rmtree(temporary_folder, ignore_errors=True)


def _write_error(path: Path) -> OSError | None:
    """The error of writing a megabyte more to the file at `path`; None if there is room."""
    try:
        with path.open("ab") as file:
            file.write(bytes(1 << 20))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error
    return None
