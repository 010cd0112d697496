"""The two kinds of experiment as sections of a config."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from ..laws import LAWS, THEOREM_LAWS, CustomLaw, ball_norm
from ..laws.queries import RANGES
from ..sampling.data import PIXELS, available
from .config_errors import shorten
from .drawn import DrawnExperiment
from .section import MAX_AXIS, UNIQUE, Section
from .trained import TrainedExperiment


def _law(name: str, info: ValidationInfo) -> str:
    laws = (*LAWS, *(info.context or ()))
    if name not in laws:
        raise PydanticCustomError("unknown_law", "unknown law", {"laws": laws})
    return name


def _one_ball(laws: list[str]) -> list[str]:
    """The laws. Raises `ValueError` where one of another ball than Theorem 1's is not alone."""
    other = next((law for law in laws if math.isfinite(ball_norm(law))), None)
    if other is not None and len(laws) > 1:
        raise ValueError(f"{other} bounds another norm than the other laws, so no table can compare them")
    return laws


_M, _D, _ALPHA = RANGES["m"], RANGES["d"], RANGES["alpha"]

Perturbations = Annotated[
    list[Annotated[str, AfterValidator(_law)]],
    Field(
        min_length=1,
        max_length=MAX_AXIS,
        description=f"a list, each once, from: {', '.join(THEOREM_LAWS)}, and names under laws; or "
        + " or ".join(f"[{law}]" for law in LAWS if law not in THEOREM_LAWS),
    ),
    UNIQUE,
    AfterValidator(_one_ball),
]
Widths = Annotated[
    list[Annotated[int, Field(ge=_M.smallest, le=_M.largest, multiple_of=2)]],
    Field(
        min_length=1,
        max_length=MAX_AXIS,
        description=f"a list, each once, of {_M.words} (to 2^26 for 'dense')",
    ),
    UNIQUE,
]
Dimensions = Annotated[
    list[Annotated[int, Field(ge=_D.smallest, le=_D.largest)]],
    Field(min_length=1, max_length=MAX_AXIS, description=f"a list, each once, of {_D.words}"),
    UNIQUE,
]
Radii = Annotated[
    list[Annotated[float, Field(ge=_ALPHA.smallest, le=_ALPHA.largest)]],
    Field(min_length=1, max_length=MAX_AXIS, description="a list, each once, of numbers, 1.0e-9 to 1.0e+6"),
    UNIQUE,
]


class AxesModel(Section):
    """The axes of a grid without runs, for theory."""

    perturbation: Perturbations
    m: Widths
    d: Dimensions
    alpha: Radii


