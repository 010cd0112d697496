"""Safe opening of files of unknown origin: never waits for a pipe, reads a device or trusts a size."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

OTHER_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
"""What may stand in the place of a regular file, for people, by its type."""


class FileError(ValueError):
    """A file that cannot be read, is not regular or is too large; the message names it and says why.

    `errno` is that of the system's error, None where there was none.
    """

    def __init__(self, message: str, errno: int | None = None) -> None:
        super().__init__(message)
        self.errno = errno


@contextlib.contextmanager
def as_file_error(path: str | Path) -> Iterator[None]:
    """An `OSError` of opening or reading the file at `path` as a `FileError`."""
    try:
        yield
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}", error.errno) from None


def other_kind(mode: int) -> str | None:
    """What a file of this mode (`st_mode`) is, `a folder, not a file`; None for a regular file."""
    kind = OTHER_KINDS.get(stat.S_IFMT(mode), "special")
    return None if stat.S_ISREG(mode) else f"{kind}, not a file"


def open_regular_file(path: str | Path) -> BufferedReader:
    """The file at `path`, open for reading. Raises `FileError` unless there is a regular file.

    Links are followed. The check is of the open file, so another file cannot replace it in between.
    """
    with as_file_error(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if other := other_kind(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileError(f"{path} is {other}")
    return os.fdopen(descriptor, "rb")


def read_regular_file(path: str | Path, limit: int) -> bytes:
    """All bytes of a file. Raises `FileError` as `open_regular_file`, and for more than `limit` bytes."""
    with open_regular_file(path) as file, as_file_error(path):
        data = file.read(limit + 1)
    if len(data) > limit:
        raise FileError(f"{path} is too large; allowed: at most {limit:,} bytes")
    return data
