"""The config as a typed model: parsed once, complete errors, the source of the published schema.

What results depend on (`entropy`, `experiments`, `analysis`) is kept apart from how the work is
spread (`execution`), which no rule's parameters contain.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    StringConstraints,
    Tag,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from ..laws import LAWS, OwnLaw, read_law
from ..sampling.data import PIXELS, available
from . import drawn as grid
from .config_errors import explain, shorten
from .trained import Training


class ConfigError(ValueError):
    """A config that cannot be run; the message names key path, value and what is allowed."""


MAX_AXIS = 1000
"""Values of one list, and experiments of one config: what is larger is a mistake, and dear to check."""


def unique(values: list[Any]) -> list[Any]:
    """The values, if each is there once; else `ValueError`."""
    seen = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{value!r} is there twice")
        seen.add(value)
    return values


def _law(name: str, info: ValidationInfo) -> str:
    laws = (*LAWS, *(info.context or ()))
    if name not in laws:
        raise PydanticCustomError("unknown_law", "unknown law", {"laws": laws})
    return name


def _law_name(name: str) -> str:
    if name in LAWS:
        raise ValueError("a law of the package")
    return name


def _law_file(value: Any) -> OwnLaw:
    """The law in the file that a config names; one that is already read stays."""
    if isinstance(value, OwnLaw):
        return value
    if not isinstance(value, str) or not value:
        raise ValueError("no path")
    return read_law(Path(value))


def _private(address: str) -> str:
    """Refuse an address where others on the network could read along, or send code of their own."""
    url = urlsplit(address)
    if not url.port or not url.hostname:
        raise ValueError("no host and port")
    try:
        loopback = ipaddress.ip_address(url.hostname).is_loopback
    except ValueError:
        loopback = url.hostname == "localhost"
    if url.scheme == "tcp" and not loopback:
        raise ValueError("beyond this machine, without TLS")
    return address


class Section(BaseModel):
    """A mapping of a config: no key but its own, no value but of its type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


AnySection = TypeVar("AnySection", bound=Section)

_Axis = AfterValidator(unique)
_EXPERIMENT_NAME = r"^[A-Za-z0-9_-]{1,64}$"
_LAW_NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"


Perturbations = Annotated[
    list[Annotated[str, AfterValidator(_law)]],
    Field(
        min_length=1,
        max_length=MAX_AXIS,
        description=f"a list, each once, from: {', '.join(LAWS)}, and names under laws",
    ),
    _Axis,
]
Widths = Annotated[
    list[Annotated[int, Field(ge=2, le=2**40, multiple_of=2)]],
    Field(
        min_length=1,
        max_length=MAX_AXIS,
        description="a list, each once, of even whole numbers, 2 to 2^40 (to 2^26 for 'dense')",
    ),
    _Axis,
]
Dimensions = Annotated[
    list[Annotated[int, Field(ge=1, le=2**20)]],
    Field(min_length=1, max_length=MAX_AXIS, description="a list, each once, of whole numbers, 1 to 2^20"),
    _Axis,
]
Radii = Annotated[
    list[Annotated[float, Field(ge=1e-9, le=1e6)]],
    Field(min_length=1, max_length=MAX_AXIS, description="a list, each once, of numbers, 1.0e-9 to 1.0e+6"),
    _Axis,
]


class AxesModel(Section):
    """Where theory is asked for: the axes of a grid, without runs."""

    perturbation: Perturbations
    m: Widths
    d: Dimensions
    alpha: Radii


class ExperimentModel(Section):
    """A full grid of runs: the product of its axes."""

    kind: Literal["drawn"] = Field(
        default="drawn", description="'drawn' (the default) or 'trained': where displacements come from"
    )
    sampler: Literal["band", "dense"] = Field(description="'band' or 'dense'")
    perturbation: Perturbations
    m: Widths
    d: Dimensions
    alpha: Radii
    seeds: Annotated[int, Field(ge=1, le=2**40)] = Field(description="a whole number, 1 to 2^40: runs a cell")
    first_seed: Annotated[int, Field(ge=0, le=2**40)] = Field(
        default=0, description="a whole number, 0 to 2^40: number of the first run, to make a part of a whole"
    )

    @model_validator(mode="after")
    def _dense_width(self) -> ExperimentModel:
        if self.sampler == "dense" and max(self.m) > 2**26:
            raise ValueError(f"m holds {max(self.m)}, too wide for 'dense'")
        return self


