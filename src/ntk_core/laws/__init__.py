"""Displacement laws: how the weights move, mostly inside the ball max_i ‖u_i‖ ≤ α/√m. One law a file."""

import math
from collections.abc import Iterable

from .adversarial import adversarial
from .aligned import aligned
from .custom import CustomLaw, LawError, read_law
from .frobenius import frobenius
from .law import DisplacementLaw
from .sphere import sphere

LAWS: dict[str, DisplacementLaw] = {law.name: law for law in (adversarial, aligned, sphere, frobenius)}
"""The laws every config may name. To add one: a file like its neighbours, and its name here.

Custom laws are not listed: a cell carries its own (`CustomLaw`).
"""

THEOREM_LAWS = tuple(name for name, law in LAWS.items() if math.isinf(law.norm))
"""Those that stay in the ball of Theorem 1; its bounds say nothing of the others."""


def ball_norm(law: str) -> float:
    """q of the norm whose ball holds the displacements; ∞ is that of Theorem 1, and of every custom law."""
    return LAWS[law].norm if law in LAWS else math.inf


def in_theorem_ball(laws: Iterable[str]) -> bool:
    """Whether all of these laws stay in the ball of Theorem 1, whose bounds then speak of them."""
    return all(math.isinf(ball_norm(str(law))) for law in laws)


__all__ = [
    "LAWS",
    "THEOREM_LAWS",
    "CustomLaw",
    "DisplacementLaw",
    "LawError",
    "ball_norm",
    "in_theorem_ball",
    "read_law",
    "sphere",
]  # fmt: skip
