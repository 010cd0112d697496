"""Quantiles and rates in, all figures out, each in every format."""

import logging
from pathlib import Path

import xarray as xr

from ntk_core.figures import TRAINING_FIGURES, save

logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

table = xr.load_dataset(snakemake.input.quantiles)
rates = xr.load_dataset(snakemake.input.rates)
for figure in TRAINING_FIGURES:
    stem = f"{snakemake.wildcards.experiment}-{figure}"
    save(figure, table, rates, [path for path in snakemake.output if Path(path).stem == stem])
    logging.info("%s", stem)
