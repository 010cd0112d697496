"""The colours and lines of figures and pages: plain values, without a plotting library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..laws import THEOREM_LAWS

INK = "#1b1f24"
"""Neutral colour of text, axes and bounds, 16:1 on white."""

MUTED = "#5c6470"
"""Neutral colour of captions, reference lines and their names, 6:1 on white."""

GRID = "#e3e6ea"
"""Neutral colour of the grid."""

SHADE = "#f1f3f5"
"""Neutral colour of a shaded region."""

GROUND = "#ffffff"
"""Ground of figures and filling of open markers."""

LAW_COLOURS = ("#0173b2", "#d55e00", "#029e73", "#c43a86", "#7a6cc5", "#8c6d1f", "#2b8a9e", "#a0592b")
"""Colours of the laws: the first three are those that the colour-blind tell apart best."""

ORDERED_COLOURS = ("#b0327a", "#7a5ad0", "#2b86c9", "#1f9e6e")
"""From these the colours of levels, times and widths are blended, as their order is one."""

BOUND_STYLES: dict[str, dict[str, Any]] = {
    "printed": {"color": INK, "linestyle": "-", "label": "bound as printed"},
    "sharp": {"color": INK, "linestyle": (0, (5, 2)), "label": "sharp bound"},
    "binomial": {"color": INK, "linestyle": (0, (1, 1.5)), "label": "binomial bound"},
    "bernstein": {"color": INK, "linestyle": (0, (4, 1.5, 1, 1.5, 1, 1.5)), "label": "Bernstein's bound"},
}

TRAINED_BOUND_STYLES: dict[str, dict[str, Any]] = {
    "printed": BOUND_STYLES["printed"],
    "all_radii": BOUND_STYLES["sharp"] | {"label": "bound for all radii"},
}
"""Of the bounds that hold at the radius that training reached. `sharp` is never beside the second."""


def law_colours(laws: Sequence[str]) -> dict[str, str]:
    """A colour for each displacement law, the same in every figure."""
    order = [*THEOREM_LAWS, *(law for law in laws if law not in THEOREM_LAWS)]
    return {law: LAW_COLOURS[i % len(LAW_COLOURS)] for i, law in enumerate(order)}
