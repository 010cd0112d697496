"""An archive and what is asked of it in, quantiles and rates out."""

import logging

from ntk_core.datasets import write
from ntk_core.execution import workers
from ntk_core.reanalysis import parse_reanalysis

if __name__ == "__main__":  # worker processes import this file and must not run it
    logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

    reanalysis = parse_reanalysis(snakemake.config)
    name = snakemake.wildcards.experiment
    with workers(reanalysis.execution, snakemake.threads) as executors:
        quantiles, rates = reanalysis.tables(name, executors)
    write(quantiles, snakemake.output.quantiles)
    write(rates, snakemake.output.rates)
    logging.info("%s of %s", reanalysis.asked[name] or "all", name)
