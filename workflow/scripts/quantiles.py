"""A runs file in, its quantiles out."""

import logging

from ntk_core.analysis import quantile_dataset
from ntk_core.config import parse_config
from ntk_core.datasets import write
from ntk_core.execution import workers

if __name__ == "__main__":  # worker processes import this file and must not run it
    logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

    config = parse_config(snakemake.config)
    experiment = config.experiment(snakemake.wildcards.experiment)
    delta, x_norm = config.delta, config.x_norm
    with workers(config.execution, snakemake.threads) as client:
        table = quantile_dataset(snakemake.input.runs, experiment, config.entropy, delta, x_norm, client)
    write(table, snakemake.output.quantiles)
    for level in delta:
        if not (table["quantile_upper"].sel(delta=level) < float("inf")).all():
            logging.warning("delta = %g: %d runs a cell give no upper limit", level, experiment.seeds)
