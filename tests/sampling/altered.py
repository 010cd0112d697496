"""What the samplers draw where constants have other values. Called as a script, which prints JSON.

Constants are compiled into kernels, and others are made from them on import. So this process compiles nothing
(`NUMBA_DISABLE_JIT`), and imports the library anew for each change, from source in which a line after the
definition of a constant changes it.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
import warnings
from collections.abc import Callable, Collection, Iterator
from fractions import Fraction
from importlib import import_module
from importlib.machinery import PathFinder, SourceFileLoader
from numbers import Number
from pathlib import Path
from typing import Any

import numpy as np

PACKAGE = "ntk_core"
BOXES = "sampling.kernels.ziggurat"
ROOMS = ("network", "quantities", "theory.gaussian", "theory.norm_ball", "laws", "sampling")
"""Modules and folders that draw, or that drawing calls."""

OWN = """
def weights(rng, x, w0, c, radius):
    return radius * rng.random(c.shape)[..., None] * x

def band(rng, position, sign, c, d, radius):
    return rng.random(position.shape) * -sign
"""


def altered(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, dict):
        return {key: altered(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(altered(item) for item in value)
    return type(value)(value + value) if not isinstance(value, np.ndarray) else value + value


def is_number(value: Any) -> bool:
    """Whether a value is a number, or holds nothing else."""
    if isinstance(value, dict):
        return is_number(list(value.values()))
    if isinstance(value, tuple | list):
        return bool(value) and all(map(is_number, value))
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "iuf"
    return isinstance(value, Number | Fraction | np.number) and not isinstance(value, bool)


def defined_names(statement: ast.stmt) -> list[str]:
    """The names that an assignment at the top level of a module gives a value."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign):
        return []
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return [
        node.id
        for target in targets
        for node in ast.walk(target)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]


class AlteringLoader(SourceFileLoader):
    """Runs a module with other values for the constants of these names."""

    def __init__(self, name: str, path: str, names: Collection[str]) -> None:
        super().__init__(name, path)
        self._names = names

    def get_code(self, fullname: str) -> Any:
        body: list[ast.stmt] = []
        for statement in ast.parse(self.get_data(self.path)).body:
            body.append(statement)
            for name in set(defined_names(statement)) & set(self._names):
                body += ast.parse(f"{name} = __altered__({name})").body
        return compile(ast.Module(body, []), self.path, "exec")

    def exec_module(self, module: Any) -> None:
        module.__altered__ = altered
        super().exec_module(module)


class Finder:
    """Finds the modules of the package; those with constants to alter get another loader."""

    def __init__(self, constants: Collection[str]) -> None:
        self._names: dict[str, set[str]] = {}
        for constant in constants:
            module, _, name = constant.rpartition(".")
            self._names.setdefault(f"{PACKAGE}.{module}", set()).add(name)

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name not in self._names:
            return None
        spec = PathFinder.find_spec(name, path, target)
        spec.loader = AlteringLoader(name, spec.origin, self._names[name])
        return spec


