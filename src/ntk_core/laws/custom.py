"""A custom displacement law: a function in a user's file, checked at every draw.

`weights(rng, x, w0, c, radius)` is the law as a function of dense weights, for the sampler `dense`;
`band(rng, position, sign, c, d, radius)` is the law as a function of the band, for the sampler `band`.
docs/own-law.md has the contract. Workers and archives receive a law as source text.
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..network import Array, symmetric_initialization
from .law import PAIRS, DisplacementLaw, Projection, Weights

MAX_SOURCE = 32 * 1024
"""Bytes of a law's file; the whole text is archived with the runs, in an attribute of each of their files."""

LENGTH_TOLERANCE = {"weights": 1e-9, "band": 1e-12}
"""Relative excess of a displacement over the radius that rounding may cause."""

PAIR_NS = 400.0
"""Work of a law for each pair in the band, in nanoseconds; steers scheduling only (measured: 160 to 420)."""

NEURON_NS = 160.0
"""Work of a run for each of its dense weights, in nanoseconds; steers scheduling only (measured: 160)."""

TRIALS = 3
"""Generators with which a law is tried before a run."""

TRIAL_WIDTH, TRIAL_WEIGHTS = 8, 1 << 12
"""Width of the dense networks on which a law is tried, and their approximate number of weights together."""


class LawError(ValueError):
    """A custom law that leaves the ball or fails; the message names the law, its file and the fault."""


@dataclass(frozen=True)
class CustomLaw:
    """A law as text: its name and source define it.

    `file` is the path of the source, for messages. `may_run` allows it to run as code: true of a file that
    the user's config names, and of an archived law only if the user allows it.
    """

    name: str
    source: str = field(repr=False)
    file: str = field(compare=False, repr=False)
    may_run: bool = field(default=False, compare=False, repr=False)

    @property
    def sha256(self) -> str:
        """Digest of the file, in hex."""
        return hashlib.sha256(self.source.encode()).hexdigest()

    def law(self) -> DisplacementLaw:
        """The law as the samplers use it. Runs the source, once a process.

        Raises `LawError` where that fails or is not allowed. So do the functions of the law, where one is
        missing, fails, or leaves the ball.
        """
        weights, project = self._functions()
        return DisplacementLaw(self.name, weights, lambda d: PAIR_NS, projection=project)

    def _functions(self) -> tuple[Weights, Projection]:
        if not self.may_run:
            raise self.fault("is code that you have not allowed to run")
        definitions = _run_code(self, "its file", partial(_module, self.name, self.source))
        weights, band = definitions.get("weights"), definitions.get("band")
        return partial(_weights, self, weights), partial(_projections, self, band)

    def fault(self, problem: str) -> LawError:
        """The error that reports a problem of this law."""
        return LawError(f"law {self.name} ({self.file}) {problem}")

    def try_out(self, sampler: str, m: int, d: int, alpha: float) -> None:
        """Call the law for a few small draws as `sampler` does, each twice.

        Raises `LawError` where a draw fails or the two differ.
        """
        weights, project = self._functions()
        for seed in range(TRIALS):
            radius = alpha / math.sqrt(m)
            draw = (
                partial(_trial_band, project, d, radius, seed)
                if sampler != "dense"
                else partial(_trial_weights, weights, m, d, radius, seed)
            )
            if not np.array_equal(draw(), draw()):
                raise self.fault(
                    "gives different numbers for the same generator; allowed: randomness from rng only"
                )


