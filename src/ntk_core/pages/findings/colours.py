"""Colours of drawings as variables of the style sheet, each with a form for a light and for a dark ground."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...figures.palette import GRID, GROUND, INK, MUTED, SHADE

NEUTRAL = {
    colour.removeprefix("#"): name
    for colour, name in ((INK, "ink"), (MUTED, "soft"), (GRID, "line"), (SHADE, "panel"), (GROUND, "paper"))
}
"""Variables of `page.css` in place of the neutral colours of figures. The other colours of figures have a
contrast of 3:1 on white and on #121212.
"""

LIGHT, DARK = "fffefb", "191a1c"
"""Ground of the page, `--paper` of `page.css`."""

CONTRAST = 4.5
"""Least contrast of a coloured line or word with the ground (WCAG 2.1, level AA for text)."""

TINT = 0.5
"""A colour whose darkest channel is less than this below 1 is a tint of white: a shaded area."""

Rgb = tuple[float, float, float]

_HEX = re.compile(r"#([0-9a-f]{6})\b", re.I)


def variable(paint: str) -> str:
    """The value of a `fill` or `stroke` with its hexadecimal colours as variables."""
    return _HEX.sub(lambda match: f"var(--{NEUTRAL.get(name := match[1].lower(), f'c-{name}')})", paint)


def style_sheet(colours: Iterable[str]) -> str:
    """Rules that define the variable of each colour, six hexadecimal digits each; paper is light."""
    names = sorted(set(colours))
    light = "".join(f"--c-{name}:#{on_ground(name, LIGHT)};" for name in names)
    dark = "".join(f"--c-{name}:#{on_ground(name, DARK)};" for name in names)
    return f":root{{{light}}}\n@media screen and (prefers-color-scheme: dark){{:root{{{dark}}}}}\n"


def on_ground(colour: str, ground: str) -> str:
    """The colour, mixed with white or black as far as `CONTRAST` with the ground takes.

    A tint of white becomes the same tint of the ground.
    """
    channels, behind = rgb(colour), rgb(ground)
    depth = 1.0 - min(channels)
    if depth < TINT:
        red, green, blue = ((c - 1.0 + depth) / depth if depth else 0.0 for c in channels)
        return _hex(_mix(behind, (red, green, blue), depth))
    far = (0.0, 0.0, 0.0) if _luminance(behind) > 0.5 else (1.0, 1.0, 1.0)
    forms = (_hex(_mix(channels, far, step / 100)) for step in range(101))
    return next(form for form in forms if contrast(rgb(form), behind) >= CONTRAST)


def contrast(one: Rgb, other: Rgb) -> float:
    """The contrast of two colours, from 1 to 21 (WCAG 2.1)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def rgb(colour: str) -> Rgb:
    """Red, green and blue of six hexadecimal digits, from 0 to 1."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return red, green, blue


def _luminance(colour: Rgb) -> float:
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (a + share * (b - a) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _hex(colour: Rgb) -> str:
    return "".join(f"{round(255 * c):02x}" for c in colour)
