"""`snakemake`, but asking a cluster how its jobs are every half second.

The SLURM plugin waits ten seconds longer from one question to the next while no job ends, which spares a real
cluster and is most of the time of a test. Jobs are told to call `snakemake` itself.
"""

from __future__ import annotations

import asyncio

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor


async def sleep(executor: RemoteExecutor) -> None:
    await asyncio.sleep(0.5)


if __name__ == "__main__":
    RemoteExecutor.sleep = sleep
    main()
