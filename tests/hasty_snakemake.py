"""For calls of snakemake: asks a cluster how its jobs are every half second.

The SLURM plugin waits ten seconds longer from one question to the next while no job ends, which spares a real
cluster and is most of the time of a test. The jobs call `snakemake` as it is.
"""

from __future__ import annotations

import asyncio
from typing import Any


async def sleep(executor: Any) -> None:
    await asyncio.sleep(0.5)


def ask_every_half_second() -> None:
    from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

    RemoteExecutor.sleep = sleep
