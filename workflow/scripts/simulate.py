"""A shard's name in, its runs out."""

import logging
from pathlib import Path

from ntk_core.datasets.shard import make_shard
from ntk_core.execution.workers import workers
from ntk_core.experiments.config import parse_config
from ntk_core.experiments.plan import Plan
from ntk_core.laws import LawError
from ntk_core.workdir.progress import note

if __name__ == "__main__":  # worker processes import this file and must not run it
    logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

    plan = Plan(parse_config(snakemake.config), Path("results"))
    shard = plan.shard(snakemake.wildcards.experiment, Path(snakemake.output[0]))
    try:
        with (
            workers(plan.config.execution, snakemake.threads) as executors,
            note(snakemake.output[0]) as report,
        ):
            make_shard(shard, snakemake.output[0], executors, report)
    except LawError as error:
        raise SystemExit(f"{shard.experiment.name} cannot be drawn: {error}") from None
    logging.info("%d runs", shard.runs)
