"""Reading a config file so that nothing in it can mislead or exhaust: the check before the model's check.

YAML lets a file say one thing and load as another (of two equal keys the last wins, `0100` is 64, `1:30` is
90, a tag names any type) and lets a short file load as a huge one (aliases of aliases). JSON is read by
its own parser first, as Snakemake does: `1e5` is a number there and text in YAML.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import yaml

from .config_errors import shorten
from .section import ConfigError

MAX_BYTES = 256 * 1024
"""A config of a thousand values on every axis has some 50 kB."""

MAX_VALUES = 20_000
"""Values of a YAML file once its aliases are written out."""

_TWICE = "the key {} is there twice; allowed: each key once"

_PLAIN = ("null", "bool", "int", "float", "str", "merge")
"""What a value that is no list or mapping may be, by the last part of its tag."""


def read_config_file(path: Path) -> dict[str, Any]:
    """The plain data of a config file, YAML or JSON, still to be parsed by `parse_config`.

    Raises `ConfigError` naming the file and, where there is one, the line.
    """
    try:
        if not path.is_file():  # a named pipe would wait for ever
            raise ConfigError(f"{path} is no file; allowed: a YAML or JSON file")
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}); allowed: a YAML or JSON file") from None
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path} is too large; allowed: at most {MAX_BYTES:,} bytes")
    try:
        content = _load(path, data.decode())
    except ConfigError:
        raise
    except UnicodeDecodeError as error:
        fault = f": byte 0x{data[error.start]:02x} at offset {error.start}; allowed: text in UTF-8"
    except yaml.reader.ReaderError as error:
        fault = f": the character U+{error.character:04X}; allowed: printable characters"
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f", line {error.problem_mark.line + 1}"
        fault = (
            f"{line}: no YAML ({error.problem or error.context}); allowed: YAML or JSON, indented by spaces"
        )
    except RecursionError:
        fault = ": nested too deep; allowed: the few levels of a config"
    except ValueError:  # of thousands of digits, or of none, as in 0x_
        fault = ": a number that cannot be read; allowed: decimal numbers"
    else:
        if isinstance(content, dict):
            return content
        state = "is empty" if content is None else f"holds {shorten(content)}"
        fault = f" {state}; allowed: a mapping, with keys at top level"
    raise ConfigError(f"{path}{fault}")


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
        named = read_config_file(file).get("laws")
        folders |= dict.fromkeys(named if isinstance(named, Mapping) else (), file.absolute().parent)
    paths = {k: str(folders[k] / v) if isinstance(v, str) and v else v for k, v in laws.items()}
    return {**raw, "laws": paths}


def _load(path: Path, text: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        key, times = Counter(key for key, _ in pairs).most_common(1)[0] if pairs else ("", 1)
        if times > 1:
            raise ConfigError(f"{path}: {_TWICE.format(shorten(key))}")
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError:
        return _Loader(path, text).get_single_data()


class _Loader(yaml.SafeLoader):
    """YAML without what loads as something else than it seems, or as much more. Raises `ConfigError`."""

    def __init__(self, path: Path, text: str) -> None:
        super().__init__(text)
        self._path = path
        self._values: dict[yaml.Node, int] = {}  # of each node that is complete, with aliases written out

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        if tag := getattr(event, "tag", None):
            name = tag.replace("tag:yaml.org,2002:", "!!")
            self._refuse(event, f"the tag {shorten(name)}; allowed: values without tags")
        node = super().compose_node(parent, index)
        assert node is not None
        if isinstance(event, yaml.AliasEvent):
            if node not in self._values:
                alias = f"*{shorten(event.anchor)}"
                self._refuse(event, f"{alias} is part of what it names; allowed: what ends before it")
            return node
        parts: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            self._check_keys([key for key, _ in node.value])
            parts = [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            parts = node.value
        else:
            self._check_scalar(node)
        self._values[node] = 1 + sum(self._values[part] for part in parts)
        if max(self._values[node], len(self._values)) > MAX_VALUES:
            self._refuse(node, f"too many values; allowed: at most {MAX_VALUES:,}, with aliases written out")
        return node

    def _check_keys(self, keys: list[yaml.Node]) -> None:
        values: set[str] = set()
        for key in keys:
            if not isinstance(key, yaml.ScalarNode):
                self._refuse(key, "a key that is a list or mapping; allowed: keys that are text")
            if not key.tag.endswith((":str", ":merge")):
                self._refuse(key, f"the key {_bare(key.value)} is no text; allowed: keys that are text")
            if key.value == "__use_yte__":
                self._refuse(key, "the key __use_yte__; allowed: a config, not a template that makes one")
            if key.value in values:
                self._refuse(key, _TWICE.format(shorten(key.value)))
            values.add(key.value)

    def _check_scalar(self, node: yaml.Node) -> None:
        kind = node.tag.rpartition(":")[2]
        if kind not in _PLAIN:
            self._refuse(node, f"{_bare(node.value)} is read as {kind}; allowed: numbers, and text in quotes")
        base = 60 if ":" in node.value else 8 if re.match(r"[-+]?0[0-7_]", node.value) else 10
        if (kind == "int" and base != 10) or (kind == "float" and base == 60):
            self._refuse(node, f"{_bare(node.value)} is read in base {base}; allowed: decimal numbers")

    def _refuse(self, at: Any, fault: str) -> NoReturn:
        """At an event or a node."""
        raise ConfigError(f"{self._path}, line {at.start_mark.line + 1}: {fault}")


def _bare(value: str) -> str:
    """A scalar as the file has it, shortened."""
    return shorten(value).strip("'")
