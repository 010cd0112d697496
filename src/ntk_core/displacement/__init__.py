"""Displacement laws: how the weights move inside the ball max_i ‖u_i‖ ≤ α/√m. One law a file."""

from .adversarial import adversarial
from .aligned import aligned
from .law import BandBlock, DisplacementLaw
from .sphere import sphere

LAWS: dict[str, DisplacementLaw] = {law.name: law for law in (adversarial, aligned, sphere)}
"""The laws a config may name. To add one: a file like its neighbours, and its name here."""

__all__ = ["LAWS", "BandBlock", "DisplacementLaw", "adversarial", "aligned", "sphere"]
