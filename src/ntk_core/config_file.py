"""Reading a config file so that nothing in it can mislead or exhaust: the check before the model's check.

YAML lets a file say one thing and load as another (of two equal keys the last wins, `0100` is 64,
`1:30` is 90, a tag names any type) and lets a short file load as a huge one (nesting, aliases of
aliases). A config needs none of that. So the file is first followed event by event, in one pass
and constant memory, and only what is small and plain is loaded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .config import ConfigError, shorten

MAX_BYTES = 256 * 1024
"""A config of a thousand values on every axis has some 50 kB."""

MAX_DEPTH = 16
"""Levels of lists and mappings; a config has four."""

MAX_VALUES = 20_000
"""Values of a file once its aliases are written out."""

MAX_SCALAR = 1000
"""Characters of one value; a longer number takes Python quadratic time to read."""

_BASES = {8: re.compile(r"[-+]?0[0-7_]+"), 60: re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")}
"""What YAML 1.1 takes for a number and does not read as a decimal one, by its base."""


def read_config_file(path: Path) -> Any:
    """The plain data of a config file, YAML or JSON, still to be parsed by `parse_config`.

    Raises `ConfigError` naming the file and, where there is one, the line.
    """
    try:
        if not path.is_file():
            raise ConfigError(f"{path} is no file; allowed: a YAML or JSON file")
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}); allowed: a YAML or JSON file") from None
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path} is too large; allowed: at most {MAX_BYTES:,} bytes")
    try:
        return _read(data.decode())
    except UnicodeDecodeError as error:
        fault = _TextError(f"byte 0x{data[error.start]:02x} at offset {error.start}", "text in UTF-8")
    except _TextError as error:
        fault = error
    raise ConfigError(f"{path}{fault}") from None


def with_law_paths(raw: Mapping[str, Any], files: Sequence[Path]) -> dict[str, Any]:
    """The config with absolute paths of the user's own laws, each relative to the config file that names it.

    `files` are those that `raw` was read from: of several that name a law the last counts, as it does for
    Snakemake. What is no path stays as it is, for `parse_config` to refuse.
    """
    laws = raw.get("laws")
    if not isinstance(laws, Mapping):
        return dict(raw)
    folders = dict.fromkeys(laws, Path())
    for file in files:
        content = read_config_file(file)
        named = content.get("laws") if isinstance(content, Mapping) else None
        folders |= dict.fromkeys(named if isinstance(named, Mapping) else (), file.absolute().parent)
    paths = {k: str(folders[k] / v) if isinstance(v, str) and v else v for k, v in laws.items()}
    return {**raw, "laws": paths}


_Mark = Any  # None, or a place in the text: PyYAML has two classes for it


class _TextError(Exception):
    """What is wrong with a text, to be put behind the name of its file."""

    def __init__(self, problem: str, allowed: str, mark: _Mark = None) -> None:
        line = "" if mark is None else f", line {mark.line + 1}"
        super().__init__(f"{line}: {problem}; allowed: {allowed}")


def _read(text: str) -> Any:
    """As Snakemake does: JSON if it is JSON, otherwise YAML."""
    try:
        data = json.loads(text, object_pairs_hook=_once)
    except ValueError:
        pass
    except RecursionError:
        raise _too_deep() from None
    else:
        if _levels(data) > MAX_DEPTH:
            raise _too_deep()
        return data
    try:
        _follow(yaml.parse(text, Loader=yaml.SafeLoader))
        return yaml.safe_load(text)
    except yaml.reader.ReaderError as error:
        raise _TextError(f"the character U+{error.character:04X}", "printable characters") from None
    except yaml.MarkedYAMLError as error:
        problem = f"no YAML ({error.problem or error.context})"
        raise _TextError(problem, "YAML or JSON, indented by spaces", error.problem_mark) from None
    except ValueError as error:  # a date such as 2026-99-99
        raise _TextError(f"no YAML ({error})", "YAML or JSON with numbers and text") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen:
            raise _twice(key)
        seen[key] = value
    return seen


def _levels(data: Any) -> int:
    level, depth = [data], 0
    while level := [value for value in level if isinstance(value, (list, dict))]:
        level = [x for value in level for x in (value.values() if isinstance(value, dict) else value)]
        depth += 1
    return depth


@dataclass
class _Node:
    """A list or mapping the events are inside of; `values` and `levels` are those below it."""

    anchor: str | None
    mapping: bool
    values: int = 0
    levels: int = 0
    children: int = 0
    keys: set[str] = field(default_factory=set)


def _follow(events: Iterator[yaml.Event]) -> None:
    """Raises `_TextError` at the first event of a file that is more, or other, than it seems."""
    inside: list[_Node] = []
    anchors: dict[str, tuple[int, int]] = {}
    documents = 0
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _TextError("a second document", "one", event.start_mark)
        if isinstance(event, yaml.CollectionEndEvent):
            node = inside.pop()
            _close(node.values + 1, node.levels + 1, node.anchor, inside, anchors)
        if not isinstance(event, yaml.NodeEvent):
            continue
        is_key = bool(inside) and inside[-1].mapping and inside[-1].children % 2 == 0
        _plain(event, is_key)
        if is_key and isinstance(event, yaml.ScalarEvent):
            if event.value in inside[-1].keys:
                raise _twice(event.value, event.start_mark)
            inside[-1].keys.add(event.value)
        if inside:
            inside[-1].children += 1
        if isinstance(event, yaml.CollectionStartEvent):
            inside.append(_Node(event.anchor, isinstance(event, yaml.MappingStartEvent)))
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in anchors:
                raise _TextError(
                    f"*{shorten(event.anchor)} names nothing before it", "&name first", event.start_mark
                )
            _close(*anchors[event.anchor], None, inside, anchors)
        else:
            _close(1, 0, event.anchor, inside, anchors)
        if len(inside) + (inside[-1].levels if inside else 0) > MAX_DEPTH:
            raise _too_deep(event.start_mark)
        if sum(node.values for node in inside) > MAX_VALUES:
            raise _TextError(
                "too many values", f"at most {MAX_VALUES:,}, aliases written out", event.start_mark
            )
    if not documents:
        raise _TextError("empty", "YAML or JSON with keys at top level")


def _close(
    values: int, levels: int, anchor: str | None, inside: list[_Node], anchors: dict[str, tuple[int, int]]
) -> None:
    """Count a finished value for what it is in, and for those who will name it."""
    if anchor is not None:
        anchors[anchor] = values, levels
    if inside:
        inside[-1].values += values
        inside[-1].levels = max(inside[-1].levels, levels)


def _plain(event: yaml.NodeEvent, is_key: bool) -> None:
    if is_key and not isinstance(event, yaml.ScalarEvent):
        raise _TextError(
            "a key that is a list, a mapping or an alias", "keys that are text", event.start_mark
        )
    if not isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)):
        return
    if event.tag is not None:
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")
        raise _TextError(f"the tag {shorten(tag)}", "values without tags", event.start_mark)
    if not isinstance(event, yaml.ScalarEvent):
        return
    value = event.value
    if len(value) > MAX_SCALAR:
        raise _TextError(f"a value of {len(value):,} characters", f"at most {MAX_SCALAR:,}", event.start_mark)
    if is_key and value == "__use_yte__":
        raise _TextError("the key __use_yte__", "a config, not a template that makes one", event.start_mark)
    for base, pattern in _BASES.items():
        if event.implicit[0] and pattern.fullmatch(value):
            text = shorten(value).strip("'")
            raise _TextError(f"{text} is read in base {base}", "decimal numbers", event.start_mark)


def _twice(key: str, mark: _Mark = None) -> _TextError:
    return _TextError(f"the key {shorten(key)} is there twice", "each key once", mark)


def _too_deep(mark: _Mark = None) -> _TextError:
    return _TextError("nested too deep", f"at most {MAX_DEPTH} levels", mark)
