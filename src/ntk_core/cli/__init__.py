"""The command `ntk-core`: a file here for each thing people do with an archive."""

from . import check, look, pass_on
from .common import app

__all__ = ["app", "check", "look", "pass_on"]
