"""What pyproject.toml requires and what the locks pin."""

from __future__ import annotations

import re
import tomllib

from conftest import ROOT
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def groups() -> dict[str, list[str]]:
    """The dependency groups, without those that include others."""
    tables = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    return {name: texts for name, texts in tables.items() if all(isinstance(text, str) for text in texts)}


def required(requirements: list[str]) -> dict[str, SpecifierSet]:
    by_name = {}
    for text in requirements:
        requirement = Requirement(text)
        by_name[canonicalize_name(requirement.name)] = requirement.specifier
        for extra in requirement.extras & {"distributed"}:  # a package of its own for conda
            by_name[canonicalize_name(extra)] = requirement.specifier
    return by_name


def locked(path: str) -> dict[str, list[Version]]:
    versions: dict[str, list[Version]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", (ROOT / path).read_text(), re.M):
        versions.setdefault(canonicalize_name(name), []).append(Version(version))
    return versions
