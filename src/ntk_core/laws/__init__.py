"""Displacement laws: how the weights move inside the ball max_i ‖u_i‖ ≤ α/√m. One law a file."""

from .adversarial import adversarial
from .aligned import aligned
from .custom import CustomLaw, LawError, read_law
from .law import Band, DisplacementLaw
from .sphere import sphere

LAWS: dict[str, DisplacementLaw] = {law.name: law for law in (adversarial, aligned, sphere)}
"""The laws every config may name. To add one: a file like its neighbours, and its name here.

Custom laws are not listed: a cell carries its own (`CustomLaw`).
"""

__all__ = [
    "LAWS",
    "Band",
    "CustomLaw",
    "DisplacementLaw",
    "LawError",
    "adversarial",
    "aligned",
    "read_law",
    "sphere",
]  # fmt: skip
