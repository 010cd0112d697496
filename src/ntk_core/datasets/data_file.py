"""The file with the runs, or the aggregates, of an experiment: `runs.nc` or `aggregates.nc` in its folder."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TypeAlias

from .aggregates_file import AggregatesFile
from .file_reader import FileReader
from .runs_file import DrawnRunsFile, TrainedRunsFile
from .validation import ResultsError, reading

DataFile: TypeAlias = DrawnRunsFile | TrainedRunsFile | AggregatesFile

NAMES = ("runs.nc", "aggregates.nc")
"""Names of the file."""


def data_files(root: Path) -> list[Path]:
    """Those of the experiments in the folder `root`, one of each."""
    files = {file.parent: file for name in reversed(NAMES) for file in root.glob(f"*/{name}")}
    return [files[folder] for folder in sorted(files)]


def data_file(folder: Path) -> Path:
    """That of the experiment in a folder, whether it exists or not."""
    return next((folder / name for name in NAMES if (folder / name).exists()), folder / NAMES[0])


def open_data(path: str | Path) -> DataFile:
    """The file at `path`, of the kind that its spec names; it is checked when it is entered."""
    kind: type[DataFile] = DrawnRunsFile
    with contextlib.suppress(ResultsError), reading(Path(path)), FileReader(path) as reader:
        spec = json.loads(reader.header()[0]["spec"])
        if spec.get("kind") == "trained":
            kind = TrainedRunsFile
        elif spec.get("keep") == "aggregates":
            kind = AggregatesFile
    return kind(path)
