"""Who races: one module each, with `PACKAGES` (whose versions are recorded) and `prepare`.

`prepare(point, seed, cores)` returns a `Runner`: everything that a user does once (arrays put in
place, functions compiled) belongs there or in the runner's first call, which is never timed.
A module may set `UNIT`, the number of runs that it draws together at least.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Contender:
    """A module of this package, its name in tables, and its side: "peer", "ours" or "floor"."""

    module: str
    title: str
    side: str


CONTENDERS = {
    contender.module: contender
    for contender in (
        Contender("naive_numpy", "NumPy, from the definitions", "peer"),
        Contender("blas_numpy", "NumPy with BLAS", "peer"),
        Contender("with_torch", "PyTorch (torch.func)", "peer"),
        Contender("with_jax", "JAX (jax.linearize, jit)", "peer"),
        Contender("with_neural_tangents", "neural-tangents (nt.linearize)", "peer"),
        Contender("with_xyzpy", "xyzpy over NumPy", "peer"),
        Contender("ntk_dense", "ntk-core, dense", "ours"),
        Contender("ntk_band", "ntk-core, band", "ours"),
        Contender("floor", "floor", "floor"),
        Contender("floor_pairs", "half floor", "floor"),
    )
}
"""By module name, in the order of a round."""
