"""Runs or aggregates and what theory says of it in, its quantiles and their rates out."""

from ntk_core.execution.job import begin

begin()

import logging

import xarray as xr

from ntk_core.datasets.quantiles import quantile_dataset
from ntk_core.datasets.rates import rate_dataset
from ntk_core.execution.workers import workers
from ntk_core.experiments.config import parse_config
from ntk_core.storage.netcdf import write

if __name__ == "__main__":  # worker processes import this file and must not run it
    logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

    config = parse_config(snakemake.config)
    experiment = config.drawn_experiment(snakemake.wildcards.experiment)
    theory = xr.load_dataset(snakemake.input.theory)
    with workers(config.execution, snakemake.threads) as executors:
        table = quantile_dataset(snakemake.input.data, theory, experiment, config.entropy, executors)
    rates = rate_dataset(table, experiment, config.entropy)
    write(table, snakemake.output.quantiles)
    write(rates, snakemake.output.rates)
    logging.info("%d slopes", rates["slope"].count().item())
    for level in config.delta:
        if not (table["quantile_upper"].sel(delta=level) < float("inf")).all():
            logging.warning("delta = %g: %d runs a cell give no upper limit", level, experiment.seeds)
