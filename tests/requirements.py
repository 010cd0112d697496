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
    found = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    return {name: texts for name, texts in found.items() if all(isinstance(text, str) for text in texts)}


def required(requirements: list[str]) -> dict[str, SpecifierSet]:
    found = {}
    for text in requirements:
        requirement = Requirement(text)
        found[canonicalize_name(requirement.name)] = requirement.specifier
        for extra in requirement.extras & {"distributed"}:  # a package of its own for conda
            found[canonicalize_name(extra)] = requirement.specifier
    return found


def locked(path: str) -> dict[str, list[Version]]:
    found: dict[str, list[Version]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", (ROOT / path).read_text(), re.M):
        found.setdefault(canonicalize_name(name), []).append(Version(version))
    return found
