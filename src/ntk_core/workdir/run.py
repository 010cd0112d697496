"""A run of the workflow: its files, the checks before any work, and what lasts while jobs run.

All that the workflow needs of the library while it plans is here, so that it reads like a table of contents.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..execution.workers import check as check_execution
from ..experiments.config import parse_config
from ..experiments.config_file import read_config_file, with_law_paths
from ..experiments.cost import Cost, check_size, cost_text, expected_cost, jobs_at_once
from ..experiments.plan import Plan
from ..experiments.section import ConfigError
from ..figures import drawable, training_drawable
from ..quantities import QUANTITIES
from ..storage.checksums import MANIFEST, seal_path
from ..storage.output import write_line
from ..storage.printable import printable
from .owner import OccupiedError, cancel_jobs, claim, sweep
from .progress import Job
from .records import STATE, aggregates_of_other_levels, check_records, drop_marks
from .terminal import Expected, Terminal

if TYPE_CHECKING:
    from ..archive.reanalysis import Reanalysis

FORMATS = ("svg", "pdf", "png")
"""Formats of every figure."""


class RunError(ValueError):
    """A run that cannot be planned or started; the message says why and what to do."""


@contextlib.contextmanager
def _as_run_error(problem: str) -> Iterator[None]:
    """A `ConfigError` as a `RunError` that begins with the problem."""
    try:
        yield
    except ConfigError as error:
        lines = map(printable, str(error).splitlines())  # it may quote an archive
        raise RunError("\n".join([f"{problem}:", *lines])) from None


def check_start(files: Sequence[str | Path], cores: int | None = None) -> None:
    """Refuse config files that YAML reads otherwise than they look, a directory that cannot be written, a
    Python that Snakemake cannot call, and a call without `cores`.

    Raises `RunError`.
    """
    if faults := re.findall(r"""[\s'"()&;`$|<>*?\\]""", sys.executable):
        raise RunError(
            f"Snakemake calls Python by its path, and cannot: {sys.executable} has a {faults[0]!r}; "
            "move the checkout, or the environment that it uses, to a path without"
        )
    if cores is not None and cores < 1:
        raise RunError(f"--cores or --jobs is {cores}; allowed: a number of cores from 1, or all")
    for folder in (Path(), STATE, Run.results):
        if folder.exists() and not os.access(folder, os.W_OK):
            raise RunError(f"nothing can be written in {folder.resolve()}: choose another --directory")
    check_config_files(files)


def check_call(files: Sequence[str | Path], cache: str) -> None:
    """Refuse what Snakemake fails on before it opens the workflow: config files, and a `cache` folder of the
    user's in which it cannot write.

    Raises `RunError`.
    """
    try:
        Path(cache).mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryDirectory(dir=cache).cleanup()
    except OSError as error:
        raise RunError(
            f"Snakemake cannot write in {cache} ({error.strerror}): set XDG_CACHE_HOME to another folder"
        ) from None
    check_config_files(files)


def check_config_files(files: Sequence[str | Path]) -> None:
    """Refuse config files that cannot be read, or that YAML reads otherwise than they look: `RunError`."""
    with _as_run_error("The config cannot be run"):
        for file in files:
            try:
                read_config_file(Path(file))
            except ConfigError as error:
                if file == files[0]:
                    raise
                advice = "if it is a target: that goes before --configfile, or after another option"
                raise ConfigError(f"{error}; {advice}") from None


@dataclass(frozen=True)
class Run:
    """The files of a run below the working directory, in `results` and `archive`, and its plan."""

    plan: Plan

    results = Path("results")
    claims = results / "claims.json"
    summary = results / "summary.txt"
    findings = results / "findings.html"
    explore = results / "explore.html"
    manifest = results / MANIFEST
    report = results / "report.html"
    archive = (Path("archive.zip"), Path("archive") / MANIFEST, seal_path(Path("archive") / MANIFEST))

    @property
    def figure_names(self) -> dict[str, tuple[str, ...]]:
        """The figures of each experiment: those that have something to show on an axis."""
        config = self.plan.config
        without_weights = set(config.experiments_without_weights)
        levels = {"delta": config.delta, "x_norm": config.x_norm}
        return {
            **{
                name: drawable(config.experiment(name).axes | levels, QUANTITIES)
                for name in config.drawn
                if name in without_weights
            },
            **{name: training_drawable(config.experiment(name).axes) for name in config.trained},
        }

    @property
    def figures(self) -> list[Path]:
        """Each figure of each experiment, in each format."""
        return [
            self.results / "figures" / f"{name}-{figure}.{suffix}"
            for name, figures in self.figure_names.items()
            for figure in figures
            for suffix in FORMATS
        ]

    @property
    def products(self) -> list[Path]:
        """All results but the manifest and the report, in the order of the data."""
        config, tables = self.plan.config, ("quantiles.nc", "rates.nc")
        datasets = [
            path
            for name in config.experiments
            for path in (self.plan.data(name), *(self.results / name / table for table in tables))
        ]
        datasets += [self.results / name / "theory.nc" for name in config.drawn]
        pages = [self.summary]
        if config.experiments_without_weights:
            pages += [self.claims, self.findings]
        if config.experiments_in_ball or config.trained:
            pages.append(self.explore)
        return [*datasets, *self.figures, *pages]

    def session(self, cost: Cost) -> Session:
        """What lasts while the jobs of this run do, which is expected to cost so much."""
        jobs = [Job(self.plan.path(shard), shard.runs, shard.cost()) for shard in self.plan.all_shards]
        return Session(self.summary, jobs, Expected(cost.drawing, cost.seconds - cost.drawing))


def plan_run(config: dict[str, Any], files: Sequence[str | Path]) -> Run:
    """The run that a config asks for; `files` are those it is from.

    Paths of a user's own laws are made absolute in `config` itself, because the call that writes the report
    gets it in another folder. Raises `RunError`.
    """
    with _as_run_error("The config cannot be run"):
        config.update(with_law_paths(config, [Path(file) for file in files]))
        return Run(Plan(parse_config(config), Run.results))


def plan_reanalysis(config: dict[str, Any]) -> Reanalysis:
    """What a config asks of an archive. Raises `RunError`."""
    from ..archive.reanalysis import parse_reanalysis  # xarray is slow to import

    with _as_run_error("The archive cannot be reanalysed"):
        return parse_reanalysis(config)


def check_run(run: Run, cores: int, nodes: int | None, dry: bool) -> Session:
    """Refuse a run that cannot work, before any job starts, and tell a person what it will take.

    `nodes` is how many jobs a cluster gets at once; None where all is done here. A `dry` run says it at its
    end. Returns what lasts while the jobs do. Raises `RunError`.
    """
    with _as_run_error("The config cannot be run"):
        check_execution(run.plan.config.execution)
        check_size(run.plan, None if nodes else jobs_at_once(run.plan, cores))
        run.plan.check_laws()
        check_records(run.plan, run.summary)
    cost = expected_cost(run.plan, cores, nodes)
    text = "\n".join([cost_text(run.plan, cost), *aggregates_of_other_levels(run.plan)])
    if dry:
        atexit.register(print, text, file=sys.stderr)
    else:
        drop_marks(run.plan)
        print(text, file=sys.stderr)
    return run.session(cost)


class Session:
    """What lasts while jobs run in the working directory: one owner, and what a person sees of them."""

    def __init__(self, summary: Path, jobs: Sequence[Job] = (), expected: Expected | None = None) -> None:
        self._summary = summary
        self._terminal = Terminal(jobs, expected or Expected())

    def listen(self, logger: logging.Logger, settings: Any) -> None:
        """Show a person, of what Snakemake's handler for the terminal gets, what they need.

        `settings` are Snakemake's of its output: in a dry run and with `--verbose` all is shown. Nothing
        changes where another handler writes to the terminal, as a logger plugin of the user's.
        """
        for handler in () if settings.dryrun or settings.verbose else logger.handlers:
            if handler.get_name() == "DefaultStreamHandler":
                handler.addFilter(self._terminal)
                self._terminal.quiet = bool(settings.quiet)

    def start(self, touch: bool) -> None:
        """Become the owner of the directory and remove what killed jobs left.

        Raises `RunError`, also where Snakemake is to `touch` files in place of making them: it would record
        them as of this config, whatever is in them.
        """
        if touch:
            raise RunError(
                "--touch would call any file a result of this config: leave it out, so that what is missing "
                "or out of date is made"
            )
        try:
            claim()
            if jobs := cancel_jobs(STATE):
                print(f"The jobs {', '.join(jobs)} of an earlier run were cancelled.", file=sys.stderr)
            sweep(self._summary.parent)
        except (OccupiedError, OSError) as error:
            raise RunError(str(error)) from None
        self._terminal.start()

    def fail(self) -> None:
        """Say what is kept of a run that did not come to its end."""
        self._terminal.end(failed=True)

    def summarise(self, directory: str | Path | None) -> None:
        """Say what was found and where the files are, named as from the call, whose `--directory` is given.

        These are the first and the last paragraph of the summary, without files that this run has not made,
        and the archive if it is of these results. A summary that is older than a dataset is of other results,
        and not shown.
        """
        self._terminal.end(failed=False)
        root = Path(directory or ".")
        times = [path.stat().st_mtime_ns for path in self._summary.parent.glob("*/*.nc")]
        if self._summary.exists() and self._summary.stat().st_mtime_ns >= max(times, default=0):
            folder, text = self._summary.parent, self._summary.read_text(encoding="utf-8")
            first, _, rest = text.partition("\n\n")
            lines = [line for line in rest.rpartition("\n\n")[2].splitlines() if _is_of_a_file(line)]
            place = str(root / folder)
            files = re.sub(rf"(?m)^{folder}(?=/)", lambda _: place, "\n".join(lines))
            files = re.sub(rf"(?<=ntk-core verify ){folder}$", lambda _: shlex.quote(place), files)
            files = "\n".join([files, *_archive_lines(self._summary, root)])
            encoding = getattr(sys.stdout, "encoding", None) or "utf-8"  # no standard output, or of a test
            shown = f"\n{first}\n\n{files}".encode(encoding, "backslashreplace")  # perhaps no √ there
            write_line(shown.decode(encoding), sys.stdout)


def _archive_lines(summary: Path, root: Path) -> list[str]:
    """What the archive is called and how to check it, if one was made of the results with this summary."""
    packed, manifest, _ = Run.archive
    newer = packed.exists() and packed.stat().st_mtime_ns >= summary.stat().st_mtime_ns
    if summary != Run.summary or not newer:
        return []
    prefix = "" if root == Path() else f"{root}/"
    return [
        f"{prefix}{f'{manifest.parent}/':<57}  the archive: results, config and sources, for: "
        f"ntk-core verify {shlex.quote(f'{prefix}{manifest.parent}')}",
        f"{prefix}{packed!s:<57}  the same as one file",
    ]


def _is_of_a_file(line: str) -> bool:
    """Whether a line of the summary begins with a file or folder that exists, or with a pattern."""
    name = line.split(maxsplit=1)[0]
    return "<" in name or Path(name).exists()
