"""Half the floor: a uniform for each pair of the band, since a pair's neurons start at one place."""

from __future__ import annotations

from ..point import Point, Runner
from .floor import PACKAGES, band_neurons, filler

__all__ = ["PACKAGES", "prepare"]


def prepare(point: Point, seed: int, cores: int) -> Runner:
    """E[K] uniforms a run."""
    return filler(0.5 * band_neurons(point), seed)
