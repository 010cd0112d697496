"""An archive of finished results that explains itself: one folder, and the same as a zip file.

In: the files of a run, its config, and the sources it was made with. Out: a folder in which the results have
the places they have in `results/`, so that whatever reads those reads it too, and beside them config, schema,
lock, licence, citation, the sources, a README that says what each file is, RO-Crate metadata (Workflow Run
Crate) and a manifest over all. The same results give the same bytes: nothing here knows a time, a host or a
user. Datasets are linked, not copied, where the file system can.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import zipfile
from collections.abc import Container, Iterable, Mapping
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from .. import __version__
from ..experiments.config import Config, schema
from ..storage.atomic import replacing, replacing_folder
from ..storage.checksums import MANIFEST, SEAL_SUFFIX, digest, seal_path, write_manifest
from ..storage.metadata import TITLES

if TYPE_CHECKING:
    from rocrate.rocrate import ROCrate

NAME = "ntk-core-archive"
"""The folder inside the zip file."""

CRATE = "ro-crate-metadata.json"

WORKFLOW = "code/workflow/Snakefile"
"""The workflow itself, among the sources."""

SOURCES = (
    "Snakefile", "Makefile", "pyproject.toml", "requirements.lock", "requirements-uv.lock", "environment.yml",
    "README.md", "CHANGELOG.md", "LICENSE", "LICENSES/*.txt", "REUSE.toml", "CITATION.cff", "SECURITY.md",
    "codecheck.yml", "config/**/*", "docs/**/*", "notebooks/*.ipynb", "profiles/**/*", "src/ntk_core/**/*",
    "tools/__init__.py", "tools/bytecode.py", "workflow/**/*",
)  # fmt: skip
"""What of the checkout goes into `code/`: enough to run the workflow again, and the notebook."""

MEANINGS = {
    "README.md": "This page.",
    "config.yaml": "The config the results were made from: all they depend on.",
    "config.schema.json": "JSON schema of the config.",
    "requirements.lock": "Versions and SHA-256 of every package the workflow is run with.",
    "LICENSE": "The licence of everything here but images of digits: of these see `license` of `*/runs.nc`.",
    "CITATION.cff": "How to cite it.",
    MANIFEST: f"Size and SHA-256 of every file here but itself and `{MANIFEST}{SEAL_SUFFIX}`.",
    f"{MANIFEST}{SEAL_SUFFIX}": "SHA-256 of the manifest, as `sha256sum` writes it.",
    CRATE: "What each file is and how it came about, for programs: RO-Crate 1.1, "
    "profile Workflow Run Crate 0.5.",
    "claims.json": "Each statement of the lecture notes with its verdict, the numbers it rests on, a "
    "counterexample where it fails, and what holds instead.",
    "findings.html": "The article: the question, the answer in one figure, then claim by claim; proofs; the "
    "lecture notes, restated.",
    "explore.html": "The same numbers to explore: choose law, width, radius, level and steps of training.",
    "laws/*": "A displacement law of the archiver's own, named in the config.",
    "summary.txt": "The answer in some lines of text. Its last lines name the files of the run: here "
    "they are not in `results/`, and `report.html` is not among them.",
    "figures/*": "A figure of an experiment, named by both.",
    "*/runs.nc": "The runs: each quantity of every run; of trained networks also what goes in and "
    "comes out along training.",
    "*/aggregates.nc": "Of the runs: exact sums, histograms, runs over each bound, and the largest values.",
    "*/theory.nc": "What is known without a run: exact quantiles and moments, bounds.",
    "*/quantiles.nc": "Quantiles with distribution-free intervals, moments, bounds, runs beyond them.",
    "*/rates.nc": "Slopes against the width with intervals, and the constants in front.",
    "code/*": "The sources these results were made with, their documentation, and a notebook.",
}
"""What a file is, by pattern of its path; the first that fits."""

_OF_RUNS = re.compile(r"<!-- runs -->\n(.*?)<!-- end -->\n", re.DOTALL)
"""A part of the page that is of runs."""

MEDIA = {
    ".nc": "application/netcdf", ".json": "application/json", ".html": "text/html", ".md": "text/markdown",
    ".txt": "text/plain", ".yaml": "application/yaml", ".cff": "application/yaml", ".svg": "image/svg+xml",
    ".png": "image/png", ".pdf": "application/pdf",
}  # fmt: skip
"""Media types by suffix; anything else is plain text."""

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}

BIOSCHEMAS = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"

LICENCE = "https://spdx.org/licenses/MIT"


def description(path: str) -> str:
    """What the file at a path of the archive is. Raises `KeyError` where nothing is said of it."""
    for pattern, text in MEANINGS.items():
        if fnmatchcase(path, pattern):
            return text
    raise KeyError(path)


def sources(root: Path) -> list[Path]:
    """The files of a checkout that go into the archive, below `root`."""
    paths = {path for pattern in SOURCES for path in root.glob(pattern) if path.is_file()}
    kept = (path.relative_to(root) for path in paths)
    return sorted(p for p in kept if not any(part.startswith((".", "__pycache__")) for part in p.parts))


def bundle(results: Iterable[Path], root: Path, config: Config, checkout: Path, folder: Path) -> None:
    """Make the archive of `results`, files below `root`, as `folder` and as `folder` with the suffix .zip.

    Both are made under other names and renamed at the end, so that an error leaves what was there, and
    nothing else. `checkout` is the folder of the Snakefile. Raises `FileExistsError` where `folder` is a link
    or holds something else.
    """
    other = folder.is_dir() and any(folder.iterdir()) and not (folder / CRATE).is_file()
    if other or folder.is_symlink():
        fault = "holds something else than an archive of this workflow" if other else "is a link"
        raise FileExistsError(f"{folder.absolute()} {fault}: move it elsewhere")
    places = {path.relative_to(root).as_posix(): path for path in results}
    # The folder is renamed first: if that fails, the old file stays as well.
    with replacing(folder.with_suffix(".zip")) as packed, replacing_folder(folder) as temporary_folder:
        _fill(temporary_folder, places, config, checkout)
        _pack(temporary_folder, packed)


def _fill(folder: Path, results: Mapping[str, Path], config: Config, checkout: Path) -> None:
    """Write all files of an archive; `results` are those of the run, by their places in the archive."""
    folder.mkdir(parents=True)
    for name, path in results.items():
        _put(path, folder / name)
    for name in ("LICENSE", "CITATION.cff", "requirements.lock"):
        _put(checkout / name, folder / name)
    for path in sources(checkout):
        _put(checkout / path, folder / "code" / path)
    for name, law in config.laws.items():
        (folder / "laws").mkdir(exist_ok=True)
        (folder / f"laws/{name}.py").write_text(law.source, encoding="utf-8")
    (folder / "config.yaml").write_text(_config_text(config), encoding="utf-8")
    (folder / "config.schema.json").write_text(schema(), encoding="utf-8")
    (folder / "README.md").write_text(_readme(config, folder), encoding="utf-8")
    (folder / CRATE).write_text(_crate(config, folder, results), encoding="utf-8")
    write_manifest(folder, _contents(folder))


def _put(source: Path, target: Path) -> None:
    """Copy a file; link a dataset, which is large, and which the workflow replaces but never changes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix == ".nc":
        with contextlib.suppress(OSError):  # another file system, or one without links
            os.link(source, target)
            return
    shutil.copyfile(source, target)


