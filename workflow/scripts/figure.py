"""Quantiles and rates in, one figure out, in every format asked for."""

import logging

import xarray as xr

from ntk_core.figures import save

logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

table = xr.load_dataset(snakemake.input.quantiles)
rates = xr.load_dataset(snakemake.input.rates)
save(snakemake.params.figure, table, rates, list(snakemake.output))
logging.info("%s", ", ".join(snakemake.output))
