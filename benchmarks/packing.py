"""What packing `runs.nc` would cost and save: size, write, read of one cell and of all, for each quantity.

Raw, with checksums, and with zlib at two levels; Zstandard as what a filter not every reader has would give.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from ntk_core.datasets.runs import RunsWriter
from ntk_core.network import Array
from ntk_core.quantities import QUANTITIES
from ntk_core.sampling.cell import Cell
from ntk_core.sampling.samplers import simulate

from .report import table

RUNS = 1 << 18
CELLS = (
    Cell("band", "adversarial", 2**10, 2, 1.0),
    Cell("band", "adversarial", 2**20, 2, 1.0),
    Cell("band", "sphere", 2**10, 64, 1.0),
    Cell("band", "sphere", 2**20, 64, 1.0),
)
WAYS: dict[str, dict[str, Any]] = {
    "raw": {},
    "fletcher32": {"fletcher32": True},
    "zlib 1": {"zlib": True, "complevel": 1, "shuffle": False, "fletcher32": True},
    "shuffle, zlib 1": {"zlib": True, "complevel": 1, "shuffle": True, "fletcher32": True},
    "shuffle, zlib 4": {"zlib": True, "complevel": 4, "shuffle": True, "fletcher32": True},
    "shuffle, zstd 1": {"compression": "zstd", "complevel": 1, "shuffle": True, "fletcher32": True},
}


def measure() -> list[dict[str, Any]]:
    """A record for each quantity and way; rates in MB of raw values a second."""
    values = np.stack([simulate(1, cell, 0, RUNS) for cell in CELLS], axis=1)
    return [
        {"quantity": quantity, "way": way, **_one(rows, options)}
        for quantity, rows in zip(QUANTITIES, values, strict=True)
        for way, options in WAYS.items()
    ]


def markdown(results: list[dict[str, Any]], command: str, machine: str) -> str:
    """The table a person reads."""
    heading = ["quantity", "way", "size", "write", "read all", "read one cell"]
    rows = [
        [one["quantity"], one["way"], f"{one['size']:.2f}"]
        + [f"{one[name]:.0f}" for name in ("write", "read", "read_cell")]
        for one in results
    ]
    about = (
        f"{machine}. Made by `{command}`: {len(CELLS)} cells of {RUNS:,} runs. Rates in MB of raw values a "
        "second, size in units of the raw size."
    )
    return "\n".join(["# Packing runs.nc", "", about, "", *table([heading, *rows])]) + "\n"


def _one(rows: Array, options: dict[str, Any]) -> dict[str, float]:
    raw = rows.nbytes / 1e6
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.nc"
        began = time.perf_counter()
        with netCDF4.Dataset(path, "w") as file:
            file.createDimension("cell", len(rows))
            file.createDimension("seed", RUNS)
            chunks = (1, RunsWriter.chunk(RUNS))
            variable = file.createVariable(
                "x", "f8", ("cell", "seed"), chunksizes=chunks, fill_value=False, **options
            )
            for number, row in enumerate(rows):
                variable[number] = row
        write = time.perf_counter() - began
        size = path.stat().st_size / 1e6
        began = time.perf_counter()
        _read(path, slice(None))
        read = time.perf_counter() - began
        began = time.perf_counter()
        _read(path, 1)
        read_cell = time.perf_counter() - began
    return {
        "size": size / raw,
        "write": raw / write,
        "read": raw / read,
        "read_cell": raw / len(rows) / read_cell,
    }


def _read(path: Path, cells: slice | int) -> None:
    with netCDF4.Dataset(path) as file:
        file.set_auto_mask(False)
        file["x"][cells]
