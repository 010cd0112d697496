"""What a page holds instead of naming it, and how its content security policy knows it."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files


def asset(package: str, name: str) -> str:
    """The text of a file that lies beside the code of a package."""
    return files(package).joinpath(name).read_text(encoding="utf-8")


def digest(content: str) -> str:
    """For the page's content security policy: this very script or style, and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
