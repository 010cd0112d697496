"""Colours of drawings as variables of the style sheet, each with a form for a dark ground."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import cast

PAPER, INK = (0xFFFEFB, 0x191A1C), (0x1F1F1D, 0xDDDAD3)
"""Ground and ink of the page, light and dark, as in `page.css`."""

CONTRAST = 4.5
"""Least contrast of a coloured line or word with the dark ground (WCAG 2.1, level AA for text)."""

TINT = 0.5
"""A colour whose darkest channel is less than this below 1 is a tint of white: a shaded area."""

HEX = re.compile(r"#([0-9a-f]{6})\b", re.I)

Rgb = tuple[float, float, float]


def variable(colour: str) -> str:
    """The value of a `fill` or `stroke` with its hexadecimal colours as variables."""
    return HEX.sub(lambda match: f"var(--c-{match[1].lower()})", colour)


def style_sheet(colours: Iterable[str]) -> str:
    """Rules that define the variable of each colour, six digits each; print is light."""
    names = sorted(set(colours))
    light = "".join(f"--c-{name}:#{light_form(name)};" for name in names)
    dark = "".join(f"--c-{name}:#{dark_form(name)};" for name in names)
    return f":root{{{light}}}\n@media screen and (prefers-color-scheme: dark){{:root{{{dark}}}}}\n"


def light_form(colour: str) -> str:
    """The colour itself; white becomes the ground of the page."""
    return f"{PAPER[0]:06x}" if colour == "ffffff" else colour


def dark_form(colour: str) -> str:
    """A grey at the same place between ink and ground, a tint of white as one of the ground.

    Any other colour is mixed with white up to `CONTRAST`.
    """
    given = _rgb(int(colour, 16))
    ground = _rgb(PAPER[1])
    if max(given) - min(given) < 0.02:
        ink = _rgb(INK[1])
        darkest = _rgb(0x262626)[0]
        share = min(max((given[0] - darkest) / (1.0 - darkest), 0.0), 1.0)
        return _hex(_mix(ink, ground, share))
    depth = 1.0 - min(given)
    if depth < TINT:
        pure = cast(Rgb, tuple((c - 1.0 + depth) / depth for c in given))
        return _hex(_mix(ground, pure, depth))
    shares = (step / 100 for step in range(101))
    lighter = (_hex(_mix(given, (1.0, 1.0, 1.0), share)) for share in shares)
    return next(form for form in lighter if contrast(_rgb(int(form, 16)), ground) >= CONTRAST)


def contrast(one: Rgb, other: Rgb) -> float:
    """The contrast of two colours, from 1 to 21 (WCAG 2.1)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Rgb) -> float:
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (a + share * (b - a) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _rgb(colour: int) -> Rgb:
    return (colour >> 16) / 255, (colour >> 8 & 255) / 255, (colour & 255) / 255


def _hex(colour: Rgb) -> str:
    return "".join(f"{round(255 * c):02x}" for c in colour)
