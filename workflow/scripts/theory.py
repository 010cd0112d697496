"""The config in, what theory says of an experiment's grid out."""

from ntk_core.execution.job import begin

begin()

import logging

from ntk_core.datasets.theory import theory_dataset
from ntk_core.execution.workers import workers
from ntk_core.experiments.config import parse_config
from ntk_core.storage.netcdf import write

if __name__ == "__main__":  # worker processes import this file and must not run it
    logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

    config = parse_config(snakemake.config)
    experiment = config.drawn_experiment(snakemake.wildcards.experiment)
    with workers(config.execution, snakemake.threads) as executors:
        theory = theory_dataset(experiment, config.entropy, config.delta, config.x_norm, executors)
    write(theory, snakemake.output.theory)
    logging.info("%d exact quantiles", theory["exact_quantile"].size)
