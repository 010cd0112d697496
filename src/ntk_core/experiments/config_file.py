"""Read a config file, and refuse what YAML would silently misread or expand without limit.

YAML loads some text as something else (of two equal keys the last wins, `0100` is 64, `1:30` is 90, a tag
names any type), and a short file as a huge one (aliases of aliases). As in Snakemake, a JSON parser reads
the file first: `1e5` is a number in JSON and text in YAML.
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
"""Bytes of a config file; a thousand values on every axis take some 50 kB."""

MAX_VALUES = 20_000
"""Values of a YAML file with aliases written out."""

_REPEATED_KEY = "the key {} appears twice; allowed: each key once"

_SCALAR_TYPES = ("null", "bool", "int", "float", "str", "merge")
"""Allowed types of a value other than a list or mapping: the last part of its tag."""


def read_config_file(path: Path) -> dict[str, Any]:
    """The plain data of a config file, YAML or JSON, still to be parsed by `parse_config`.

    Raises `ConfigError` naming the file and, where there is one, the line.
    """
    try:
        if not path.is_file():  # reading a named pipe would block
            raise ConfigError(f"{path} is not a file; allowed: a YAML or JSON file")
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
        problem = error.problem or error.context
        fault = f"{line}: invalid YAML ({problem}); allowed: YAML or JSON, indented by spaces"
    except RecursionError:
        fault = ": nested too deep; allowed: the few levels of a config"
    except ValueError:  # thousands of digits, or none, as in 0x_
        fault = ": a number that cannot be read; allowed: decimal numbers"
    else:
        if isinstance(content, dict):
            return content
        state = "is empty" if content is None else f"holds {shorten(content)}"
        fault = f" {state}; allowed: a mapping, with keys at top level"
    raise ConfigError(f"{path}{fault}")


def with_law_paths(raw: Mapping[str, Any], files: Sequence[Path]) -> dict[str, Any]:
    """The config with absolute paths of custom laws, each relative to the config file that names it,
    or to the working directory where none does.

    `files` are the sources of `raw`: of several that name a law the last counts, as in Snakemake. A value
    that is no path stays unchanged, and `parse_config` refuses it.
    """
    laws = raw.get("laws")
    if not isinstance(laws, Mapping):
        return dict(raw)
    folders = dict.fromkeys(laws, Path.cwd())
    for file in files:
        file_laws = read_config_file(file).get("laws")
        folders |= dict.fromkeys(file_laws if isinstance(file_laws, Mapping) else (), file.absolute().parent)
    paths = {k: str(folders[k] / v) if isinstance(v, str) and v else v for k, v in laws.items()}
    return {**raw, "laws": paths}


def _load(path: Path, text: str) -> Any:
    def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        key, count = Counter(key for key, _ in pairs).most_common(1)[0] if pairs else ("", 1)
        if count > 1:
            raise ConfigError(f"{path}: {_REPEATED_KEY.format(shorten(key))}")
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=unique_keys)
    except json.JSONDecodeError:
        return _Loader(path, text).get_single_data()


class _Loader(yaml.SafeLoader):
    """YAML without values that load as another type or expand without limit. Raises `ConfigError`."""

    def __init__(self, path: Path, text: str) -> None:
        super().__init__(text)
        self._path = path
        self._values: dict[yaml.Node, int] = {}  # in each complete node, with aliases written out

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
                self._refuse(
                    event, f"{alias} is part of the value it names; allowed: aliases of earlier values"
                )
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
                self._refuse(key, f"the key {_text(key.value)} is not text; allowed: keys that are text")
            if key.value == "__use_yte__":
                self._refuse(key, "the key __use_yte__; allowed: a config, not a template that makes one")
            if key.value in values:
                self._refuse(key, _REPEATED_KEY.format(shorten(key.value)))
            values.add(key.value)

    def _check_scalar(self, node: yaml.Node) -> None:
        kind = node.tag.rpartition(":")[2]
        if kind not in _SCALAR_TYPES:
            self._refuse(node, f"{_text(node.value)} is read as {kind}; allowed: numbers, and text in quotes")
        base = 60 if ":" in node.value else 8 if re.match(r"[-+]?0[0-7_]", node.value) else 10
        if (kind == "int" and base != 10) or (kind == "float" and base == 60):
            self._refuse(node, f"{_text(node.value)} is read in base {base}; allowed: decimal numbers")

    def _refuse(self, element: Any, fault: str) -> NoReturn:
        """Raise the error of an event or a node."""
        raise ConfigError(f"{self._path}, line {element.start_mark.line + 1}: {fault}")


def _text(value: str) -> str:
    """The text of a scalar, shortened."""
    return shorten(value).strip("'")
