"""The library of this checkout, imported once in the process that others are forked from.

A forked process that looks for the package, and finds it in `src` of this checkout, gets these modules at
once. One that finds another copy first, by its search path, imports that. So does one whose environment names
another cache folder for compiled code, which the library reads where it is imported.
"""

from __future__ import annotations

import re
import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[1]
PACKAGE = "ntk_core"


class Imported(MetaPathFinder, Loader):
    """Finds and loads the package by the modules there are, which are then no longer in `sys.modules`."""

    def __init__(self) -> None:
        self.modules = take_library()
        self.compiling: Any = self.modules[f"{PACKAGE}.compiling"]

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != PACKAGE:
            return None
        spec = PathFinder.find_spec(name)
        if spec is None or spec.origin != self.modules[PACKAGE].__file__:
            return None
        if self.compiling.cache_folder() != self.compiling.CACHE_FOLDER:
            return None
        return ModuleSpec(name, self, origin=spec.origin)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        self.spec = self.modules[PACKAGE].__spec__
        return self.modules[PACKAGE]

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec
        sys.modules.update(self.modules)


def take_library() -> dict[str, ModuleType]:
    """The modules of the package in `sys.modules`, which has none of them afterwards."""
    names = [name for name in sys.modules if name.partition(".")[0] == PACKAGE]
    return {name: sys.modules.pop(name) for name in names}


def import_library() -> None:
    """Import what the workflow imports of it, load the compiled functions, and have forks find all that."""
    files = [path for path in (ROOT / "workflow").rglob("*") if path.suffix in (".py", ".smk")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    sys.path.insert(0, str(ROOT / "src"))
    try:
        for name in sorted(set(re.findall(rf"^from ({PACKAGE}\S*) import ", text, re.M))):
            import_module(name)
        import_module(f"{PACKAGE}.sampling.kernels.__main__").main()
    finally:
        sys.path.remove(str(ROOT / "src"))
    sys.meta_path.insert(0, Imported())
