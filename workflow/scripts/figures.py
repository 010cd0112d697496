"""Quantiles and rates of some experiments in, the figures asked for out, each in every format."""

from ntk_core.execution.job import begin

begin("scipy.stats", "scipy.cluster")  # seaborn imports them for densities and trees, in half a second

import logging
from pathlib import Path

from ntk_core.figures import save
from ntk_core.storage.netcdf import load_pairs

logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

inputs = snakemake.input
names = [Path(path).parent.name for path in inputs.rates]
tables = dict(zip(names, load_pairs(inputs.quantiles, inputs.rates), strict=True))
for stem in dict.fromkeys(Path(path).stem for path in snakemake.output):
    experiment, _, figure = stem.rpartition("-")
    save(figure, *tables[experiment], [path for path in snakemake.output if Path(path).stem == stem])
    logging.info("%s", stem)
