"""Shards in, one runs file out. A shard whose bytes are not those sealed is computed again first."""

import logging
from pathlib import Path

from ntk_core.config import parse_config
from ntk_core.execution import workers
from ntk_core.plan import Plan
from ntk_core.simulation import collect, mend

if __name__ == "__main__":  # worker processes import this file and must not run it
    logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

    plan = Plan(parse_config(snakemake.config), Path("results"))
    experiment = plan.experiment(snakemake.wildcards.experiment)
    shards = {Path(path): plan.shard(experiment.name, Path(path)) for path in snakemake.input.shards}
    mend(shards, lambda: workers(plan.config.execution, snakemake.threads))
    collect(experiment, plan.config.entropy, list(shards), snakemake.output.runs)
    logging.info("%d runs from %d shards", experiment.runs, len(shards))
