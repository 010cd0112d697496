"""How the work is spread, as a section of the config. No result depends on it."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from .config_errors import keys_text
from .section import Section
from .shards import SHARD_UNIT


def _private(address: str) -> str:
    """Refuse an address where others on the network could read the traffic or send code."""
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


class TlsModel(Section):
    """Certificates of this client and of a Dask scheduler, all signed by one authority."""

    ca_file: Annotated[str, Field(min_length=1)] = Field(
        description="a file: certificate of the authority that signed the others, PEM"
    )
    cert: Annotated[str, Field(min_length=1)] = Field(description="a file: certificate of this client, PEM")
    key: Annotated[str, Field(min_length=1)] = Field(description="a file: private key of this client, PEM")


class JobqueueModel(Section):
    """Dask workers that are jobs of a batch system. They and their scheduler always speak TLS."""

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

    shard_seeds: Annotated[int, Field(ge=SHARD_UNIT, le=2**40, multiple_of=SHARD_UNIT)] = Field(
        default=8192,
        description=f"a multiple of {SHARD_UNIT}, at most 2^40: seeds of one shard (a job, a file)",
    )
    threads: Annotated[int, Field(ge=1, le=4096)] = Field(
        default=1,
        description="a whole number, 1 to 4096: cores of a job that draws runs, adds them up, sorts them, "
        "computes exact laws or judges claims",
    )
    workers: Literal["threads", "processes", "jobqueue"] = Field(
        default="threads",
        description="'threads', 'processes' or 'jobqueue': what a job's own Dask workers are",
    )
    jobqueue: JobqueueModel | None = Field(
        default=None,
        validate_default=True,
        description=f"null, or with workers: jobqueue {keys_text(JobqueueModel)}",
    )
    scheduler: (
        Annotated[str, StringConstraints(pattern=r"^(tcp|tls)://[^\s/?#@]+$"), AfterValidator(_private)]
        | None
    ) = Field(
        default=None,
        description="null, or with workers: threads the address of a running Dask scheduler: "
        "tcp://127.0.0.1:8786 on this machine, tls://host:8786 elsewhere",
    )
    tls: TlsModel | None = Field(
        default=None,
        validate_default=True,
        description=f"null, or with a scheduler of tls:// {keys_text(TlsModel)}",
    )
    dashboard: bool = Field(
        default=False,
        description="true or false: whether Dask shows its work to a browser on this machine; false with a "
        "scheduler, which has its own",
    )

    @field_validator("jobqueue")
    @classmethod
    def _jobqueue(cls, value: JobqueueModel | None, info: ValidationInfo) -> JobqueueModel | None:
        kind = info.data.get("workers")
        if kind is not None and (kind == "jobqueue") != (value is not None):
            raise ValueError(f"execution.workers is {kind!r}")
        return value

    @field_validator("scheduler")
    @classmethod
    def _scheduler(cls, value: str | None, info: ValidationInfo) -> str | None:
        kind = info.data.get("workers")
        if value is not None and kind in ("processes", "jobqueue"):
            raise ValueError(f"execution.workers is {kind!r}")
        return value

    @field_validator("tls")
    @classmethod
    def _tls(cls, value: TlsModel | None, info: ValidationInfo) -> TlsModel | None:
        if "scheduler" in info.data:
            needed = str(info.data["scheduler"]).startswith("tls:")
            if needed != (value is not None):
                raise ValueError(f"execution.scheduler is {'a' if needed else 'no'} tls:// address")
        return value

    @field_validator("dashboard")
    @classmethod
    def _dashboard(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("scheduler") is not None:
            raise ValueError(f"execution.scheduler is {info.data['scheduler']!r}")
        return value
