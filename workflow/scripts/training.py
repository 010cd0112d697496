"""Trained runs in, their moments, bounds and rates out."""

from ntk_core.execution.job import begin

begin()

import logging

import xarray as xr

from ntk_core.datasets.trained_quantiles import quantile_dataset
from ntk_core.datasets.trained_rates import rate_dataset
from ntk_core.experiments.config import parse_config
from ntk_core.storage.netcdf import write

logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

config = parse_config(snakemake.config)
experiment = config.trained_experiment(snakemake.wildcards.experiment)
runs = xr.load_dataset(snakemake.input.runs)
table = quantile_dataset(runs, experiment, config.entropy, config.delta, config.x_norm)
write(table, snakemake.output.quantiles)
write(rate_dataset(table, experiment, config.entropy), snakemake.output.rates)
for status in table["status"].values:
    logging.info("%s: %d runs", status, table["run_status"].sel(status=status).sum())
