"""Shards in, one file out. A shard that is not as it was sealed is removed: the next call makes it."""

from ntk_core.execution.job import begin

begin()

import logging
from pathlib import Path

from ntk_core.datasets.aggregates import add
from ntk_core.datasets.data_file import NAMES
from ntk_core.datasets.runs import collect
from ntk_core.datasets.shard import discard_damaged
from ntk_core.execution.workers import workers
from ntk_core.experiments.config import parse_config
from ntk_core.experiments.plan import Plan

if __name__ == "__main__":  # worker processes import this file and must not run it
    logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

    output = Path(snakemake.output[0])
    plan = Plan(parse_config(snakemake.config), output.parents[1])
    experiment, entropy = plan.experiment(snakemake.wildcards.experiment), plan.config.entropy
    shards = [Path(path) for path in snakemake.input.shards]
    discard_damaged(shards)
    if experiment.keep == "aggregates":
        parts = [(path, plan.shard(experiment.name, path).content) for path in shards]
        with workers(plan.config.execution, snakemake.threads) as executors:
            add(experiment, entropy, parts, output, executors)
    else:
        collect(experiment, entropy, shards, output)
    for name in set(NAMES) - {output.name}:  # of an experiment that kept the other until now
        output.with_name(name).unlink(missing_ok=True)
    logging.info("%d runs from %d shards", experiment.runs, len(shards))
