"""Finished results outlive a failing run.

Snakemake deletes the outputs of a job before it starts the job. So before a run begins, every finished
result gets a second name (a hard link, no copy) in a folder beside; after a failure, or at the
next start if the run was killed, results that are missing get their place back. They come back with the
modification time 0, older than any input: the next run makes them anew.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path


class Keeper:
    """Keeps the files of `root` in `root/.kept` while a run is under way."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._kept = root / ".kept"

    def keep(self, paths: Iterable[Path]) -> None:
        """Give each existing file below the root its second name."""
        for path in paths:
            if path.is_file():
                link = self._kept / path.relative_to(self._root)
                link.parent.mkdir(parents=True, exist_ok=True)
                link.unlink(missing_ok=True)
                os.link(path, link)

    def restore(self) -> list[Path]:
        """Put back what is missing, then forget; returns what was put back."""
        back = []
        for link in sorted(path for path in self._kept.rglob("*") if path.is_file()):
            path = self._root / link.relative_to(self._kept)
            if not path.exists():
                os.utime(link, (0, 0))
                path.parent.mkdir(parents=True, exist_ok=True)
                link.replace(path)
                back.append(path)
        self.forget()
        return back

    def forget(self) -> None:
        """Drop the second names."""
        shutil.rmtree(self._kept, ignore_errors=True)
