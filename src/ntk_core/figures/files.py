"""Figures as files: SVG, and PDF and PNG converted from it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from ..storage.atomic import replacing

PNG_SCALE = 2.0
"""Pixels of a PNG for each pixel of the SVG, which has 96 to the inch."""


def write(figure: Figure, paths: Sequence[Path]) -> None:
    """Write the figure to each path, atomically, without dates or random identifiers; close it.

    It is drawn once, as SVG. PDF and PNG are converted from that: to draw them takes five times as long.
    """
    import vl_convert

    drawing = io.StringIO()
    figure.savefig(drawing, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    svg = drawing.getvalue()
    for path in paths:
        with replacing(path) as temporary_path:
            if path.suffix == ".pdf":
                temporary_path.write_bytes(vl_convert.svg_to_pdf(svg))
            elif path.suffix == ".png":
                temporary_path.write_bytes(vl_convert.svg_to_png(svg, scale=PNG_SCALE))
            else:
                temporary_path.write_text(svg, encoding="utf-8")
