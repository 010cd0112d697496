"""neural-tangents: JAX's contender with `nt.linearize` in the place of `jax.linearize`.

Fair because all else is the fastest JAX found, and because the package need not bring TensorFlow:
it imports that for an interface of its own which no linearization touches, so a stand-in will do.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from unittest.mock import MagicMock

for _name in ("tensorflow", "tf2jax", "jax.experimental.jax2tf"):
    sys.modules.setdefault(_name, MagicMock())

import jax  # noqa: E402
import neural_tangents as nt  # noqa: E402

from ..point import Point, Runner  # noqa: E402
from .with_jax import runner  # noqa: E402

PACKAGES = ("neural-tangents", "jax")


def prepare(point: Point, seed: int, cores: int) -> Runner:
    """The compiler uses the cores the process is pinned to."""
    return runner(point, seed, _linearize)


def _linearize(function: Callable[[jax.Array], jax.Array], w: jax.Array) -> Callable[[jax.Array], jax.Array]:
    """The linear map of `nt.linearize`, which returns the affine one: value at w and derivative."""
    affine = nt.linearize(function, w)
    return lambda tangent: affine(w + tangent) - function(w)
