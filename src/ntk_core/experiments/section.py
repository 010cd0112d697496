"""A section of a config: a mapping whose keys and values are checked, with one error for each fault."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from .config_errors import explain


class ConfigError(ValueError):
    """A config that cannot be run; the message names key path, value and what is allowed."""


MAX_AXIS = 1000
"""Values of one list, and experiments of one config: more is a mistake, and slow to check."""


def unique(values: list[Any]) -> list[Any]:
    """The values. Raises `ValueError` for a repeated one."""
    previous = set()
    for value in values:
        if value in previous:
            raise ValueError(f"{value!r} appears twice")
        previous.add(value)
    return values


class Section(BaseModel):
    """A mapping of a config: only its own keys, only values of their types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


AnySection = TypeVar("AnySection", bound=Section)

UNIQUE = AfterValidator(unique)
"""Refuses a list with a repeated value."""


def parse_section(model: type[AnySection], raw: Any, laws: Iterable[str] = ()) -> AnySection:
    """One section of a config from plain data; `laws` are names of custom laws.

    Raises `ConfigError` listing the faults, one line each.
    """
    try:
        return model.model_validate(
            dict(raw) if isinstance(raw, Mapping) else raw, context=tuple(laws)[:MAX_AXIS]
        )
    except ValidationError as error:
        raise ConfigError(explain(error, model)) from None
