"""The config as a typed model, from which the published schema is made.

Results depend on `entropy`, `experiments` and `analysis`. How the work is spread (`execution`) is separate,
and no rule's parameters contain it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainValidator, StringConstraints, WithJsonSchema

from ..laws import LAWS, CustomLaw, read_law
from ..laws.queries import RANGES
from .config_errors import keys_text
from .drawn import DrawnExperiment
from .execution_model import ExecutionModel
from .models import AnyExperiment
from .section import MAX_AXIS, UNIQUE, Section, parse_section
from .trained import TrainedExperiment

FOLDERS = ("figures", "laws", "code")
"""Folders of results and archives that are beside those of the experiments."""

_EXPERIMENT_NAME = r"^[A-Za-z0-9_-]{1,64}$"
_LAW_NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"


def _experiment_name(name: str) -> str:
    if name in FOLDERS:
        raise ValueError("a folder of results or of an archive")
    return name


def _law_name(name: str) -> str:
    if name in LAWS:
        raise ValueError("a law of the package")
    return name


def _law_file(value: Any) -> CustomLaw:
    """The law in the file that a config names, or a `CustomLaw` itself."""
    if isinstance(value, CustomLaw):
        return value
    if not isinstance(value, str) or not value:
        raise ValueError("no path")
    return read_law(Path(value))


_DELTA, _X_NORM = RANGES["delta"], RANGES["x_norm"]


class AnalysisModel(Section):
    """Levels and input norms of the tables. Runs depend on neither."""

    delta: Annotated[
        list[Annotated[float, Field(ge=_DELTA.smallest, le=_DELTA.largest)]],
        Field(min_length=1, max_length=MAX_AXIS),
        UNIQUE,
    ] = Field(
        default=[0.5, 0.1, 0.01, 0.001],
        description="a list, each once, of numbers, 1.0e-9 to 0.999",
    )
    x_norm: Annotated[
        list[Annotated[float, Field(ge=_X_NORM.smallest, le=_X_NORM.largest)]],
        Field(min_length=1, max_length=MAX_AXIS),
        UNIQUE,
    ] = Field(
        default=[0.1, 1.0, 10.0],
        description="a list, each once, of numbers, 1.0e-12 to 1.0e+12",
    )


class Config(Section):
    """A config file."""

    entropy: Annotated[int, Field(ge=0, lt=2**128)] = Field(
        description="a whole number, 0 to 2^128 - 1: the root of all randomness"
    )
    experiments: Annotated[
        dict[
            Annotated[str, StringConstraints(pattern=_EXPERIMENT_NAME), AfterValidator(_experiment_name)],
            AnyExperiment,
        ],
        Field(min_length=1, max_length=MAX_AXIS),
    ] = Field(
        description="at least one experiment, named by letters, digits, '_' and '-' (at most 64), not "
        f"{', '.join(FOLDERS)}"
    )
    analysis: AnalysisModel = Field(default=AnalysisModel(), description=keys_text(AnalysisModel))
    execution: ExecutionModel = Field(default=ExecutionModel(), description=keys_text(ExecutionModel))
    laws: Annotated[
        dict[
            Annotated[str, StringConstraints(pattern=_LAW_NAME), AfterValidator(_law_name)],
            Annotated[
                CustomLaw, PlainValidator(_law_file), WithJsonSchema({"type": "string", "minLength": 1})
            ],
        ],
        Field(max_length=MAX_AXIS),
    ] = Field(
        default={},
        description="a mapping of names (a letter, then letters, digits, '_' and '-', at most 64; not "
        f"{', '.join(LAWS)}) to Python files, one displacement law of your own each",
    )

    @property
    def drawn(self) -> list[str]:
        """Names of the drawn experiments."""
        return [name for name, model in self.experiments.items() if model.kind == "drawn"]

    @property
    def experiments_in_ball(self) -> list[str]:
        """Names of the drawn experiments in the ball of Theorem 1 whose runs count."""
        grids = map(self.drawn_experiment, self.drawn)
        return [grid.name for grid in grids if math.isinf(grid.norm) and not grid.weighted]

    @property
    def experiments_without_weights(self) -> list[str]:
        """Names of the experiments whose runs count: weighted ones are in tables and the summary only."""
        grids = map(self.drawn_experiment, self.drawn)
        weighted = {grid.name for grid in grids if grid.weighted}
        return [name for name in self.experiments if name not in weighted]

    @property
    def experiments_with_aggregates(self) -> list[str]:
        """Names of the experiments that keep aggregates in place of runs."""
        return [name for name in self.experiments if self.experiment(name).keep == "aggregates"]

    @property
    def trained(self) -> list[str]:
        """Names of the trained experiments."""
        return [name for name, model in self.experiments.items() if model.kind == "trained"]

    def experiment(self, name: str) -> DrawnExperiment | TrainedExperiment:
        """The experiment called `name`, of either kind. Raises `KeyError` if there is none."""
        experiment = self.experiments[name].experiment(name, self.laws)
        if isinstance(experiment, DrawnExperiment) and experiment.keep == "aggregates":
            return replace(experiment, delta=self.delta, x_norm=self.x_norm)
        return experiment

    def drawn_experiment(self, name: str) -> DrawnExperiment:
        """A drawn experiment. Raises `KeyError` if there is none of this name."""
        experiment = self.experiment(name)
        if not isinstance(experiment, DrawnExperiment):
            raise KeyError(name)
        return experiment

    def trained_experiment(self, name: str) -> TrainedExperiment:
        """A trained experiment. Raises `KeyError` if there is none of this name."""
        experiment = self.experiment(name)
        if not isinstance(experiment, TrainedExperiment):
            raise KeyError(name)
        return experiment

    @property
    def delta(self) -> tuple[float, ...]:
        """Levels δ, ascending."""
        return tuple(sorted(self.analysis.delta))

    @property
    def x_norm(self) -> tuple[float, ...]:
        """Input norms ‖x‖, ascending."""
        return tuple(sorted(self.analysis.x_norm))


def parse_config(raw: Any) -> Config:
    """A checked `Config` from the plain mapping a YAML file holds.

    Files of custom laws are read but not run; a path is relative to the working directory (see
    `config_file.with_law_paths`). Raises `ConfigError` listing the faults, one line each.
    """
    laws = raw.get("laws") if isinstance(raw, Mapping) else None
    names = laws if isinstance(laws, Mapping) else ()
    return parse_section(Config, raw, [name for name in names if isinstance(name, str)])


def schema() -> str:
    """The JSON schema of a config file, as text."""
    return json.dumps({"title": "ntk-core config", **Config.model_json_schema()}, indent=2) + "\n"


if __name__ == "__main__":
    print(schema(), end="")
