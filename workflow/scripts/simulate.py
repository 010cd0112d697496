"""A shard's name in, its runs out."""

from ntk_core.execution.job import begin

begin()

import logging
from pathlib import Path

from ntk_core.datasets.shard import make_shard
from ntk_core.execution.workers import workers
from ntk_core.experiments.config import parse_config
from ntk_core.experiments.plan import Plan
from ntk_core.workdir.progress import note

if __name__ == "__main__":  # worker processes import this file and must not run it
    logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

    shard_file = Path(snakemake.output[0])
    plan = Plan(parse_config(snakemake.config), shard_file.parents[3])
    shard = plan.shard(snakemake.wildcards.experiment, shard_file)
    with workers(plan.config.execution, snakemake.threads) as executors, note(shard_file) as report:
        make_shard(shard, shard_file, executors, report)
    logging.info("%d runs", shard.runs)
