"""What requirements.lock installs: `python -m tools.supply sbom` and `licences`, behind make's targets."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import requires
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ntk_core import __version__

ROOT = Path(__file__).parents[1]

READ = {
    "altair": "BSD-3-Clause",
    "appnope": "BSD-2-Clause",
    "arcp": "Apache-2.0",
    "arrow": "Apache-2.0",
    "asttokens": "Apache-2.0",
    "colorama": "BSD-3-Clause",
    "comm": "BSD-3-Clause",
    "conda-inject": "MIT",
    "contourpy": "BSD-3-Clause",
    "cycler": "BSD-3-Clause",
    "dask-jobqueue": "BSD-3-Clause",
    "defusedxml": "PSF-2.0",
    "docutils": "LicenseRef-Public-Domain AND BSD-2-Clause AND BSD-3-Clause",  # its wheel lacks the GPL file
    "ghp-import": "Apache-2.0",
    "gitdb": "BSD-3-Clause",
    "grimp": "BSD-2-Clause",
    "immutables": "Apache-2.0",
    "import-linter": "BSD-2-Clause",
    "importlib-metadata": "Apache-2.0",
    "ipython-pygments-lexers": "BSD-3-Clause",
    "isodate": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "jupyter-client": "BSD-3-Clause",
    "kiwisolver": "BSD-3-Clause",
    "lazy-importer": "Apache-2.0",
    "matplotlib": "PSF-2.0",
    "mpmath": "BSD-3-Clause",
    "msgspec": "BSD-3-Clause",
    "nbclient": "BSD-3-Clause",
    "nbformat": "BSD-3-Clause",
    "nest-asyncio2": "BSD-2-Clause",
    "numba": "BSD-2-Clause",
    "owslib": "BSD-3-Clause",
    "packaging": "Apache-2.0 OR BSD-2-Clause",
    "partd": "BSD-3-Clause",
    "pathspec": "MPL-2.0",
    "prompt-toolkit": "BSD-3-Clause",
    "pygeoif": "LGPL-2.1-or-later",
    "pyreadline3": "BSD-3-Clause",
    "pyshacl": "Apache-2.0",
    "pyudunits2": "Apache-2.0",
    "rich-click": "MIT",
    "scipy": "BSD-3-Clause",
    "seaborn": "BSD-3-Clause",
    "snakemake-interface-common": "MIT",
    "snakemake-interface-logger-plugins": "MIT",
    "snakemake-interface-report-plugins": "MIT",
    "snakemake-interface-scheduler-plugins": "MIT",
    "snakemake-interface-storage-plugins": "MIT",
    "sortedcontainers": "Apache-2.0",
    "sympy": "BSD-3-Clause",
    "traitlets": "BSD-3-Clause",
    "trove-classifiers": "Apache-2.0",
    "zict": "BSD-3-Clause",
    "zipp": "MIT",
}
"""Read in the licence file: of those whose metadata name no SPDX licence, or that not every platform gets."""

PERMISSIVE = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC",
    "CNRI-Python", "LicenseRef-Public-Domain", "MIT", "MIT-0", "MIT-CMU", "PSF-2.0", "W3C-20150513", "Zlib",
}  # fmt: skip
"""Licences that ask for no more than their notice."""

WEAK = {"MPL-2.0"}
"""Licences that want changes to their own files kept open, and nothing of what uses them."""

LESSER = {"LGPL-2.1-or-later", "LGPL-3.0-or-later"}
"""Licences that want the library itself kept exchangeable: for the tests alone, which nobody is given."""

HEAD = """# Licences of what requirements.lock installs

Made by `make licences`, which fails where a licence is unknown or not yet judged. `make sbom` writes the same
and more as a CycloneDX bill of materials, `sbom.json`.

