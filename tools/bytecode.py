"""Imports all modules that the jobs of a run import, so that their bytecode is on disk: called by set-up.

A fifth of what requirements.lock installs: of any other module Python stores it with the first import.
"""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module

import ntk_core

LATE_IMPORTS = ("distributed", "snakemake.cli", "snakemake.report.html_reporter")
"""What a run imports and no module of this package does when it is imported."""


def main() -> None:
    """Import them, and all modules of this package."""
    sys.dont_write_bytecode = False
    modules = [module.name for module in pkgutil.walk_packages(ntk_core.__path__, "ntk_core.")]
    for name in (*LATE_IMPORTS, *modules):
        if not name.endswith("__main__"):
            import_module(name)


if __name__ == "__main__":
    main()
