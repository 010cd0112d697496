"""Six small experiments unlike each other, whose every sentence is checked."""

from __future__ import annotations

from pathlib import Path

import xarray as xr
from conftest import archive_results
from trained import train

from ntk_core.experiments.drawn import DrawnExperiment
from ntk_core.experiments.trained import TrainedExperiment
from ntk_core.laws import CustomLaw

BAND = "def band(rng, position, sign, c, d, radius):\n    return {}\n"
OWN = tuple(
    CustomLaw(name, BAND.format(step), "", may_run=True)
    for name, step in (("a_law-2", "-sign * (c > 0)"), ("half", "0.5 * c * (sign > 0)"))
)
LAWS = ("adversarial", "aligned", "sphere")
WIDTHS = (64, 4096, 2**18)

DRAWN = {
    "one-law": DrawnExperiment("one-law", "band", ("adversarial",), (64, 512, 4096), (2,), (1.0,), 1000),
    "own-laws": DrawnExperiment(
        "own-laws", "band", ("a_law-2", "half"), WIDTHS, (2, 9), (0.5, 1.0), 600, OWN
    ),
    "one-width": DrawnExperiment("one-width", "band", LAWS, (4096,), (2, 9), (0.5, 1.0), 300),
    "few": DrawnExperiment("few", "dense", LAWS, (64, 256), (2,), (1.0,), 50),
    "default-like": DrawnExperiment(
        "default-like", "band", LAWS, (256, 2**12, 2**20), (2, 64), (0.5, 1.0, 2.0), 2000
    ),
}
TRAINED = TrainedExperiment(
    "digits", (3, 8), 64, 8, 8, "squared", 1.0, 8, None, name="trained", m=(64, 256, 1024), seeds=128
)


def tables(folder: Path) -> dict[str, tuple[xr.Dataset, xr.Dataset]]:
    """Quantiles and rates of each, by name."""
    made = {}
    for name, experiment in DRAWN.items():
        (folder / name).mkdir()
        results = archive_results(experiment, folder / name)
        made[name] = tuple(xr.load_dataset(results / f"{kind}.nc") for kind in ("quantiles", "rates"))
    return made | {"trained": train(TRAINED, folder)}
