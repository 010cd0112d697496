"""Runs are what they were: numbers of each sampler and law, as the first code of this format gave them.

`golden.json` has them by case and variable. Counts of neurons are whole, so a digest stands for them. Real
numbers differ in their last digits where the math library is another one (docs/randomness.md), so a weighted
mean stands for them, to nine digits. A draw that changes changes both. Only a new law, a new quantity or
a new format version makes new ones, and those of former versions stay.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ntk_core.laws import LAWS, CustomLaw
from ntk_core.sampling.cell import Cell, stored_variables
from ntk_core.sampling.data import load
from ntk_core.sampling.descent import train
from ntk_core.sampling.samplers import simulate
from ntk_core.sampling.streams import FORMAT_VERSIONS, FORMER_VERSIONS
from ntk_core.sampling.training import VARIABLES, Training

FILE = Path(__file__).with_name("golden.json")
ADD = "PYTHONPATH=src .venv/bin/python tests/sampling/test_golden.py"
"""The command that adds what is missing."""

ENTROPY = 20261123
OWN = """
import numpy as np

def weights(rng, x, w0, c, radius):
    u = rng.standard_normal(w0.shape)
    u *= radius / np.linalg.norm(u, axis=-1, keepdims=True)
    return rng.random(c.shape)[..., None] * u

def band(rng, position, sign, c, d, radius):
    return rng.random(position.shape) * rng.uniform(-1, 1, position.shape)
"""
"""A law whose draws depend on how many pairs and networks it is called for."""

POINTS = {
    "band": [(2, 1, 1.0), (64, 2, 0.5), (4096, 3, 1.0), (2**20, 64, 2.0), (16, 5, 40.0)],
    "dense": [(2, 1, 1.0), (64, 2, 2.0), (46, 3, 4.0), (128, 64, 8.0), (256, 520, 40.0)],
    "tilted": [(2, 1, 1.0), (64, 3, 1.0), (16, 5, 40.0)],
}
"""(m, d, α). Several neurons of a dense network flip under each law; the last has more than 2^17 weights."""

SEEDS, EDGE = {"band": 40, "dense": 8, "tilted": 40}, {"band": (4, 4), "dense": (2, 2), "tilted": (0, 4)}
"""From the first block, and on both sides of the edge to the second; of large networks the former alone."""

TRAININGS = {
    "digits": Training("digits", (3, 8), 64, 6, 5, "squared", 1.0, 8, None),
    "teacher": Training("teacher", (), 3, 6, 5, "logistic", 1.5, 20, None),
    "target": Training("teacher", (), 8, 4, 3, "squared", 0.5, 64, 0.05),
    "diverging": Training("teacher", (), 3, 6, 5, "squared", 60.0, 32, None),
    "diverging twin": Training("teacher", (), 3, 6, 5, "squared", 6.0, 32, None),
}


def drawn(version: int, sampler: str, law: str, m: int, d: int, alpha: float) -> dict[str, np.ndarray]:
    own = CustomLaw(law, OWN, "own.py", may_run=True) if law == "own" else None
    cell = Cell(sampler, law, m, d, alpha, own, version)
    stretches = [(0, SEEDS[sampler])]
    if sampler == "band" or m * d <= 1000:
        stretches.append((cell.block - EDGE[sampler][0], cell.block + EDGE[sampler][1]))
    values = np.concatenate([simulate(ENTROPY, cell, *seeds) for seeds in stretches], axis=1)
    return dict(zip(stored_variables(sampler), values, strict=True))


def trained(version: int, name: str, m: int, seed: int) -> dict[str, np.ndarray]:
    """All stored variables of a run, how it ended, and after how many steps; there is one format."""
    assert version == FORMAT_VERSIONS["trained"]
    training = TRAININGS[name]
    run = train(training, load(training, ENTROPY), ENTROPY, m, seed)
    return run.variables() | {"steps": np.array(run.steps), "status": np.array(int(run.status))}


CASES = {
    f"{sampler} {law} m={m} d={d} alpha={alpha:g}": (drawn, (sampler, law, m, d, alpha))
    for sampler, points in POINTS.items()
    for law in (*LAWS, "own")
    if sampler != "tilted" or law == "own" or LAWS[law].projection is not None
    for m, d, alpha in points
} | {
    f"trained {name} m={m} seed={seed}": (trained, (name, m, seed))
    for name in TRAININGS
    for m, seed in ((4, 0), (64, 3))
}
FRACTIONS = {"sign_change_fraction", "band_fraction"}
COUNTS = {*FRACTIONS, *(f"training_{name}" for name in FRACTIONS), "flipped_neurons", "flipped_fraction",
          "steps", "status"}  # fmt: skip
NAMES = (*VARIABLES, "steps", "status")

GOLDEN = {
    (int(version), case): values
    for version, cases in json.loads(FILE.read_text()).items()
    for case, values in cases.items()
}


def fingerprint(version: int, case: str) -> dict[str, str | float | None]:
    """What stands for each variable of a case; None where a run has diverged and nothing is left."""
    function, arguments = CASES[case]
    return {
        name: _digest(values, arguments) if name in COUNTS else _weighted_mean(values)
        for name, values in function(version, *arguments).items()
    }


def _digest(values: np.ndarray, arguments: tuple) -> str:
    """Of whole numbers: fractions times the neurons, or times the neurons and training inputs."""
    whole = arguments[2] if len(arguments) == 5 else arguments[1] * TRAININGS[arguments[0]].training_inputs
    counts = np.rint(np.nan_to_num(values, nan=-1.0) * whole).astype("<i8")
    return hashlib.sha256(np.ascontiguousarray(counts).tobytes()).hexdigest()[:16]


def _weighted_mean(values: np.ndarray) -> float | None:
    """Weights grow from the first value to the last, so their order matters."""
    flat = values[np.isfinite(values)].ravel()
    weights = np.arange(1, flat.size + 1) / flat.size
    return math.fsum(weights * flat) / flat.size if flat.size else None


@pytest.mark.parametrize(("version", "case"), GOLDEN)
def test_runs_are_what_they_were(version, case):
    values = fingerprint(version, case)
    for name, value in GOLDEN[version, case].items():
        expected = value if name in COUNTS or value is None else pytest.approx(value, rel=1e-9, abs=1e-13)
        assert values[name] == expected, name


def missing() -> list[tuple[int, str]]:
    """The newest format and the name of each case that lacks numbers of a variable."""
    keys = []
    for case in CASES:
        sampler = case.split()[0]
        names = NAMES if sampler == "trained" else stored_variables(sampler)
        key = FORMAT_VERSIONS[sampler], case
        if set(names) - GOLDEN.get(key, {}).keys():
            keys.append(key)
    return keys


def test_there_are_numbers_of_every_case():
    assert missing() == [], f"{ADD} adds them"
    cases = Counter((case.split()[0], version) for version, case in GOLDEN)
    former = {(name, version): n for (name, version), n in cases.items() if version in FORMER_VERSIONS[name]}
    assert former == {("band", 3): 25}


if __name__ == "__main__":
    golden = json.loads(FILE.read_text())
    for version, case in missing():
        cases = golden.setdefault(str(version), {})
        cases[case] = fingerprint(version, case) | cases.get(case, {})
    FILE.write_text(json.dumps(golden, indent=1) + "\n")
