"""Shards in, one runs file out."""

import logging
from pathlib import Path

from ntk_core.config import parse_config
from ntk_core.plan import Plan
from ntk_core.simulation import collect

logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

plan = Plan(parse_config(snakemake.config), Path("results"))
experiment = plan.experiment(snakemake.wildcards.experiment)
collect(experiment, plan.config.entropy, snakemake.input.shards, snakemake.output.runs)
logging.info("%d runs from %d shards", experiment.runs, len(snakemake.input.shards))
