"""Theory for users: every argument is checked, and an unknown name is an error, not NaN.

The functions of `laws` and `theory` check nothing, because they are called for every cell of a grid.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NamedTuple

import numpy as np

from ..network import Array
from ..quantities import QUANTITIES
from ..theory import bounds
from . import LAWS, exact
from . import moments as law_moments


class Range(NamedTuple):
    """Smallest and largest value of an argument, and both in words for messages."""

    smallest: float
    largest: float
    words: str


RANGES = {
    "m": Range(2, 2**40, "even whole numbers, 2 to 2^40"),
    "d": Range(1, 2**20, "whole numbers, 1 to 2^20"),
    "alpha": Range(1e-9, 1e6, "numbers, 1e-9 to 1e6"),
    "delta": Range(1e-9, 0.999, "numbers, 1e-9 to 0.999"),
    "x_norm": Range(1e-12, 1e12, "numbers, 1e-12 to 1e12"),
}
"""Where theory is asked for: by the functions below, and by a config."""


@dataclass(frozen=True)
class Moments:
    """Exact moments of a quantity at ‖x‖ = 1, and how they decay.

    `mean` is NaN where the terms of a pair cancel, `rms` is the root mean square; both are NaN under
    `frobenius`, whose moments have no closed form. The quantity decays as
    m^(-`exponent`); `mean_limit` and `rms_limit` are the limits of m^`exponent` times the two as m → ∞.
    """

    mean: float
    rms: float
    exponent: float
    mean_limit: float
    rms_limit: float


def exact_quantile(
    quantity: str, *, law: str, m: int, alpha: float, delta: float, d: int = 2, x_norm: float = 1.0
) -> float:
    """The exact (1-δ)-quantile of a quantity under a displacement law, for an input of norm `x_norm`.

    All are single values: `m` even, 2 to 2^40; `d` 1 to 2^20; `alpha` 1e-9 to 1e6; `delta` 1e-9 to 0.999;
    `x_norm` 1e-12 to 1e12. To about 1e-6 relative or better; to fewer digits under `sphere` where more than
    10^6 pairs of neurons change sign. NaN under `frobenius`,
    which has no exact law here, and beyond α/√m = 8, where laws with a density are not computed. Raises
    `ValueError` for a value out of range or an unknown name. Source: docs/theory.md, "Exact law along x"; no
    run enters.
    """
    _check(0, law=law, quantity=quantity, m=m, d=d, alpha=alpha, delta=delta, x_norm=x_norm)
    value = exact.exact_quantile(law, quantity, int(m), int(d), float(alpha), float(delta))
    return value * float(QUANTITIES[quantity].at_norm(np.asarray(x_norm, dtype=np.float64)))


def bound(name: str, quantity: str, *, m: Any, alpha: Any, delta: Any, x_norm: Any = 1.0) -> Array:
    """A bound on a quantity that holds with probability at least 1-δ uniformly over max_i ‖u_i‖ ≤ α/√m.

    `name` is one of `BOUNDS`: as printed in the notes (Theorem 1, Lemma 4, event A₁; not all are true off
    ‖x‖ = 1), sharpened by Hoeffding's inequality, from the binomial quantile of the band, by Bernstein's
    inequality (the optimal constant), or the exact quantile of the supremum over the ball, which of E and Δ₁
    is NaN beyond α/√m = 8. Runs under `frobenius` may leave that ball. The other arguments are numbers or
    arrays, which broadcast by position, as NumPy does, also if they have labels; ranges as in
    `exact_quantile`. Raises `ValueError` for a value out of range, an unknown name or shapes that do not fit.
    """
    if text := fault("bound", name, name="name"):
        raise ValueError(text)
    _check(None, quantity=quantity, m=m, alpha=alpha, delta=delta, x_norm=x_norm)
    arrays = [np.asarray(value, dtype=np.float64) for value in (m, alpha, delta, x_norm)]
    try:
        np.broadcast_shapes(*(array.shape for array in arrays))
    except ValueError:
        shapes = ", ".join(f"{array.shape}" for array in arrays)
        words = f"m, alpha, delta, x_norm have the shapes {shapes}; allowed: shapes that broadcast"
        raise ValueError(words) from None
    return bounds.bound(name, quantity, *arrays)


def moments(quantity: str, *, law: str, m: int, alpha: float, d: int = 2) -> Moments:
    """Exact moments of a quantity under a displacement law at ‖x‖ = 1; ranges as in `exact_quantile`.

    Raises `ValueError` for a value out of range or an unknown name. Source: docs/theory.md; no run enters.
    """
    _check(0, law=law, quantity=quantity, m=m, d=d, alpha=alpha)
    cell = law, quantity, int(m), int(d), float(alpha)
    return Moments(
        law_moments.mean(*cell),
        law_moments.root_mean_square(*cell),
        law_moments.exponent(law, quantity),
        *(law_moments.limit(law, quantity, int(d), float(alpha), statistic) for statistic in ("mean", "rms")),
    )


def nearest_name(name: object, names: Iterable[str]) -> str | None:
    """The name that this one looks like, in whatever case it is written; None if it looks like none."""
    same_case = {item.casefold(): item for item in names}
    nearest = get_close_matches(str(name).casefold(), same_case, 1)
    return same_case[nearest[0]] if nearest else None


def allowed_names(name: object, names: Iterable[object], word: str = "allowed") -> str:
    """For the message about a name that is not among `names`: these, and the nearest if it looks mistyped.

    `word` says what the names are.
    """
    texts = [str(item) for item in names]
    nearest = nearest_name(name, texts)
    return f"{word}: {', '.join(texts)}" + (f"; did you mean {nearest}?" if nearest else "")


def fault(argument: str, value: Any, dimensions: int | None = None, name: str | None = None) -> str | None:
    """What is wrong with the value of an argument, with what is allowed; None if nothing is.

    `argument` is a key of `RANGES`, or `law`, `quantity` or `bound`; the text calls it `name` if that is
    given. `dimensions` is the number of axes that a numeric value has, or None for any number.
    """
    name = name or argument
    names: dict[str, Collection[str]] = {"law": LAWS, "quantity": QUANTITIES, "bound": bounds.BOUNDS}
    if argument in names:
        is_one = isinstance(value, str) and value in names[argument]
        return None if is_one else f"{name} is {value!r}; {allowed_names(value, names[argument])}"
    low, high, allowed = RANGES[argument]
    try:
        numbers = np.asarray(value)
    except ValueError:  # lists of unequal length
        numbers = np.asarray(None)
    if numbers.dtype.kind not in "iuf":
        return f"{name} is {value!r}; allowed: {allowed}"
    if dimensions is not None and numbers.ndim != dimensions:
        return f"{name} is {value!r}; allowed: one value of {allowed}"
    valid = (numbers >= low) & (numbers <= high)
    if argument in ("m", "d"):
        with np.errstate(invalid="ignore"):  # of infinite numbers
            valid &= numbers % (2 if argument == "m" else 1) == 0
    return None if valid.all() else f"{name} is {numbers[~valid][0]:.15g}; allowed: {allowed}"


def _check(dimensions: int | None, /, **arguments: Any) -> None:
    """Raise `ValueError` for the first invalid argument, with its name, its value and what is allowed."""
    for argument, value in arguments.items():
        if text := fault(argument, value, dimensions):
            raise ValueError(text)
