"""Quantiles in, rates out."""

import logging

import xarray as xr

from ntk_core.config import parse_config
from ntk_core.datasets import write
from ntk_core.rates import rate_dataset

logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

config = parse_config(snakemake.config)
experiment = config.grid(snakemake.wildcards.experiment)
with xr.open_dataset(snakemake.input.quantiles) as table:
    rates = rate_dataset(table, experiment, config.entropy)
write(rates, snakemake.output.rates)
logging.info("%d slopes", rates["slope"].count().item())
