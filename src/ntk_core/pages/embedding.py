"""Templates of a page, the files embedded in it, and their digests for its security policy."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined


def templates(package: str) -> Environment:
    """The templates beside the code of a package. Values are escaped; a missing value is an error."""
    return Environment(
        loader=PackageLoader(package, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def asset(package: str, name: str) -> str:
    """The text of a file beside the code of a package."""
    return files(package).joinpath(name).read_text(encoding="utf-8")


def digest(content: str) -> str:
    """The digest that allows a script or style in the page's content security policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
