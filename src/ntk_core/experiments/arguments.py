"""Arguments of a Python caller as the plain values that a config has, whichever library they come from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

WHOLE = ("m", "d", "classes")
"""Arguments whose values are whole numbers."""

_EXACT = 2.0**53
"""Up to it every whole number is a float."""


def plain(value: Any) -> Any:
    """A number or name as Python's, an array as a list, with None for a masked value."""
    try:
        return np.ma.asanyarray(value).tolist() if hasattr(value, "__array__") else value
    except TypeError:  # a dataset is no array, though it seems one
        return value


def whole(value: Any) -> Any:
    """The same, with a whole number that is a float as an int."""
    value = plain(value)
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT else value


def as_list(name: str, values: Any) -> list[Any]:
    """Several values of an argument as a list, one as a list of it, each plain; of `WHOLE` ones whole.

    Raises `ValueError` for values of more than one dimension.
    """
    values = plain(values)
    several = isinstance(values, Iterable) and not isinstance(values, (str, bytes))
    items = [(whole if name in WHOLE else plain)(value) for value in (values if several else [values])]
    if any(isinstance(item, (list, tuple, set, dict)) for item in items):
        raise ValueError(f"{name} is {values!r:.60}; allowed: one value, or several in one list")
    return items