class TrainedModel(Section):
    """Runs of gradient descent on one data set, from a symmetric start, at several widths."""

    kind: Literal["trained"] = Field(description="'drawn' or 'trained'")
    data: Literal["digits", "teacher"] = Field(
        description="'digits' (8 by 8 images of scikit-learn) or 'teacher' (targets by 8 neurons)"
    )
    classes: (
        Annotated[list[Annotated[int, Field(ge=0, le=9)]], Field(min_length=1, max_length=2), _Axis] | None
    ) = Field(
        default=None,
        validate_default=True,
        description="with data: digits, a list of the two digits to tell apart, or of the one to tell from "
        "the rest; else left out",
    )
    d: Annotated[int, Field(ge=1, le=2**12)] | None = Field(
        default=None,
        validate_default=True,
        description=f"with data: teacher, a whole number, 1 to 4096; else left out (digits: {PIXELS})",
    )
    training_inputs: Annotated[int, Field(ge=1, le=2**14)] = Field(
        description="a whole number, 1 to 16384 (digits: as many as there are): inputs trained on"
    )
    held_out_inputs: Annotated[int, Field(ge=1, le=2**14)] = Field(
        description="a whole number, 1 to 16384 (digits: as many as are left): inputs to measure at"
    )
    loss: Literal["squared", "logistic"] = Field(description="'squared' or 'logistic'")
    step: Annotated[float, Field(gt=0.0, le=1e6)] = Field(
        default=1.0,
        description="a number, above 0, to 1.0e+6: step size times the largest curvature; stable below 2",
    )
    steps: Annotated[int, Field(ge=1, le=10**6)] = Field(
        description="a whole number, 1 to 10^6: most steps of gradient descent"
    )
    target_loss: Annotated[float, Field(gt=0.0)] | None = Field(
        default=None, description="null, or a number above 0: training loss at which a run stops"
    )
    m: Annotated[
        list[Annotated[int, Field(ge=2, le=2**20, multiple_of=2)]],
        Field(min_length=1, max_length=MAX_AXIS),
        _Axis,
    ] = Field(description="a list, each once, of even whole numbers, 2 to 2^20")
    seeds: Annotated[int, Field(ge=1, le=2**20)] = Field(
        description="a whole number, 1 to 2^20: runs of each width"
    )

    @field_validator("classes")
    @classmethod
    def _classes(cls, value: list[int] | None, info: ValidationInfo) -> list[int] | None:
        if (value is None) == (info.data.get("data") == "digits"):
            raise ValueError(f"data is {info.data.get('data')!r}")
        return value

    @field_validator("d")
    @classmethod
    def _dimension(cls, value: int | None, info: ValidationInfo) -> int | None:
        if (value is None) == (info.data.get("data") == "teacher"):
            raise ValueError(f"data is {info.data.get('data')!r}")
        return value

    @model_validator(mode="after")
    def _enough_images(self) -> TrainedModel:
        if self.data == "digits":
            there = available(tuple(self.classes or ()))
            asked = self.training_inputs + self.held_out_inputs
            if asked > there:
                raise ValueError(
                    f"training_inputs and held_out_inputs are {asked} together, of {there} images there are"
                )
        return self


def _kind(value: Any) -> str:
    """Which of the two an experiment is, before it is checked."""
    if not isinstance(value, Mapping):
        return str(getattr(value, "kind", "drawn"))
    kind = value.get("kind", "drawn")
    return kind if isinstance(kind, str) else shorten(kind)


AnyExperiment = Annotated[
    Annotated[ExperimentModel, Tag("drawn")] | Annotated[TrainedModel, Tag("trained")],
    Discriminator(_kind),
]


class AnalysisModel(Section):
    """Where runs are looked at: levels and input norms. Neither enters a run."""

    delta: Annotated[
        list[Annotated[float, Field(ge=1e-9, le=0.999)]], Field(min_length=1, max_length=MAX_AXIS), _Axis
    ] = Field(
        default=[0.5, 0.1, 0.01, 0.001],
        description="a list, each once, of numbers, 1.0e-9 to 0.999",
    )
    x_norm: Annotated[
        list[Annotated[float, Field(ge=1e-12, le=1e12)]], Field(min_length=1, max_length=MAX_AXIS), _Axis
    ] = Field(
        default=[0.1, 1.0, 10.0],
        description="a list, each once, of numbers, 1.0e-12 to 1.0e+12",
    )