class ExperimentModel(Section):
    """A full grid of runs: the product of its axes."""

    kind: Literal["drawn"] = Field(
        default="drawn", description="'drawn' (the default) or 'trained': where displacements come from"
    )
    sampler: Literal["band", "dense", "tilted"] = Field(
        description="'band' or 'dense', or 'tilted': runs with weights, for the quantiles of rare errors"
    )
    perturbation: Perturbations
    m: Widths
    d: Dimensions
    alpha: Radii
    seeds: Annotated[int, Field(ge=1, le=2**40)] = Field(description="a whole number, 1 to 2^40: runs a cell")
    first_seed: Annotated[int, Field(ge=0, le=2**40)] = Field(
        default=0, description="a whole number, 0 to 2^40: number of the first run"
    )
    keep: Literal["runs", "aggregates"] = Field(
        default="runs",
        description="'runs' (the default), each stored, or 'aggregates': counts, sums, histograms and the "
        "largest values of each cell, of a size that does not grow with the runs",
    )

    @field_validator("perturbation")
    @classmethod
    def _tilted_law(cls, value: list[str], info: ValidationInfo) -> list[str]:
        whole = next((law for law in value if law in LAWS and LAWS[law].projection is None), None)
        if info.data.get("sampler") == "tilted" and whole is not None:
            raise ValueError(f"{whole} moves all pairs together, so 'tilted' cannot draw it")
        return value

    @field_validator("keep")
    @classmethod
    def _tilted_runs(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("sampler") == "tilted" and value != "runs":
            raise ValueError("runs of 'tilted' have weights and do not add up")
        return value

    @field_validator("m")
    @classmethod
    def _dense_width(cls, value: list[int], info: ValidationInfo) -> list[int]:
        if info.data.get("sampler") == "dense" and max(value) > 2**26:
            raise ValueError(f"{max(value)} is too wide for 'dense'")
        return value

    def experiment(self, name: str, laws: Mapping[str, CustomLaw]) -> DrawnExperiment:
        """The experiment with its axes sorted: CF requires monotonic coordinates, and order has no meaning.

        `laws` are the custom laws by name.
        """
        custom = sorted(set(self.perturbation).difference(LAWS))
        return DrawnExperiment(
            name=name,
            sampler=self.sampler,
            perturbation=(*(law for law in LAWS if law in self.perturbation), *custom),
            m=tuple(sorted(self.m)),
            d=tuple(sorted(self.d)),
            alpha=tuple(sorted(self.alpha)),
            seeds=self.seeds,
            first_seed=self.first_seed,
            keep=self.keep,
            laws=tuple(replace(laws[law], name=law) for law in custom),
        )


class TrainedModel(Section):
    """Runs of gradient descent on one data set, from a symmetric start, at several widths."""

    kind: Literal["trained"] = Field(description="'drawn' or 'trained'")
    data: Literal["digits", "teacher"] = Field(
        description="'digits' (8 by 8 images of scikit-learn) or 'teacher' (targets by 8 neurons)"
    )
    classes: (
        Annotated[list[Annotated[int, Field(ge=0, le=9)]], Field(min_length=1, max_length=2), UNIQUE] | None
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
        description="a number, above 0, to 1.0e+6: step size times a bound on the curvature; stable below 2",
    )
    steps: Annotated[int, Field(ge=1, le=10**6)] = Field(
        description="a whole number, 1 to 10^6: most steps of gradient descent"
    )
    target_loss: Annotated[float, Field(gt=0.0)] | None = Field(
        default=None,
        description="null, or a number above 0 and below that of the start (logistic: log 2, digits with the "
        "squared loss: 1/2): training loss at which a run stops",
    )
    m: Annotated[
        list[Annotated[int, Field(ge=2, le=2**20, multiple_of=2)]],
        Field(min_length=1, max_length=MAX_AXIS),
        UNIQUE,
    ] = Field(description="a list, each once, of even whole numbers, 2 to 2^20")
    seeds: Annotated[int, Field(ge=1, le=2**20)] = Field(
        description="a whole number, 1 to 2^20: runs of each width"
    )

    @field_validator("classes")
    @classmethod
    def _classes(cls, value: list[int] | None, info: ValidationInfo) -> list[int] | None:
        return _belongs_to("digits", value, info)

    @field_validator("d")
    @classmethod
    def _dimension(cls, value: int | None, info: ValidationInfo) -> int | None:
        return _belongs_to("teacher", value, info)

    @field_validator("held_out_inputs")
    @classmethod
    def _images_left(cls, value: int, info: ValidationInfo) -> int:
        given = info.data
        if given.get("data") == "digits" and given.get("classes") and "training_inputs" in given:
            images, used = available(tuple(given["classes"])), given["training_inputs"]
            if used + value > images:
                raise ValueError(f"{used + value:,} with training_inputs, but there are {images:,} images")
        return value

    @field_validator("target_loss")
    @classmethod
    def _below_start(cls, value: float | None, info: ValidationInfo) -> float | None:
        start = _start_loss(info.data.get("loss"), info.data.get("data"))
        if value is not None and value >= start:
            raise ValueError(f"that of the start is {start:.6g}")
        return value

    def experiment(self, name: str, laws: Mapping[str, CustomLaw]) -> TrainedExperiment:
        """The experiment, its widths ascending. It uses no laws."""
        return TrainedExperiment(
            name=name,
            data=self.data,
            classes=tuple(self.classes or ()),
            d=self.d or PIXELS,
            training_inputs=self.training_inputs,
            held_out_inputs=self.held_out_inputs,
            loss=self.loss,
            step=self.step,
            steps=self.steps,
            target_loss=self.target_loss,
            m=tuple(sorted(self.m)),
            seeds=self.seeds,
        )


def _start_loss(loss: str | None, data: str | None) -> float:
    """The training loss at F = 0; infinite where it depends on the targets, or the loss is not known."""
    if loss == "logistic":
        return math.log(2.0)
    return 0.5 if (loss, data) == ("squared", "digits") else math.inf


def _belongs_to(data: str, value: Any, info: ValidationInfo) -> Any:
    """The value of a key that these data need and no others have; where the data are faulty, any value."""
    chosen = info.data.get("data")
    if chosen is not None and (value is None) == (chosen == data):
        raise ValueError(f"data is {chosen!r}")
    return value


def _kind(value: Any) -> str:
    """The kind of an experiment before it is checked."""
    if not isinstance(value, Mapping):
        return str(getattr(value, "kind", "drawn"))
    kind = value.get("kind", "drawn")
    return kind if isinstance(kind, str) else shorten(kind)


AnyExperiment = Annotated[
    Annotated[ExperimentModel, Tag("drawn")] | Annotated[TrainedModel, Tag("trained")],
    Discriminator(_kind),
]
