"""Finished results outlive a failing run.

Snakemake deletes the outputs of a job before it starts the job. So before a run begins, every finished
result gets a second name (a hard link, no copy) in a folder beside it; after a failure, or at the
next start if the run was killed, results that are missing get their place back. They come back with the
modification time 0, older than any input: the next run makes them anew.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from .execution import KEYS


class Keeper:
    """Keeps files while a run is under way, each in a folder `.kept` beside it."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = list(paths)

    def keep(self) -> None:
        """Give each file that exists its second name."""
        for path in filter(Path.is_file, self._paths):
            link = _second(path)
            link.parent.mkdir(exist_ok=True)
            link.unlink(missing_ok=True)
            os.link(path, link)

    def restore(self) -> list[Path]:
        """Put back what is missing, then forget; returns what was put back."""
        back = []
        for path in self._paths:
            if _second(path).is_file() and not path.exists():
                os.utime(_second(path), (0, 0))
                _second(path).replace(path)
                back.append(path)
        self.forget()
        return back

    def forget(self) -> None:
        """Drop the second names."""
        for path in self._paths:
            _second(path).unlink(missing_ok=True)
        for folder in {_second(path).parent for path in self._paths}:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def sweep(root: Path) -> None:
    """Remove what killed jobs left: below `root` half-written files and progress notes, beside it keys."""
    for pattern in (".*.part", "*.nc.progress"):
        for path in root.rglob(pattern):
            path.unlink(missing_ok=True)
    for folder in root.absolute().parent.glob(f"{KEYS}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _second(path: Path) -> Path:
    return path.parent / ".kept" / path.name
