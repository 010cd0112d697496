"""The config of a reanalysis, checked against its archive before any work starts.

In: the plain mapping of a config with the key `archive`. Out: a `Reanalysis`: for each experiment the
arguments of `ntk_core.open_archive(...)[experiment].quantiles`, and the figures to draw. It reads only the
headers of the archive; no run is ever made.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from ..datasets.aggregate_statistics import places
from ..datasets.validation import ResultsError
from ..experiments.config import AnalysisModel
from ..experiments.config_errors import keys_text
from ..experiments.drawn import DrawnExperiment
from ..experiments.execution_model import ExecutionModel
from ..experiments.experiment import Experiment
from ..experiments.section import UNIQUE, ConfigError, Section, parse_section
from ..figures import drawable, training_drawable
from ..laws.queries import allowed_names
from ..quantities import QUANTITIES
from ..storage.checksums import MANIFEST, digest
from ..storage.regular_file import FileError
from .results import DrawnResults, TrainedResults, open_archive

if TYPE_CHECKING:
    import xarray as xr

    from ..execution.compute import Workers

Integers = Annotated[list[int], Field(min_length=1), UNIQUE]
Numbers = Annotated[list[float], Field(min_length=1), UNIQUE]
Names = Annotated[list[str], Field(min_length=1), UNIQUE]


NUMERIC = {"analysis": ("delta", "x_norm"), "select": ("m", "d", "alpha", "seeds")}
"""Keys with numbers."""


class SelectModel(Section):
    """The part of an archive to reanalyse: all of an axis where its key is left out."""

    experiment: Names | None = Field(default=None, description="a list of experiments of the archive")
    perturbation: Names | None = Field(default=None, description="a list of archived displacement laws")
    m: Integers | None = Field(default=None, description="a list of archived widths")
    d: Integers | None = Field(default=None, description="a list of archived input dimensions")
    alpha: Numbers | None = Field(default=None, description="a list of archived radii")
    seeds: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="a whole number, at least 1: only so many runs of each cell, the first"
    )
    quantity: Names | None = Field(default=None, description=f"a list from: {', '.join(QUANTITIES)}")
    figure: list[str] | None = Field(default=None, description="a list of figures; [] for none")


class ReanalysisModel(Section):
    """A config that reanalyses an archive."""

    archive: Annotated[str, Field(min_length=1)] = Field(
        description="the folder of an archive, or of results"
    )
    analysis: AnalysisModel | None = Field(
        default=None, description=f"{keys_text(AnalysisModel)}; both as archived where left out"
    )
    select: SelectModel = Field(default=SelectModel(), description=keys_text(SelectModel))
    execution: ExecutionModel = Field(default=ExecutionModel(), description="as in any config")


@dataclass(frozen=True)
class Reanalysis:
    """An archive with the digest of its manifest, and by experiment the part to reanalyse and its figures.

    `experiments` are the whole ones.
    """

    path: Path
    manifest: str
    selections: dict[str, dict[str, Any]]
    figures: dict[str, tuple[str, ...]]
    experiments: dict[str, Experiment]
    execution: ExecutionModel

    def with_error(self, kind: str) -> list[str]:
        """Experiments of a kind, drawn or trained, with a selected error: a summary is about that."""
        return [
            name
            for name, selection in self.selections.items()
            if self.experiments[name].kind == kind
            and "linearization_error" in selection.get("quantity", QUANTITIES)
        ]

    def level_count(self, name: str) -> int:
        """Number of levels δ; where they stay as archived, as many as a config has by default."""
        return len(self.selections[name].get("delta", AnalysisModel().delta))

    def tables(self, name: str, workers: Workers) -> tuple[xr.Dataset, xr.Dataset]:
        """Quantiles and rates of the selected part of an experiment."""
        results = open_archive(self.path)[name]
        drawn = self.experiments[name].kind == "drawn"
        options: dict[str, Any] = {"workers": workers} if drawn else {}
        quantiles = results.quantiles(**self.selections[name], **options)
        return quantiles, results.rates(quantiles)


def parse_reanalysis(raw: Mapping[str, Any]) -> Reanalysis:
    """A checked `Reanalysis` from the plain mapping of a config.

    Raises `ConfigError` that names key, value and what is allowed, also where there is no archive, where it
    does not hold the selection, or where results would be written into it.
    """
    model = parse_section(ReanalysisModel, _with_numbers(raw))
    path = Path(model.archive).resolve()
    folder = Path("reanalysis").resolve()  # where the results go
    if path.is_relative_to(folder) or any(place.is_relative_to(path) for place in (Path.cwd(), folder)):
        raise ConfigError(f"archive is {model.archive!r}; allowed: a folder that nothing is written in")
    try:
        archive = open_archive(path)
        names = model.select.experiment or list(archive)
        if unknown := [name for name in names if name not in archive]:
            raise ConfigError(f"select.experiment is {unknown[0]!r}; {allowed_names(unknown[0], archive)}")
        results = {name: archive[name] for name in names}
        manifest = digest(path / MANIFEST)
    except (ResultsError, FileError) as error:
        raise ConfigError(f"archive is {model.archive!r}: {error}") from None
    selections: dict[str, dict[str, Any]] = {}
    figures, possible = {}, {}
    levels = {} if model.analysis is None else model.analysis.model_dump(exclude_unset=True)
    selection = model.select.model_dump(exclude_none=True, exclude={"experiment", "figure"})
    selected = model.select.figure
    for name in names:
        part = selection
        if results[name].spec.kind == "trained":
            part = {key: value for key, value in selection.items() if key in ("m", "seeds")}
        selections[name] = levels | part
        try:
            results[name].part(**part)
        except ValueError as error:
            raise ConfigError(f"select.{error} (experiment {name})") from None
        _check_levels(results[name].spec, levels)
        possible[name] = _drawable(results[name], levels, part)
        figures[name] = tuple(f for f in possible[name] if selected is None or f in selected)
    for figure in selected or []:
        if not any(figure in names_of_one for names_of_one in possible.values()):
            allowed = ", ".join(dict.fromkeys(f for name in names for f in possible[name]))
            raise ConfigError(f"select.figure is {figure!r}; allowed with this selection: {allowed}")
    experiments: dict[str, Experiment] = {name: results[name].spec for name in names}
    return Reanalysis(path, manifest, selections, figures, experiments, model.execution)


def _drawable(
    results: DrawnResults | TrainedResults, levels: Mapping[str, Any], part: Mapping[str, Any]
) -> tuple[str, ...]:
    """The figures that a part of an experiment has something for, at these levels or the archived ones."""
    if isinstance(results, TrainedResults):
        return training_drawable(results.part(**part).axes)
    if results.spec.weighted:
        return ()
    archived = dict(zip(("delta", "x_norm"), results.levels, strict=True))
    experiment, quantities = results.part(**part)
    return drawable({**experiment.axes, **archived, **levels}, quantities)


def _check_levels(experiment: Experiment, levels: Mapping[str, list[float]]) -> None:
    """Raises `ConfigError` for a level or norm at which the runs of aggregates were not counted."""
    if not isinstance(experiment, DrawnExperiment) or experiment.keep != "aggregates":
        return
    for axis, values in levels.items():
        try:
            places(axis, values, getattr(experiment, axis))
        except ValueError as error:
            raise ConfigError(f"analysis.{error} (experiment {experiment.name})") from None


def _with_numbers(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The config with numbers under `NUMERIC`: Snakemake leaves lists of its command line as text."""
    sections = {
        section: {key: _number(value) if key in keys else value for key, value in raw[section].items()}
        for section, keys in NUMERIC.items()
        if isinstance(raw.get(section), Mapping)
    }
    return {**raw, **sections}


def _number(value: Any) -> Any:
    """The number that a text shows, or those of a list; any other value as it is."""
    if isinstance(value, list):
        return [_number(inner) for inner in value]
    if isinstance(value, str):
        for number in (int, float):
            with contextlib.suppress(ValueError):
                return number(value)
    return value