def probes() -> Iterator[Callable[[], bytes]]:
    """Draws that between them use every part of the samplers; the quick ones first."""
    from ntk_core.laws import CustomLaw
    from ntk_core.sampling.band import band_pairs
    from ntk_core.sampling.cell import Cell
    from ntk_core.sampling.counts import band_counts
    from ntk_core.sampling.data import load
    from ntk_core.sampling.descent import train
    from ntk_core.sampling.samplers import simulate
    from ntk_core.sampling.streams import Streams
    from ntk_core.sampling.training import Training

    def drawn(
        sampler: str, law: str, m: int, d: int, alpha: float, stop: int = 3, start: int = 0, version: int = 0
    ) -> bytes:
        own = CustomLaw("own", OWN, "", may_run=True) if law == "own" else None
        return simulate(1, Cell(sampler, law, m, d, alpha, own, version), start, stop).tobytes()

    def trained(*parameters: Any) -> bytes:
        training = Training(*parameters)
        run = train(training, load(training, 1), 1, 4, 0)
        return b"".join(values.tobytes() for values in run.variables().values()) + bytes(
            [run.steps, run.status]
        )

    # The quick ones first: a change that one of them shows is not looked for by the others.
    yield lambda: drawn("band", "sphere", 16, 2, 1.0)
    yield lambda: trained("teacher", (), 3, 2, 2, "squared", 6.8, 16, None)  # its twin diverges slowly
    yield lambda: trained("teacher", (), 2, 2, 2, "logistic", 900.0, 4, None)  # outputs beyond LOGISTIC_TAIL
    yield lambda: trained("digits", (3, 8), 64, 2, 1, "squared", 1.0, 2, None)
    yield lambda: drawn("band", "adversarial", 2, 1, 0.8)  # radius above SERIES_RADIUS
    yield lambda: drawn("band", "aligned", 64, 1, 0.8, 1030, 1020, 3)  # a series of seven terms
    yield lambda: drawn("band", "aligned", 16, 1, 0.4, 4100, 4090)
    yield lambda: band_counts(Streams(1, "", 0, 4), 2**39, 2.0**-18, 2).tobytes()  # a sum of two parts
    yield lambda: band_pairs(dear := Cell("band", "aligned", 2**20, 1, 1.5), dear.streams(1, 0)).tobytes()
    yield lambda: drawn("band", "sphere", 4, 5, 3.0)
    yield lambda: drawn("dense", "sphere", 4, 3, 1.0, 66, 62)
    yield lambda: drawn("band", "own", 16, 2, 1.0)
    yield lambda: drawn("band", "frobenius", 256, 2, 1.0)
    yield lambda: drawn("tilted", "own", 16, 2, 1.0)
    yield lambda: drawn("tilted", "own", 2, 2, 1.0)  # the largest tilt
    yield lambda: drawn("dense", "sphere", 258, 512, 1.0, 1)  # a few weights more than FORMAT_WEIGHTS


made: dict[str, Any] = {}
"""The function that makes the boxes of ziggurats, and keeps them."""


def results(constants: Collection[str]) -> Iterator[str]:
    """Digests of the draws where these constants are altered; an error is the last."""
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]
    finder = Finder(constants)
    sys.meta_path.insert(0, finder)
    try:
        boxes = import_module(f"{PACKAGE}.{BOXES}")
        if not any(constant.startswith(BOXES) for constant in constants):  # else the same boxes, each time
            boxes.ziggurat = made.setdefault("boxes", boxes.ziggurat)
        for probe in probes():
            yield hashlib.sha256(probe()).hexdigest()
    except Exception as error:
        yield repr(error)
    finally:
        sys.meta_path.remove(finder)


def constants() -> dict[str, list[int | float]]:
    """The numbers in each constant at the top level of the modules that draw, by module and name."""
    values = {}
    for name, module in sys.modules.items():
        room = name.removeprefix(f"{PACKAGE}.")
        if room != name and room.startswith(ROOMS) and module.__file__:
            for statement in ast.parse(Path(module.__file__).read_bytes()).body:
                for constant in defined_names(statement):
                    if is_number(value := getattr(module, constant)):
                        values[f"{room}.{constant}"] = [number.item() for number in flat(value)]
    return values


def flat(value: Any) -> list[Any]:
    """Its numbers as those of NumPy, in order."""
    parts = list(value.values()) if isinstance(value, dict) else value
    return list(np.ravel(np.array(parts)))


def main(listed: Collection[str]) -> None:
    """Print the constants, and which have an effect: each listed one, and the others if all together do."""
    expected = list(results(()))
    values = constants()

    def has_effect(names: Collection[str]) -> bool:
        return any(a != b for a, b in zip(results(names), expected, strict=False))

    unlisted = sorted(set(values) - set(listed))
    suspects = [*listed, *unlisted] if has_effect(unlisted) else listed
    effective = [name for name in suspects if name in values and has_effect([name])]
    print(json.dumps({"values": values, "effective": effective, "draws": expected}))


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # words of 64 bits overflow, as they should
    main(sys.argv[1:])
