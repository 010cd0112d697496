"""Quantiles and rates of some experiments in, the figures asked for out, each in every format."""

from ntk_core.execution.job import begin

begin()

import logging
from pathlib import Path

import xarray as xr

from ntk_core.figures import save

logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

tables = {
    Path(quantiles).parent.name: (xr.load_dataset(quantiles), xr.load_dataset(rates))
    for quantiles, rates in zip(snakemake.input.quantiles, snakemake.input.rates, strict=True)
}
for stem in dict.fromkeys(Path(path).stem for path in snakemake.output):
    experiment, _, figure = stem.rpartition("-")
    save(figure, *tables[experiment], [path for path in snakemake.output if Path(path).stem == stem])
    logging.info("%s", stem)