def read_law(path: Path) -> CustomLaw:
    """The law in a file of the user's config, still without its name.

    Raises `ValueError` where the file is missing, not text in UTF-8, or too large. Runs nothing.
    """
    try:
        if not path.is_file():
            raise ValueError("not a file" if path.exists() else "no such file")
        with path.open("rb") as stream:
            data = stream.read(MAX_SOURCE + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    if len(data) > MAX_SOURCE:
        raise ValueError(f"larger than {MAX_SOURCE:,} bytes")
    try:
        return CustomLaw("", data.decode(), str(path), may_run=True)
    except UnicodeDecodeError:
        raise ValueError("not text in UTF-8") from None


@lru_cache(maxsize=64)
def _module(name: str, source: str) -> dict[str, Any]:
    """What the source defines, by name."""
    module = ModuleType(f"ntk_core_law_{hashlib.sha256(source.encode()).hexdigest()}")
    sys.modules[module.__name__] = module  # dataclasses, among others, look for it there
    exec(compile(source.encode(), _code_name(name), "exec"), module.__dict__)
    return module.__dict__


def _code_name(name: str) -> str:
    return f"<law {name}>"


def _run_code(law: CustomLaw, where: str, call: Callable[[], Any]) -> Any:
    """Run the user's code. Where it fails, the `LawError` has its exception and line."""
    try:
        return call()
    except (Exception, SystemExit) as error:
        line, trace = getattr(error, "lineno", None), error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == _code_name(law.name):
                line = trace.tb_lineno
            trace = trace.tb_next
        location = where if line is None else f"{where}, line {line}"
        reason = " ".join(str(error).split())[:300]
        raise law.fault(f"fails in {location}: {type(error).__name__}: {reason}") from None


def _checked_array(
    law: CustomLaw, name: str, function: Any, shape: tuple[int, ...], *arguments: Any
) -> Array:
    """The array, finite and of this shape, that the law's function `name` returns for the arguments."""
    if not callable(function):
        raise law.fault(f"has no function {name}; allowed: weights for the sampler dense, band for others")
    value = _run_code(law, name, partial(function, *arguments))
    if type(value) is not np.ndarray or value.shape != shape or value.dtype != np.float64:
        kind = type(value).__name__
        result = f"{value.dtype} of shape {value.shape}" if isinstance(value, np.ndarray) else f"a {kind}"
        raise law.fault(f"gives {result} from {name}; allowed: an array, float64 of shape {shape}")
    if not np.isfinite(value).all():
        raise law.fault(f"gives {value[~np.isfinite(value)][0]} from {name}; allowed: finite numbers")
    return np.require(value, requirements=["C", "W"])


def _check_ball(law: CustomLaw, name: str, length: str, lengths: Array) -> None:
    """Refuse displacements if one of their `lengths`, in units of the radius, exceeds 1."""
    max_length = float(lengths.max())
    if max_length > 1.0 + LENGTH_TOLERANCE[name]:
        raise law.fault(f"leaves the ball: {length} is {max_length:.10g} α/√m; allowed: at most 1")


def _weights(
    law: CustomLaw, function: Any, rng: np.random.Generator, x: Array, w0: Array, c: Array, radius: float
) -> Array:
    """u of shape `(..., m, d)`, by the user's `weights`."""
    views = [array.view() for array in (x, w0, c)]
    for array in views:
        array.flags.writeable = False
    u = _checked_array(law, "weights", function, w0.shape, rng, *views, radius)
    with np.errstate(over="ignore"):
        lengths = np.sqrt(np.einsum("...d,...d->...", u, u)) / radius
    _check_ball(law, "weights", "‖u_i‖", lengths)
    return u


def _projections(
    law: CustomLaw,
    function: Any,
    rng: np.random.Generator,
    position: Array,
    sign: Array,
    d: int,
    radius: float,
) -> Array:
    """u·x/(r‖x‖) of the neurons with c = +1 and of those with c = -1, `(2, pairs)`, by the user's `band`."""
    shape = (2, position.size)
    c = np.array([[1.0], [-1.0]])
    pairs = [np.broadcast_to(array, shape) for array in (position, sign, c)]  # read-only
    t = _checked_array(law, "band", function, shape, rng, *pairs, d, radius)
    _check_ball(law, "band", "|u_i·x|/‖x‖", np.abs(t))
    return t


def _trial_band(project: Projection, d: int, radius: float, seed: int) -> Array:
    """The law's projections for the pairs of one call, anywhere in the band."""
    rng = np.random.default_rng(seed)
    position, sign = 1.0 - rng.random(PAIRS), rng.choice([-1.0, 1.0], PAIRS)
    return project(rng, position, sign, d, radius)


def _trial_weights(weights: Weights, m: int, d: int, radius: float, seed: int) -> Array:
    """The law's displacements of a few small networks."""
    rng = np.random.default_rng(seed)
    networks, half = max(1, TRIAL_WEIGHTS // (m * d)), m // 2
    w0, c = symmetric_initialization(
        rng.standard_normal((networks, half, d)), rng.choice([-1.0, 1.0], (networks, half))
    )
    return weights(rng, np.full(d, 1.0 / math.sqrt(d)), w0, c, radius)
