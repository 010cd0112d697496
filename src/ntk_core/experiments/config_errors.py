"""Pydantic's errors about a config as lines for a person: key path, value, what is allowed."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError

from ..laws.queries import nearest_name

YAML_NUMBERS = (
    "; YAML needs a point and a sign as in 1.0e-3, and no quotes; after --config, nested values are text"
)
"""Why what looks like a number may be text in a config. Calls from Python leave it out."""

KEYS_IN_PYTHON = {"law": "perturbation"}
"""Keys of a config by what the functions of Python call them."""

MAX_FAULTS = 20
"""Faults of one config that are printed; the others are counted."""


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """The faults of a mapping that `model` refuses, one line each."""
    faults = error.errors(include_url=False)
    lines = list(dict.fromkeys(_line(fault, model) for fault in faults[: 10 * MAX_FAULTS]))
    omitted = len(lines[MAX_FAULTS:]) + len(faults[10 * MAX_FAULTS :])
    return "\n".join([*lines[:MAX_FAULTS], *([f"and {omitted:,} more"] if omitted else [])])


def shorten(value: object) -> str:
    """`repr` of a value for a message, at most 80 characters."""
    text = _Short().repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


class _Short(reprlib.Repr):
    """`repr` in bounded time: YAML aliases of aliases can make the text of a short file endless."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxlist = self.maxtuple = self.maxset = self.maxdict = 10
        self.maxstring = self.maxlong = self.maxother = 100

    def repr_int(self, x: int, level: int) -> str:
        return repr(x) if x.bit_length() < 10_000 else "a number of thousands of digits"

    def repr_str(self, x: str, level: int) -> str:
        return repr(x[: self.maxstring])


def _line(fault: Mapping[str, Any], model: type[BaseModel]) -> str:
    """The line of one fault. Follows its key path through the types of the model to what is allowed."""
    location, error = list(fault["loc"]), fault["type"]
    # Pydantic's mark of a mapping's key, the name of an experiment or law, is after the name.
    of_name = location[-1:] == ["[key]"] and len(location) > 2 and error != "extra_forbidden"
    if of_name:
        del location[-2:]
    if error == "invalid_key":
        location.pop()
    path, allowed, kind = "", keys_text(model), _unwrap(model)
    for part in location:
        if part in (tags := _tags(kind)):  # pydantic's mark of the type it tried, of several
            kind = _unwrap(tags[part])
            allowed = keys_text(kind)
            continue
        path += f"[{part}]" if isinstance(part, int) else f".{_word(part)}".removeprefix("" if path else ".")
        if get_origin(kind) in (dict, list):
            kind = _unwrap(get_args(kind)[-1])
        elif error == "extra_forbidden" and part not in kind.model_fields:
            keys = kind.model_fields
            meant = KEYS_IN_PYTHON.get(part, part)
            suggestion = _suggestion(meant if meant in keys else part, keys)
            return f"{path}: unknown key{suggestion}; allowed here: {', '.join(keys)}"
        else:
            field = kind.model_fields[part]
            kind, allowed = _unwrap(field.annotation), field.description
    path, value = path or "config", shorten(fault["input"])
    if error == "invalid_key":
        return f"{path} has the key {value}; allowed: keys that are text"
    if error == "union_tag_invalid":
        tag, tags = shorten(fault["ctx"]["tag"]), fault["ctx"]["expected_tags"]
        close = _suggestion(fault["ctx"]["tag"], re.findall(r"'([^']*)'", tags))
        return f"{path}.kind is {tag}{close}; allowed: {tags.replace(', ', ' or ')}"
    if error == "missing":
        return f"{path} is missing; allowed: {allowed}"
    if error == "too_long":
        maximum = fault["ctx"]["max_length"]
        return f"{path} has more than {maximum:,} values; allowed: at most {maximum:,}, {allowed}"
    if error == "value_error":
        value += f" ({fault['ctx']['error']})"
    elif error == "unknown_law":
        value += _suggestion(fault["input"], fault["ctx"]["laws"])
    elif error == "literal_error" and isinstance(fault["input"], str):
        value += _suggestion(fault["input"], re.findall(r"'([^']*)'", fault["ctx"]["expected"]))
    elif not of_name and isinstance(fault["input"], str) and _is_number(fault["input"]):
        value += f" (text, not a number{YAML_NUMBERS})"
    return f"{path} {'has the name' if of_name else 'is'} {value}; allowed: {allowed}"


def _unwrap(kind: Any) -> Any:
    """A type without annotations; `T` of an optional `T | None`."""
    if get_origin(kind) is Annotated:
        return _unwrap(get_args(kind)[0])
    options = [option for option in get_args(kind) if option is not NoneType]
    return _unwrap(options[0]) if get_origin(kind) in (Union, UnionType) and len(options) == 1 else kind


def _tags(kind: Any) -> dict[str | int, Any]:
    """The types of a union by their tags."""
    options = get_args(kind) if get_origin(kind) in (Union, UnionType) else ()
    return {tag.tag: option for option in options for tag in option.__metadata__ if isinstance(tag, Tag)}


def _suggestion(word: str, words: Iterable[str]) -> str:
    """` (did you mean ...?)` where one of the words is close to `word`, else nothing."""
    nearest = nearest_name(word, words)
    return f" (did you mean {nearest!r}?)" if nearest else ""


def keys_text(model: type[BaseModel]) -> str:
    """What is allowed for a section of the config."""
    return f"a mapping with the keys {', '.join(model.model_fields)}"


def _word(part: str) -> str:
    return part if re.fullmatch(r"[\w-]{1,64}", part, re.ASCII) else shorten(part)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
