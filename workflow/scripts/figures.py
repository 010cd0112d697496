"""Quantiles and rates in, the figures asked for out, each in every format."""

import logging
from pathlib import Path

import xarray as xr

from ntk_core.figures import save

logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

table = xr.load_dataset(snakemake.input.quantiles)
rates = xr.load_dataset(snakemake.input.rates)
for stem in dict.fromkeys(Path(path).stem for path in snakemake.output):
    figure = stem.removeprefix(f"{snakemake.wildcards.experiment}-")
    save(figure, table, rates, [path for path in snakemake.output if Path(path).stem == stem])
    logging.info("%s", stem)
