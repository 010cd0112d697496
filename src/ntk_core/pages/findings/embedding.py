"""How a page is filled, what it holds instead of naming it, and how its security policy knows that."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined


def templates(package: str) -> Environment:
    """The templates beside the code of a package; what they are given is escaped, and must be there."""
    return Environment(
        loader=PackageLoader(package, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def asset(package: str, name: str) -> str:
    """The text of a file that lies beside the code of a package."""
    return files(package).joinpath(name).read_text(encoding="utf-8")


def digest(content: str) -> str:
    """For the page's content security policy: this very script or style, and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