class TlsModel(Section):
    """Who we are to a Dask scheduler, and who it must be; the scheduler needs files of the same authority."""

    ca_file: Annotated[str, Field(min_length=1)] = Field(
        description="a file: certificate of the authority that signed the others, PEM"
    )
    cert: Annotated[str, Field(min_length=1)] = Field(description="a file: certificate of this client, PEM")
    key: Annotated[str, Field(min_length=1)] = Field(description="a file: private key of this client, PEM")


class JobqueueModel(Section):
    """Dask workers that are jobs of a batch system. They and their scheduler speak TLS, always."""

    system: Literal["slurm", "pbs", "sge", "lsf"] = Field(
        description="'slurm', 'pbs', 'sge' or 'lsf': the batch system"
    )
    cores: Annotated[int, Field(ge=1, le=4096)] = Field(
        description="a whole number, 1 to 4096: cores of one worker, which is one job of the batch system"
    )
    memory: Annotated[str, StringConstraints(pattern=r"^[1-9]\d{0,5}[MG]B$")] = Field(
        description="memory of one worker, such as 4GB or 500MB"
    )
    walltime: Annotated[str, StringConstraints(pattern=r"^[\d:-]{1,16}$")] = Field(
        default="01:00:00", description="time one worker may run, as the batch system writes it: 01:00:00"
    )
    queue: Annotated[str, StringConstraints(pattern=r"^[\w.@-]{1,64}$")] | None = Field(
        default=None, description="null (the batch system's default), or the name of a queue or partition"
    )
    directives: list[Annotated[str, StringConstraints(pattern=r"^-[^\r\n]{1,200}$")]] = Field(
        default=[],
        description="a list of further options of the batch system, one line each: '--account=physics'",
    )
    interface: Annotated[str, StringConstraints(pattern=r"^[\w.:-]{1,15}$")] | None = Field(
        default=None,
        description="null (the one that leads outwards), or the network interface over which scheduler and "
        "workers reach each other, such as ib0",
    )
    minimum: Annotated[int, Field(ge=1, le=4096)] = Field(
        default=1, description="a whole number, 1 to 4096: workers asked for at once"
    )
    maximum: Annotated[int, Field(ge=1, le=4096)] = Field(
        default=1, description="a whole number, minimum to 4096: most workers, asked for while work waits"
    )

    @model_validator(mode="after")
    def _order(self) -> JobqueueModel:
        if self.maximum < self.minimum:
            raise ValueError(f"maximum {self.maximum} is below minimum {self.minimum}")
        return self


class ExecutionModel(Section):
    """How the work is spread. Changing it changes no result and reruns nothing."""

    shard_seeds: Annotated[int, Field(ge=grid.SHARD_UNIT, le=2**40, multiple_of=grid.SHARD_UNIT)] = Field(
        default=8192,
        description=f"a multiple of {grid.SHARD_UNIT}, at most 2^40: most seeds of one shard (a job, a file)",
    )
    threads: Annotated[int, Field(ge=1, le=4096)] = Field(
        default=1, description="a whole number, 1 to 4096: cores of one simulate or quantiles job"
    )
    workers: Literal["threads", "processes", "jobqueue"] = Field(
        default="threads",
        description="'threads', 'processes' or 'jobqueue': what a job's own Dask workers are",
    )
    jobqueue: JobqueueModel | None = Field(
        default=None,
        validate_default=True,
        description="null, or with workers: jobqueue a mapping with the keys "
        + ", ".join(JobqueueModel.model_fields),
    )
    scheduler: (
        Annotated[str, StringConstraints(pattern=r"^(tcp|tls)://[^\s/?#@]+$"), AfterValidator(_private)]
        | None
    ) = Field(
        default=None,
        description="null, or the address of a running Dask scheduler: tcp://127.0.0.1:8786 on this machine, "
        "tls://host:8786 elsewhere",
    )
    tls: TlsModel | None = Field(
        default=None,
        validate_default=True,
        description="null, or with a scheduler of tls:// a mapping with the keys "
        + ", ".join(TlsModel.model_fields),
    )
    dashboard: bool = Field(
        default=False, description="true or false: whether Dask shows its work to a browser on this machine"
    )

    @field_validator("jobqueue")
    @classmethod
    def _jobqueue(cls, value: JobqueueModel | None, info: ValidationInfo) -> JobqueueModel | None:
        if value is None and info.data.get("workers") == "jobqueue":
            raise ValueError("execution.workers is 'jobqueue'")
        return value

    @field_validator("tls")
    @classmethod
    def _tls(cls, value: TlsModel | None, info: ValidationInfo) -> TlsModel | None:
        if value is None and str(info.data.get("scheduler")).startswith("tls:"):
            raise ValueError("execution.scheduler is an address of tls://")
        return value


