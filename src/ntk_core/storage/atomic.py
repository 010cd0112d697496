"""Writing that leaves no half files."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A path beside `path` to write to; on leaving, the file is synced and renamed to `path`.

    If the body fails, `path` is as it was and the file beside it is gone. Where the reason is that no more
    can be written there, as on a full disk, an `OSError` says so: HDF5 does not.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield beside
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except (OSError, RuntimeError):
        if refusal := _refusal(beside):
            message = (
                f"{path} cannot be written: {refusal.strerror}. Nothing is lost: make room and call again"
            )
            raise OSError(refusal.errno, message) from None
        raise
    finally:
        beside.unlink(missing_ok=True)


def _refusal(path: Path) -> OSError | None:
    """Why not a megabyte more can be written to the file at `path`; None if it can."""
    try:
        with path.open("ab") as file:
            file.write(bytes(1 << 20))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error
    return None