def _contents(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _config_text(config: Config) -> str:
    """The config without what results do not depend on; `parse_config` gives the same experiments."""
    plain = config.model_dump(mode="json", exclude={"execution", "laws"}, exclude_none=True)
    if config.laws:
        plain["laws"] = {name: f"laws/{name}.py" for name in config.laws}
    return "# yaml-language-server: $schema=config.schema.json\n" + yaml.safe_dump(plain, sort_keys=False)


def _readme(config: Config, folder: Path) -> str:
    """The page for people: each file, how to check it, how to read it with and without ntk-core.

    What it says of runs is of a drawn experiment that keeps them, without weights, and left out if there is
    none.
    """
    names = [path.relative_to(folder).as_posix() for path in _contents(folder)]
    names += ["README.md", CRATE, MANIFEST, seal_path(Path(MANIFEST)).name]
    listed = [name for name in names if not name.startswith(("code/", "figures/"))]
    groups = {"figures/": "figures/*", "code/": "code/*"}
    rows = [(name, description(name)) for name in sorted(listed)]
    rows += [(name, MEANINGS[pattern]) for name, pattern in groups.items()]
    text = files(__package__).joinpath("readme.md").read_text(encoding="utf-8")
    table = "\n".join(f"| `{name}` | {what} |" for name, what in rows)
    without_weights = map(config.experiment, config.experiments_without_weights)
    with_runs = [
        experiment.name
        for experiment in without_weights
        if (experiment.kind, experiment.keep) == ("drawn", "runs")
    ]
    first, *_ = [*with_runs, *config.experiments]
    text = _OF_RUNS.sub(r"\1" if with_runs else "", text)
    return text.replace("{version}", __version__).replace("{files}", table).replace("{experiment}", first)


def _crate(config: Config, folder: Path, results: Container[str]) -> str:
    """RO-Crate metadata of a folder that lacks only the manifest; `results` are the files of the run."""
    from rocrate.rocrate import ROCrate  # slow to import

    crate = ROCrate(version="1.1")
    citation = yaml.safe_load((folder / "CITATION.cff").read_text(encoding="utf-8"))
    people = [_add_author(crate, author) for author in citation["authors"]]
    authors = people if len(people) > 1 else people[0]  # as RO-Crate wants it
    licence = _add(
        crate,
        LICENCE,
        "CreativeWork",
        name="MIT License",
        description="Use, change and pass on, with the notice.",
    )
    _add(crate, BIOSCHEMAS, "CreativeWork", name="Bioschemas ComputationalWorkflow", version="1.0")
    conforms = [
        _add(crate, url, "CreativeWork", name=name, version=version)
        for url, (name, version) in PROFILES.items()
    ]
    crate.root_dataset.append_to("conformsTo", conforms)
    for key, value in _about(config, citation).items():
        crate.root_dataset[key] = value
    for key, value in {"license": licence, "author": authors, "publisher": authors}.items():
        crate.root_dataset[key] = value
    outputs = _add_files(crate, folder, results)
    workflow = crate.mainEntity
    workflow["license"], workflow["creator"] = licence, authors
    action = {
        "@type": "CreateAction",
        "name": f"Run of the workflow of ntk-core {__version__} on config.yaml",
        "description": "The run that made the results; the same config gives the same bytes.",
    }
    run = crate.add_action(
        workflow, "#run", object=crate.get("config.yaml"), result=outputs, properties=action
    )
    run["agent"] = authors
    crate.root_dataset["mentions"] = run
    return json.dumps(crate.metadata.generate(), indent=1, ensure_ascii=False) + "\n"


def _add_author(crate: ROCrate, author: dict[str, str]) -> Any:
    """A person or group of `CITATION.cff`."""
    kind = "Organization" if "name" in author else "Person"
    name = author.get("name") or f"{author['given-names']} {author['family-names']}"
    return _add(crate, author.get("orcid") or f"#{name.replace(' ', '-')}", kind, name=name)


def _about(config: Config, citation: dict[str, Any]) -> dict[str, str]:
    """What the whole archive is, published when and as `citation` says, the content of `CITATION.cff`."""
    return {
        "name": f"{TITLES['drawn']}: {', '.join(config.experiments)}",
        "description": "Runs of two-layer ReLU networks from a symmetric start, how far each strays from its "
        "linearization, quantiles, rates, exact laws and bounds beside them, and a verdict on each statement "
        "of the lecture notes behind them.",
        "datePublished": str(citation["date-released"]),
        "keywords": ", ".join(citation["keywords"]),
        "version": __version__,
    }


def _add_files(crate: ROCrate, folder: Path, results: Container[str]) -> list[Any]:
    """Add each file of the folder with what it is; returns those of the run, `results`."""
    outputs = []
    for path in _contents(folder):
        name = path.relative_to(folder).as_posix()
        what: dict[str, Any] = {
            "name": name,
            "description": description(name),
            "encodingFormat": MEDIA.get(path.suffix, "text/plain"),
            "contentSize": str(path.stat().st_size),
            "sha256": digest(path),
        }
        if name == WORKFLOW:
            what |= {
                "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
                "version": __version__,
                "conformsTo": {"@id": BIOSCHEMAS},
            }
            crate.add_workflow(path, name, main=True, lang="snakemake", properties=what)
            continue
        file = crate.add_file(path, name, properties=what)
        if name == "README.md":
            file["about"] = crate.root_dataset
        if name in results:
            outputs.append(file)
    return outputs


def _add(crate: ROCrate, identifier: str, kind: str, **properties: Any) -> Any:
    from rocrate.model.contextentity import ContextEntity

    return crate.add(ContextEntity(crate, identifier, properties={"@type": kind, **properties}))


def _pack(folder: Path, target: Path) -> None:
    """All files of `folder` in a zip file, stored as they are: packing depends on the version of zlib."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as packed:
        for path in _contents(folder):
            entry = zipfile.ZipInfo(f"{NAME}/{path.relative_to(folder).as_posix()}")
            entry.external_attr = 0o644 << 16
            entry.file_size = path.stat().st_size  # decides whether the entry is a large one, as ZIP64 has it
            with path.open("rb") as source, packed.open(entry, "w") as inside:
                shutil.copyfileobj(source, inside, 1 << 20)
