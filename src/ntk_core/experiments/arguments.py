"""Arguments of a Python caller as the plain values that a config has, whichever library they come from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """A number or name as Python's, an array as a list."""
    return np.asarray(value).tolist() if hasattr(value, "__array__") else value


def whole(value: Any) -> Any:
    """The same, with a whole number that is a float as an int."""
    value = plain(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def as_list(name: str, values: Any) -> list[Any]:
    """Several values of an axis as a list, one as a list of it, each plain."""
    values = plain(values)
    several = isinstance(values, Iterable) and not isinstance(values, str)
    return [(whole if name in ("m", "d") else plain)(value) for value in (values if several else [values])]
