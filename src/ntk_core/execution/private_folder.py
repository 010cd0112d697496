"""The folder `.ntk-core` of a run: its lock and its temporary files, which no other user can read or write.

It lies in the working directory, not in the machine's shared temporary folder: there another user can make a
folder first, put code where Dask looks for modules, or stop every run by a plain file of the right name.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

NAME = ".ntk-core"


def private_folder() -> Path:
    """The absolute path of `.ntk-core` in the working directory, created where missing.

    Raises `PermissionError` where the path is not a folder, or another user owns it or may use it.
    """
    path = Path.cwd() / NAME
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise PermissionError(
            f"{path} is not a folder that you alone own and can use: remove it, or choose another --directory"
        )
    return path


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new folder in the private one, removed on exit. A killed run leaves it: see `sweep`."""
    with tempfile.TemporaryDirectory(prefix="tmp-", dir=private_folder()) as folder:
        yield Path(folder)


def writable_by_others(folder: Path) -> Path | None:
    """The first of `folder` and its parents that another user could replace or write, or None."""
    user, group = os.geteuid(), os.getegid()
    for path in (folder, *folder.parents):
        status = path.stat()
        protected = path != folder and status.st_mode & stat.S_ISVTX  # others cannot replace files
        shared = status.st_mode & stat.S_IWOTH or (
            status.st_mode & stat.S_IWGRP and status.st_gid not in (0, group)
        )
        if status.st_uid not in (0, user) or (shared and not protected):
            return path
    return None