The images of `data: digits`, which archives hold in `x` and `training_x` of `runs.nc`, are by E. Alpaydin and
C. Kaynak (Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998,
[doi:10.24432/C50P49](https://doi.org/10.24432/C50P49), CC BY 4.0), as scikit-learn brings them, scaled to
length 1. Whoever passes them on names them; the file does so itself.

ntk-core is MIT and distributes none of these packages: they are installed beside it. No package is under GPL,
and none that a run needs is under LGPL; the checkers of archives that the tests use bring
{lesser}. All others are permissive except those under MPL-2.0, which want changes to their own
files kept open and which we use unchanged, so nothing follows for what you make with ntk-core. These are:
{weak}.

Wheels also carry libraries under licences of their own, named in their licence files: among them run-time
libraries of GCC in NumPy's and SciPy's (GPL with the run-time exception, LGPL), iconv in lxml's (LGPL), and
in PuLP's the solver CBC (EPL-1.0), a program apart. Whoever passes on an environment or an image passes these
on too.

`library`: needed to read, check and replay archives; `workflow`, `cluster`, `zarr`, `notebook`: by these
extras of pyproject.toml only; `docs`, `tests`: by its dependency groups, which are for developers. A
condition behind a version says which platforms get it.

| package | version | licence | for | needed by |
| --- | --- | --- | --- | --- |
"""


class Pin(NamedTuple):
    """A line of the lock: what is pinned, on which platforms, and who wants it."""

    requirement: Requirement
    wanted_by: list[str]

    @property
    def name(self) -> str:
        """As the lock spells it, which is canonical."""
        return self.requirement.name

    @property
    def version(self) -> str:
        """The one version pinned."""
        return str(self.requirement.specifier).removeprefix("==")

    @property
    def applies(self) -> bool:
        """Whether this platform gets it."""
        return self.requirement.marker is None or self.requirement.marker.evaluate()


def pins() -> list[Pin]:
    """requirements.lock, line by line."""
    entries = []
    for entry in re.split(r"^(?=\w)", (ROOT / "requirements.lock").read_text(), flags=re.M)[1:]:
        wanted_by = re.findall(r"^    #(?: via|  ) +([\w.-]+)", entry, re.M)
        entries.append(Pin(Requirement(entry.partition("\\")[0]), wanted_by))
    return entries


def bill() -> dict[str, Any]:
    """The bill of materials: the environment's packages of the lock, each with one SPDX licence."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible", "--no-validate"]
    command += ["--pyproject", str(ROOT / "pyproject.toml"), "--output-file", "-"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    document: dict[str, Any] = json.loads(done.stdout)
    locked = {pin.name for pin in pins()}
    document["components"] = [c for c in document["components"] if canonicalize_name(c["name"]) in locked]
    for component in document["components"]:
        component["licenses"] = [_licence(component)]
    root = document["metadata"]["component"]
    root["version"] = __version__
    known = {root["bom-ref"], *(component["bom-ref"] for component in document["components"])}
    document["dependencies"] = [d for d in document["dependencies"] if d["ref"] in known]
    return document


def _licence(component: dict[str, Any]) -> dict[str, Any]:
    if read := READ.get(canonicalize_name(component["name"])):
        return {"expression": read, "acknowledgement": "concluded"}
    declared = component.get("licenses", [])
    spdx = [entry for entry in declared if "expression" in entry or "id" in entry["license"]]
    if len(spdx) != 1:
        raise SystemExit(f"{component['name']} names no SPDX licence: read its licence file, note it in READ")
    entry: dict[str, Any] = spdx[0]
    return entry


def licences() -> str:
    """docs/licences.md."""
    by_name = READ.copy()
    for component in bill()["components"]:
        (entry,) = component["licenses"]
        by_name[canonicalize_name(component["name"])] = entry.get("expression") or entry["license"]["id"]
    for name, expression in by_name.items():
        if (
            unknown := set(re.split(r" AND | OR ", re.sub("[()]", "", expression)))
            - PERMISSIVE
            - WEAK
            - LESSER
        ):
            raise SystemExit(f"{name} is under {', '.join(unknown)}: judge it, in PERMISSIVE or WEAK")
    uses = _uses()
    lesser = [f"{name} ({by_name[name]})" for name in uses if by_name[name] in LESSER]
    if needed := [name for name in uses if by_name[name] in LESSER and uses[name] != "tests"]:
        raise SystemExit(f"{', '.join(needed)} is under LGPL, and not for the tests alone")
    rows = []
    for pin in pins():
        version = f"{pin.version} ({pin.requirement.marker})" if pin.requirement.marker else pin.version
        wanted_by = ", ".join("**direct**" if name == "ntk-core" else name for name in pin.wanted_by)
        rows.append(f"| {pin.name} | {version} | {by_name[pin.name]} | {uses[pin.name]} | {wanted_by} |\n")
    weak = sorted(f"{name} ({uses[name]})" for name in uses if by_name[name] in WEAK)
    return HEAD.format(lesser=" and ".join(lesser), weak=", ".join(weak)) + "".join(rows)


def _uses() -> dict[str, str]:
    """What each package of the lock is for; if this platform lacks it, what those that want it are for."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, developing = pyproject["project"], pyproject["dependency-groups"]
    extras = project["optional-dependencies"]
    groups = {"library": _needed(project["dependencies"])}
    groups["workflow"] = _needed(extras["workflow"] + extras["figures"])
    groups |= {name: _needed(extras[name]) for name in ("cluster", "zarr", "notebook")}
    groups |= {"docs": _needed(developing["docs"]), "tests": _needed(developing["test"])}
    wanted_by = {pin.name: pin.wanted_by for pin in pins()}

    def use(name: str) -> str:
        direct = [group for group, names in groups.items() if name in names]
        return min(direct or map(use, wanted_by[name]), key=list(groups).index)

    return {name: use(name) for name in wanted_by}


def _needed(requirements: Iterable[str]) -> set[str]:
    """Names of what these requirements bring here, by what the installed packages say they need."""
    excluded = set((ROOT / "requirements-excluded.txt").read_text().splitlines())
    todo = [Requirement(text) for text in requirements]
    seen: set[tuple[str, str]] = set()
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        for extra in {"", *wanted.extras} - {e for n, e in seen if n == name}:
            seen.add((name, extra))
            needs = (Requirement(text) for text in requires(name) or [])
            needs = (need for need in needs if canonicalize_name(need.name) not in excluded)
            todo += [need for need in needs if not need.marker or need.marker.evaluate({"extra": extra})]
    return {name for name, _ in seen}


def main(what: str) -> None:
    """Write `sbom` or `licences`."""
    if what == "licences":
        (ROOT / "docs/licences.md").write_text(licences())
        return
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = json.dumps(bill(), indent=2, sort_keys=True) + "\n"
    if fault := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise SystemExit(str(fault))
    (ROOT / "sbom.json").write_text(text)


if __name__ == "__main__":
    main(sys.argv[1])
