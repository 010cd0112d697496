"""Figures as files: SVG, and PDF and PNG converted from it."""

from __future__ import annotations

import io
import re
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
    drawing = io.StringIO()
    figure.savefig(drawing, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    svg = drawing.getvalue()
    for path in paths:
        with replacing(path) as temporary_path:
            if path.suffix == ".pdf":
                temporary_path.write_bytes(pdf(svg))
            elif path.suffix == ".png":
                temporary_path.write_bytes(_png(svg))
            else:
                temporary_path.write_text(svg, encoding="utf-8")


def pdf(svg: str) -> bytes:
    """A drawing of matplotlib's as a PDF of the same size.

    The converter takes a point of the SVG for 4/3 pixels, and makes each pixel a point of the PDF.
    """
    import vl_convert

    size = re.compile(r'(?<=width=")([\d.]+)pt" height="([\d.]+)pt"')
    return vl_convert.svg_to_pdf(size.sub(r'\1" height="\2"', svg, count=1))


def _png(svg: str) -> bytes:
    import vl_convert

    return vl_convert.svg_to_png(svg, scale=PNG_SCALE)