class Config(Section):
    """A whole config file."""

    entropy: Annotated[int, Field(ge=0, lt=2**128)] = Field(
        description="a whole number, 0 to 2^128 - 1: the root of all randomness"
    )
    experiments: Annotated[
        dict[Annotated[str, StringConstraints(pattern=_EXPERIMENT_NAME)], AnyExperiment],
        Field(min_length=1, max_length=MAX_AXIS),
    ] = Field(description="at least one experiment, named by letters, digits, '_' and '-' (at most 64)")
    analysis: AnalysisModel = Field(
        default=AnalysisModel(), description="a mapping with the keys delta, x_norm"
    )
    execution: ExecutionModel = Field(
        default=ExecutionModel(),
        description=f"a mapping with the keys {', '.join(ExecutionModel.model_fields)}",
    )
    laws: Annotated[
        dict[
            Annotated[str, StringConstraints(pattern=_LAW_NAME), AfterValidator(_law_name)],
            Annotated[OwnLaw, PlainValidator(_law_file), WithJsonSchema({"type": "string", "minLength": 1})],
        ],
        Field(max_length=MAX_AXIS),
    ] = Field(
        default={},
        description="a mapping of names (a letter, then letters, digits, '_' and '-', at most 64; not "
        f"{', '.join(LAWS)}) to Python files, one displacement law of your own each",
    )

    @property
    def grids(self) -> list[str]:
        """Names of the experiments whose displacements are drawn."""
        return [name for name, model in self.experiments.items() if isinstance(model, ExperimentModel)]

    @property
    def trainings(self) -> list[str]:
        """Names of the experiments that are trained."""
        return [name for name, model in self.experiments.items() if isinstance(model, TrainedModel)]

    def experiment(self, name: str) -> grid.Experiment | Training:
        """The experiment called `name`, of either kind."""
        return self.grid(name) if name in self.grids else self.training(name)

    def training(self, name: str) -> Training:
        """A trained experiment. Raises `KeyError` if there is none of this name."""
        model = self.experiments[name]
        if not isinstance(model, TrainedModel):
            raise KeyError(name)
        return Training(
            name=name,
            data=model.data,
            classes=tuple(model.classes or ()),
            d=model.d or PIXELS,
            training_inputs=model.training_inputs,
            held_out_inputs=model.held_out_inputs,
            loss=model.loss,
            step=model.step,
            steps=model.steps,
            target_loss=model.target_loss,
            m=tuple(sorted(model.m)),
            seeds=model.seeds,
        )

    def grid(self, name: str) -> grid.Experiment:
        """An experiment with its axes sorted: CF wants monotonic coordinates, and order is no content.

        Raises `KeyError` if there is no grid of this name.
        """
        model = self.experiments[name]
        if not isinstance(model, ExperimentModel):
            raise KeyError(name)
        own = sorted(set(model.perturbation).difference(LAWS))
        return grid.Experiment(
            name=name,
            sampler=model.sampler,
            perturbation=(*(law for law in LAWS if law in model.perturbation), *own),
            m=tuple(sorted(model.m)),
            d=tuple(sorted(model.d)),
            alpha=tuple(sorted(model.alpha)),
            seeds=model.seeds,
            first_seed=model.first_seed,
            laws=tuple(replace(self.laws[law], name=law) for law in own),
        )

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

    The files of a user's own laws are read, and not run; a path is relative to the working directory (see
    `config_file.with_law_paths`). Raises `ConfigError` listing the faults, one line each.
    """
    laws = raw.get("laws") if isinstance(raw, Mapping) else None
    names = laws if isinstance(laws, Mapping) else ()
    return parse_section(Config, raw, [name for name in names if isinstance(name, str)])


def parse_section(model: type[AnySection], raw: Any, laws: Iterable[str] = ()) -> AnySection:
    """A section of a config on its own, from plain data; `laws` are names of laws beside the package's.

    Raises `ConfigError` listing the faults, one line each.
    """
    try:
        return model.model_validate(
            dict(raw) if isinstance(raw, Mapping) else raw, context=tuple(laws)[:MAX_AXIS]
        )
    except ValidationError as error:
        raise ConfigError(explain(error, model)) from None


def schema() -> str:
    """The JSON schema of a config file, as text."""
    return json.dumps({"title": "ntk-core config", **Config.model_json_schema()}, indent=2) + "\n"


if __name__ == "__main__":
    print(schema(), end="")
