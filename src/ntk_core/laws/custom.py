"""A displacement law of a user's own: a function in a file of theirs, checked at every draw.

`weights(rng, x, w0, c, radius)` is the law as a function of dense weights, for the sampler `dense`;
`band(rng, position, sign, c, d, radius)` is the law as a function of the band, for the sampler `band`.
docs/own-law.md has the contract. A law goes to workers, and into archives, as source text.
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
from ..quantities import FlipSums
from .law import PAIRS, Band, DisplacementLaw, Projection, Weights

MAX_SOURCE = 32 * 1024
"""Bytes of a law's file; all of it is archived with the runs, in an attribute of each of their files."""

LONGER = {"weights": 1e-9, "band": 1e-12}
"""By how much a displacement may be longer than the radius, relatively: rounding."""

PAIR_NS = 400.0
"""Work of a law for each pair in the band; steers scheduling only (measured: 160 to 420)."""

NEURON_NS = 160.0
"""Work of a run for each of its dense weights; steers scheduling only (measured: 160)."""

TRIALS = 3
"""Generators a law is tried with before a run."""

TRIAL_WIDTH, TRIAL_WEIGHTS = 8, 1 << 12
"""Width of the dense networks a law is tried on, and about how many of their weights at once."""


class LawError(ValueError):
    """A law of a user's own that leaves the ball or fails; the message names it, its file and the fault."""


@dataclass(frozen=True)
class CustomLaw:
    """A law as text: its name and the source of its file, which alone say what it is.

    `file` is where the source is from, for messages. `may_run` says that it may be run as code: true of a
    file that the user's config names, and of what an archive holds only if the user said so.
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

        Raises `LawError` where that fails or was not allowed. So do the functions of the law, where one is
        missing, fails, or gives what is not in the ball.
        """
        weights, project = self._functions()
        return DisplacementLaw(
            self.name, weights, partial(_band_sums, project), lambda d: PAIR_NS, label=self.name
        )

    def _functions(self) -> tuple[Weights, Projection]:
        if not self.may_run:
            raise self.fault("is code that nobody has allowed to run")
        definitions = _called(self, "its file", partial(_module, self.name, self.source))
        weights, band = definitions.get("weights"), definitions.get("band")
        return partial(_weights, self, weights), partial(_projections, self, band)

    def fault(self, problem: str) -> LawError:
        """The error that says so of this law."""
        return LawError(f"law {self.name} ({self.file}) {problem}")

    def try_out(self, sampler: str, m: int, d: int, alpha: float) -> None:
        """Ask the law for a few small draws as `sampler` does, and each of them twice. Raises `LawError`."""
        weights, project = self._functions()
        for seed in range(TRIALS):
            radius = alpha / math.sqrt(m)
            draw = (
                partial(_tried_band, project, d, radius, seed)
                if sampler == "band"
                else partial(_tried_weights, weights, m, d, radius, seed)
            )
            if not np.array_equal(draw(), draw()):
                raise self.fault("gives other numbers when it is asked again with the same generator")


def read_law(path: Path) -> CustomLaw:
    """The law in a file of the user's config, still without its name.

    Raises `ValueError` where the file is not there, not text in UTF-8, or too large. Runs nothing.
    """
    try:
        if not path.is_file():
            raise ValueError("no such file")
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


def _called(law: CustomLaw, where: str, call: Callable[[], Any]) -> Any:
    """What the user's code gives; a `LawError` with exception and line where it fails."""
    try:
        return call()
    except (Exception, SystemExit) as error:
        line, trace = getattr(error, "lineno", None), error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == _code_name(law.name):
                line = trace.tb_lineno
            trace = trace.tb_next
        place = where if line is None else f"{where}, line {line}"
        reason = " ".join(str(error).split())[:300]
        raise law.fault(f"fails in {place}: {type(error).__name__}: {reason}") from None


def _asked(law: CustomLaw, name: str, function: Any, shape: tuple[int, ...], *arguments: Any) -> Array:
    """What the law's function `name` gives for the arguments: an array of its own, of this shape, finite."""
    if not callable(function):
        raise law.fault(f"has no function {name}; allowed: weights for the sampler dense, band for band")
    value = _called(law, name, partial(function, *arguments))
    if type(value) is not np.ndarray or value.shape != shape or value.dtype != np.float64:
        kind = type(value).__name__
        got = f"{value.dtype} of shape {value.shape}" if isinstance(value, np.ndarray) else f"a {kind}"
        raise law.fault(f"gives {got} from {name}; allowed: an array, float64 of shape {shape}")
    if not np.isfinite(value).all():
        raise law.fault(f"gives {value[~np.isfinite(value)][0]} from {name}; allowed: finite numbers")
    return np.require(value, requirements=["C", "W"])


def _in_ball(law: CustomLaw, name: str, length: str, lengths: Array) -> None:
    """Refuse displacements of such `lengths`, in units of the radius, if one of them is longer than 1."""
    longest = float(lengths.max())
    if longest > 1.0 + LONGER[name]:
        raise law.fault(f"leaves the ball: {length} is {longest:.10g} α/√m; allowed: at most 1")


def _weights(
    law: CustomLaw, function: Any, rng: np.random.Generator, x: Array, w0: Array, c: Array, radius: float
) -> Array:
    """u of shape `(..., m, d)`, by the user's `weights`."""
    views = [array.view() for array in (x, w0, c)]
    for array in views:
        array.flags.writeable = False
    u = _asked(law, "weights", function, w0.shape, rng, *views, radius)
    with np.errstate(over="ignore"):
        lengths = np.sqrt(np.einsum("...d,...d->...", u, u)) / radius
    _in_ball(law, "weights", "‖u_i‖", lengths)
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
    pairs = [np.broadcast_to(array, shape) for array in (position, sign, c)]  # cannot be written to
    t = _asked(law, "band", function, shape, rng, *pairs, d, radius)
    _in_ball(law, "band", "|u_i·x|/‖x‖", np.abs(t))
    return t


def _band_sums(project: Projection, block: Band) -> FlipSums:
    """A position and a sign for each pair of the band, and what the law says of its two neurons."""
    return FlipSums(*block.projection_sums(block.pairs[: block.drawn], project))


def _tried_band(project: Projection, d: int, radius: float, seed: int) -> Array:
    """What the law gives for as many pairs as it is asked about at once, wherever in the band they are."""
    rng = np.random.default_rng(seed)
    position, sign = 1.0 - rng.random(PAIRS), rng.choice([-1.0, 1.0], PAIRS)
    return project(rng, position, sign, d, radius)


def _tried_weights(weights: Weights, m: int, d: int, radius: float, seed: int) -> Array:
    """What the law gives for a few small networks."""
    rng = np.random.default_rng(seed)
    networks, half = max(1, TRIAL_WEIGHTS // (m * d)), m // 2
    w0, c = symmetric_initialization(
        rng.standard_normal((networks, half, d)), rng.choice([-1.0, 1.0], (networks, half))
    )
    return weights(rng, np.full(d, 1.0 / math.sqrt(d)), w0, c, radius)
