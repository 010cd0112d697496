"""`python -m ntk_core.kernels` compiles all kernels now, so that no run has to wait for it."""

from __future__ import annotations

from ..displacement import LAWS
from ..grid import Cell
from ..samplers import simulate


def main() -> None:
    """Draw one run of every sampler and law."""
    for sampler in ("band", "dense"):
        for law in LAWS:
            simulate(0, Cell(sampler, law, 2, 1, 1.0), 0, 1)


if __name__ == "__main__":
    main()
