"""The command `ntk-core`: a file here for each thing people do with an archive."""

from . import export, inspect, verify
from .common import app

__all__ = ["app", "export", "inspect", "verify"]
