"""Shards in, one runs file out. A shard that is not as it was sealed is removed: the next call makes it."""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends a job without a stack of its calls

import logging
from pathlib import Path

from ntk_core.datasets.runs import collect
from ntk_core.datasets.shard import DamagedShardError, discard_damaged
from ntk_core.experiments.config import parse_config

logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

config = parse_config(snakemake.config)
experiment = config.experiment(snakemake.wildcards.experiment)
shards = [Path(path) for path in snakemake.input.shards]
try:
    discard_damaged(shards)
except DamagedShardError as error:
    raise SystemExit(str(error)) from None
collect(experiment, config.entropy, shards, snakemake.output.runs)
logging.info("%d runs from %d shards", experiment.runs, len(shards))
