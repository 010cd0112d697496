"""An archive and what is asked of it in, quantiles and rates out."""

from ntk_core.execution.job import begin

begin()

import logging

from ntk_core.archive.reanalysis import parse_reanalysis
from ntk_core.execution.workers import workers
from ntk_core.storage.netcdf import write

if __name__ == "__main__":  # worker processes import this file and must not run it
    logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

    reanalysis = parse_reanalysis(snakemake.config)
    name = snakemake.wildcards.experiment
    with workers(reanalysis.execution, snakemake.threads) as executors:
        quantiles, rates = reanalysis.tables(name, executors)
    write(quantiles, snakemake.output.quantiles)
    write(rates, snakemake.output.rates)
    logging.info("%s of %s", reanalysis.selections[name] or "all", name)
