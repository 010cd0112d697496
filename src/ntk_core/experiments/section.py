"""A section of a config: a mapping whose keys and values are checked, with one clear error for each fault."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from .config_errors import explain


class ConfigError(ValueError):
    """A config that cannot be run; the message names key path, value and what is allowed."""


MAX_AXIS = 1000
"""Values of one list, and experiments of one config: what is larger is a mistake, and dear to check."""


def unique(values: list[Any]) -> list[Any]:
    """The values, if each is there once; else `ValueError`."""
    previous = set()
    for value in values:
        if value in previous:
            raise ValueError(f"{value!r} is there twice")
        previous.add(value)
    return values


class Section(BaseModel):
    """A mapping of a config: no key but its own, no value but of its type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


AnySection = TypeVar("AnySection", bound=Section)

UNIQUE = AfterValidator(unique)
"""Refuses a list in which a value is there twice."""


def parse_section(model: type[AnySection], raw: Any, laws: Iterable[str] = ()) -> AnySection:
    """A section of a config on its own, from plain data; `laws` are names of laws beside the package's.

    Raises `ConfigError` listing the faults, one line each.
    """
    try:
        return model.model_validate(
            dict(raw) if isinstance(raw, Mapping) else raw, context=tuple(laws)[:MAX_AXIS]
        )
    except ValidationError as error:
        raise ConfigError(explain(error, model)) from None
